"""From summed days to drift readings: each version's newest week against its first days. For workers."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min

from feedback.models import Feature, ModelVersion
from metrics.actions.gathering import counted_items
from metrics.models import DaySummary, DriftLook, DriftReading, FieldReference
from metrics.stats.counts import Counts, total
from metrics.stats.drift import Drift, drift_of, expected_right, js_distance
from metrics.stats.reviewed import CountedItem
from reviews.draw import RIGHT_VALUE
from reviews.models import ReviewItem

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
STILL_ANSWERING = 2 * WEEK
WEEKS_SHOWN = 12
ENOUGH_JUDGED = 100
SOME_REVIEWS = 50  # so many more reviews: the confidence is calibrated anew
NO_REFERENCE = "no reference yet, because its first days, 7 with 1,000 predictions in all, are not over"
STILL_FIRST_DAYS = "these are still the first days, so there is nothing to compare them with"
NO_LABEL: dict[str, str] = {
    Feature.AnswerKind.NUMBER: "it answers with a number, and only labels are compared so far",
    Feature.AnswerKind.OUTPUT: "it answers with text or JSON, and only labels are compared so far",
}
Kind = DriftReading.Kind
Shape = Callable[[Counts], dict[Hashable, int]]
Judged = dict[int, tuple[float, float]]  # score bin -> judged predictions in effect, share right


def mark_of(feature: Feature, *, now: datetime) -> str:
    """What the readings would be made of. The same mark again: nothing to do."""
    summed = DaySummary.objects.of(feature).aggregate(at=Max("summed_at"), n=Count("pk"))
    made = FieldReference.objects.filter(version__feature=feature).aggregate(at=Max("made_at"))["at"]
    n_reviews = ReviewItem.objects.of(feature).in_probability_sample().final().count()
    return f"{summed['at']} {summed['n']} {made} {n_reviews // SOME_REVIEWS} {_today(now)}"


def _today(now: datetime) -> date:
    return now.astimezone(UTC).date()


def due_features(*, now: datetime) -> list[int]:
    """The features whose readings are made of something else by now."""
    marks = dict(DriftLook.objects.values_list("feature", "mark"))
    return [each.pk for each in Feature.objects.order_by("pk") if marks.get(each.pk) != mark_of(each, now=now)]


def prepare_drift(*, feature: Feature, now: datetime) -> Callable[[], int] | None:
    """Read a feature's drift anew; the answer replaces what is stored and says how many readings there are.

    None: nothing it is made of has changed. Two at once end in the readings of one of them: the look's row is
    written first, and whoever comes second waits for it.
    """
    mark = mark_of(feature, now=now)
    if DriftLook.objects.filter(feature=feature, mark=mark).exists():
        return None
    readings = [reading for version in answering_versions(feature) for reading in _readings(version, now)]

    def write() -> int:
        DriftLook.objects.update_or_create(feature=feature, defaults={"mark": mark, "as_of": now})
        _carry(feature, readings, _today(now))
        DriftReading.objects.of(feature).delete()
        DriftReading.objects.bulk_create(readings)
        return len(readings)

    return write


def _carry(feature: Feature, readings: Iterable[DriftReading], today: date) -> None:
    """Note when each of them drifted last: today, or when the readings that they replace say."""
    columns = ("version", "kind", "name", "last_drifted_on")
    before = {tuple(key): on for *key, on in DriftReading.objects.of(feature).values_list(*columns)}
    for reading in readings:
        held = before.get((reading.version_id, reading.kind, reading.name))
        reading.last_drifted_on = today if reading.is_drifting else held


def answering_versions(feature: Feature) -> list[ModelVersion]:
    """The versions that still answer: with predictions in the newest two weeks of the feature."""
    days = DaySummary.objects.of(feature).filter(segment="", source_count__gt=0)
    newest = dict(days.values_list("version").annotate(on=Max("day")))
    last = max(newest.values(), default=None)
    versions = ModelVersion.objects.of(feature).select_related("feature").by_deployment()
    return [each for each in versions if last and each.pk in newest and newest[each.pk] > last - STILL_ANSWERING]


@dataclass(frozen=True, slots=True)
class _Life:
    """A version's days as far as they are looked at. weeks: first days of those after the reference, in order."""

    version: ModelVersion
    reference: FieldReference | None
    days: Mapping[date, Counts]
    weeks: list[date]

    def week(self, first: date) -> Counts:
        return total(counts for day, counts in self.days.items() if first <= day < first + WEEK)

    def reference_days(self) -> list[Counts]:
        made = self.reference
        return [c for day, c in sorted(self.days.items()) if made and made.first_on <= day <= made.last_on]


