"""Cases that two versions answered, from predictions to counts by day. Pull: days that were summed up since."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from typing import NamedTuple

from django.db.models import Count, Max

from feedback.models import Feature, ModelVersion, Outcome, Prediction
from metrics.actions.relying import is_right
from metrics.models import DaySummary, PairedDay
from metrics.stats.pairing import case_of, matched

CHUNK = 500
DAY = timedelta(days=1)
Truth = tuple[str | None, float | None]


class Row(NamedTuple):
    """A prediction: its id, when, what was asked, and the answer as (label, value)."""

    external_id: str
    at: datetime
    case: bytes | None
    answer: Truth


@dataclass(frozen=True, slots=True)
class DueDay:
    """A day of two versions that has changed since it was counted, or was never counted."""

    new: ModelVersion
    old: ModelVersion
    day: date
    summed_until: datetime


def features_with_news() -> list[int]:
    """The features with several versions of which some day is to be paired."""
    several = Feature.objects.annotate(n=Count("versions")).filter(n__gte=2).order_by("pk")
    return [feature.pk for feature in several if due_days(feature)]


def due_days(feature: Feature) -> list[DueDay]:
    """Days on which two versions answered, one of them summed up since the last count.

    Sums of one feature bear growing instants, so nothing that was summed up later is missed. Days whose raw
    rows are gone are never counted again.
    """
    last = PairedDay.objects.of(feature).aggregate(at=Max("summed_until"))["at"]
    sums = DaySummary.objects.of(feature).filter(segment="")
    changed = sums.filter(summed_at__gt=last) if last else sums
    if feature.purged_until:
        changed = changed.filter(day__gte=feature.purged_until.astimezone(UTC).date() + DAY)
    by_day: dict[date, dict[int, datetime]] = defaultdict(dict)
    for day, version, at in sums.filter(day__in=changed.values("day")).values_list("day", "version", "summed_at"):
        by_day[day][version] = at
    versions = list(ModelVersion.objects.of(feature).by_deployment())
    return [
        DueDay(new, old, day, max(at[new.pk], at[old.pk]))
        for day, at in sorted(by_day.items())
        for old, new in combinations([version for version in versions if version.pk in at], 2)
    ]


def prepare_pairs(*, feature: Feature) -> Callable[[], int] | None:
    """Count the pairs of every day that is due; the answer stores them and says how many days.

    None: nothing is due. Replay, and two at once: a day is counted whole and replaced whole; what was summed up
    meanwhile is counted next time, because its sum is newer than the one that is remembered.
    """
    days = due_days(feature)
    if not days:
        return None
    counted = [_counted(feature, due) for due in days]
    columns = ["n_pairs", "n_both_right", "n_only_new", "n_only_old", "n_neither", "summed_until"]

    def write() -> int:
        PairedDay.objects.bulk_create(
            counted, update_conflicts=True, unique_fields=["new", "old", "day"], update_fields=columns
        )
        return len(counted)

    return write


def _counted(feature: Feature, due: DueDay) -> PairedDay:
    new, old = _rows(due.new, due.day), _rows(due.old, due.day)
    pairs = [
        (new[i], old[j])
        for i, j in matched([(row.case, row.at) for row in new], [(row.case, row.at) for row in old])
    ]
    truths = _truths(feature, [row.external_id for pair in pairs for row in pair])
    known: dict[tuple[bool, bool], int] = defaultdict(int)
    for pair in pairs:
        truth = _newest(truths, pair)
        verdicts = [is_right(feature, row.answer, truth) for row in pair] if truth else [None]
        if None not in verdicts:
            known[bool(verdicts[0]), bool(verdicts[1])] += 1
    return PairedDay(
        feature=feature,
        new=due.new,
        old=due.old,
        day=due.day,
        n_pairs=len(pairs),
        n_both_right=known[True, True],
        n_only_new=known[True, False],
        n_only_old=known[False, True],
        n_neither=known[False, False],
        summed_until=due.summed_until,
    )


def _rows(version: ModelVersion, day: date) -> list[Row]:
    start = datetime.combine(day, time(), UTC)
    found = Prediction.objects.filter(version=version).occurred_between(start, start + DAY).order_by("pk")
    columns = ("external_id", "occurred_at", "inputs", "label", "value")
    return [
        Row(external_id, at, case_of(inputs), (label, value))
        for external_id, at, inputs, label, value in found.values_list(*columns).iterator()
    ]


def _truths(feature: Feature, external_ids: list[str]) -> dict[str, tuple[datetime, int, Truth]]:
    """external id -> when its newest truth was observed, its fingerprint, and the truth."""
    newest: dict[str, tuple[datetime, int, Truth]] = {}
    for chunk in _chunks(external_ids):
        told = Outcome.objects.filter(feature=feature, external_id__in=chunk).oldest_first()
        columns = ("external_id", "observed_at", "fingerprint", "truth_label", "truth_value")
        for external_id, at, fingerprint, label, value in told.values_list(*columns):
            newest[external_id] = (at, fingerprint, (label, value))
    return newest


def _newest(truths: dict[str, tuple[datetime, int, Truth]], pair: Iterable[Row]) -> Truth | None:
    """The truth belongs to the case: of the two, the one that was observed last."""
    told = [truths[row.external_id] for row in pair if row.external_id in truths]
    return max(told, key=lambda each: each[:2])[2] if told else None


def _chunks(values: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(values), CHUNK):
        yield values[at : at + CHUNK]
