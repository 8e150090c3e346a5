"""From predictions and truths to hourly counts. Pull: whatever was received since the last look."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Max
from django.db.models.functions import TruncHour

from feedback.actions.jobs import enter_job
from feedback.actions.looks import look_at
from feedback.models import Feature, ModelVersion, Outcome, Prediction
from feedback.models.predictions import OutcomeQuerySet
from metrics.actions.loading import load, stretches
from metrics.models import CountedTolerance, DaySummary, FieldReference, HourlySummary
from metrics.stats.counting import ALL, HourSegment, Tolerance, count_hours
from metrics.stats.counts import Counts, total

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LARGEST_GAP = 3 * HOUR
LONGEST_RUN = timedelta(days=7)
CHUNK = 500

HourKey = tuple[int, datetime]  # version id, start of the hour
DaySegment = tuple[date, str]


def changed_hours(*, now: datetime) -> tuple[set[HourKey], Callable[[], None]]:
    """The (version, hour)s whose predictions or truths came in since the last look, and how to remember it.

    With a feature's tolerance what is right has changed too, with its input fields what is looked through: then
    all its hours.
    """
    predictions, remember_predictions = look_at(Prediction.objects.order_by(), name="sum predictions", now=now)
    outcomes, remember_outcomes = look_at(Outcome.objects.order_by(), name="sum outcomes", now=now)
    touched = predictions.values_list("version", TruncHour("occurred_at", tzinfo=UTC)).distinct()
    judged_anew, remember_tolerances = _under_new_rules()
    hours = _not_final(set(touched) | _hours_of(outcomes) | judged_anew)

    def remember() -> None:
        remember_predictions()
        remember_outcomes()
        remember_tolerances()

    return hours, remember


def _not_final(hours: set[HourKey]) -> set[HourKey]:
    """Those that may be counted again: the raw rows of the others are removed (metrics.actions.retaining)."""
    purged = ModelVersion.objects.values_list("pk", "feature__purged_until")
    final_until = {version: until for version, until in purged if until is not None}
    return {(version, hour) for version, hour in hours if hour >= final_until.get(version, hour)}


def _hours_of(outcomes: OutcomeQuerySet) -> set[HourKey]:
    hours: set[HourKey] = set()
    for feature in set(outcomes.values_list("feature", flat=True).distinct()):
        named = outcomes.filter(feature=feature).values("external_id")
        told = Prediction.objects.filter(feature=feature, external_id__in=named).order_by()
        hours |= set(told.values_list("version", TruncHour("occurred_at", tzinfo=UTC)).distinct())
    return hours


def tolerance_of(feature: Feature) -> Tolerance | None:
    """How far its numbers may be off; None: it has none, and none of them is right or wrong."""
    is_relative = feature.tolerance_kind == Feature.ToleranceKind.RELATIVE
    return None if feature.tolerance is None else Tolerance(feature.tolerance, is_relative)


def _rules(feature: Feature) -> tuple[float | None, str, list[str]]:
    """By what its predictions are counted: the tolerance, and which inputs are looked through."""
    return feature.tolerance, feature.tolerance_kind, [entry["name"] for entry in feature.input_fields]


def _under_new_rules() -> tuple[set[HourKey], Callable[[], None]]:
    kept = CountedTolerance.objects.all()
    counted = {row.feature_id: (row.tolerance, row.tolerance_kind, row.input_fields) for row in kept}
    changed = [each for each in Feature.objects.all() if counted.get(each.pk) != _rules(each)]
    hours = HourlySummary.objects.filter(feature__in=changed, segment=ALL).values_list("version", "hour")

    def remember() -> None:
        for feature in changed:
            now = dict(zip(("tolerance", "tolerance_kind", "input_fields"), _rules(feature), strict=True))
            CountedTolerance.objects.update_or_create(feature=feature, defaults=now)

    return set(hours) if changed else set(), remember


def enter_runs(hours: Iterable[HourKey], *, now: datetime) -> int:
    """Have these hours summed, by jobs of this instant's own: one that is running may have read them already."""
    found = list(runs(hours))
    for version, start, end in found:
        key = f"{version} {start.isoformat()} {end.isoformat()} {now.isoformat()}"
        enter_job("sum_hours", key, run_after=now, now=now)
    return len(found)


def runs(hours: Iterable[HourKey]) -> Iterator[tuple[int, datetime, datetime]]:
    """Changed hours as (version id, first hour, end) runs, each small enough for one job.

    Hours at most three apart are one run: re-reading a quiet hour or two costs less than a job of its own.
    """
    by_version: dict[int, list[datetime]] = defaultdict(list)
    for version, hour in hours:
        by_version[version].append(hour)
    for version, starts in sorted(by_version.items()):
        starts.sort()
        first = previous = starts[0]
        for hour in starts[1:]:
            if hour - previous > LARGEST_GAP or hour.date() - first.date() >= LONGEST_RUN:
                yield version, first, previous + HOUR
                first = hour
            previous = hour
        yield version, first, previous + HOUR


