"""From hourly counts and judgments to estimates, for every window that pages and REST ask for."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Count, Max

from feedback.models import Feature, ModelVersion
from metrics.models import Conclusion, Estimate, EstimateSet, HourlySummary, RuntimePercentiles
from metrics.reports import Figure
from metrics.stats import histograms
from metrics.stats.counts import MEASURES, Counts, total
from metrics.stats.observed import ObservedEstimate, estimate_observed
from metrics.stats.reviewed import CountedItem, ReviewedEstimate, estimate_reviewed
from reviews.draw import inclusion_probability, is_counted, score_bin, threshold
from reviews.models import DrawDay, ReviewItem, SamplingPolicy

DAY = timedelta(days=1)
Source = EstimateSet.Source
Window = EstimateSet.Window
# A point of the chart is a week, or longer where a week holds too few predictions to say something.
A_MONDAY = date(1970, 1, 5)
PERIODS = (7 * DAY, 28 * DAY, 91 * DAY)
ENOUGH_FOR_A_POINT, FEWEST_POINTS = 100, 6
CohortKey = tuple[int, date]  # version id, UTC day
# Why there is no figure, whatever was judged and came true.
NOT_COMPARED: dict[str, str] = {
    Feature.AnswerKind.NUMBER: "it answers with a number, and only labels are compared so far",
    Feature.AnswerKind.OUTPUT: "it answers with text or JSON, and only labels are compared so far",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a feature: its counts and its counted reviews, by cohort."""

    feature: Feature
    versions: list[ModelVersion]
    counts: dict[CohortKey, Counts]
    reviewed: dict[CohortKey, list[CountedItem]]
    n_star: int

    def labels(self, version: ModelVersion | None) -> list[str]:
        """Declared labels, in their order."""
        chosen = [version] if version else self.versions
        return list(dict.fromkeys(label for each in chosen for label in each.labels))

    def positive_label(self, version: ModelVersion | None) -> str | None:
        chosen = [version] if version else self.versions
        return next((each.positive_label for each in chosen if each.positive_label), None)


@dataclass(frozen=True, slots=True)
class Span:
    """One window of days [first, end) of one version, or of all."""

    window: Window
    version: ModelVersion | None
    first: date
    end: date


