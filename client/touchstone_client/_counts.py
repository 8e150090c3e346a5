"""What became of the items, in numbers."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

KEPT = 20  # of the last refusals and errors


@dataclass(frozen=True)
class Refusal:
    """An item that the server did not store, in the server's words."""

    id: str
    code: str
    field: str
    detail: str


@dataclass(frozen=True)
class Stats:
    """What became of this process's items since the client was made, or since the fork.

    queued: in memory, not yet taken up by the sender. waiting: in batches that could not be sent yet, on disk or
    in memory; on disk those of all processes that share the folder. answered: the server said what became of
    them: created, duplicates or refused (by the server's code). dropped: lost, by reason (README, "What is
    dropped"). is_away: the last try of some kind of item failed. last_*: the newest 20, oldest first.
    """

    queued: int
    waiting: int
    answered: int
    created: int
    duplicates: int
    refused: dict[str, int]
    dropped: dict[str, int]
    is_away: bool
    last_refused: tuple[Refusal, ...]
    last_errors: tuple[str, ...]


@dataclass(frozen=True)
class Receipt:
    """The server's answer to a batch."""

    created: int = 0
    duplicates: int = 0
    refused: list[Refusal] = field(default_factory=list)


def read_receipt(body: bytes) -> Receipt | None:
    """None where the body is no receipt: the answer then says nothing about single items."""
    try:
        told = json.loads(body)
        refused = [Refusal(*(str(each.get(name, "")) for name in _REFUSAL_FIELDS)) for each in told["refused"]]
        return Receipt(int(told["created"]), int(told["duplicates"]), refused)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def said(error: Exception) -> str:
    """What it says, without the value it is about, which repr would show. Even that may fail in the host's own."""
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except Exception:
        return type(error).__name__


class Counts:
    """Counted by several threads. The lock is re-entrant: a signal handler may call us while its thread counts."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._answered = self._created = self._duplicates = 0
        self._refused: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._last_refused: deque[Refusal] = deque(maxlen=KEPT)
        self._last_errors: deque[str] = deque(maxlen=KEPT)

    def drop(self, reason: str, n: int = 1, error: str = "") -> None:
        with self._lock:
            self._dropped[reason] += n
            if error:
                self._last_errors.append(error)

    def fail(self, error: str) -> None:
        with self._lock:
            self._last_errors.append(error)

    def answer(self, n: int, receipt: Receipt) -> None:
        with self._lock:
            self._answered += n
            self._created += receipt.created
            self._duplicates += receipt.duplicates
            self._refused.update(refusal.code for refusal in receipt.refused)
            self._last_refused.extend(receipt.refused)

    def losses(self) -> tuple[dict[str, int], dict[str, int]]:
        """(refused by code, dropped by reason)."""
        with self._lock:
            return dict(self._refused), dict(self._dropped)

    def stats(self, **state: Any) -> Stats:
        with self._lock:
            return Stats(
                answered=self._answered,
                created=self._created,
                duplicates=self._duplicates,
                refused=dict(self._refused),
                dropped=dict(self._dropped),
                last_refused=tuple(self._last_refused),
                last_errors=tuple(self._last_errors),
                **state,
            )


_REFUSAL_FIELDS = ("id", "code", "field", "detail")