def prepare_summaries(*, version_id: int, start: datetime, end: datetime, now: datetime) -> Callable[[], int]:
    """Count the hours of one version in [start, end) again; the answer writes them and says how many.

    Reads outside a transaction; the answer wants one, and replaces all hours of the stretch, the segments in
    them, and the sums of their days. Race: jobs of one feature write one after the other. One whose hours
    another has written since it read counts them again, so older counts never take the place of newer ones; so
    does one whose feature has another tolerance or other input fields by now.
    """
    version = ModelVersion.objects.select_related("feature").get(pk=version_id)
    seen = _written(version, start, end)
    counted = _counted(version, start, end)

    def write() -> int:
        feature = Feature.objects.select_for_update(no_key=True).get(pk=version.feature_id)
        is_overtaken = _written(version, start, end) != seen or _rules(feature) != _rules(version.feature)
        version.feature = feature
        fresh = _counted(version, start, end) if is_overtaken else counted
        first = max(start, feature.purged_until or start)  # what lies before is final: its rows are gone
        hours = {key: counts for key, counts in fresh.items() if key[0] >= first}
        at = _after_all_others(feature, now)
        if first < end:
            _replace_days(version, hours, (first, end), at)
            _replace_hours(version, hours, (first, end), at)
        return sum(segment == ALL for _, segment in hours)

    return write


def _written(version: ModelVersion, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Which hours are summed, and when they were: it changes with every write."""
    there = HourlySummary.objects.filter(version=version, segment=ALL, hour__gte=start, hour__lt=end)
    return list(there.order_by("hour").values_list("hour", "summed_at"))


def _after_all_others(feature: Feature, now: datetime) -> datetime:
    """Now, or just after the feature's newest summary: a job that began first may end last, and must be seen."""
    newest = HourlySummary.objects.of(feature).aggregate(at=Max("summed_at"))["at"]
    return max(now, newest + timedelta(microseconds=1)) if newest else now


def _counted(version: ModelVersion, start: datetime, end: datetime) -> dict[HourSegment, Counts]:
    feature, counted = version.feature, dict[HourSegment, Counts]()
    made = FieldReference.objects.filter(version=version).first()
    references = made.fields if made else {}
    fields = list(dict.fromkeys([*(entry["name"] for entry in feature.input_fields), *references]))
    tolerance = tolerance_of(feature)
    for part in stretches(version, start, end):
        rows = load(version, *part, fields=fields)
        for key, counts in count_hours(rows, references=references, tolerance=tolerance).items():
            counted[key] = counted[key].plus(counts) if key in counted else counts
    return counted


def _replace_hours(
    version: ModelVersion, hours: Mapping[HourSegment, Counts], stretch: tuple[datetime, datetime], at: datetime
) -> None:
    held = {"feature_id": version.feature_id, "version": version, "summed_at": at}
    HourlySummary.objects.bulk_create(
        [
            HourlySummary(**held, hour=hour, segment=segment, payload=counts.to_json(), source_count=counts.n)
            for (hour, segment), counts in hours.items()
        ],
        batch_size=CHUNK,
        update_conflicts=True,
        unique_fields=["version", "hour", "segment"],
        update_fields=["payload", "source_count", "summed_at"],
    )
    there = HourlySummary.objects.filter(version=version, hour__gte=stretch[0], hour__lt=stretch[1])
    there.exclude(summed_at=at).delete()  # hours and segments without a prediction by now


def _replace_days(
    version: ModelVersion, hours: Mapping[HourSegment, Counts], stretch: tuple[datetime, datetime], at: datetime
) -> None:
    """The sums of the stretch's days, of its fresh hours and of those before and after it that stay."""
    first, last = stretch[0].date(), (stretch[1] - timedelta(microseconds=1)).date()
    there = HourlySummary.objects.filter(
        version=version, hour__gte=_midnight(first), hour__lt=_midnight(last) + DAY
    ).exclude(hour__gte=stretch[0], hour__lt=stretch[1])
    around = there.values_list("hour", "segment", "payload")
    everything = {(hour, segment): Counts.from_json(payload) for hour, segment, payload in around} | dict(hours)
    parts: dict[DaySegment, list[Counts]] = defaultdict(list)
    for hour, segment in sorted(everything):
        parts[hour.date(), segment].append(everything[hour, segment])
    held = {"feature_id": version.feature_id, "version": version, "summed_at": at}
    DaySummary.objects.bulk_create(
        [
            DaySummary(**held, day=day, segment=segment, payload=counts.to_json(), source_count=counts.n)
            for (day, segment), of_day in parts.items()
            for counts in [total(of_day)]
        ],
        batch_size=CHUNK,
        update_conflicts=True,
        unique_fields=["version", "day", "segment"],
        update_fields=["payload", "source_count", "summed_at"],
    )
    DaySummary.objects.filter(version=version, day__range=(first, last)).exclude(summed_at=at).delete()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
