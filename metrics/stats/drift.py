"""Whether what comes in, or what is answered, looks different from the version's first days (statistics.md §7)."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

Distribution = Mapping[Hashable, int]  # bin -> predictions

SMALLEST_DISTANCE = 0.1
DAY_QUANTILE = 0.99
MOST_LUCK = 0.3  # no distance is shown that luck alone may have made so large
Z99 = 2.326  # luck alone reaches the smallest distance in 1 of 100 windows at most
HALF = 0.5
MOST_DAYS = 60  # of the reference, compared with one another: 1,770 pairs
BITS = 8 * math.log(2)
PRIOR_ITEMS = 5.0  # what the score as sent counts beside judged predictions, as in the forecast of reviews
Z95 = 1.96


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a window lies from the reference. Distances None: nothing can be said, and reason says why.

    distance: Jensen-Shannon distance, 0 the same to 1 nothing in common. psi: population stability index, >= 0.
    threshold: what the distance must be over to be called drifting. n, n_reference: predictions on either side.
    """

    distance: float | None
    psi: float | None
    threshold: float | None
    is_drifting: bool
    n: int
    n_reference: int
    reason: str


def js_distance(a: Distribution, b: Distribution) -> float | None:
    """The Jensen-Shannon distance with base 2 of two distributions given as counts, in [0, 1].

    None where either is empty. A bin that is missing is a bin with 0. By luck alone it is about luck_distance;
    small samples of the same thing are far apart. Source: Lin 1991, IEEE Trans. Inf. Theory 37(1); Endres &
    Schindelin 2003 (its root is a metric).
    """
    n_a, n_b = sum(a.values()), sum(b.values())
    if not n_a or not n_b:
        return None
    divergence = 0.0
    for bin_ in a.keys() | b.keys():
        p, q = a.get(bin_, 0) / n_a, b.get(bin_, 0) / n_b
        divergence += sum(share * math.log2(2 * share / (p + q)) / 2 for share in (p, q) if share)
    return math.sqrt(min(1.0, max(0.0, divergence)))


def psi(current: Distribution, reference: Distribution) -> float | None:
    """The population stability index, sum (p - q) ln(p / q) >= 0. None where either is empty.

    A bin that is empty on one side counts as half a prediction there: otherwise one prediction of a new kind would
    make it infinite. Shown because many know it (0.1 and 0.25 are customary cuts); it decides nothing here.
    Source: Siddiqi 2006, "Credit risk scorecards", ch. 10; = Jeffreys' divergence.
    """
    n, n_reference = sum(current.values()), sum(reference.values())
    if not n or not n_reference:
        return None
    found = 0.0
    for bin_ in current.keys() | reference.keys():
        counts = current.get(bin_, 0), reference.get(bin_, 0)
        if any(counts):
            p, q = max(HALF, counts[0]) / n, max(HALF, counts[1]) / n_reference
            found += (p - q) * math.log(p / q)
    return found


def luck_distance(*, n_bins: int, n: int, n_reference: int) -> float:
    """How far two samples of the same distribution are apart in 1 of 100 cases, by luck alone; at most 1.

    n, n_reference: >= 1. Root of the 99th percentile of chi-squared with bins - 1 degrees of freedom, over 8 ln 2,
    times (1/n + 1/m). Asymptotic; rather too large where bins are nearly empty.
    Source: Taylor of second order, as for Wilks' theorem; percentile by Wilson & Hilferty 1931, PNAS 17(12).
    """
    return min(1.0, math.sqrt(_unlucky(n_bins) / BITS * (1 / n + 1 / n_reference)))


def needed(*, n_bins: int, n_reference: int) -> int | None:
    """How many predictions a window must hold to see a distance of 0.1: luck passes it in 1 of 100 at most.

    None: never, the reference is too small.
    """
    left = SMALLEST_DISTANCE**2 * BITS / _unlucky(n_bins) - 1 / n_reference
    return math.ceil(1 / left) if left > 0 else None


def _unlucky(n_bins: int) -> float:
    df = max(1, n_bins - 1)
    return df * (1 - 2 / (9 * df) + Z99 * math.sqrt(2 / (9 * df))) ** 3


