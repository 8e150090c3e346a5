"""Pulling what was received: nothing missed, and nothing read twice unless it has to be."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Max, Q, QuerySet

from feedback.models import Look
from feedback.models.events import UsageEventQuerySet
from feedback.models.predictions import OutcomeQuerySet, PredictionQuerySet

OVERLAP = timedelta(minutes=2)  # an ingest transaction is limited to one minute by the database

Rows = TypeVar("Rows", PredictionQuerySet, OutcomeQuerySet, UsageEventQuerySet)


def look_at(rows: Rows, *, name: str, now: datetime) -> tuple[Rows, Callable[[], None]]:
    """What `name` has not seen yet of what was received before now, and how to remember having seen it.

    Rows become visible out of order, so a look goes back two minutes before the last one. What it saw there
    is left out, unless rows have turned up among them since: then all of the overlap is given again. The
    caller's work must be safe to repeat. Remember in the transaction that writes the work: a crash before
    it gives the same rows again. The sight is counted before the rows are read, so one that slips in
    between is given twice, never lost.
    """
    look = Look.objects.filter(name=name).first()
    sight = _sight(rows, now, look.newest_pk if look else 0)

    def remember() -> None:
        Look.objects.update_or_create(name=name, defaults={"looked_until": now, **sight})

    if look is None:
        return rows.filter(received_at__lt=now), remember
    recent = rows.received_between(look.looked_until - OVERLAP, now)
    seen = Q(pk__lte=look.newest_pk, received_at__lt=look.looked_until)
    if recent.filter(seen).count() == look.n_overlap:
        recent = recent.exclude(seen)
    return recent, remember


def _sight(rows: Rows, now: datetime, newest_before: int) -> dict[str, int]:
    recent = rows.received_between(now - OVERLAP, now)
    newest = max(newest_before, recent.aggregate(pk=Max("pk"))["pk"] or 0)
    return {"newest_pk": newest, "n_overlap": recent.filter(pk__lte=newest).count()}


def pages(rows: QuerySet[Any], *columns: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """The rows as tuples of columns, oldest key first, so many at a time; the first column is the key, "pk".

    Each page is a query of its own: between two of them the caller may write. A cursor left open would pin
    SQLite's snapshot, and every write would fail as soon as somebody else has written.
    """
    ordered, last = rows.order_by("pk").values_list(*columns), 0
    while page := list(ordered.filter(pk__gt=last)[:size]):
        yield page
        last = page[-1][0]