def _life(version: ModelVersion, today: date) -> _Life:
    """Whole days only: a day that has just begun looks different by its hours. Its first day is all there is."""
    stored = DaySummary.objects.filter(version=version, segment="", source_count__gt=0)
    whole = stored.filter(day__lt=today)
    stored = whole if whole.exists() else stored
    ends = stored.aggregate(first=Min("day"), last=Max("day"))
    reference = FieldReference.objects.filter(version=version).first()
    after = reference.last_on + DAY if reference else ends["first"]
    weeks = [ends["last"] + DAY - n * WEEK for n in range(1, WEEKS_SHOWN + 1)]
    kept = [each for each in reversed(weeks) if each >= after] or weeks[:1]
    wanted = stored.filter(day__gte=kept[0])
    if reference:
        wanted = wanted | stored.filter(day__range=(reference.first_on, reference.last_on))
    days = {day: Counts.from_json(payload) for day, payload in wanted.values_list("day", "payload")}
    return _Life(version, reference, days, kept)


def _readings(version: ModelVersion, now: datetime) -> list[DriftReading]:
    life = _life(version, _today(now))
    made = life.reference
    head = {
        "feature": version.feature, "version": version, "as_of": now, "window_from": life.weeks[-1],
        "window_to": life.weeks[-1] + WEEK, "reference_from": made.first_on if made else None,
        "reference_to": made.last_on if made else None,
    }  # fmt: skip
    names = sorted(made.fields) if made else []
    return [
        _reading(head, life, Kind.LABEL, "", _labels),
        _confidence(head, life),
        *(_reading(head, life, Kind.FIELD, name, _field(name)) for name in names),
    ]


def _reading(head: Mapping[str, Any], life: _Life, kind: Kind, name: str, shape: Shape) -> DriftReading:
    found = _drift(life, shape)
    reason = NO_LABEL.get(life.version.feature.answer_kind, found.reason) if kind != Kind.FIELD else found.reason
    return DriftReading(
        **head,
        kind=kind,
        name=name,
        js_distance=found.distance,
        psi=found.psi,
        threshold=found.threshold,
        is_drifting=found.is_drifting,
        n=found.n,
        n_reference=found.n_reference,
        weeks=_weeks(life, shape) if found.distance is not None else [],
        quality=_quality(life, name) if kind == Kind.FIELD else {},
        reason=reason[:300],
    )


def _drift(life: _Life, shape: Shape) -> Drift:
    newest = shape(life.week(life.weeks[-1]))
    made, n = life.reference, sum(newest.values())
    if made is None:
        return Drift(None, None, None, False, n, 0, NO_REFERENCE)
    if life.weeks[-1] <= made.last_on:
        return Drift(None, None, None, False, n, 0, STILL_FIRST_DAYS)
    return drift_of(newest, [shape(day) for day in life.reference_days()])


def _weeks(life: _Life, shape: Shape) -> list[list[object]]:
    """[first day, distance or None without predictions, predictions] of every week shown, oldest first."""
    reference = shape(total(life.reference_days()))
    shapes = {first: shape(life.week(first)) for first in life.weeks}
    return [
        [first.isoformat(), js_distance(week, reference), sum(week.values())] for first, week in shapes.items()
    ]