def day_threshold(days: Iterable[Distribution]) -> float | None:
    """The 99th percentile of the distance between single days of the reference, linear between the nearest two.

    Of more than 60 days 60, evenly spread. None with fewer than two days. Small days are far apart by luck, which
    makes it larger: less drifts, not more.
    """
    known = _spread([day for day in days if sum(day.values())])
    distances = [distance for a, b in combinations(known, 2) if (distance := js_distance(a, b)) is not None]
    return float(np.quantile(distances, DAY_QUANTILE)) if distances else None


def _spread(days: Sequence[Distribution]) -> Sequence[Distribution]:
    if len(days) <= MOST_DAYS:
        return days
    return [days[at * (len(days) - 1) // (MOST_DAYS - 1)] for at in range(MOST_DAYS)]


def drift_of(current: Distribution, reference_days: Sequence[Distribution]) -> Drift:
    """Whether a window drifts from the reference: over 0.1, over the days' 99th percentile, and over luck.

    current: counts of the window; reference_days: of each day of the reference, all over the same bins.
    So few predictions that luck alone makes 0.3, or a reference of one day: no distance, with the reason. With a
    distance, the reason says how many it takes to see 0.1, where there are fewer.
    Not a test of anything at one level: a description with a cut. It raises no alarm.
    """
    reference: dict[Hashable, int] = {}
    for day in reference_days:
        for bin_, count in day.items():
            reference[bin_] = reference.get(bin_, 0) + count
    n, n_reference = sum(current.values()), sum(reference.values())
    between_days = day_threshold(reference_days)
    if not n or not n_reference or between_days is None:
        return Drift(None, None, None, False, n, n_reference, _why_nothing(n, n_reference))
    n_bins = sum(1 for count in reference.values() if count)
    luck = luck_distance(n_bins=n_bins, n=n, n_reference=n_reference)
    reason = _why_unsure(n, n_reference, n_bins, luck)
    if luck > MOST_LUCK:
        return Drift(None, None, None, False, n, n_reference, reason)
    distance, threshold = js_distance(current, reference) or 0.0, max(SMALLEST_DISTANCE, between_days, luck)
    return Drift(distance, psi(current, reference), threshold, distance > threshold, n, n_reference, reason)


def _why_nothing(n: int, n_reference: int) -> str:
    if not n_reference:
        return "nothing of it is known in the first days"
    if not n:
        return "nothing of it is known in the newest week"
    return "the first days are a single day, so nobody knows how much days differ anyway"


def _why_unsure(n: int, n_reference: int, n_bins: int, luck: float) -> str:
    if luck <= SMALLEST_DISTANCE:
        return ""
    enough = needed(n_bins=n_bins, n_reference=n_reference)
    takes = f"it takes {enough:,} a week" if enough else f"the first days ({n_reference:,}) are too few for that"
    return f"of {n:,} predictions luck alone makes {luck:.2f} or more in 1 of 100 weeks; to see 0.10 {takes}"


@dataclass(frozen=True, slots=True)
class Confidence:
    """The share right that is expected from the scores, not measured. None: no score, and reason says why.

    low, high: 95 % for how well the calibration is known, not for a change of what scores mean.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str


Cell = tuple[int, float]  # predictions, sum of their scores


def expected_right(window: Mapping[int, Cell], judged: Mapping[int, tuple[float, float]]) -> Confidence:
    """Mean calibrated confidence: what share would be right if scores meant what they meant where it was checked.

    window: score bin -> predictions and the sum of their scores. judged: score bin -> judged predictions, in
    effect (Kish), and the share of them that were right; where there are none the score as sent stands.
    An estimate without labels, no measurement: it cannot see that the same score has come to mean something else.
    Source: Guillory et al. 2021 (ICCV), average confidence, after calibration by bin.
    """
    n = sum(count for count, _ in window.values())
    if not n:
        return Confidence(None, None, None, 0, "no prediction of the week came with a score")
    value = variance = 0.0
    for bin_, (count, scores) in window.items():
        if not count:
            continue
        m, share = judged.get(bin_, (0.0, 0.0))
        chance = (m * share + PRIOR_ITEMS * scores / count) / (m + PRIOR_ITEMS)
        value += count / n * chance
        variance += (count / n) ** 2 * chance * (1 - chance) / (m + PRIOR_ITEMS)
    half = Z95 * math.sqrt(variance)
    return Confidence(value, max(0.0, value - half), min(1.0, value + half), n, "")
