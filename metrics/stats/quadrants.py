"""Where a feature stands (product.md §4): two quadrants, what each cell asks for, what settles a doubt."""

import math
from dataclasses import dataclass
from typing import Literal

from metrics.stats.adoption import Goal

CUT = 50.0
MOST_STEPS = 100_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One of four. advice: market fit (before, after) -> what to do next."""

    code: str
    name: str
    meaning: str
    advice: dict[str, str]


EXPLORE = Cell("explore", "Explore", "little used, and nobody can answer for it", {
    "before": "Find out whether anybody wants it: watch five people use it, before measuring more of it.",
    "after": "Decide whether it stays: give it an owner and a goal for the next quarter, or retire it.",
})  # fmt: skip
BORROWED = Cell("borrowed_trust", "Borrowed trust", "people use it, and nobody can answer for it", {
    "before": "Review what people use, and answer complaints in time, before it spreads further.",
    "after": "Stop growing it until quality is measured and promised: agree on an expectation this week.",
})  # fmt: skip
UNUSED = Cell("proven_unused", "Proven but unused", "the team answers for it, and few use it", {
    "before": "It works, so the doubt is whether it helps: talk with those who saw it once and left.",
    "after": "Fix the way to it, not the model: where it appears, what it asks of people, who knows of it.",
})  # fmt: skip
TRUSTED = Cell("trusted", "Trusted", "people use it, and a team answers for it", {
    "before": "Ask whether it has found its market: look at retention by week, then widen who may use it.",
    "after": "Keep it so: watch drift and complaints, and lower the review rate only as far as promises allow.",
})  # fmt: skip
CELLS = {(False, False): EXPLORE, (True, False): BORROWED, (False, True): UNUSED, (True, True): TRUSTED}


@dataclass(frozen=True, slots=True)
class Axis:
    """One score with its interval. n: pieces of evidence behind it. unit: what would make it surer, in the plural.

    per_day: how many of them come a day, 0: not known.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    unit: str
    per_day: float = 0.0

    @property
    def is_high(self) -> bool:
        return self.value >= CUT

    @property
    def crosses(self) -> bool:
        return self.low < CUT <= self.high

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """What would settle on which side of the cut a score lies. n None: no sensible amount would."""

    axis: str
    n: int | None
    unit: str
    n_days: int | None

    @property
    def sentence(self) -> str:
        if self.n is None:
            return f"{self.axis} stands on the cut: more evidence will not settle it soon"
        days = f", {self.n_days} more days at today's rate" if self.n_days is not None else ""
        return f"about {self.n:,} more {self.unit}{days} would settle {self.axis}"


@dataclass(frozen=True, slots=True)
class Placement:
    """cells: the likely one first, then those that an interval reaches into. next_evidence: None where sure."""

    cells: tuple[Cell, ...]
    next_evidence: Evidence | None

    @property
    def cell(self) -> Cell:
        return self.cells[0]

    @property
    def sentence(self) -> str:
        names = [cell.name for cell in self.cells]
        if len(names) == 1:
            return names[0]
        if len(names) == 2:
            return f"either {names[0]} or {names[1]}"
        return "any of the four"


def place(adoption: Axis, accountability: Axis) -> Placement:
    """In which cell a feature stands, cut at 50 / 50; every cell that an interval reaches into is named."""
    sides_a = {adoption.is_high} | ({True, False} if adoption.crosses else set())
    sides_b = {accountability.is_high} | ({True, False} if accountability.crosses else set())
    likely = CELLS[adoption.is_high, accountability.is_high]
    others = [CELLS[a, b] for a in (True, False) for b in (True, False) if a in sides_a and b in sides_b]
    open_ = [needed(axis) for axis in (adoption, accountability) if axis.crosses]
    return Placement((likely, *(cell for cell in others if cell != likely)), cheapest(open_))


def needed(axis: Axis) -> Evidence:
    """How much more evidence brings the interval off the cut, were the value to stay: n (h / d)^2 in all."""
    distance = abs(axis.value - CUT)
    factor = (axis.half_width / distance) ** 2 if distance > 0 else math.inf
    more = axis.n * (factor - 1)
    if not more < MOST_STEPS:
        return Evidence(axis.name, None, axis.unit, None)
    n = max(1, math.ceil(more))
    return Evidence(axis.name, n, axis.unit, math.ceil(n / axis.per_day) if axis.per_day > 0 else None)


def cheapest(options: list[Evidence]) -> Evidence | None:
    """Fewest days, then fewest pieces; one that no amount settles comes last. Nothing to choose from: None."""
    return min(
        options,
        key=lambda each: (each.n is None, math.inf if each.n_days is None else each.n_days, each.n or 0),
        default=None,
    )


# --- what it asks of people x what it gives them (Gourville 2006, Harvard Business Review 84(6))

ChangeCode = Literal["easy_sell", "smash_hit", "long_haul", "sure_failure"]
MIDDLE = 5  # of 1 to 9


@dataclass(frozen=True, slots=True)
class ChangeCell:
    """goals: component of adoption -> what is agreed unless people agree on something else."""

    code: ChangeCode
    name: str
    meaning: str
    goals: dict[str, Goal]
    horizon_factor: int


def _goals(reach: float, acceptance: float, retention: float, stickiness: float) -> dict[str, Goal]:
    highs = {"reach": reach, "acceptance": acceptance, "retention": retention, "stickiness": stickiness}
    return {**{name: Goal(0.0, hi) for name, hi in highs.items()}, "follow_through": Goal(0.0, 0.9)}


DEFAULT_GOALS = _goals(0.5, 0.6, 0.6, 0.6)
CHANGE_CELLS = {
    (False, False): ChangeCell("easy_sell", "Easy sell", "asks little, gives little",
                               _goals(0.6, 0.6, 0.6, 0.6), 1),
    (False, True): ChangeCell("smash_hit", "Smash hit", "asks little, gives much",
                              _goals(0.7, 0.7, 0.7, 0.7), 1),
    (True, True): ChangeCell("long_haul", "Long haul", "asks much, gives much",
                             _goals(0.3, 0.5, 0.4, 0.5), 2),
    (True, False): ChangeCell("sure_failure", "Sure failure", "asks much, gives little",
                              _goals(0.5, 0.6, 0.6, 0.6), 1),
}  # fmt: skip


def change_cell(behaviour: int, product: int) -> ChangeCell:
    """behaviour, product: 1 to 9; over 5 is much. Raises ValueError outside."""
    if not (1 <= behaviour <= 9 and 1 <= product <= 9):
        raise ValueError(f"a placement lies between 1 and 9, not at {behaviour}, {product}")
    return CHANGE_CELLS[behaviour > MIDDLE, product > MIDDLE]


def retention_intervals(market_fit: str, cell: ChangeCell | None) -> int:
    """After how many intervals people should be back: 1 before market fit, 4 after; twice on a long haul."""
    return (1 if market_fit == "before" else 4) * (cell.horizon_factor if cell else 1)
