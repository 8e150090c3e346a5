"""From predictions and truths to hourly counts. Pull: whatever was received since the last look."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
from django.db.models import Max
from django.db.models.functions import TruncHour

from feedback.actions.looks import look_at
from feedback.models import Feature, ModelVersion, Outcome, Prediction
from feedback.models.predictions import OutcomeQuerySet
from metrics.models import HourlySummary
from metrics.stats.counts import Counts, count_hours

HOUR = timedelta(hours=1)
LARGEST_GAP = timedelta(days=1)
LONGEST_RUN = 300  # hours
CHUNK = 500
COLUMNS = (
    "pk",
    "external_id",
    "occurred_at",
    "label",
    "score",
    "actor",
    "inputs",
    "latency_ms",
    "cpu_ms",
    "rss_mb",
)

HourKey = tuple[int, datetime]  # version id, start of the hour


def changed_hours(*, now: datetime) -> tuple[set[HourKey], Callable[[], None]]:
    """The (version, hour)s whose predictions or truths came in since the last look, and how to remember it."""
    predictions, remember_predictions = look_at(Prediction.objects.order_by(), name="sum predictions", now=now)
    outcomes, remember_outcomes = look_at(Outcome.objects.order_by(), name="sum outcomes", now=now)
    touched = predictions.values_list("version", TruncHour("occurred_at", tzinfo=UTC)).distinct()
    hours = _not_final(set(touched) | _hours_of(outcomes))

    def remember() -> None:
        remember_predictions()
        remember_outcomes()

    return hours, remember


def _not_final(hours: set[HourKey]) -> set[HourKey]:
    """Those that may be counted again: the raw rows of the others are removed (metrics.actions.retaining)."""
    purged = ModelVersion.objects.values_list("pk", "feature__purged_until")
    final_until = {version: until for version, until in purged if until is not None}
    return {(version, hour) for version, hour in hours if hour >= final_until.get(version, hour)}


def _hours_of(outcomes: OutcomeQuerySet) -> set[HourKey]:
    ids: dict[int, list[str]] = defaultdict(list)
    for feature, external_id in outcomes.values_list("feature", "external_id").distinct():
        ids[feature].append(external_id)
    return {
        (version, occurred_at.replace(minute=0, second=0, microsecond=0))
        for feature, named in ids.items()
        for chunk in _chunks(named)
        for version, occurred_at in Prediction.objects.filter(feature=feature, external_id__in=chunk).values_list(
            "version", "occurred_at"
        )
    }


def runs(hours: Iterable[HourKey]) -> Iterator[tuple[int, datetime, datetime]]:
    """Changed hours as (version id, first hour, end) runs, each small enough for one job.

    Hours at most a day apart are one run: re-reading a quiet hour costs less than a job of its own.
    """
    by_version: dict[int, list[datetime]] = defaultdict(list)
    for version, hour in hours:
        by_version[version].append(hour)
    for version, starts in sorted(by_version.items()):
        starts.sort()
        first = previous = starts[0]
        for hour in starts[1:]:
            if hour - previous > LARGEST_GAP or hour - first >= LONGEST_RUN * HOUR:
                yield version, first, previous + HOUR
                first = hour
            previous = hour
        yield version, first, previous + HOUR


def prepare_summaries(*, version_id: int, start: datetime, end: datetime, now: datetime) -> Callable[[], int]:
    """Count the hours of one version in [start, end) again; the answer writes them and says how many.

    Reads outside a transaction; the answer wants one, and replaces each hour whole. Race: jobs of one feature
    write one after the other. One whose hours another has written since it read counts them again, so older
    counts never take the place of newer ones.
    """
    version = ModelVersion.objects.select_related("feature").get(pk=version_id)
    seen = _written(version, start, end)
    counted = _counted(version, start, end)

    def write() -> int:
        feature = Feature.objects.select_for_update(no_key=True).get(pk=version.feature_id)
        is_overtaken = _written(version, start, end) != seen
        hours = _counted(version, start, end) if is_overtaken else counted
        hours = [(hour, counts) for hour, counts in hours if hour >= (feature.purged_until or hour)]
        at = _after_all_others(version.feature, now)
        HourlySummary.objects.bulk_create(
            [_summary(version, hour, counts, at) for hour, counts in hours],
            batch_size=CHUNK,
            update_conflicts=True,
            unique_fields=["version", "segment", "hour"],
            update_fields=["payload", "source_count", "summed_at"],
        )
        return len(hours)

    return write


def _written(version: ModelVersion, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Which hours are summed, and when they were: it changes with every write."""
    there = HourlySummary.objects.filter(version=version, hour__gte=start, hour__lt=end)
    return list(there.order_by("hour").values_list("hour", "summed_at"))


def _after_all_others(feature: Feature, now: datetime) -> datetime:
    """Now, or just after the feature's newest summary: a job that began first may end last, and must be seen."""
    newest = HourlySummary.objects.of(feature).aggregate(at=Max("summed_at"))["at"]
    return max(now, newest + timedelta(microseconds=1)) if newest else now


def _counted(version: ModelVersion, start: datetime, end: datetime) -> list[tuple[datetime, Counts]]:
    fields = [entry["name"] for entry in version.feature.input_fields]
    return count_hours(_rows(version, start, end), fields=fields)


def _summary(version: ModelVersion, hour: datetime, counts: Counts, now: datetime) -> HourlySummary:
    return HourlySummary(
        feature_id=version.feature_id,
        version=version,
        hour=hour,
        payload=counts.to_json(),
        source_count=counts.n,
        summed_at=now,
    )


def _rows(version: ModelVersion, start: datetime, end: datetime) -> pd.DataFrame:
    """One row a prediction of [start, end), with its newest truth."""
    found = Prediction.objects.filter(version=version).occurred_between(start, end).values_list(*COLUMNS)
    rows = pd.DataFrame.from_records(list(found), columns=list(COLUMNS))
    for name in ("score", "latency_ms", "cpu_ms", "rss_mb"):
        rows[name] = rows[name].astype(float)
    truths = _truths(version.feature_id, list(rows["external_id"]))
    known = [truths.get(external_id) for external_id in rows["external_id"]]
    rows["truth"] = pd.Series([truth[0] if truth else None for truth in known], dtype=object)
    rows["lag_hours"] = pd.Series(
        [
            (truth[1] - occurred_at) / HOUR if truth else None
            for truth, occurred_at in zip(known, rows["occurred_at"], strict=True)
        ],
        dtype=float,
    )
    return rows


def _truths(feature_id: int, external_ids: list[str]) -> dict[str, tuple[str | None, datetime]]:
    """external id -> newest truth and when it was observed."""
    newest: dict[str, tuple[str | None, datetime]] = {}
    for chunk in _chunks(external_ids):
        named = Outcome.objects.filter(feature=feature_id, external_id__in=chunk).oldest_first()
        for external_id, truth, observed_at in named.values_list("external_id", "truth_label", "observed_at"):
            newest[external_id] = (truth, observed_at)
    return newest


def _chunks(values: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(values), CHUNK):
        yield values[at : at + CHUNK]