def mark_of(feature: Feature, *, now: datetime) -> str:
    """What the estimates would be made of. The same mark again: nothing to do."""
    summed = HourlySummary.objects.of(feature).aggregate(at=Max("summed_at"), n=Count("pk"))
    final = ReviewItem.objects.of(feature).final().aggregate(at=Max("final_at"), n=Count("pk"))
    n_items = ReviewItem.objects.of(feature).count()
    newest = ModelVersion.objects.of(feature).aggregate(pk=Max("pk"))
    policy = SamplingPolicy.objects.filter(feature=feature).aggregate(number=Max("number"))
    parts = (
        summed["at"],
        summed["n"],
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
    made = [_estimate(evidence, span, source, now) for span in _spans(evidence, now) for source in Source]
    kept = [pair for pair in made if pair[0].window != Window.PERIOD or pair[1]]
    runtime = _runtime(evidence, now)

    def write() -> int:
        Conclusion.objects.update_or_create(feature=feature, defaults={"mark": mark, "as_of": now})
        EstimateSet.objects.of(feature).delete()
        EstimateSet.objects.bulk_create([head for head, _ in kept])
        Estimate.objects.bulk_create([estimate for _, estimates in kept for estimate in estimates], batch_size=500)
        RuntimePercentiles.objects.filter(feature=feature).delete()
        RuntimePercentiles.objects.bulk_create(runtime)
        return len(kept)

    return write


def gather(feature: Feature) -> Evidence:
    """Read a feature's counts and counted reviews. Never reads predictions that nobody judged."""
    versions = list(ModelVersion.objects.of(feature).by_deployment())
    policy = SamplingPolicy.objects.filter(feature=feature).order_by("-number").first()
    return Evidence(
        feature=feature,
        versions=versions,
        counts=_counts_by_day(feature),
        reviewed=counted_items(feature),
        n_star=policy.target_count if policy else 500,
    )


def _counts_by_day(feature: Feature) -> dict[CohortKey, Counts]:
    parts: dict[CohortKey, list[Counts]] = defaultdict(list)
    stored = HourlySummary.objects.of(feature).filter(segment="").order_by("version", "hour")
    for version, hour, payload in stored.values_list("version", "hour", "payload").iterator():
        parts[version, hour.date()].append(Counts.from_json(payload))
    return {key: total(hours) for key, hours in parts.items()}


def counted_items(feature: Feature) -> dict[CohortKey, list[CountedItem]]:
    """The final items of each cohort whose place in the queue makes them count (statistics.md §1)."""
    items: dict[CohortKey, list[ReviewItem]] = defaultdict(list)
    drawn = ReviewItem.objects.of(feature).in_probability_sample().select_related("prediction")
    columns = ("prediction__label", "prediction__score", "prediction__actor")
    for item in drawn.only("version", "cohort_on", "queue_key", "weight", "state", "verdict", "truth", *columns):
        items[item.version_id, item.cohort_on].append(item)
    caps = {
        (version, day): k_cap
        for version, day, k_cap in DrawDay.objects.filter(version__feature=feature).values_list(
            "version", "day", "k_cap"
        )
    }
    counted = {key: _counted(cohort, caps[key]) for key, cohort in items.items()}
    return {key: cohort for key, cohort in counted.items() if cohort}


def _counted(cohort: Iterable[ReviewItem], k_cap: float | None) -> list[CountedItem]:
    cohort = sorted(cohort, key=lambda item: item.queue_key)
    t = threshold((item.queue_key for item in cohort if item.state != ReviewItem.State.FINAL), k_cap)
    return [
        CountedItem(
            label=item.prediction.label,
            bin=score_bin(item.prediction.score),
            p=inclusion_probability(t, item.weight),
            verdict=item.verdict,
            truth=item.truth or None,
            actor=item.prediction.actor or None,
        )
        for item in cohort
        if item.state == ReviewItem.State.FINAL
        and item.prediction.label is not None
        and is_counted(item.queue_key, t)
    ]


def _spans(evidence: Evidence, now: datetime) -> list[Span]:
    if not evidence.counts:
        return []
    today = now.astimezone(UTC).date()
    days = [day for _, day in evidence.counts]
    first, end = min(days), max(*days, today) + DAY
    period = _period(sum(counts.n for counts in evidence.counts.values()), end - first)
    spans = [Span(Window.ALL, None, first, end), Span(Window.LAST_28_DAYS, None, today - 27 * DAY, end)]
    for version in evidence.versions:
        own = [day for pk, day in evidence.counts if pk == version.pk]
        if own:
            spans.append(Span(Window.VERSION, version, min(own), max(own) + DAY))
            spans.append(Span(Window.LAST_28_DAYS, version, today - 27 * DAY, end))
            starts = sorted({A_MONDAY + (day - A_MONDAY) // period * period for day in own})
            spans += [Span(Window.PERIOD, version, start, start + period) for start in starts]
    return spans


def _period(n: int, life: timedelta) -> timedelta:
    """How long a point of the chart is, of n predictions in a life: a week, four, or a quarter of a year."""
    chosen = PERIODS[0]
    for longer in PERIODS[1:]:
        if n * (chosen / life) < ENOUGH_FOR_A_POINT and life >= FEWEST_POINTS * longer:
            chosen = longer
    return chosen


def _estimate(evidence: Evidence, span: Span, source: Source, now: datetime) -> tuple[EstimateSet, list[Estimate]]:
    def is_inside(key: CohortKey) -> bool:
        return (span.version is None or key[0] == span.version.pk) and span.first <= key[1] < span.end

    cohorts = {key: counts for key, counts in evidence.counts.items() if is_inside(key)}
    covered = {key: counts for key, counts in cohorts.items() if key in evidence.reviewed}
    labels, positive = evidence.labels(span.version), evidence.positive_label(span.version)
    found: ReviewedEstimate | ObservedEstimate
    if source == Source.REVIEWED:
        counts = total(covered.values())
        found = estimate_reviewed(
            counts.population(),
            [item for key in sorted(covered) for item in evidence.reviewed[key]],
            labels=labels,
            positive_label=positive,
            n_star=evidence.n_star,
            share_with_actor=counts.n_with_actor / counts.n if counts.n else 0.0,
        )
    else:
        counts = total(cohorts.values())
        found = estimate_observed(
            counts.confusion(),
            population=counts.n,
            labels=labels,
            positive_label=positive,
            n_star=evidence.n_star,
            score_bins=counts.score_bins(),
        )
    head = EstimateSet(
        feature=evidence.feature,
        version=span.version,
        window=span.window,
        window_from=_midnight(span.first),
        window_to=_midnight(span.end),
        source=source,
        as_of=now,
        population=found.population,
        counted=found.counted,
        covered_days=len({day for _, day in covered}),
        days=len({day for _, day in cohorts}),
        undecided_share=getattr(found, "undecided_share", None),
        accuracy_variance=getattr(found, "accuracy_variance", None),
        confusion=asdict(found.confusion) if found.confusion else None,
        calibration=[asdict(bin_) for bin_ in found.calibration],
        reason=NOT_COMPARED.get(evidence.feature.answer_kind, found.reason),
    )
    return head, _rows(head, found)


def _rows(head: EstimateSet, found: ReviewedEstimate | ObservedEstimate) -> list[Estimate]:
    if head.window == Window.PERIOD:  # a point of the chart: one figure, and only where there is one
        accuracy = found.metrics["accuracy"]
        return [_row(head, "accuracy", "", accuracy)] if accuracy.value is not None else []
    whole = [_row(head, metric, "", figure) for metric, figure in found.metrics.items()]
    return whole + [
        _row(head, metric, label, figure)
        for label, figures in found.per_label.items()
        if label  # an empty label stands in the table only: here it would be the whole answer's
        for metric, figure in figures.items()
    ]


def _row(head: EstimateSet, metric: str, label: str, figure: Figure) -> Estimate:
    reason = NOT_COMPARED.get(head.feature.answer_kind, figure.reason)
    return Estimate(set=head, metric=metric, label=label, **{**asdict(figure), "reason": reason})


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


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
