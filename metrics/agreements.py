"""What people agreed on about scores, or the defaults where they did not: goals, half-width, weights, the cell."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from feedback.models import Feature
from metrics.models import FitChange, ScoreGoals, ScoreWeights
from metrics.stats import accountability, adoption
from metrics.stats.adoption import Goal
from metrics.stats.quadrants import DEFAULT_GOALS, ChangeCell, change_cell, retention_intervals

Table = dict[str, dict[str, float]]  # stage of market fit -> component -> weight
DEFAULT_WEIGHTS: dict[str, Table] = {"adoption": adoption.WEIGHTS, "accountability": accountability.WEIGHTS}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of one feature. number None: nobody agreed on goals, they are those of the cell, or the general ones."""

    goals: dict[str, Goal]
    half_width: float
    number: int | None
    why: str
    set_by: str
    set_at: datetime | None
    placement: FitChange | None
    cell: ChangeCell | None

    @property
    def goals_as_json(self) -> dict[str, dict[str, float]]:
        return {name: asdict(goal) for name, goal in self.goals.items()}

    def horizon(self, market_fit: str) -> int:
        return retention_intervals(market_fit, self.cell)


@dataclass(frozen=True, slots=True)
class WeightsNow:
    """Of every feature. number None: the defaults."""

    tables: dict[str, Table]
    number: int | None = None
    why: str = ""
    set_by: str = ""
    set_at: datetime | None = None


def agreement_of(feature: Feature) -> Agreement:
    placement = FitChange.objects.of(feature).placements().newest_first().select_related("made_by").first()
    cell = cell_of(placement)
    stored = ScoreGoals.objects.of(feature).select_related("set_by").order_by("-number").first()
    if stored is None:
        goals = cell.goals if cell else DEFAULT_GOALS
        return Agreement(goals, accountability.AGREED_HALF_WIDTH, None, "", "", None, placement, cell)
    goals = {name: Goal(**stored.goals[name]) for name in adoption.COMPONENTS}
    who = str(stored.set_by or "")
    return Agreement(goals, stored.half_width, stored.number, stored.why, who, stored.set_at, placement, cell)


def cell_of(placement: FitChange | None) -> ChangeCell | None:
    if placement is None or placement.behaviour is None or placement.product is None:
        return None
    return change_cell(placement.behaviour, placement.product)


def weights_now() -> WeightsNow:
    stored = ScoreWeights.objects.select_related("set_by").order_by("-number").first()
    if stored is None:
        return WeightsNow(DEFAULT_WEIGHTS)
    tables: dict[str, Any] = stored.weights
    return WeightsNow(tables, stored.number, stored.why, str(stored.set_by or ""), stored.set_at)
