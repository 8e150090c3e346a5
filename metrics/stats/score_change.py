"""What moved a score between two snapshots: behaviour, goals, weights or stage; by component. Adds up exactly."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations

from metrics.stats import geometric
from metrics.stats.adoption import Goal

CAUSES = ("behaviour", "goals", "weights", "stage")
ORDERS = list(permutations(CAUSES))
AS_IT_IS = Goal(0.0, 1.0)


@dataclass(frozen=True, slots=True)
class ScoreInputs:
    """What a score is made of. components: name -> value, None without data. goals: none for one: it is its own.

    weights: stage of market fit -> component -> weight.
    """

    components: Mapping[str, float | None]
    goals: Mapping[str, Goal]
    weights: Mapping[str, Mapping[str, float]]
    market_fit: str

    def parts(self) -> dict[str, float | None]:
        return {name: self._part(name, value) for name, value in self.components.items()}

    def _part(self, name: str, value: float | None) -> float | None:
        goal = self.goals.get(name, AS_IT_IS)
        return None if value is None else geometric.scaled(value, goal.lo, goal.hi)

    def logs(self) -> dict[str, float]:
        """Each component's w ln n: they add up to ln(score / 100)."""
        parts = self.parts()
        kept = geometric.rescaled(parts, self.weights[self.market_fit])
        return {name: weight * geometric.log_part(parts[name]) for name, weight in kept.items()}

    def value(self) -> float:
        return 100 * math.exp(sum(self.logs().values()))


@dataclass(frozen=True, slots=True)
class Change:
    """total: points. cells: (cause, component) -> points; by_cause and by_component are their sums."""

    total: float
    cells: Mapping[tuple[str, str], float]

    @property
    def by_cause(self) -> dict[str, float]:
        return {cause: sum(v for (c, _), v in self.cells.items() if c == cause) for cause in CAUSES}

    @property
    def by_component(self) -> dict[str, float]:
        names = dict.fromkeys(name for _, name in self.cells)
        return {name: sum(v for (_, n), v in self.cells.items() if n == name) for name in names}


def change(before: ScoreInputs, after: ScoreInputs) -> Change:
    """The points between two scores, by cause and component; all cells add up to the difference.

    Logarithmic-mean Divisia index: each component's change of w ln n times L(A1, A0), the logarithmic mean of both
    scores. Behaviour, goals, weights and stage enter together, so each gets its mean over all orders in which they
    could have changed (Shapley). A component that gained or lost its data, and the rescaling that follows, is
    behaviour; so is a longer horizon of retention. Source: Ang 2015, Energy Policy 86; Ang, Liu & Chew 2003.
    """
    if before.components.keys() != after.components.keys():
        raise ValueError("the two scores are made of different components")
    logs = {chosen: _mixed(before, after, chosen).logs() for chosen in _subsets()}
    scale = logarithmic_mean(after.value(), before.value())
    cells: dict[tuple[str, str], float] = {}
    for name in before.components:
        for cause in CAUSES:
            steps = [logs[gone | {cause}].get(name, 0.0) - logs[gone].get(name, 0.0) for gone in _before(cause)]
            cells[cause, name] = scale * sum(steps) / len(steps)
    return Change(after.value() - before.value(), cells)


def logarithmic_mean(a: float, b: float) -> float:
    """(a - b) / ln(a / b), and a where both are alike. a, b > 0."""
    if math.isclose(a, b, rel_tol=1e-12):
        return (a + b) / 2
    return (a - b) / math.log(a / b)


def _mixed(before: ScoreInputs, after: ScoreInputs, chosen: frozenset[str]) -> ScoreInputs:
    """Both scores' inputs mixed: the chosen causes as they were after, all others as before."""
    return ScoreInputs(
        components=(after if "behaviour" in chosen else before).components,
        goals=(after if "goals" in chosen else before).goals,
        weights=(after if "weights" in chosen else before).weights,
        market_fit=(after if "stage" in chosen else before).market_fit,
    )


def _subsets() -> set[frozenset[str]]:
    return {frozenset(order[:n]) for order in ORDERS for n in range(len(CAUSES) + 1)}


def _before(cause: str) -> Iterable[frozenset[str]]:
    """What had changed before this cause, in each order."""
    return [frozenset(order[: order.index(cause)]) for order in ORDERS]
