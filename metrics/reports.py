"""What pages and REST answers show: frozen dataclasses, so that the two cannot disagree."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

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
class EstimateReport:
    """How good a feature, or a version of it, was in a window, by one source of truth."""

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
    """A period (Monday on) of one version, 7, 28 or 91 days long: share right with its 95 % interval."""

    from_on: date
    days: int
    version: str
    source: Literal["reviewed", "observed"]
    value: float
    low: float
    high: float
    n: int
    is_partial: bool


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
    label_names: dict[str, str]
    verdict: str
    verdict_detail: str
    current_version: str
    as_of: datetime | None
    reviewed: EstimateReport
    observed: EstimateReport
    difference: float | None
    series: list[SeriesPoint]
    versions: list[VersionRow]
    runtime: RuntimeReport
    progress: ReviewProgress | None
    may_review: bool
    chart_title: str = ""
    notes: list[str] = field(default_factory=list)