def _labels(counts: Counts) -> dict[Hashable, int]:
    found: dict[Hashable, int] = defaultdict(int)
    for (label, _), (n, _) in counts.population().items():
        found[label] += n
    return found


def _field(name: str) -> Shape:
    """The bins of the reference, and a bin each for what is missing, unseen, or of another type."""

    def shape(counts: Counts) -> dict[Hashable, int]:
        found: dict[Hashable, int] = dict(counts.fields.get(name, {}).items())
        found.update((word, n) for word, n in _beside(counts, name).items() if n)
        return found

    return shape


def _beside(counts: Counts, name: str) -> dict[str, int]:
    """Predictions whose input is in no bin of the reference, and why."""
    held = {"missing": counts.missing, "unseen": counts.unseen, "out_of_type": counts.out_of_type}
    return {word: of.get(name, 0) for word, of in held.items()}


def _quality(life: _Life, name: str) -> dict[str, list[int]]:
    now, before = _beside(life.week(life.weeks[-1]), name), _beside(total(life.reference_days()), name)
    return {word: [n, before[word]] for word, n in now.items()}


# --- the share right that is expected from the scores


def _confidence(head: Mapping[str, Any], life: _Life) -> DriftReading:
    """How its scores are spread, as a distance; and what share right they promise where they were checked."""
    reading = _reading(head, life, Kind.CONFIDENCE, "", _score_bins)
    judged, source = _calibration(life)
    now = expected_right(_scores(life.week(life.weeks[-1])), judged)
    before = expected_right(_scores(total(life.reference_days())), judged)
    reading.value, reading.low, reading.high, reading.source = now.value, now.low, now.high, source
    reading.reference_value, reading.reference_low, reading.reference_high = before.value, before.low, before.high
    reading.n, reading.n_reference = now.n, before.n
    reading.reason = reading.reason or now.reason
    return reading


def _score_bins(counts: Counts) -> dict[Hashable, int]:
    return {bin_: n for bin_, (n, _) in _scores(counts).items()}


def _scores(counts: Counts) -> dict[int, tuple[int, float]]:
    found: dict[int, tuple[int, float]] = {}
    for (_, bin_), (n, scores) in counts.population().items():
        if bin_ is not None:
            held = found.get(bin_, (0, 0.0))
            found[bin_] = (held[0] + n, held[1] + scores)
    return found


def _calibration(life: _Life) -> tuple[Judged, str]:
    """From reviews, or else from the truth that arrived; from neither under 100: the scores as sent."""
    items = [
        item
        for (version, _), cohort in counted_items(life.version.feature).items()
        if version == life.version.pk
        for item in cohort
    ]
    by_reviews = _judged_by_reviews(items)
    if sum(n for n, _ in by_reviews.values()) >= ENOUGH_JUDGED:
        return by_reviews, "reviewed"
    by_truth = _judged_by_truth(life.days.values())
    if sum(n for n, _ in by_truth.values()) >= ENOUGH_JUDGED:
        return by_truth, "observed"
    return {}, ""


def _judged_by_reviews(items: Iterable[CountedItem]) -> Judged:
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for item in items:
        if item.bin is not None and item.verdict in RIGHT_VALUE:
            weight = 1 / item.p
            for at, value in enumerate((weight, weight**2, weight * RIGHT_VALUE[item.verdict])):
                sums[item.bin][at] += value
    return {bin_: (whole**2 / squares, right / whole) for bin_, (whole, squares, right) in sums.items()}


def _judged_by_truth(days: Iterable[Counts]) -> Judged:
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for (bin_, is_right), (n, _) in total(days).score_bins().items():
        if bin_ is not None:
            sums[bin_][0] += n
            sums[bin_][1] += n * is_right
    return {bin_: (n, right / n) for bin_, (n, right) in sums.items() if n}
