"""A score as a weighted geometric mean (product.md §2, §3): a weak link must hurt."""

import math
from collections.abc import Mapping

FLOOR = 0.01  # the smallest part: nothing becomes 0, so that one dead component does not hide all others
LEAST_WEIGHT = 0.6
ROUNDING = 1e-9


def scaled(value: float, lo: float, hi: float) -> float:
    """How much of the agreed goal is reached: clip((value - lo) / (hi - lo), 0.01, 1).

    value, lo, hi: in the component's own unit, lo < hi. Raises ValueError otherwise.
    """
    if not lo < hi:
        raise ValueError(f"a goal's lo must lie under its hi, not {lo} and {hi}")
    return min(1.0, max(FLOOR, (value - lo) / (hi - lo)))


def weight_with_evidence(parts: Mapping[str, float | None], weights: Mapping[str, float]) -> float:
    """The share of all weight that lies on components with a value, in [0, 1]; no weight at all -> 0."""
    whole = sum(weights.values())
    return sum(weight for name, weight in weights.items() if parts.get(name) is not None) / whole if whole else 0.0


def rescaled(parts: Mapping[str, float | None], weights: Mapping[str, float]) -> dict[str, float]:
    """The weights of the components that have a value, summing to 1; a component of weight 0 is not among them.

    No component left -> {}.
    """
    kept = {name: weight for name, weight in weights.items() if weight > 0 and parts.get(name) is not None}
    whole = sum(kept.values())
    return {name: weight / whole for name, weight in kept.items()}


def geometric(parts: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    """100 exp(sum w ln n): the score of 0 to 100, with weights rescaled over the parts that have a value.

    parts: name -> share of the goal reached in [0, 1], None without data; below 0.01 it counts as 0.01.
    weights: name -> weight, not negative. Under 0.6 of the weight with data -> None: there is no score.
    Which components are indispensable, the caller decides.
    """
    if weight_with_evidence(parts, weights) < LEAST_WEIGHT - ROUNDING:
        return None
    return 100 * math.exp(sum(weight * log_part(parts[name]) for name, weight in rescaled(parts, weights).items()))


def arithmetic(parts: Mapping[str, float | None], weights: Mapping[str, float]) -> float:
    """What the plain weighted mean would say: shown beside the score where a weak link is hidden by it."""
    return 100 * sum(weight * (parts[name] or 0.0) for name, weight in rescaled(parts, weights).items())


def points_lost(parts: Mapping[str, float | None], weights: Mapping[str, float]) -> dict[str, float]:
    """Where the points went: (100 - A) w (-ln n) / sum of these, per component with data; they add up to 100 - A.

    No score -> {}. Every goal reached -> all 0.
    """
    value = geometric(parts, weights)
    if value is None:
        return {}
    losses = {name: -weight * log_part(parts[name]) for name, weight in rescaled(parts, weights).items()}
    whole = sum(losses.values())
    return {name: (100 - value) * loss / whole if whole else 0.0 for name, loss in losses.items()}


def sensitivity(
    parts: Mapping[str, float | None], weights: Mapping[str, float], *, by: float = 0.05
) -> dict[str, float]:
    """By how many points the score would move if one component weighed `by` more, and all others less.

    by: share of the whole weight, in (0, 1). Without a score -> {}.
    """
    value = geometric(parts, weights)
    if value is None:
        return {}
    moved = {}
    for name in rescaled(parts, weights):
        other = geometric(parts, heavier(weights, name, by))
        if other is not None:
            moved[name] = other - value
    return moved


def heavier(weights: Mapping[str, float], name: str, by: float) -> dict[str, float]:
    """These weights with `by` of the whole more on one, taken from all others in proportion."""
    whole = sum(weights.values())
    grown = min(whole, weights[name] + by * whole)
    others = whole - weights[name]
    shrink = (whole - grown) / others if others else 0.0
    return {each: grown if each == name else weight * shrink for each, weight in weights.items()}


def log_part(part: float | None) -> float:
    """ln of a part, floored; None is the caller's mistake."""
    if part is None:
        raise ValueError("a component without data has no logarithm")
    return math.log(min(1.0, max(FLOOR, part)))
