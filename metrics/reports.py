"""What pages and REST answers show: frozen dataclasses, so that the two cannot disagree."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from reviews.figures import AccuracyWithoutError

State = Literal["no_data", "collecting", "measured"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its evidence.

    value, low, high, anytime_low, anytime_high: in the metric's unit, None where nothing can be said.
    n: items in the metric's own domain. state: no_data (value None, reason says why), collecting (too little
    to decide anything), measured. reason: plain words, empty when measured.
    """

    value: float | None
    low: float | None
    high: float | None
    anytime_low: float | None
    anytime_high: float | None
    n: int
    method: str
    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Confusion:
    """rows: predicted label; columns: true label. Reviewed: estimated shares; observed: counts."""

    labels: list[str]
    rows: list[list[float]]
    is_share: bool


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    low: float
    high: float
    n: int
    mean_score: float
    right: float
    right_low: float
    right_high: float


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open: [from_, to)."""

    from_: datetime | None
    to: datetime | None


@dataclass(frozen=True, slots=True)
class LagPoint:
    """share of the truths that have arrived so far which took at most so many hours."""

    hours: int
    share: float


@dataclass(frozen=True, slots=True)
class Lag:
    """How long truth took to arrive, of the n that have. In hours, exact to 2 %."""

    median_hours: float
    p90_hours: float
    curve: list[LagPoint]
    n: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """Stated chances beside what happened, in groups of equal mass, lowest first; right: share that happened.

    event: the label whose chance it is; empty: that the answer is right.
    """

    event: str
    bars: list[CalibrationBin]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a share would be if everything undecided were wrong, and if all of it were right."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment's share right beside that of the rest of the traffic.

    value, rest: shares; low, high: of the value; rest_low, rest_high, rest_n: of the rest, None in what was stored
    before they were kept. difference: value - rest with its one-look interval. q: the rate
    of false discoveries at which it would be found; is_found: differs by more than luck would let it.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    population: int
    rest: float
    difference: float
    difference_low: float
    difference_high: float
    q: float
    is_found: bool
    rest_low: float | None = None
    rest_high: float | None = None
    rest_n: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Share right of a version less that of an earlier one, or of the baseline.

    method: paired (same cases), newcombe (all known truths of each) or unpaired (reviews of each). n, n_against:
    counted items of each; pairs: the same. Only the anytime ends decide: measured means that they exclude 0.
    n_to_go: how many more of each until it is decided, None where that cannot be told. sentence: for people.
    """

    version: str
    against: str
    against_is_baseline: bool
    against_is_previous: bool
    method: str
    value: float | None
    low: float | None
    high: float | None
    anytime_low: float | None
    anytime_high: float | None
    n: int
    n_against: int
    n_to_go: int | None
    state: State
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class EstimateReport:
    """How good a feature, or a version of it, was in a window, by one source of truth.

    metrics: accuracy, precision, recall and f1 always; observed labels add auc, average_precision, brier, log_loss
    and ece, observed numbers mae, median_ape and bias. coverage: share of predictions whose truth has arrived;
    mature_until: all days before it are mature. Both, lag and reliability only where truth arrives by itself.
    segments: what differs from the rest in front, worst first; empty: segments_reason says why. undecided_bounds:
    of the accuracy, only from reviews. comparison: with the version before, of a version's whole life.
    """

    feature: str
    version: str | None
    segment: str
    window: Window
    as_of: datetime | None
    source: Literal["reviewed", "observed"]
    population: int
    counted: int
    undecided_share: float | None
    covered_days: int
    days: int
    metrics: dict[str, Figure]
    per_label: dict[str, dict[str, Figure]]
    confusion: Confusion | None
    calibration: list[CalibrationBin]
    reliability: Reliability | None = None
    coverage: float | None = None
    lag: Lag | None = None
    mature_until: date | None = None
    segments: list[SegmentRow] = field(default_factory=list)
    segments_reason: str = ""
    undecided_bounds: Bounds | None = None
    comparison: Comparison | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """p50 to p99 in the unit of the name (ms or MB), None without a measurement; n: measurements."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    n: int


@dataclass(frozen=True, slots=True)
class VersionRuntime:
    version: str
    is_baseline: bool
    n: int
    latency_ms: Percentiles
    cpu_ms: Percentiles
    rss_mb: Percentiles


@dataclass(frozen=True, slots=True)
class RuntimeReport:
    feature: str
    window: Window
    as_of: datetime | None
    versions: list[VersionRuntime]
    simulated_note: str = ""


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """A period (Monday on) of one version, 7, 28 or 91 days long: share right with its 95 % interval.

    is_partial: not over yet. is_mature: nearly all of its truth has arrived; reviews do not wait for any.
    """

    from_on: date
    days: int
    version: str
    source: Literal["reviewed", "observed"]
    value: float
    low: float
    high: float
    n: int
    is_partial: bool
    is_mature: bool


@dataclass(frozen=True, slots=True)
class VersionRow:
    name: str
    is_baseline: bool
    is_latest: bool
    deployed_at: datetime | None
    n_predictions: int
    reviewed: Figure
    observed: Figure


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """How far the reviews are, and what is still needed. n_to_go None: cannot be told yet (reason says why)."""

    n_drawn: int
    n_final: int
    n_counted: int
    target_count: int
    n_open: int
    reviews_per_day: int
    design: str
    half_width: float | None
    goal_half_width: float
    n_to_go: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is read together with a feature (metrics.overview.with_facts). n_open: feedback that is not closed."""

    may_review: bool
    as_of: datetime | None
    n_open: int
    n_overdue: int


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A line of the Features page."""

    slug: str
    name: str
    description: str
    stage: str
    stage_label: str
    owner: str
    version: str
    is_baseline: bool
    right: Figure
    source: str
    series: list[float]
    period_days: int
    n_predictions_28d: int
    n_open_reviews: int
    as_of: datetime | None
    may_review: bool


@dataclass(frozen=True, slots=True)
class FeaturePage:
    """Everything the Feature page shows. The verdict is one sentence for people."""

    slug: str
    name: str
    description: str
    stage_label: str
    owner: str
    simulated_note: str
    answer_kind: str
    label_names: dict[str, str]
    verdict: str
    verdict_detail: str
    current_version: str
    as_of: datetime | None
    reviewed: EstimateReport
    observed: EstimateReport
    # The one of the two whose segments are worth looking at: where one is found, or at least some are ranked.
    ranked: EstimateReport
    difference: float | None
    difference_ends: tuple[float, float] | None  # one look, 95 %
    series: list[SeriesPoint]
    versions: list[VersionRow]
    runtime: RuntimeReport
    progress: ReviewProgress | None
    may_review: bool
    without_error: AccuracyWithoutError | None = None
    chart_title: str = ""
    segments_title: str = ""
    notes: list[str] = field(default_factory=list)
