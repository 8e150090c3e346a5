"""Reading what was summed up: days of a feature and its segments. For workers: it brings numpy along."""

from datetime import date

from django.db.models import Sum

from feedback.models import Feature
from metrics.models import DaySummary, SegmentValue
from metrics.stats.counts import Counts

DayKey = tuple[int, date]  # version id, UTC day


def counts_by_day(feature: Feature, *, segment: str = "") -> dict[DayKey, Counts]:
    """The counts of every version's days, of all predictions or of one segment ("KEY:VALUE"), oldest first."""
    stored = DaySummary.objects.of(feature).filter(segment=segment).order_by("version", "day")
    rows = stored.values_list("version", "day", "payload")
    return {(version, day): Counts.from_json(payload) for version, day, payload in rows.iterator()}


def segments_of(feature: Feature) -> list[str]:
    """The names of its segments, those with most predictions first: at most 50 of a key, and of 10 keys."""
    sums = (
        DaySummary.objects.of(feature).exclude(segment="").values_list("segment").annotate(n=Sum("source_count"))
    )
    n = dict(sums)
    names = SegmentValue.objects.of(feature).values_list("name", flat=True)
    return sorted((name for name in names if name in n), key=lambda name: (-n[name], name))


def segment_name(key: str, value: str) -> str:
    """What a segment is called everywhere: "origin:JFK"."""
    return f"{key}:{value}"
