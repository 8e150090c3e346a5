"""The demo as a service sees Touchstone: a key, JSON over HTTP, nothing else."""

import gzip
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

BATCH = 2_000
AT_ONCE = 2  # as many as the web has processes
MOST_TRIES = 5
BUSY = {429, 502, 503, 504}


class NotTaken(Exception):
    """Touchstone did not take what was sent; the text says what it answered."""


class Service:
    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url.rstrip("/"), key

    def get(self, path: str) -> Any:
        """The answer, None where there is nothing at this address."""
        return self._send("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        return self._send("POST", path, json.dumps(body).encode())

    def post_batch(self, path: str, items: Sequence[Any]) -> Any:
        return self._send("POST", path, gzip.compress(json.dumps(items).encode(), 1), {"Content-Encoding": "gzip"})

    def post_all(self, path: str, items: Iterable[Any], *, told: Callable[[int], None]) -> int:
        """Post in batches, two at a time. told(n): n more are there. Answers how many were new.

        Raises NotTaken for a refused item.
        """
        created = 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for window in batches(batches(items, BATCH), AT_ONCE * 4):
                for batch, receipt in zip(window, pool.map(partial(self.post_batch, path), window), strict=True):
                    if receipt["refused"]:
                        raise NotTaken(f"{path} refused {receipt['refused'][0]}")
                    created += receipt["created"]
                    told(len(batch))
        return created

    def _send(self, method: str, path: str, body: bytes | None, more: Mapping[str, str] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(more or {})}
        request = urllib.request.Request(f"{self.url}{path}", body, headers, method=method)  # noqa: S310
        for attempt in range(MOST_TRIES):
            try:
                with urllib.request.urlopen(request, timeout=70) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code == 404 and method == "GET":
                    return None
                if error.code not in BUSY or attempt == MOST_TRIES - 1:
                    raise NotTaken(f"{path} answered {error.code}: {error.read()[:300].decode()}") from error
                time.sleep(float(error.headers.get("Retry-After", 2**attempt)))
            except (urllib.error.URLError, OSError) as error:
                raise NotTaken(f"{self.url} does not answer ({error}). Start it first: manage.py up") from error
        raise AssertionError("the last try returns or raises")


def batches(items: Iterable[Any], size: int) -> Iterator[Sequence[Any]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
