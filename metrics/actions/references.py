"""What a version's inputs looked like in its first days: the bins that they are counted in from then on."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from django.db.models import F, QuerySet, TextField
from django.db.models.functions import Cast

from feedback.models import ModelVersion, Prediction
from metrics.actions.summing import enter_runs
from metrics.models import DaySummary, FieldReference, HourlySummary
from metrics.stats.fields import reference_of, short

DAY = timedelta(days=1)
FEWEST_DAYS, FEWEST_PREDICTIONS = 7, 1_000
MOST_SAMPLED, MOST_FIELDS = 100_000, 100
LONGEST_NAME = 200  # of DriftReading.name


def due_references(*, now: datetime) -> list[int]:
    """Versions that have their first days by now, and no reference made of them."""
    made = FieldReference.objects.values("version")
    without = ModelVersion.objects.exclude(pk__in=made).select_related("feature").order_by("pk")
    return [version.pk for version in without if _first_days(version, now)]


def prepare_reference(*, version: ModelVersion, now: datetime) -> Callable[[], int] | None:
    """Fix the bins of a version's inputs; the answer keeps them and has all its hours summed again.

    None: its first 7 days with predictions (fewer where raw rows are not kept as long) are not over yet, or hold
    fewer than 1,000; then it takes as many more. Of more than 100,000 predictions an even sample is looked at,
    of more than 100 fields the most frequent. The answer says how many hours. Replay and race: the first one
    made stays.
    """
    days = _first_days(version, now)
    if days is None:
        return None
    made = {name: reference_of(values) for name, values in _inputs(version, *days).items()}
    fields = {name: reference for name, reference in made.items() if reference}

    def write() -> int:
        held = {"first_on": days[0], "last_on": days[1], "made_at": now, "fields": fields}
        _, is_new = FieldReference.objects.get_or_create(version=version, defaults=held)
        hours = HourlySummary.objects.filter(version=version, segment="").values_list("version", "hour")
        if is_new:
            enter_runs(hours, now=now)
        return len(hours)

    return write


def _first_days(version: ModelVersion, now: datetime) -> tuple[date, date] | None:
    """The first and the last of them, both included; days whose raw rows are removed are left out."""
    days = DaySummary.objects.filter(version=version, segment="", day__lt=now.astimezone(UTC).date())
    if version.feature.purged_until:
        days = days.filter(day__gte=version.feature.purged_until.astimezone(UTC).date())
    fewest = min(FEWEST_DAYS, version.feature.retention_days or FEWEST_DAYS)
    n, first = 0, None
    for n_days, (day, count) in enumerate(days.order_by("day").values_list("day", "source_count"), start=1):
        n, first = n + count, first or day
        if n_days >= fewest and n >= FEWEST_PREDICTIONS:
            return first, day
    return None


def _inputs(version: ModelVersion, first: date, last: date) -> dict[str, list[Any]]:
    """field -> its values, where it has one. Read twice, so that only values of fields that are kept are held.

    A name longer than a reading of drift can bear is left out.
    """
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + DAY))
    found = Prediction.objects.filter(version=version, inputs__isnull=False).occurred_between(start, end)
    step = max(1, -(-found.count() // MOST_SAMPLED))
    sample = found.annotate(turn=F("pk") % step, text=Cast("inputs", TextField())).filter(turn=0)
    texts = sample.values_list("text", flat=True)
    frequent = Counter(name for inputs in _decoded(texts) for name in inputs if len(name) <= LONGEST_NAME)
    by_name = Counter(dict(sorted(frequent.items())))  # of equally frequent ones the first in the alphabet
    kept = {name for name, _ in by_name.most_common(MOST_FIELDS)}
    values: dict[str, list[Any]] = defaultdict(list)
    for inputs in _decoded(texts):
        for name in kept & inputs.keys():
            values[name].append(short(inputs[name]))
    return values


def _decoded(texts: QuerySet[Prediction, str]) -> Iterator[dict[str, Any]]:
    return (msgspec.json.decode(text) or {} for text in texts.iterator())
