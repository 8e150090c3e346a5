"""What the score pages and the REST answer show: frozen dataclasses, so that the two cannot disagree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from metrics.agreements import Agreement, WeightsNow
from metrics.readiness import Section
from metrics.stats.quadrants import ChangeCell, Placement
from metrics.stats.score_states import Gate

LABELS = {
    "reach": "Reach", "acceptance": "Acceptance", "retention": "Retention", "stickiness": "Stickiness",
    "follow_through": "Follow-through", "evidence": "Evidence", "promises": "Promises", "reliance": "Reliance",
    "answering": "Answering", "readiness": "Readiness",
}  # fmt: skip
MEANINGS = {
    "reach": "of those who may use it, had something of value from it",
    "acceptance": "of the answers shown, taken as they are or edited",
    "retention": "of those who began, came back",
    "stickiness": "of the intervals in which they saw it, with value",
    "follow_through": "of the answers taken, the work was completed",
    "evidence": "how well its quality is known where it is used",
    "promises": "mean chance that what was agreed is met",
    "reliance": "used where it is right, left where it is wrong",
    "answering": "complaints triaged and closed in time",
    "readiness": "the least of the four sections of the checklist",
}


@dataclass(frozen=True, slots=True)
class ScoreComponent:
    """value, low, high: as a share; part: how much of the goal lo to hi is reached; weight: what counts, rescaled.

    n: what it was counted on. reason: why there is no value, or what it is made of.
    """

    name: str
    label: str
    meaning: str
    value: float | None
    low: float | None
    high: float | None
    part: float | None
    weight: float
    lo: float | None
    hi: float | None
    n: float
    points_lost: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Trend:
    """Points of adoption against the 28 days before `since`, with the paired interval."""

    since: date
    difference: float
    low: float
    high: float

    @property
    def direction(self) -> str:
        """up or down only where the interval excludes 0, else ""."""
        if self.low > 0:
            return "up"
        return "down" if self.high < 0 else ""


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """One score as it was last taken. value, low, high: 0 to 100, None unless provisional or measured."""

    value: float | None
    low: float | None
    high: float | None
    state: str
    reason: str
    as_of: datetime | None
    taken_at: datetime | None
    formula_version: str
    market_fit: str
    n: int
    components: dict[str, ScoreComponent]
    points_lost: dict[str, float]
    trend: Trend | None = None


@dataclass(frozen=True, slots=True)
class ScoresReport:
    feature: str
    adoption: ScoreReport
    accountability: ScoreReport
    gate: Gate


@dataclass(frozen=True, slots=True)
class ChangeLine:
    name: str
    points: float


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """What moved a score since a snapshot, by cause and by component. reason: why it cannot be told."""

    since: datetime
    before: float | None
    after: float | None
    total: float | None
    by_cause: list[ChangeLine] = field(default_factory=list)
    by_component: list[ChangeLine] = field(default_factory=list)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FitEvidence:
    """What speaks for or against market fit; the system never decides. sentence: in words. n: people counted."""

    sentence: str
    n: int
    is_enough: bool
    curve: list[tuple[int, float, int]]  # (interval after the first use, share that came back, people)


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot that one can compare with."""

    pk: int
    as_of: datetime
    value: float | None
    is_weekly: bool


@dataclass(frozen=True, slots=True)
class WhyPage:
    slug: str
    name: str
    simulated_note: str
    scores: ScoresReport
    quality: list[tuple[str, int]]  # counters of the usage events: (in words, n)
    has_roster: bool
    biggest_loss: str
    arithmetic: float | None
    taken: list[Taken]
    since: Taken | None
    change: ChangeReport | None
    influence: list[ChangeLine]
    sensitivity: list[ChangeLine]
    readiness: list[Section]
    agreement: Agreement
    goals: dict[str, Mapping[str, float]]
    weights_number: int | None
    market_fit: str
    market_fit_label: str
    fit: FitEvidence


@dataclass(frozen=True, slots=True)
class QuadrantRow:
    """A feature in both quadrants. placement None: one of the scores is missing, reason says why."""

    slug: str
    name: str
    stage_label: str
    adoption: ScoreReport
    accountability: ScoreReport
    placement: Placement | None
    advice: str
    reason: str
    is_provisional: bool
    trail: list[tuple[float, float]]
    behaviour: int | None
    product: int | None
    change_cell: ChangeCell | None


@dataclass(frozen=True, slots=True)
class WeightsPage:
    """moves: (slug, name, adoption, component -> its points were that to weigh 5 points more)."""

    weights: WeightsNow
    moves: list[tuple[str, str, ScoreReport, dict[str, float]]]
