"""Whether a promise is kept, as far as can be told; and how well each function knew it beforehand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from metrics.stats.intervals import (
    DEFAULT_N_STAR,
    MIN_COUNTED,
    MIN_IN_DOMAIN,
    MOST_REVIEWS_TO_GO,
    anytime_multiplier,
    reviews_to_go,
)

Status = Literal["met", "broken", "not_sure", "unknown", "expired"]
LEAST_CHANCE = 0.01  # a finite sample never makes a promise certain, nor impossible
ENOUGH_FOR_A_RECORD = 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a promised metric.

    value, low, high: in the metric's unit; low, high: the interval that stays right however often people look.
    above: how far the value lies above the target, and variance: its variance, both on one scale (not
    necessarily the unit). n: in the metric's own domain; n_counted: all counted items, what reviews to go are
    counted in; n_counted None: the metric is not made of counted items. is_enough: whether anything may be
    decided at all (statistics.md §3). reason: why not, or why there is no value. source, version, label: of what
    it was read.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    above: float = 0.0
    variance: float = 0.0
    n: int = 0
    n_counted: int | None = None
    n_star: int = DEFAULT_N_STAR
    is_enough: bool = False
    reason: str = ""
    source: str = ""
    version: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """p_met: chance that the target is met, given the data; None where nothing was measured."""

    status: Status
    p_met: float | None
    n_to_go: int | None


def judge(evidence: Evidence, *, target: float, is_at_least: bool, is_over: bool = False) -> Judged:
    """Whether a promise is met, broken, not sure yet, unknown, or expired undecided.

    evidence: see there. target: in the metric's unit; standing on it is good. is_over: its day has passed.
    Met when the anytime interval lies wholly on the good side, broken when wholly on the bad one; neither
    before there is enough. n_to_go: for not sure yet, how many more counted items; None where the metric is
    not made of any. An expired promise has the chance 0: nobody showed it in time.
    Source: statistics.md §3.
    """
    if evidence.value is None or evidence.low is None or evidence.high is None:
        return Judged("expired", 0.0, None) if is_over else Judged("unknown", None, None)
    chance = chance_met(evidence.above if is_at_least else -evidence.above, evidence.variance)
    is_good = evidence.low >= target if is_at_least else evidence.high <= target
    is_bad = evidence.high < target if is_at_least else evidence.low > target
    if evidence.is_enough and (is_good or is_bad):
        return Judged("met" if is_good else "broken", chance, None)
    if is_over:
        return Judged("expired", 0.0, None)
    return Judged("not_sure", chance, n_to_go(evidence))


def chance_met(good_by: float, variance: float) -> float:
    """The chance that a metric lies on the good side of its target, in the normal approximation.

    good_by: how far the estimate lies on the good side, negative on the bad one. variance: of the estimate,
    >= 0, on the same scale. Between 0.01 and 0.99; with variance 0 the end, or 0.5 on the target itself.
    Raises ValueError for a negative variance. Not a decision: for one look at a flat prior.
    """
    if variance < 0:
        raise ValueError(f"a variance is not negative: {variance}")
    if variance == 0:
        chance = 0.5 if good_by == 0 else float(good_by > 0)
    else:
        chance = NormalDist().cdf(good_by / math.sqrt(variance))
    return min(1 - LEAST_CHANCE, max(LEAST_CHANCE, chance))


def n_to_go(evidence: Evidence) -> int | None:
    """How many more counted items until the anytime interval is as narrow as the distance to the target.

    None where the metric is not made of counted items, or none is counted. At least what is missing of 100
    counted ones and, at the share seen so far, of 30 in the metric's domain; at most 1,000,000.
    Source: statistics.md §3.
    """
    if not evidence.n_counted:
        return None
    missing_in_domain = max(0, MIN_IN_DOMAIN - evidence.n)
    for_the_domain = math.ceil(missing_in_domain * evidence.n_counted / max(1, evidence.n))
    needed = reviews_to_go(
        variance=evidence.variance,
        n_now=evidence.n_counted,
        distance=abs(evidence.above),
        n_star=evidence.n_star,
    )
    return min(MOST_REVIEWS_TO_GO, max(needed, MIN_COUNTED - evidence.n_counted, for_the_domain))


def variance_towards(
    target: float, *, value: float, low: float, high: float, n_counted: int, n_star: int
) -> float:
    """The variance behind an anytime interval, read from the end that faces the target.

    That end is never one that was clipped at 0 or 1 while the target lies between. On the target itself: the
    longer side. n_counted: what the interval's b(n) was taken at, >= 1.
    """
    below, above = value - low, high - value
    side = max(below, above) if value == target else below if value > target else above
    return (side / anytime_multiplier(n_counted, n_star)) ** 2


def brier(stated: Sequence[float], was_met: Sequence[bool]) -> float | None:
    """How well stated chances foretold what came: mean squared distance, 0 is perfect, 0.25 a coin's.

    stated: chances in [0, 1], one for each resolved promise. None without any. Raises ValueError for two
    lengths. Source: Brier 1950, Monthly Weather Review 78(1).
    """
    if not stated and not was_met:
        return None
    return math.fsum((p - met) ** 2 for p, met in zip(stated, was_met, strict=True)) / len(stated)
