"""From hourly counts and judgments to estimates, for every window that pages and REST ask for."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Count, Max

from feedback.models import Feature, ModelVersion
from metrics.actions.comparing_versions import compare_versions
from metrics.actions.estimating import Made, Source, Window, estimate, spans_of
from metrics.actions.gathering import Evidence, counted_items, gather
from metrics.actions.segmenting import estimate_segments
from metrics.models import (
    Conclusion,
    DaySummary,
    Estimate,
    EstimateSet,
    PairedDay,
    RuntimePercentiles,
)
from metrics.stats import histograms
from metrics.stats.counts import MEASURES, total
from reviews.models import ReviewItem, SamplingPolicy

__all__ = ["counted_items", "due_features", "gather", "mark_of", "prepare_conclusion"]


def mark_of(feature: Feature, *, now: datetime) -> str:
    """What the estimates would be made of. The same mark again: nothing to do."""
    summed = DaySummary.objects.of(feature).aggregate(at=Max("summed_at"), n=Count("pk"))
    paired = PairedDay.objects.of(feature).aggregate(at=Max("summed_until"), n=Count("pk"))
    final = ReviewItem.objects.of(feature).final().aggregate(at=Max("final_at"), n=Count("pk"))
    n_items = ReviewItem.objects.of(feature).count()
    newest = ModelVersion.objects.of(feature).aggregate(pk=Max("pk"))
    policy = SamplingPolicy.objects.filter(feature=feature).aggregate(number=Max("number"))
    parts = (
        summed["at"],
        summed["n"],
        paired["at"],
        paired["n"],
        final["at"],
        final["n"],
        n_items,
        newest["pk"],
        policy["number"],
        now.date(),
    )
    return " ".join(str(part) for part in parts)


def due_features(*, now: datetime) -> list[int]:
    """The features whose estimates are made of something else by now."""
    return [
        feature.pk
        for feature in Feature.objects.order_by("pk")
        if not _is_made_of(feature, mark_of(feature, now=now))
    ]


def _is_made_of(feature: Feature, mark: str) -> bool:
    return Conclusion.objects.filter(feature=feature, mark=mark).exists()


def prepare_conclusion(*, feature: Feature, now: datetime) -> Callable[[], int] | None:
    """Estimate everything of a feature anew; the answer replaces what is stored and says how many sets.

    None: nothing it is made of has changed. Two at once end in the estimates of one of them.
    """
    mark = mark_of(feature, now=now)
    if _is_made_of(feature, mark):
        return None
    evidence = gather(feature)
    made = _made(evidence, now)
    stored = [(each.head, each.rows()) for each in made]
    kept = [pair for pair in stored if pair[0].window != Window.PERIOD or pair[1]]
    runtime = _runtime(evidence, now)

    def write() -> int:
        Conclusion.objects.update_or_create(feature=feature, defaults={"mark": mark, "as_of": now})
        EstimateSet.objects.of(feature).delete()
        EstimateSet.objects.bulk_create([head for head, _ in kept], batch_size=500)
        Estimate.objects.bulk_create([estimate for _, estimates in kept for estimate in estimates], batch_size=500)
        RuntimePercentiles.objects.filter(feature=feature).delete()
        RuntimePercentiles.objects.bulk_create(runtime)
        return len(kept)

    return write


def _made(evidence: Evidence, now: datetime) -> list[Made]:
    """The windows of everything, then those of segments, each by both sources."""
    wholes = [
        (span, estimate(evidence, span, source, now)) for span in spans_of(evidence, now) for source in Source
    ]
    made = [whole for _, whole in wholes]
    compare_versions(evidence, made)
    return made + estimate_segments(evidence, wholes, now)


def _runtime(evidence: Evidence, now: datetime) -> list[RuntimePercentiles]:
    rows = []
    for version in evidence.versions:
        counts = total(part for (pk, _), part in evidence.counts.items() if pk == version.pk)
        for measure in MEASURES:
            hist = counts.measures.get(measure, {})
            at = {f"p{q}": histograms.percentile(hist, q / 100) for q in (50, 90, 95, 99)}
            rows.append(
                RuntimePercentiles(
                    feature=evidence.feature, version=version, measure=measure, as_of=now,
                    n_predictions=counts.n, n=sum(hist.values()), **at,
                )
            )  # fmt: skip
    return rows
