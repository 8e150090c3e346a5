"""The estimates of one window, by one source: from counts and counted reviews to rows that can be stored."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta

from feedback.models import Feature, ModelVersion
from metrics.actions.gathering import CohortKey, Evidence
from metrics.actions.summing import tolerance_of
from metrics.models import Estimate, EstimateSet
from metrics.reports import Figure, Reliability
from metrics.stats import numbers
from metrics.stats.counts import Counts, total
from metrics.stats.intervals import no_data
from metrics.stats.lag import lag_of, mature_until
from metrics.stats.observed import ObservedEstimate, estimate_observed
from metrics.stats.probabilities import estimate_probabilities
from metrics.stats.reviewed import CountedItem, Population, ReviewedEstimate, estimate_reviewed

DAY = timedelta(days=1)
Kind = Feature.AnswerKind
Source = EstimateSet.Source
Window = EstimateSet.Window
LABELS_ONLY = ("precision", "recall", "f1")
# Why there are no figures of labels, and no truth to compare with.
NO_LABELS: dict[str, str] = {
    Kind.NUMBER: "it answers with a number, and precision, recall and F1 are figures of labels",
    Kind.OUTPUT: "it answers with text or JSON, and precision, recall and F1 are figures of labels",
}
NO_TRUTH_OF_OUTPUT = (
    "text and JSON cannot be compared with a truth by themselves: only reviews say whether they are right"
)


@dataclass(frozen=True, slots=True)
class Span:
    """One window of days [first, end) of one version, or of all."""

    window: Window
    version: ModelVersion | None
    first: date
    end: date

    def holds(self, key: CohortKey) -> bool:
        return (self.version is None or key[0] == self.version.pk) and self.first <= key[1] < self.end


@dataclass(frozen=True, slots=True)
class Made:
    """What is to be stored of one window by one source, and what it was made of.

    population, items, n_with_actor (predictions that name their actor): of reviewed estimates, for what is
    computed from them again (the rest of a segment).
    """

    head: EstimateSet
    figures: dict[str, Figure]
    per_label: dict[str, dict[str, Figure]]
    population: Population
    items: list[CountedItem]
    n_with_actor: int = 0

    @property
    def accuracy(self) -> Figure:
        return self.figures["accuracy"]

    def rows(self) -> list[Estimate]:
        if self.head.window == Window.PERIOD:  # a point of the chart: one figure, and only where it says something
            return [_row(self.head, "accuracy", "", self.accuracy)] if _is_a_point(self.accuracy) else []
        whole = [_row(self.head, metric, "", figure) for metric, figure in self.figures.items()]
        if self.head.segment:  # many of them: by label is told of the whole only
            return whole
        return whole + [
            _row(self.head, metric, label, figure)
            for label, figures in self.per_label.items()
            if label  # an empty label stands in the table only: here it would be the whole answer's
            for metric, figure in figures.items()
        ]


def _row(head: EstimateSet, metric: str, label: str, figure: Figure) -> Estimate:
    return Estimate(set=head, metric=metric, label=label, **asdict(figure))


def estimate(evidence: Evidence, span: Span, source: Source, now: datetime) -> Made:
    """The figures of one window by one source. Nothing to say them from: each has its reason."""
    cohorts = {key: counts for key, counts in evidence.counts.items() if span.holds(key)}
    covered = sorted(key for key in cohorts if key in evidence.covered)
    head = EstimateSet(
        feature=evidence.feature,
        version=span.version,
        segment=evidence.segment,
        window=span.window,
        window_from=_midnight(span.first),
        window_to=_midnight(span.end),
        source=source,
        as_of=now,
        covered_days=len({day for _, day in covered}),
        days=len({day for _, day in cohorts}),
    )
    if source == Source.REVIEWED:
        counts = total(cohorts[key] for key in covered)
        items = [item for key in covered for item in evidence.reviewed.get(key, [])]
        return _reviewed(evidence, head, counts, items)
    return _observed(evidence, head, total(cohorts.values()), now)


def _reviewed(evidence: Evidence, head: EstimateSet, counts: Counts, items: list[CountedItem]) -> Made:
    is_labelled = evidence.feature.answer_kind == Kind.LABEL
    # Of numbers and free output there is one cell: nothing is forecast, the reviews alone count (hajek).
    population: Population = (
        counts.population() if is_labelled else {("", None): (counts.n, 0.0)} if counts.n else {}
    )
    found = estimate_reviewed(
        population,
        items,
        labels=evidence.labels(head.version) if is_labelled else [],
        positive_label=evidence.positive_label(head.version) if is_labelled else None,
        n_star=evidence.n_star,
        share_with_actor=counts.n_with_actor / counts.n if counts.n else 0.0,
    )
    _fill(head, found)
    head.undecided_share, head.accuracy_variance = found.undecided_share, found.accuracy_variance
    if found.accuracy_bounds:
        head.undecided_low, head.undecided_high = found.accuracy_bounds
    if is_labelled:
        return Made(head, found.metrics, found.per_label, population, items, counts.n_with_actor)
    head.confusion = None
    figures = {"accuracy": found.metrics["accuracy"], **_no_labels(evidence.feature.answer_kind)}
    return Made(head, figures, {}, population, items, counts.n_with_actor)


def _observed(evidence: Evidence, head: EstimateSet, counts: Counts, now: datetime) -> Made:
    is_labelled = evidence.feature.answer_kind == Kind.LABEL
    found = _observed_labels(evidence, head, counts) if is_labelled else _observed_others(evidence, counts)
    _fill(head, found)
    lag = lag_of(counts.lag)
    head.lag = asdict(lag) if lag else None
    head.mature_until = mature_until(lag, now=now)
    return Made(head, found.metrics, found.per_label, {}, [])


def _observed_labels(evidence: Evidence, head: EstimateSet, counts: Counts) -> ObservedEstimate:
    labels, positive = evidence.labels(head.version), evidence.positive_label(head.version)
    found = estimate_observed(
        counts.confusion(),
        population=counts.n,
        labels=labels,
        positive_label=positive,
        n_star=evidence.n_star,
        score_bins=counts.score_bins(),
    )
    if head.window == Window.PERIOD:  # a point of the chart needs its accuracy alone
        return found
    chances = estimate_probabilities(
        counts.joint,
        labels=labels,
        positive_label=positive,
        n_star=evidence.n_star,
        is_coarse=bool(evidence.segment),
    )
    found.metrics.update(chances.figures)
    if chances.reliability:
        head.reliability = asdict(Reliability(chances.event, chances.reliability))
    return found


def _observed_others(evidence: Evidence, counts: Counts) -> ObservedEstimate:
    """Numbers are compared with their truth; free output is not."""
    kind = evidence.feature.answer_kind
    if kind == Kind.NUMBER:
        n = counts.numbers.n_truth
        tolerance = tolerance_of(evidence.feature)
        figures = numbers.estimate_numbers(counts.numbers, tolerance=tolerance, n_star=evidence.n_star)
    else:
        n, figures = 0, {"accuracy": no_data(NO_TRUTH_OF_OUTPUT, "")}
    return ObservedEstimate(
        population=counts.n,
        counted=n,
        coverage=n / counts.n if counts.n else None,
        metrics={**figures, **_no_labels(kind)},
        per_label={},
        confusion=None,
        reason=figures["accuracy"].reason if not n else "",
    )


def _no_labels(kind: str) -> dict[str, Figure]:
    return dict.fromkeys(LABELS_ONLY, no_data(NO_LABELS[kind], ""))


def _fill(head: EstimateSet, found: ReviewedEstimate | ObservedEstimate) -> None:
    head.population, head.counted, head.reason = found.population, found.counted, found.reason
    head.confusion = asdict(found.confusion) if found.confusion else None
    head.calibration = [asdict(bin_) for bin_ in found.calibration]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


# --- which windows there are

# A point of the chart is a week, or longer where a week holds too few predictions to say something.
A_MONDAY = date(1970, 1, 5)
PERIODS = (7 * DAY, 28 * DAY, 91 * DAY)
ENOUGH_FOR_A_POINT, FEWEST_POINTS, WIDEST_POINT = 100, 6, 0.9


def spans_of(evidence: Evidence, now: datetime) -> list[Span]:
    """Every window that pages and REST ask for. Without a prediction: none."""
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
            spans += [Span(Window.PERIOD, version, start, start + period) for start in _starts(own, period)]
    return spans


def _is_a_point(figure: Figure) -> bool:
    """Not where the interval is nearly everything there is: one or two reviews draw 0 % or 100 %."""
    if figure.low is None or figure.high is None:
        return False
    return figure.value is not None and figure.high - figure.low < WIDEST_POINT


def _starts(days: Iterable[date], period: timedelta) -> list[date]:
    return sorted({A_MONDAY + (day - A_MONDAY) // period * period for day in days})


def _period(n: int, life: timedelta) -> timedelta:
    """How long a point of the chart is, of n predictions in a life: a week, four, or a quarter of a year."""
    chosen = PERIODS[0]
    for longer in PERIODS[1:]:
        if n * (chosen / life) < ENOUGH_FOR_A_POINT and life >= FEWEST_POINTS * longer:
            chosen = longer
    return chosen
