"""How sure a score is: leaving out one account at a time. Worker only (numpy, scipy).

Rows are distinct counts, with how many accounts have them: people without an account are accounts of one, and
many of them count alike.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from metrics.stats.account_counts import AccountCounts
from metrics.stats.adoption import COMPONENTS, INDISPENSABLE, SUMS, Goals, ratio_of
from metrics.stats.geometric import FLOOR, LEAST_WEIGHT, ROUNDING

Array = NDArray[np.float64]
PLACE = {name: place for place, name in enumerate(SUMS)}
EDGE = 1e-3  # a logit needs a share inside (0, 1)
LEVEL = 0.975


@dataclass(frozen=True, slots=True)
class Clusters:
    """names: (r,) account names, "" for people without one. counts: (r, 12) in the order of SUMS. times: (r,)."""

    names: tuple[str, ...]
    counts: Array
    times: Array

    @property
    def n(self) -> int:
        return int(self.times.sum())

    def total(self) -> Array:
        return np.asarray(self.times @ self.counts)


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


def clusters_of(accounts: Iterable[AccountCounts]) -> Clusters:
    """The accounts as rows; people without an account who count alike share one."""
    named, alike = [], Counter[tuple[float, ...]]()
    for account in accounts:
        row = tuple(float(getattr(account, name)) for name in SUMS)
        if account.account:
            named.append((account.account, row, 1))
        else:
            alike[row] += 1
    rows = sorted(named) + [("", row, times) for row, times in sorted(alike.items())]
    return clusters_from([[name, *row, times] for name, row, times in rows])


def clusters_from(rows: Sequence[Sequence[Any]]) -> Clusters:
    """From [name, 12 sums, times] each, as a snapshot stores them."""
    counts = np.array([row[1:-1] for row in rows], dtype=float).reshape(len(rows), len(SUMS))
    return Clusters(tuple(row[0] for row in rows), counts, np.array([row[-1] for row in rows], dtype=float))


def rows_of(clusters: Clusters) -> list[list[Any]]:
    """The inverse of clusters_from: what a snapshot stores. Whole numbers stay whole: they are shorter."""
    return [
        [name, *(int(value) if value == int(value) else float(value) for value in counts), int(times)]
        for name, counts, times in zip(clusters.names, clusters.counts, clusters.times, strict=True)
    ]


def shares(sums: Array, *, has_roster: bool) -> Array:
    """Components of many sums at once. sums: (r, 12). Answers (r, 5) in the order of COMPONENTS, nan: no data."""
    pairs = [ratio_of(component, has_roster=has_roster) for component in COMPONENTS]
    above = sums[:, [PLACE[numerator] for numerator, _ in pairs]]
    below = sums[:, [PLACE[denominator] for _, denominator in pairs]]
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > ROUNDING)


def scores(sums: Array, *, has_roster: bool, goals: Goals, weights: Mapping[str, float]) -> Array:
    """A of many sums at once, as adoption.adoption says it of one. sums: (r, 12). nan: no score."""
    lo = np.array([goals[name].lo for name in COMPONENTS])
    hi = np.array([goals[name].hi for name in COMPONENTS])
    weight = np.array([weights[name] for name in COMPONENTS])
    reached = np.clip((shares(sums, has_roster=has_roster) - lo) / (hi - lo), FLOOR, 1.0)
    is_there = ~np.isnan(reached)
    held = (is_there * weight).sum(axis=1)
    logs = np.where(is_there & (weight > 0), np.log(np.where(is_there, reached, 1.0)), 0.0) @ weight
    found = 100 * np.exp(np.divide(logs, held, out=np.zeros_like(held), where=held > 0))
    has_score = held >= LEAST_WEIGHT * weight.sum() - ROUNDING
    for name in INDISPENSABLE:
        has_score &= is_there[:, COMPONENTS.index(name)]
    return np.asarray(np.where(has_score, found, np.nan))


def without_each(clusters: Clusters) -> Array:
    """(r, 12): the sums with one account of each row left out."""
    return np.asarray(clusters.total() - clusters.counts)


def logit(share: Array) -> Array:
    inside = np.clip(share, EDGE, 1 - EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def from_logit(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def half_width(replicates: Array, times: Array) -> float:
    """t (K - 1 degrees of freedom) times the delete-one standard error. Under 2 accounts or a nan: infinite."""
    k = times.sum()
    if k < 2 or np.isnan(replicates).any():
        return math.inf
    mean = times @ replicates / k
    variance = (k - 1) / k * (times @ (replicates - mean) ** 2)
    return float(stdtrit(k - 1, LEVEL) * math.sqrt(variance))


def adoption_interval(
    clusters: Clusters, *, has_roster: bool, goals: Goals, weights: Mapping[str, float]
) -> tuple[float, Interval, Array] | None:
    """A, its 95 % interval, and A without one account of each row. None: there is no A.

    Delete-one-account jackknife on logit(A / 100), t with K - 1 degrees of freedom; what everybody in an account
    does alike then counts once. An account without which there is no A: the interval is 0 to 100.
    Not for under 5 accounts: nothing is said then. Source: Efron & Tibshirani 1993, ch. 11; product.md §2.
    """
    kind = {"has_roster": has_roster, "goals": goals, "weights": weights}
    value = scores(clusters.total()[None, :], **kind)[0]  # type: ignore[arg-type]
    if np.isnan(value):
        return None
    replicates = scores(without_each(clusters), **kind)  # type: ignore[arg-type]
    interval = on_logit(value / 100, replicates / 100, clusters.times)
    # Rounding must not leave the value outside: 100 * (v / 100) is not always v.
    low, high = min(float(value), 100 * interval.low), max(float(value), 100 * interval.high)
    return float(value), Interval(low, high), replicates


def on_logit(value: float, replicates: Array, times: Array) -> Interval:
    """The interval of a share from its replicates; it encloses the value, also where that is 0 or 1."""
    half = half_width(logit(replicates), times)
    if math.isinf(half):
        return Interval(0.0, 1.0)
    centre = float(logit(np.array([value]))[0])
    return Interval(min(value, from_logit(centre - half)), max(value, from_logit(centre + half)))


def component_intervals(clusters: Clusters, *, has_roster: bool) -> dict[str, Interval | None]:
    """Each component's own 95 % interval, the same way; None where it has no value."""
    values = shares(clusters.total()[None, :], has_roster=has_roster)[0]
    replicates = shares(without_each(clusters), has_roster=has_roster)
    return {
        name: None if np.isnan(values[i]) else on_logit(values[i], replicates[:, i], clusters.times)
        for i, name in enumerate(COMPONENTS)
    }


