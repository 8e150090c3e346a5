"""Accountability (product.md §3): can a named team answer for the predictions people use? Plain Python."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metrics.stats import geometric
from metrics.stats.geometric import FLOOR

COMPONENTS = ("evidence", "promises", "reliance", "answering", "readiness")
SECTIONS = ("ownership", "oversight", "monitoring", "documentation")
WEIGHTS = {
    "before": {"evidence": 0.35, "promises": 0.10, "reliance": 0.10, "answering": 0.30, "readiness": 0.15},
    "after": {"evidence": 0.25, "promises": 0.25, "reliance": 0.20, "answering": 0.15, "readiness": 0.15},
}
AGREED_HALF_WIDTH = 0.05
Z95 = 1.96
EDGE = 1e-3
WIDEST = 25.0


@dataclass(frozen=True, slots=True)
class Part:
    """One component: value in [0, 1] or None without data, variance of that value, n behind it.

    reason: why there is no value, or what it is made of; plain words.
    """

    value: float | None
    variance: float
    n: int
    reason: str


def evidence(half_width: float | None, *, agreed: float, n: int, of: str) -> Part:
    """How well its quality is known: min(1, agreed / half_width); nothing reviewed and no truth: 0, not "no data".

    half_width, agreed: of the main quality metric, as shares; agreed > 0. of: what was judged, in words.
    """
    if half_width is None:
        return Part(0.0, 0.0, 0, "nothing of what people used is reviewed, and no truth arrives")
    value = min(1.0, agreed / half_width) if half_width > 0 else 1.0
    told = f"known to ±{100 * half_width:.1f} points from {n:,} {of}, agreed are ±{100 * agreed:.1f}"
    return Part(value, 0.0, n, told)


def promises(chances: Sequence[float | None]) -> Part:
    """Mean chance that an agreed expectation is met; unmeasured and expired count 0; none agreed: 0.

    chances: P(met given the data) of each agreed expectation, None: unmeasured. Variance: that of the share met.
    """
    if not chances:
        return Part(0.0, 0.0, 0, "no expectation is agreed")
    known = [chance or 0.0 for chance in chances]
    n, n_unmeasured = len(known), sum(chance is None for chance in chances)
    variance = sum(chance * (1 - chance) for chance in known) / n**2
    told = f"{n} agreed" + (f", {n_unmeasured} of them unmeasured" if n_unmeasured else "")
    return Part(sum(known) / n, variance, n, told)


def reliance(used_given_right: float | None, not_used_given_wrong: float | None, n_right: int, n_wrong: int,
             reason: str) -> Part:  # fmt: skip
    """sqrt(P(used given right) P(not used given wrong)): people lean on it where it is right, and only there.

    Variance by the delta method, as of two independent shares with n_right and n_wrong items; items of unequal
    weight vary more. Source: Schemmer et al. 2023.
    """
    if used_given_right is None or not_used_given_wrong is None:
        return Part(None, 0.0, n_right + n_wrong, reason or "too little is known of what people did with it")
    value = math.sqrt(used_given_right * not_used_given_wrong)
    pairs = ((used_given_right, n_right), (not_used_given_wrong, n_wrong))
    spread = sum(share_variance(p, n) / max(FLOOR, p) ** 2 for p, n in pairs)
    told = (
        f"used {100 * used_given_right:.0f} % of {n_right:,} right ones, "
        f"left {100 * not_used_given_wrong:.0f} % of {n_wrong:,} wrong ones"
    )
    return Part(value, value**2 / 4 * spread, n_right + n_wrong, told)


def answering(
    *, n_triaged: int, n_triage_due: int, n_closed: int, n_close_due: int, n_alerts: int = 0
) -> Part:  # fmt: skip
    """Complaints and alerts that fell due: half on-time triage, half on-time closing with an outcome.

    n_triaged of n_triage_due were triaged in time, n_closed of n_close_due closed in time with an outcome. Where
    one half has none due, the other stands alone; none of either: no data. n_alerts: how many of them are alerts.
    """
    halves = [(n, due) for n, due in ((n_triaged, n_triage_due), (n_closed, n_close_due)) if due]
    if not halves:
        return Part(None, 0.0, 0, "no complaint and no alert fell due in the 28 days")
    value = sum(n / due for n, due in halves) / len(halves)
    variance = sum(share_variance(n / due, due) for n, due in halves) / len(halves) ** 2
    told = f"{n_triaged} of {n_triage_due} triaged in time, {n_closed} of {n_close_due} closed in time"
    if n_alerts:
        told += f", {n_alerts} alert{'s' if n_alerts > 1 else ''} among them"
    return Part(value, variance, max(n_triage_due, n_close_due), told)


def readiness(sections: Mapping[str, Sequence[bool]]) -> Part:
    """The least of the four sections: the share of its items that hold. A section without items holds."""
    shares = {name: sum(items) / len(items) if items else 1.0 for name, items in sections.items()}
    least = min(shares, key=lambda name: shares[name])
    n = sum(len(items) for items in sections.values())
    held = f"{sum(sections[least])} of {len(sections[least])}"
    return Part(shares[least], 0.0, n, f"least in {least}: {held} hold")


def share_variance(p: float, n: int) -> float:
    """Variance of a share of n, never 0: one more success and one more failure are imagined (Agresti-Coull)."""
    q = (p * n + 1) / (n + 2)
    return q * (1 - q) / (n + 2)


def values_of(parts: Mapping[str, Part]) -> dict[str, float | None]:
    return {name: part.value for name, part in parts.items()}


def accountability(parts: Mapping[str, Part], weights: Mapping[str, float]) -> float | None:
    """B of 0 to 100: 100 exp(sum v ln max(b, .01)). Reliance or answering without data is left out.

    None under 0.6 of the weight.
    """
    return geometric.geometric(values_of(parts), weights)


def interval(parts: Mapping[str, Part], weights: Mapping[str, float]) -> tuple[float, float] | None:
    """95 % interval of B by the delta method on logit(B / 100). None without a B.

    Only what can vary by chance does: promises, reliance, answering. Evidence is itself a half-width, readiness is
    counted. Not valid as a statement about the future.
    """
    value = accountability(parts, weights)
    if value is None:
        return None
    kept = geometric.rescaled(values_of(parts), weights)
    variance = sum(
        w**2 * parts[name].variance / max(FLOOR, parts[name].value or 0) ** 2 for name, w in kept.items()
    )
    share = min(1 - EDGE, max(EDGE, value / 100))
    half = Z95 * math.sqrt(variance) / (1 - share)  # d logit(B) = d ln B / (1 - B)
    centre = math.log(share / (1 - share))
    low, high = (100 / (1 + math.exp(-(centre + side * half))) for side in (-1, 1))
    return min(value, low), max(value, high)


def doubts(parts: Mapping[str, Part], weights: Mapping[str, float], width: float) -> list[str]:
    """Why B is only provisional, in plain words; empty: measured."""
    found = [
        f"{name} is left out: {part.reason}"
        for name, part in parts.items()
        if part.value is None and weights[name]
    ]
    if width > WIDEST:
        found.append(f"its interval is {width:.0f} points wide, over {WIDEST:.0f}")
    return found
