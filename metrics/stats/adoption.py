"""Adoption (product.md §2): five components from what accounts add up to. Its interval: jackknife.py."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from metrics.stats import geometric
from metrics.stats.account_counts import AccountCounts

COMPONENTS = ("reach", "acceptance", "retention", "stickiness", "follow_through")
INDISPENSABLE = ("reach", "acceptance")
SUMS = tuple(field.name for field in fields(AccountCounts) if field.name != "account")
# component -> (numerator, denominator); reach's denominator is the exposed where there is no roster.
RATIOS = {
    "reach": ("reached", "eligible"),
    "acceptance": ("worth", "resolved"),
    "retention": ("returned", "cohort"),
    "stickiness": ("intervals_valued", "intervals_exposed"),
    "follow_through": ("followed", "horizon_passed"),
}
WITHOUT = {
    "reach": "nobody was on the roster or saw an answer",
    "acceptance": "no answer shown is resolved yet",
    "retention": "nobody's first use is long enough ago",
    "stickiness": "nobody saw an answer in a whole interval",
    "follow_through": "no accepted answer's time to complete has passed",
}
WEIGHTS = {
    "before": {"reach": 0.30, "acceptance": 0.30, "retention": 0.25, "stickiness": 0.15, "follow_through": 0.0},
    "after": {"reach": 0.20, "acceptance": 0.20, "retention": 0.25, "stickiness": 0.15, "follow_through": 0.20},
}


@dataclass(frozen=True, slots=True)
class Goal:
    """What is agreed for a component, in its own unit: at lo nothing of it is reached, at hi all."""

    lo: float
    hi: float


Sums = Mapping[str, float]  # each of SUMS -> its sum over accounts
Goals = Mapping[str, Goal]


def sums_of(accounts: Iterable[AccountCounts]) -> dict[str, float]:
    """What accounts add up to. No account -> all 0."""
    counted = list(accounts)
    return {name: float(sum(getattr(account, name) for account in counted)) for name in SUMS}


def ratio_of(component: str, *, has_roster: bool) -> tuple[str, str]:
    """(numerator, denominator) of a component, as names of sums."""
    numerator, denominator = RATIOS[component]
    return numerator, "exposed" if denominator == "eligible" and not has_roster else denominator


def components(sums: Sums, *, has_roster: bool) -> dict[str, float | None]:
    """Each component as a share, None where its denominator is 0: that is no data, never 0.

    has_roster: whether the sender told who may use the feature; without it reach is of those who saw an answer.
    """
    found: dict[str, float | None] = {}
    for component in COMPONENTS:
        numerator, denominator = ratio_of(component, has_roster=has_roster)
        found[component] = sums[numerator] / sums[denominator] if sums[denominator] > 0 else None
    return found


def parts(found: Mapping[str, float | None], goals: Goals) -> dict[str, float | None]:
    """Each component as the share of its goal that is reached, in [0.01, 1]; None stays None."""
    return {
        name: None if value is None else geometric.scaled(value, goals[name].lo, goals[name].hi)
        for name, value in found.items()
    }


def adoption(reached: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    """A of 0 to 100 from parts. None: without reach or acceptance, or with under 0.6 of the weight."""
    if any(reached.get(name) is None for name in INDISPENSABLE):
        return None
    return geometric.geometric(reached, weights)


def why_no_score(reached: Mapping[str, float | None], weights: Mapping[str, float]) -> str:
    """Why there is no A, in plain words; empty where there is one."""
    missing = [WITHOUT[name] for name in INDISPENSABLE if reached.get(name) is None]
    if missing:
        return " and ".join(missing)
    share = geometric.weight_with_evidence(reached, weights)
    if share < geometric.LEAST_WEIGHT - geometric.ROUNDING:
        absent = [WITHOUT[name] for name, weight in weights.items() if weight > 0 and reached.get(name) is None]
        return f"only {100 * share:.0f} % of the weight has data: {', '.join(absent)}"
    return ""