def influence(clusters: Clusters, value: float, replicates: Array) -> list[tuple[str, float]]:
    """By how many points each named account lifts A (negative: drags it down), strongest first."""
    lifted = [
        (name, float(value - without))
        for name, without in zip(clusters.names, replicates, strict=True)
        if name and not np.isnan(without)
    ]
    return sorted(lifted, key=lambda each: (-abs(each[1]), each[0]))


def largest_share(clusters: Clusters, *, has_roster: bool) -> tuple[str, str, float]:
    """(component, account, share) of the account that holds most of a denominator. No accounts -> ("", "", 0)."""
    total, found = clusters.total(), ("", "", 0.0)
    for component in COMPONENTS:
        place = PLACE[ratio_of(component, has_roster=has_roster)[1]]
        if total[place] > 0:
            most = int(np.argmax(clusters.counts[:, place]))
            share = float(clusters.counts[most, place] / total[place])
            if share > found[2]:
                found = component, clusters.names[most], share
    return found


def paired(before: Clusters, after: Clusters) -> tuple[Array, Array, Array]:
    """(sums before without one, sums after without one, times): one account is left out of both sides at once.

    Named accounts are paired by name. People without an account cannot be: each is left out of its own side,
    which makes the interval wider, not narrower, where the same people come again.
    """
    zero = np.zeros(len(SUMS))
    sides = [dict(zip(side.names, side.counts, strict=True)) for side in (before, after)]
    names = sorted({name for side in sides for name in side if name})
    left_out = [(sides[0].get(name, zero), sides[1].get(name, zero), 1.0) for name in names]
    for place, side in enumerate((before, after)):
        for name, counts, times in zip(side.names, side.counts, side.times, strict=True):
            if not name:
                left_out.append((zero, counts, times) if place else (counts, zero, times))
    total_before, total_after = before.total(), after.total()
    return (
        np.array([total_before - gone for gone, _, _ in left_out]).reshape(-1, len(SUMS)),
        np.array([total_after - gone for _, gone, _ in left_out]).reshape(-1, len(SUMS)),
        np.array([times for _, _, times in left_out]),
    )


def difference(
    before: Clusters, after: Clusters, *, has_roster: bool, goals: Goals, weights: Mapping[str, float]
) -> tuple[float, Interval] | None:
    """A after minus A before, in points, with the 95 % interval of the paired jackknife. None: one has no A.

    Both sides by the same goals and weights, so that a moved goal is no trend. An arrow is drawn only where the
    interval excludes 0.
    """
    kind = {"has_roster": has_roster, "goals": goals, "weights": weights}
    values = scores(np.array([before.total(), after.total()]), **kind)  # type: ignore[arg-type]
    if np.isnan(values).any():
        return None
    sums_before, sums_after, times = paired(before, after)
    then = scores(sums_before, **kind)  # type: ignore[arg-type]
    replicates = np.subtract(scores(sums_after, **kind), then)  # type: ignore[arg-type]
    gap, half = float(values[1] - values[0]), half_width(replicates, times)
    return gap, Interval(max(-100.0, gap - half), min(100.0, gap + half))
