"""The background thread: takes items from the queue, sends them in batches, keeps what cannot be sent yet."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from touchstone_client._backlog import Memory, Spool, kind_of, n_of
from touchstone_client._counts import Counts, Receipt, Stats, read_receipt, said
from touchstone_client._http import Answer, Connection
from touchstone_client._items import KINDS, MOST_ITEM_BYTES, Batch, batches, encode, halves
from touchstone_client._lifecycle import close_at_exit, is_closed

logger = logging.getLogger("touchstone_client")

GRACE_S = 0.25  # for the thread to put down what it is just encoding
QUIET_S = 60.0  # between two log lines on the same topic
MOST_RETRY_AFTER_S = 3600.0
TRY_AGAIN_SOON = frozenset({408, 425, 429, *range(500, 600)})
UNREADABLE = frozenset({400, 415})  # another try can only end the same way


@dataclass(frozen=True)
class Settings:
    url: str
    key: str = field(repr=False)
    spool_dir: Path | None
    queue_size: int
    batch_size: int
    backlog_bytes: int
    flush_interval_s: float
    timeout_s: float
    retry_first_s: float
    retry_most_s: float
    exit_timeout_s: float


@dataclass
class Backoff:
    """When items of one kind may be tried again. until: on the clock of time.monotonic()."""

    first_s: float
    most_s: float
    failures: int = 0
    until: float = 0.0

    def fail(self, *, now: float, is_slow: bool, retry_after_s: float | None) -> None:
        """Full jitter: anything up to a bound that doubles. The server's own wish comes first, plus a little.

        is_slow: only a person can mend it, so the longest wait at once.
        """
        if retry_after_s is not None:
            wait = min(retry_after_s, MOST_RETRY_AFTER_S) + random.uniform(0, self.first_s)  # noqa: S311
        elif is_slow:
            wait = random.uniform(self.most_s / 2, self.most_s)  # noqa: S311
        else:
            wait = random.uniform(0, min(self.most_s, self.first_s * 2 ** min(self.failures, 30)))  # noqa: S311
        self.failures += 1
        self.until = now + wait

    def succeed(self) -> None:
        self.failures, self.until = 0, 0.0


class Sender:
    """All that must not be shared with a forked child: it gets a new one."""

    def __init__(self, settings: Settings) -> None:
        """Raises ValueError for settings that can never work. Opens nothing yet."""
        self.counts = Counts()
        self.is_closing = False
        self.settings = settings
        self._http = Connection(settings.url, settings.key, timeout_s=settings.timeout_s)
        self._memory = Memory(settings.backlog_bytes, self.counts.drop)
        self._spool: Spool | None = None
        if settings.spool_dir is not None:
            self._spool = Spool(settings.spool_dir, settings.backlog_bytes, settings.batch_size, self.counts.drop)
        self._queue: deque[tuple[str, dict[str, Any]]] = deque()
        self._in_hand: list[Batch] = []  # taken from the queue, not yet sent or kept
        self._backoff = {kind: Backoff(settings.retry_first_s, settings.retry_most_s) for kind in KINDS}
        self._last_tried = ""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._alarm = threading.Event()
        self._is_busy = self._is_stopping = False
        self._quiet_until: dict[str, float] = {}
        self._told_losses: tuple[dict[str, int], dict[str, int]] = ({}, {})

    # --- in the caller's thread

    def put(self, kind: str, item: dict[str, Any]) -> None:
        n = len(self._queue)
        if self.is_closing:
            self.counts.drop("closed")
        elif n >= self.settings.queue_size:
            self.counts.drop("queue_full")
        else:
            self._queue.append((kind, item))
            if self._thread is None:
                self.start()
            if n >= self.settings.batch_size:
                self.wake()

    def start(self) -> None:
        with self._lock:
            if self._thread is None and not self.is_closing:
                thread = threading.Thread(target=self._run, name="touchstone-client", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # no more threads, or Python is going down: close() does the rest
                    self.counts.fail(f"thread: {error}")
                    return
                self._thread = thread
                close_at_exit(self)

    def wake(self) -> None:
        if not self._alarm.is_set():  # so that a signal handler cannot meet its own thread inside set()
            self._alarm.set()

    def prepare_spool(self) -> bool:
        """Whether an earlier run left something to send. Without a usable folder, only memory is left."""
        if self._spool is None:
            return False
        try:
            self._spool.prepare()
            return bool(self._spool.names())
        except OSError as error:
            self._report("spool", "The spool folder cannot be used: %s", error)
            return False

    def flush(self, timeout_s: float) -> bool:
        def is_done() -> bool:
            return self._is_idle() and not self._waiting()

        if not is_done():
            self.start()
        return self._wait(time.monotonic() + timeout_s, is_done)

    def close(self, timeout_s: float | None = None) -> None:
        """Wait until nothing is in memory any more; then stop, and save to disk what is left after all."""
        deadline = time.monotonic() + (self.settings.exit_timeout_s if timeout_s is None else timeout_s)
        self.is_closing = True
        if self._thread is not None:
            self._wait(deadline, lambda: self._is_idle() and not self._memory.names())
            self._is_stopping = True
            self.wake()
            self._thread.join(max(GRACE_S, deadline - time.monotonic()))
        for batch in self._left_in_memory():
            if not self._is_saved(batch):
                self.counts.drop("closed", batch.n)
        self._quiet_until.pop("losses", None)
        self._report_losses()
        is_closed(self)

    def _left_in_memory(self) -> list[Batch]:
        left, self._in_hand = self._in_hand, []
        while self._queue:
            left = left + self._take()
        for name in self._memory.names():
            batch = self._memory.read(name)
            self._memory.remove(name)
            left = [batch, *left] if batch else left
        return left

    def abandon(self) -> None:
        """In a forked child: let go of what belongs to the parent."""
        self._queue.clear()
        self._http.abandon()

    def stats(self) -> Stats:
        return self.counts.stats(
            queued=len(self._queue),
            waiting=sum(map(n_of, self._waiting())) + sum(batch.n for batch in list(self._in_hand)),
            is_away=any(backoff.failures for backoff in self._backoff.values()),
        )

    def _wait(self, deadline: float, is_done: Callable[[], bool]) -> bool:
        while not is_done():
            if time.monotonic() >= deadline:
                return False
            self.wake()
            time.sleep(0.01)
        return True

    def _is_idle(self) -> bool:
        # In this order: the thread is busy before it takes from the queue, until all of it lies in a backlog.
        return not self._queue and not self._is_busy

    def _waiting(self) -> list[str]:
        try:
            return self._memory.names() + (self._spool.names() if self._spool else [])
        except OSError:
            return self._memory.names()

    # --- in the background thread

    def _run(self) -> None:
        while not self._is_stopping:
            self._alarm.wait(self.settings.flush_interval_s)
            self._alarm.clear()
            self._is_busy = True
            try:
                self._send_all()
            except Exception as error:  # whatever it is, the next items must still be sent
                self.counts.fail(said(error))
                for batch in self._in_hand:
                    self.counts.drop("internal", batch.n)
                self._in_hand = []
                self._report("internal", "Sending failed: %s", said(error))
            self._report_losses()
            self._is_busy = False
        self._http.close()

    def _send_all(self) -> None:
        if self._spool is not None and not self.is_closing:
            try:
                self._send_backlog(self._spool)
            except OSError as error:
                self._report("spool", "The spool folder cannot be used: %s", error)
        self._send_backlog(self._memory)
        self._send_queue()

    def _send_backlog(self, backlog: Spool | Memory) -> None:
        """Oldest first; but where one failed, the next try begins behind it: it may be that batch's own fault."""
        with backlog.alone() as is_mine:
            names = backlog.names() if is_mine else []
            for name in sorted(names, key=lambda name: (name <= self._last_tried, name)):
                if self._is_stopping or (self.is_closing and backlog is self._spool):
                    return
                if not self._is_due(kind_of(name)):
                    continue
                self._last_tried = name
                batch = backlog.read(name)
                if batch is not None and self._is_done(batch):
                    backlog.remove(name)
                if len(self._queue) >= self.settings.batch_size:
                    self._send_queue()

    def _send_queue(self) -> None:
        """What is there now; what comes meanwhile is left for the next time, or batches would become small."""
        for _ in range(-(-len(self._queue) // self.settings.batch_size)):
            self._in_hand = self._take()
            while self._in_hand:
                batch = self._in_hand[0]
                is_done = self._is_due(batch.kind) and self._is_done(batch)
                if not is_done:
                    if self._is_stopping:
                        return  # close() takes over what is in hand
                    if not self._is_saved(batch):
                        self._memory.put(batch)
                del self._in_hand[:1]

    def _take(self) -> list[Batch]:
        """Up to batch_size items from the queue, as batches."""
        lines: dict[str, list[bytes]] = {}
        for _ in range(self.settings.batch_size):
            try:
                kind, item = self._queue.popleft()
            except IndexError:
                break
            try:
                line = encode(item)
            except Exception as error:  # an object of the host may raise anything
                self.counts.drop("unserialisable", error=f"{kind}: {said(error)}")
                continue
            if len(line) > MOST_ITEM_BYTES:
                self.counts.drop("too_large", error=f"{kind}: an item of {len(line)} bytes")
                continue
            lines.setdefault(kind, []).append(line)
        return [batch for kind, found in lines.items() for batch in batches(kind, found)]

    def _is_saved(self, batch: Batch) -> bool:
        """Whether it is on disk now."""
        if self._spool is None:
            return False
        try:
            self._spool.put(batch)
        except OSError as error:
            self._report("spool", "The spool folder cannot be used: %s", error)
            return False
        return True

    def _is_due(self, kind: str) -> bool:
        return time.monotonic() >= self._backoff[kind].until

    def _is_done(self, batch: Batch) -> bool:
        """Send it. Whether it needs no further sending: stored, refused or dropped."""
        try:
            answer = self._http.post(batch.kind, batch.body)
        except (OSError, HTTPException, UnicodeError) as error:
            return self._is_failed(batch, said(error))
        if (200 <= answer.status < 300 and not answer.is_page) or answer.status == 422:
            self._count(batch, answer)
        elif answer.status == 413:
            return self._is_done_in_parts(batch)
        elif answer.status in UNREADABLE:
            self.counts.drop(f"http_{answer.status}", batch.n, f"{batch.kind}: HTTP {answer.status}")
        else:
            return self._is_failed(batch, f"HTTP {answer.status}", answer)
        if self._backoff[batch.kind].failures:
            logger.info("The server takes %s again.", batch.kind)
        self._backoff[batch.kind].succeed()
        return True

    def _is_done_in_parts(self, batch: Batch) -> bool:
        """Where only the first part gets through, all is sent again later: what is stored is then a duplicate."""
        if batch.n > 1:
            return all(self._is_done(half) for half in halves(batch))
        self.counts.drop("too_large", error=f"{batch.kind}: HTTP 413 for a single item")
        return True

    def _is_failed(self, batch: Batch, why: str, answer: Answer | None = None) -> bool:
        self._backoff[batch.kind].fail(
            now=time.monotonic(),
            is_slow=answer is not None and answer.status not in TRY_AGAIN_SOON,
            retry_after_s=answer.retry_after_s if answer else None,
        )
        self.counts.fail(f"{batch.kind}: {why}")
        self._report("away", "The server does not take %s (%s). They are kept and tried again.", batch.kind, why)
        return False

    def _count(self, batch: Batch, answer: Answer) -> None:
        receipt = read_receipt(answer.body)
        if receipt is None and answer.status == 422:
            self.counts.drop("http_422", batch.n, f"{batch.kind}: HTTP 422 without a receipt")
        else:
            self.counts.answer(batch.n, receipt or Receipt())

    def _report(self, topic: str, text: str, *values: Any) -> bool:
        """Whether it was logged: once a minute and topic is enough."""
        now = time.monotonic()
        if now < self._quiet_until.get(topic, 0.0):
            return False
        self._quiet_until[topic] = now + QUIET_S
        logger.warning(text, *values)
        return True

    def _report_losses(self) -> None:
        losses = self.counts.losses()
        if losses != self._told_losses and self._report(
            "losses", "So far refused by the server: %s; dropped here: %s", *losses
        ):
            self._told_losses = losses
