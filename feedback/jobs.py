"""The kinds of background work: who handles a job, how often it recurs, on which queue it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

Effect = Callable[[], str | None]
Handler = Callable[[str, datetime], Effect | None]

KINDS: dict[str, "Kind"] = {}


@dataclass(frozen=True, slots=True)
class Kind:
    """handler(key, now) prepares outside a transaction and answers with the effect, run in one with the job's end.

    every: seconds between two slots, None: only when entered. The effect says in a few words what it did.
    """

    name: str
    handler: Handler
    every: int | None
    queue: str
    max_attempts: int


def register(
    name: str, *, every: int | None = None, queue: str = "celery", max_attempts: int = 5
) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        KINDS[name] = Kind(name, handler, every, queue, max_attempts)
        return handler

    return keep
