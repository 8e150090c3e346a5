"""The client: what a service calls."""

from __future__ import annotations

import functools
import logging
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar, cast

from touchstone_client._counts import Counts, Stats, said
from touchstone_client._items import encode
from touchstone_client._lifecycle import begin_anew_in_forks
from touchstone_client._predicting import Predicting
from touchstone_client._sender import Sender, Settings

logger = logging.getLogger("touchstone_client")

Method = TypeVar("Method", bound=Callable[..., Any])


def _never_raises(instead: Callable[[Client], Any]) -> Callable[[Method], Method]:
    """Wrong arguments, a misspelt name among them, are counted and not raised. instead: what is returned then."""

    def guard(method: Method) -> Method:
        @functools.wraps(method)
        def guarded(self: Client, *args: Any, **fields: Any) -> Any:
            try:
                return method(self, *args, **fields)
            except Exception as error:
                if self._strict:
                    raise
                self._drop("bad_arguments", f"{method.__name__}: {said(error)}")
                return instead(self)

        return cast("Method", guarded)

    return guard


class Client:
    """Sends to one Touchstone server, from a background thread; a call only puts its item into a queue.

    No call raises into the host program and none waits, except flush and close. What could not be kept is counted
    by reason: see stats().

    Server away (no connection, 429, 5xx): batches are kept and tried again with growing, random pauses, never
    before the server's Retry-After. With spool_dir they lie on disk, survive the process and are sent first when
    the next one starts (its thread then begins at once); processes with the same url and key may share the folder.
    Without it they lie in memory.
    Fork: the child begins with an empty queue and a thread of its own on first use; what the parent had queued,
    the parent sends. A client may thus be made before a server forks its workers.
    Exit: at a normal exit (also of a multiprocessing child) what is queued is sent, or put on disk, within
    exit_timeout_s. Before os._exit, or in a handler of SIGTERM, call flush or close.

    url: the server's address, with its path prefix if it has one. key: with the scope `ingest`.
    queue_size: items in memory that the thread has not taken up; over it new ones are dropped.
    batch_size: most items in a request. backlog_bytes: most bytes, packed, that wait for a server that is away, on
    disk or in memory; over it the oldest are dropped. flush_interval_s: how long an item waits for others.
    timeout_s: of connecting, and of each read and write. retry_first_s, retry_most_s: bounds of the random pause,
    doubling from the first to the most. strict: raise wrong arguments, and values that cannot be JSON, at the
    call: for tests.
    """

    def __init__(  # noqa: PLR0913  # each has a default that fits
        self,
        url: str,
        key: str,
        *,
        spool_dir: str | os.PathLike[str] | None = None,
        queue_size: int = 10_000,
        batch_size: int = 1_000,
        backlog_bytes: int = 32 * 1024 * 1024,
        flush_interval_s: float = 1.0,
        timeout_s: float = 10.0,
        retry_first_s: float = 0.5,
        retry_most_s: float = 60.0,
        exit_timeout_s: float = 2.0,
        strict: bool = False,
    ) -> None:
        """With a url or a key that can never work it logs an error and drops everything; strict: ValueError."""
        self._strict = strict
        self._url = "without a server"
        self._counts = Counts()
        self._sender: Sender | None = None
        try:
            settings = Settings(
                url=url,
                key=key,
                spool_dir=Path(spool_dir).absolute() if spool_dir is not None else None,
                queue_size=queue_size,
                batch_size=batch_size,
                backlog_bytes=backlog_bytes,
                flush_interval_s=flush_interval_s,
                timeout_s=timeout_s,
                retry_first_s=retry_first_s,
                retry_most_s=retry_most_s,
                exit_timeout_s=exit_timeout_s,
            )
            sender = Sender(settings)
        except Exception as error:
            if strict:
                raise
            logger.error("Nothing will be sent: %s", error)
            return
        self._url = url
        self._use(sender)
        begin_anew_in_forks(self)
        if sender.prepare_spool():
            sender.start()

    def __repr__(self) -> str:
        return f"<touchstone_client.Client {self._url}>"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.close()

    @_never_raises(lambda client: "")
    def prediction(  # noqa: PLR0913  # the fields of the API
        self,
        feature: str,
        version: str,
        *,
        id: str | None = None,
        occurred_at: datetime | None = None,
        label: str | None = None,
        value: float | None = None,
        output: Any = None,
        score: float | None = None,
        probabilities: Mapping[str, float] | None = None,
        inputs: Mapping[str, Any] | None = None,
        segments: Mapping[str, str] | None = None,
        actor: str | None = None,
        account: str | None = None,
        latency_ms: float | None = None,
        cpu_ms: float | None = None,
        rss_mb: float | None = None,
        trace: Sequence[Mapping[str, Any]] | None = None,
    ) -> str:
        """Queue what a model answered: exactly one of label, value, output. Returns its id, for outcomes.

        id: made when missing. The server stores an id once: whoever sends the same one again must give the same
        occurred_at, too, which is otherwise the time of the call. score: the chance in [0, 1] that label is right.
        trace: [{"name": "model", "ms": 3.5}]. Containers are copied one level deep: what lies deeper must not be
        changed before it is sent. Numbers and arrays of numpy, dates and UUIDs are turned into plain JSON.
        """
        item = {
            "id": id or uuid.uuid4().hex,
            "feature": feature,
            "version": version,
            "occurred_at": _instant(occurred_at),
            "label": label,
            "value": value,
            "output": copy(output) if isinstance(output, (dict, list)) else output,
            "score": score,
            "probabilities": None if probabilities is None else dict(probabilities),
            "inputs": None if inputs is None else dict(inputs),
            "segments": None if segments is None else dict(segments),
            "actor": actor,
            "account": account,
            "latency_ms": latency_ms,
            "cpu_ms": cpu_ms,
            "rss_mb": rss_mb,
            "trace": None if trace is None else list(trace),
        }
        return self._put("predictions", item)

    @_never_raises(lambda client: Predicting(client, None, id=""))
    def predicting(  # the fields of the API that are known before the answer
        self,
        feature: str,
        version: str,
        *,
        id: str | None = None,
        occurred_at: datetime | None = None,
        inputs: Mapping[str, Any] | None = None,
        segments: Mapping[str, str] | None = None,
        actor: str | None = None,
        account: str | None = None,
    ) -> Predicting:
        """`with client.predicting("delay-alert", "v1") as p: p.label = ...` sends it with latency, CPU and memory.

        See Predicting for what is measured, and how. occurred_at: otherwise the end of the block.
        """
        fields = {
            "feature": feature,
            "version": version,
            "occurred_at": occurred_at,
            "actor": actor,
            "account": account,
        }
        predicting = Predicting(self, fields, id=id or uuid.uuid4().hex)
        predicting.inputs = None if inputs is None else dict(inputs)
        predicting.segments = None if segments is None else dict(segments)
        return predicting

    @_never_raises(lambda client: None)
    def outcome(
        self, feature: str, prediction: str, truth: str | float, *, observed_at: datetime | None = None
    ) -> None:
        """Queue what turned out to be true of a prediction, by its id: a label or a number.

        observed_at: the time of the call when missing; the newest one holds.
        """
        item = {
            "feature": feature,
            "prediction": prediction,
            "truth": truth,
            "observed_at": _instant(observed_at),
        }
        self._put("outcomes", item)

    @_never_raises(lambda client: "")
    def event(  # noqa: PLR0913  # the fields of the API
        self,
        kind: str,
        feature: str,
        *,
        actor: str,
        id: str | None = None,
        prediction: str | None = None,
        set: str | None = None,
        rank: int | None = None,
        account: str | None = None,
        occurred_at: datetime | None = None,
        surface: str | None = None,
        is_internal: bool | None = None,
        props: Mapping[str, str | float | bool | None] | None = None,
    ) -> str:
        """Queue what a person did (`exposed`, `accepted`, ...) with a prediction, or a rank (from 1) of a set.

        actor: a pseudonym, never an address. props: plain values, 2 kB. id and occurred_at: as in prediction().
        Returns its id.
        """
        item = {
            "id": id or uuid.uuid4().hex,
            "kind": kind,
            "feature": feature,
            "prediction": prediction,
            "set": set,
            "rank": rank,
            "actor": actor,
            "account": account,
            "occurred_at": _instant(occurred_at),
            "surface": surface,
            "is_internal": is_internal,
            "props": None if props is None else dict(props),
        }
        return self._put("events", item)

    @_never_raises(lambda client: "")
    def feedback(  # noqa: PLR0913  # the fields of the API
        self,
        feature: str,
        channel: str,
        *,
        id: str | None = None,
        rating: float | None = None,
        text: str | None = None,
        severity: str | None = None,
        actor: str | None = None,
        account: str | None = None,
        prediction: str | None = None,
        occurred_at: datetime | None = None,
    ) -> str:
        """Queue what a customer said. id and occurred_at: as in prediction(). Returns its id."""
        item = {
            "id": id or uuid.uuid4().hex,
            "feature": feature,
            "channel": channel,
            "rating": rating,
            "text": text,
            "severity": severity,
            "actor": actor,
            "account": account,
            "prediction": prediction,
            "occurred_at": _instant(occurred_at),
        }
        return self._put("feedback", item)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait at most timeout_s until nothing waits any more, the spool folder included. Whether that is so.

        It does not shorten a pause that the server asked for.
        """
        return self._sender is None or self._sender.flush(timeout_s)

    def close(self, timeout_s: float | None = None) -> None:
        """Send what is queued, waiting at most timeout_s (default: exit_timeout_s), and stop.

        What cannot be sent by then goes to the spool folder, or is counted as dropped: `closed`, as is whatever
        comes later. To close twice does nothing.
        """
        if self._sender is not None:
            self._sender.close(timeout_s)

    def stats(self) -> Stats:
        """What became of the items so far."""
        if self._sender is None:
            return self._counts.stats(queued=0, waiting=0, is_away=False)
        return self._sender.stats()

    def _put(self, kind: str, item: dict[str, Any]) -> str:
        if self._strict:
            encode(item)
        if self._sender is None:
            self._drop("bad_settings")
        else:
            self._sender.put(kind, item)
        return cast("str", item.get("id"))

    def _drop(self, reason: str, error: str = "") -> None:
        self._counts.drop(reason, error=error)

    def _use(self, sender: Sender) -> None:
        self._sender, self._counts = sender, sender.counts

    def _begin_anew(self) -> None:
        """In a forked child: an empty queue, no thread yet, no connection, counts from zero."""
        old = self._sender
        if old is not None:
            new = Sender(old.settings)
            new.is_closing = old.is_closing
            self._use(new)
            old.abandon()


def _instant(given: datetime | None) -> datetime:
    """Now when missing: an item that is sent late, or twice, keeps the time of the call."""
    if given is None:
        return datetime.now(timezone.utc)
    if given.tzinfo is None:
        raise ValueError("a time needs its offset, as datetime.now(timezone.utc) has")
    return given
