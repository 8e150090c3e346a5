"""Who gets reviewed: a pure function of the prediction (statistics.md §1). No Django, no numpy."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from types import MappingProxyType

# What a settled verdict is worth for "right". cannot_judge is in no metric's domain and has no value.
RIGHT_VALUE: Mapping[str, float] = MappingProxyType({"right": 1.0, "partly": 0.5, "wrong": 0.0})
HEAVIEST = 50.0
PRIOR_WEIGHT = 5.0
UNKNOWN_CHANCE = 0.5
FINE_BINS = 1_000
SHORTEST_DAY = timedelta(minutes=15)
DAY = timedelta(hours=24)
JUST_BELOW_ONE = math.nextafter(1.0, 0.0)
MAX_NEWTON_STEPS = 10_000


def luck(*, slug: str, external_id: str, salt: bytes) -> float:
    """The fixed random number u of one prediction, the same on every machine and at every retry.

    salt: at most 64 bytes, secret; who knows it can choose ids that are reviewed, or never are.
    Answer strictly inside (0, 1), in steps of 2**-64 at the low end and 2**-53 at the high end; the largest
    hashes would round to 1.0 and become the largest float below 1.
    Raises ValueError for a salt over 64 bytes. Not for slugs that contain NUL: the two texts could then be
    shifted. Source: statistics.md §1; BLAKE2b, RFC 7693 (64-byte digest, its first 8 bytes, big-endian).
    """
    return _luck_at(0, slug, external_id, salt)


def overlap_luck(*, slug: str, external_id: str, salt: bytes) -> float:
    """The second number of the same hash, as fixed as luck and independent of it: below the share, two opinions.

    Not luck itself: of those drawn, that would pick the head of the queue, and a half-finished queue would
    hold more second opinions than was asked for. Source: as luck, bytes 8 to 15.
    """
    return _luck_at(1, slug, external_id, salt)


def audit_luck(*, slug: str, external_id: str, salt: bytes) -> float:
    """The third number of the same hash: below the share, two who agree are looked at again. As overlap_luck."""
    return _luck_at(2, slug, external_id, salt)


def _luck_at(place: int, slug: str, external_id: str, salt: bytes) -> float:
    digest = blake2b(f"{slug}\0{external_id}".encode(), key=salt).digest()
    return min((int.from_bytes(digest[8 * place : 8 * place + 8], "big") + 0.5) / 2**64, JUST_BELOW_ONE)


def expected_informativeness(design: str, chance_right: float) -> float:
    """How much a review of one prediction is expected to teach: g of statistics.md §1.

    chance_right: c in [0, 1]. `uniform` and `all`: 1. `uncertainty`: sqrt(c (1 - c)), 0 where c is 0 or 1.
    Raises ValueError for another design (focused and balanced need more than c) and for c outside [0, 1].
    """
    if not 0 <= chance_right <= 1:
        raise ValueError(f"chance_right must lie between 0 and 1, not {chance_right}")
    if design in ("uniform", "all"):
        return 1.0
    if design == "uncertainty":
        return math.sqrt(chance_right * (1 - chance_right))
    raise ValueError(f"no design called {design!r}")


def weight(g: float, gbar: float) -> float:
    """How strongly one prediction is drawn: w = min(50, 0.9 g / gbar + 0.1), in [0.1, 50].

    g, gbar: >= 0, gbar the mean of g over the traffic that sets the rate. gbar == 0 -> 1 for every g: that
    traffic told nothing apart, so the day is drawn uniformly and brings the reviews that were asked for,
    whatever comes. Raises ValueError for a negative or not finite argument. Source: statistics.md §1.
    """
    if not (0 <= g < math.inf and 0 <= gbar < math.inf):
        raise ValueError(f"g and gbar must be finite and not negative, not {g} and {gbar}")
    if gbar == 0:
        return 1.0
    return min(HEAVIEST, 0.9 * g / gbar + 0.1)


def queue_key(u: float, w: float) -> float:
    """The place in the queue, smallest first: k = -ln(u) / w, always > 0.

    u: luck, inside (0, 1). w: weight, > 0. Raises ValueError outside.
    Source: Efraimidis & Spirakis 2006, Information Processing Letters 97(5), p. 181.
    """
    if not (0 < u < 1 and w > 0):
        raise ValueError(f"luck must lie inside (0, 1) and weight above 0, not {u} and {w}")
    return -math.log(u) / w


def inclusion_probability(threshold: float | None, w: float) -> float:
    """The chance that a prediction of this weight is among those with k < threshold: 1 - exp(-threshold w).

    threshold: >= 0, or None for an infinite one -> 1. threshold == 0 -> 0. Raises ValueError when negative.
    Accurate for tiny products too, where 1 - exp() would cancel.
    """
    if threshold is None:
        return 1.0
    if threshold < 0 or w <= 0:
        raise ValueError(f"threshold must not be negative and weight above 0, not {threshold} and {w}")
    return -math.expm1(-threshold * w)


def rate_cap(traffic: Sequence[tuple[float, float]], reviews_per_day: float) -> float | None:
    """The k_cap with which a day of this traffic brings the wanted number of items.

    traffic: (weight, expected predictions a day) pairs. Solves sum count (1 - exp(-k weight)) =
    reviews_per_day. None: infinite, everything is reviewed (as many reviews as predictions, or more; no
    traffic known). reviews_per_day <= 0 -> 0: nothing has k < 0. Raises ValueError for a weight <= 0 or a
    negative count. The sum is concave, so Newton's steps from k = 0 grow towards the root and never pass it.
    """
    if any(w <= 0 or count < 0 for w, count in traffic):
        raise ValueError("weights must be above 0 and counts not negative")
    if reviews_per_day <= 0:
        return 0.0
    if reviews_per_day >= math.fsum(count for _, count in traffic):
        return None
    k = 0.0
    for _ in range(MAX_NEWTON_STEPS):
        missing = reviews_per_day - math.fsum(-count * math.expm1(-k * w) for w, count in traffic)
        slope = math.fsum(count * w * math.exp(-k * w) for w, count in traffic)
        if missing <= 0 or slope <= 0 or k + missing / slope == k:
            break
        k += missing / slope
    return k


def mean_informativeness(traffic: Iterable[tuple[float, float]]) -> float:
    """gbar: the mean of g over the traffic that sets the rate, fixed with it for the day.

    traffic: (g, count) pairs. No traffic -> 1.0, the g of a uniform draw.
    """
    pairs = list(traffic)
    n = math.fsum(count for _, count in pairs)
    return math.fsum(g * count for g, count in pairs) / n if n > 0 else 1.0


def scale_running_day(count: float, elapsed: timedelta) -> float:
    """What a day without history will bring, from what its first part brought.

    count: predictions so far. elapsed: since the day's first prediction; under 15 minutes counts as 15
    minutes (a clock that runs backwards too), over 24 hours leaves the count as it is.
    """
    return count * max(1.0, DAY / max(elapsed, SHORTEST_DAY))


def score_bin(score: float | None, bins: int = 20) -> int | None:
    """The equal-width bin on [0, 1] of a score, 0 to bins - 1; 1.0 falls in the last. None -> None.

    Folded from the 1,000 bins of the hourly summaries, so that a reviewed item and its own prediction in the
    population never land in neighbouring bins by rounding (0.45 less one bit would).
    Raises ValueError for a score outside [0, 1], NaN included, and for bins that do not divide 1,000.
    """
    if score is None:
        return None
    if not 0 <= score <= 1:
        raise ValueError(f"score must lie between 0 and 1, not {score}")
    if FINE_BINS % bins:
        raise ValueError(f"{bins} bins cannot be folded from {FINE_BINS}")
    return min(int(score * FINE_BINS), FINE_BINS - 1) * bins // FINE_BINS


def calibrate(
    items: Iterable[tuple[str, int | None, float, float]],
    mean_scores: Mapping[tuple[str, int | None], float | None],
) -> dict[tuple[str, int | None], float]:
    """The chance that a prediction is right, per (label, score bin): chat of statistics.md §2.

    items: (label, bin, z, p) of the counted items that were decided: z = RIGHT_VALUE of the verdict, p the
    inclusion probability in (0, 1]. Weights are 1/p, scaled to mean 1 over all items given.
    mean_scores: mean sent score of each cell, None where no score was sent (then 0.5). Answers for exactly
    these cells, each in [0, 1]: the mean score counts as 5 items, so a cell without items answers its mean
    score. Raises ValueError for p outside (0, 1]. Not an estimate of accuracy: it is only as good as its
    prior and few items.
    """
    judged = list(items)
    if any(not 0 < p <= 1 for *_, p in judged):
        raise ValueError("inclusion probabilities must lie in (0, 1]")
    mean_weight = math.fsum(1 / p for *_, p in judged) / len(judged) if judged else 1.0
    weights: dict[tuple[str, int | None], float] = {}
    right: dict[tuple[str, int | None], float] = {}
    for label, bin_, z, p in judged:
        share = 1 / p / mean_weight
        weights[label, bin_] = weights.get((label, bin_), 0.0) + share
        right[label, bin_] = right.get((label, bin_), 0.0) + share * z
    return {
        cell: _chance(right.get(cell, 0.0), weights.get(cell, 0.0), score) for cell, score in mean_scores.items()
    }


def _chance(right: float, judged: float, mean_score: float | None) -> float:
    prior = UNKNOWN_CHANCE if mean_score is None else mean_score
    return min(1.0, max(0.0, (right + PRIOR_WEIGHT * prior) / (judged + PRIOR_WEIGHT)))


def threshold(open_keys: Iterable[float], k_cap: float | None) -> float | None:
    """How far a cohort is reviewed without a gap: t_d of statistics.md §1.

    open_keys: queue keys of the cohort's probability items that are not final; k_cap: the cohort's rate,
    None for an infinite one. The smallest open key; when all are final, k_cap. Never above k_cap.
    """
    ends = [*open_keys] if k_cap is None else [*open_keys, k_cap]
    return min(ends, default=None)


def is_counted(queue_key: float, threshold: float | None) -> bool:
    """Whether a final probability item lies below its cohort's threshold (None: infinite, so it does)."""
    return threshold is None or queue_key < threshold
