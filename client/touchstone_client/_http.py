"""One kept connection to the server."""

from __future__ import annotations

import codecs
import http.client
import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

# The first look-up of a host would import it, in our thread: a fork at that moment leaves the child a lock of the
# import that nobody gives back, and it would never send.
codecs.lookup("idna")

MOST_ANSWER_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """retry_after_s: seconds, where the server named a time. is_page: HTML, so not from Touchstone's API."""

    status: int
    body: bytes
    retry_after_s: float | None
    is_page: bool


class Connection:
    """Posts to one server; the connection is kept open between posts. For one thread."""

    def __init__(self, url: str, key: str, *, timeout_s: float) -> None:
        """Raises ValueError for an address or a key that can never work."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("The url must begin with http:// or https:// and name a host.")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("The url must hold neither a user, nor a query, nor a fragment.")
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("The key must be plain ASCII without spaces.")
        self._is_tls, self._host, self._port, self._timeout_s = (
            parts.scheme == "https", parts.hostname, parts.port, timeout_s,
        )  # fmt: skip
        self._connection: http.client.HTTPConnection | None = None
        self._root = parts.path.rstrip("/") + "/api/v1/"
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "User-Agent": f"touchstone-client python/{platform.python_version()}",
        }

    def post(self, kind: str, body: bytes) -> Answer:
        """Raises OSError, HTTPException or UnicodeError when there is no answer."""
        is_kept = self._connection is not None
        try:
            return self._exchange(kind, body)
        except ConnectionError:
            if not is_kept:
                raise
        # A kept connection may have been closed by the server in the meantime: a fresh one decides.
        return self._exchange(kind, body)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def abandon(self) -> None:
        """In a forked child: give back the descriptor and touch nothing else.

        The parent's thread may have been inside the reader's lock, which nobody here would ever open again; and
        no farewell may be sent on what is still the parent's connection.
        """
        if self._connection is not None and self._connection.sock is not None:
            os.close(self._connection.sock.detach())

    def _open(self) -> http.client.HTTPConnection:
        if self._connection is None:
            make = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
            self._connection = make(self._host, self._port, timeout=self._timeout_s)
        return self._connection

    def _exchange(self, kind: str, body: bytes) -> Answer:
        """Whatever goes wrong, the next exchange begins with a fresh connection."""
        connection, is_reusable = self._open(), False
        try:
            with suppress(BrokenPipeError):  # the server stopped reading: its answer, say 413, may be there
                connection.request("POST", f"{self._root}{kind}/", body, self._headers)
            response = connection.getresponse()
            told = response.read(MOST_ANSWER_BYTES)
            is_reusable = response.isclosed() and connection.sock is not None
        finally:
            if not is_reusable:
                self.close()
        return Answer(
            response.status,
            told,
            _seconds(response.headers.get("Retry-After")),
            response.headers.get_content_type() == "text/html",
        )


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After is a number of seconds or a date."""
    if retry_after is None:
        return None
    try:
        if retry_after.strip().isdigit():
            return float(retry_after)
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(timezone.utc)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
