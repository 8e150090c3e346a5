"""Who gets reviewed: a pure function of the prediction (statistics.md §1). No Django, no numpy."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

# What a settled verdict is worth for "right". cannot_judge is in no metric's domain and has no value.
RIGHT_VALUE: Mapping[str, float] = MappingProxyType({"right": 1.0, "partly": 0.5, "wrong": 0.0})
HEAVIEST = 50.0
PRIOR_WEIGHT = 5.0
UNKNOWN_CHANCE = 0.5
FIRST_RECALL = 0.5
SUREST = 0.999  # a score beyond this, or below 1 - this, counts as this: log-odds stay finite
CLOSE_ENOUGH = 1e-11
LEAST_SHARE = 1e-6  # of what the traffic never showed: 1 / share stays finite, and its weight is the heaviest
FINE_BINS = 1_000
SHORTEST_DAY = timedelta(minutes=15)
DAY = timedelta(hours=24)
JUST_BELOW_ONE = math.nextafter(1.0, 0.0)
MAX_NEWTON_STEPS = 10_000


class Traffic(NamedTuple):
    """What `balanced` and `focused` know of the traffic that sets the rate.

    label_shares: share of each predicted label; None is a number or free output. positive_label: what is looked
    for, empty where no label is. positive_share: expected share of what is truly that. recall: as far as known,
    how much of it is predicted so.
    """

    label_shares: Mapping[str | None, float] = MappingProxyType({})
    positive_label: str = ""
    positive_share: float = 0.0
    recall: float = FIRST_RECALL


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
    Raises ValueError for another design (focused and balanced need more than c: informativeness knows all) and
    for c outside [0, 1].
    """
    if not 0 <= chance_right <= 1:
        raise ValueError(f"chance_right must lie between 0 and 1, not {chance_right}")
    if design in ("uniform", "all"):
        return 1.0
    if design == "uncertainty":
        return math.sqrt(chance_right * (1 - chance_right))
    raise ValueError(f"no design called {design!r}")


def balanced_informativeness(label_share: float) -> float:
    """g of `balanced`: 1 / the share of the prediction's label, so that every label is reviewed about alike.

    label_share: in [0, 1]; a label that the traffic never showed counts as one in a million, which makes its
    weight the heaviest there is. Raises ValueError outside [0, 1]. Source: statistics.md §1.
    """
    if not 0 <= label_share <= 1:
        raise ValueError(f"a share lies between 0 and 1, not {label_share}")
    return 1 / max(label_share, LEAST_SHARE)


def focused_informativeness(
    chance_right: float, *, is_positive: bool, predicted_share: float, positive_share: float, recall: float
) -> float:
    """g of `focused`: how far precision and recall of the positive label hang on one prediction.

    is_positive: whether it is predicted so. predicted_share, positive_share: share of the traffic that is
    predicted so, and that is expected to be so; 0 counts as one in a million. recall: as far as known.
    g = s sqrt(a^2 + b^2), s = sqrt(c (1 - c)); a and b are the influences of a hit or a miss on precision and
    on recall, both in units of 1 / traffic. Raises ValueError for an argument outside [0, 1].
    Source: statistics.md §1; linearised ratios, Särndal, Swensson & Wretman 1992, ch. 5.
    """
    if not all(0 <= share <= 1 for share in (predicted_share, positive_share, recall)):
        raise ValueError("shares and recall lie between 0 and 1")
    on_precision = is_positive / max(predicted_share, LEAST_SHARE)
    on_recall = abs(is_positive - recall) / max(positive_share, LEAST_SHARE)
    return expected_informativeness("uncertainty", chance_right) * math.hypot(on_precision, on_recall)


def informativeness(design: str, *, label: str | None, chance_right: float, traffic: Traffic) -> float:
    """g of any design, for a prediction of this label (None: a number or free output).

    `focused` without a positive label, or for an answer that is no label, is `uncertainty`.
    Raises as the functions above.
    """
    if design == "balanced":
        return balanced_informativeness(traffic.label_shares.get(label, 0.0))
    if design != "focused":
        return expected_informativeness(design, chance_right)
    if label is None or not traffic.positive_label:
        return expected_informativeness("uncertainty", chance_right)
    return focused_informativeness(
        chance_right,
        is_positive=label == traffic.positive_label,
        predicted_share=traffic.label_shares.get(traffic.positive_label, 0.0),
        positive_share=traffic.positive_share,
        recall=traffic.recall,
    )


def shares_of_labels(cells: Iterable[tuple[str | None, float]]) -> dict[str | None, float]:
    """The share of each predicted label. cells: (label, count) pairs, labels repeat. No traffic -> {}."""
    counts: dict[str | None, float] = {}
    for label, n in cells:
        counts[label] = counts.get(label, 0.0) + n
    total = math.fsum(counts.values())
    return {label: min(1.0, n / total) for label, n in counts.items()} if total > 0 else {}


def expected_positive_share(cells: Iterable[tuple[str | None, float, float]], positive_label: str) -> float:
    """How much of the traffic is expected to be truly positive: predicted so and right, or otherwise and wrong.

    cells: (label, chance that it is right, count). No labelled traffic -> 0. For two labels; of more, what is
    wrong is not always positive, and the share comes out too large.
    """
    pairs = [(chance if label == positive_label else 1 - chance, n) for label, chance, n in cells if label]
    total = math.fsum(n for _, n in pairs)
    return min(1.0, math.fsum(share * n for share, n in pairs) / total) if total > 0 else 0.0


def found_and_missed(
    *, label: str, z: float, truth: str, positive_label: str, is_binary: bool
) -> tuple[float, float]:
    """What one decided item adds to what was found of the positive label, and to what was missed of it.

    z: RIGHT_VALUE of the verdict. truth: the corrected label, empty when nobody gave it; a wrong answer of two
    labels then leaves only the other. (0, 0): the item says nothing about recall.
    """
    if label == positive_label:
        return z, 0.0
    is_corrected = bool(truth) and truth != label
    is_missed = truth == positive_label if is_corrected else is_binary and z == 0
    return 0.0, (1 - z) if is_missed else 0.0


def present_recall(items: Iterable[tuple[float, float, float]]) -> float:
    """How much of the positive label is found, as far as is known: R of `focused`.

    items: (found, missed, p) of counted items, as found_and_missed says. Weights are 1/p, scaled to mean 1
    over the items that speak of recall; 5 items of recall 0.5 are added, so none -> 0.5, and no miss seen yet
    does not end the search for one. In [0, 1]. Raises ValueError for p outside (0, 1].
    Not an estimate to show: it only steers the draw, and any R leaves the estimates right.
    """
    spoken = [(found, missed, p) for found, missed, p in items if found + missed > 0]
    if any(not 0 < p <= 1 for *_, p in spoken):
        raise ValueError("inclusion probabilities must lie in (0, 1]")
    mean_weight = math.fsum(1 / p for *_, p in spoken) / len(spoken) if spoken else 1.0
    found = math.fsum(found / p for found, _, p in spoken) / mean_weight
    either = math.fsum((found + missed) / p for found, missed, p in spoken) / mean_weight
    return (found + PRIOR_WEIGHT * FIRST_RECALL) / (either + PRIOR_WEIGHT)


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


class Calibration(NamedTuple):
    """How sent scores translate into chances: log-odds = intercept of the label + slope * log-odds of the score.

    intercepts: of the labels that were judged, others have 0. The default is the sent score itself.
    """

    slope: float = 1.0
    intercepts: Mapping[str, float] = MappingProxyType({})

    def chance(self, label: str, score: float | None) -> float:
        """The chance that a prediction is right; without a score, what its label's intercept says."""
        return _logistic(self.intercepts.get(label, 0.0) + self.slope * log_odds(score))


def log_odds(score: float | None) -> float:
    """ln(s / (1 - s)) of a score in [0, 1], cut to 0.001 .. 0.999; None -> 0, as 0.5."""
    if score is None:
        return 0.0
    cut = min(SUREST, max(1 - SUREST, score))
    return math.log(cut / (1 - cut))


def fit_calibration(items: Iterable[tuple[str, float | None, float]]) -> Calibration:
    """How often predictions of each score turned out right, learnt from counted items.

    items: (label, score or None, z), z = RIGHT_VALUE of the verdict, of any number of labels and in any order. A
    logistic regression with a slope for all and a level for each label, where the label's items have their mean
    log-odds of score. It is drawn towards the sent score: minus half the sum of (level - that mean)^2 and of
    (slope - 1)^2 is added to the log-likelihood. The slope is then multiplied by the chance that the score tells
    anything, and the levels are fitted again. So none -> the sent score, and a score that tells nothing soon
    ends near slope 0, as a uniform draw. Not weighted by 1/p: drawn by label and score alone, items of one label
    and score are alike. Only steers the draw; no figure is made of it.
    Source: Platt 1999, Advances in Large Margin Classifiers, p. 61; Kass & Raftery 1995, JASA 90(430), p. 773
    (the chance, by Laplace's method); docs/decisions/0015.
    """
    points: dict[str, list[tuple[float, float]]] = {}
    for label, score, z in items:
        points.setdefault(label, []).append((log_odds(score), z))
    if not points:
        return Calibration()
    means = {label: math.fsum(x for x, _ in points[label]) / len(points[label]) for label in sorted(points)}
    centred = {label: [(x - mean, z) for x, z in points[label]] for label, mean in means.items()}
    line = _fitted(centred, means, 1.0, is_slope_free=True)
    slope = line.slope * _chance_that_scores_tell(line, _fitted(centred, means, 0.0))
    levels = _fitted(centred, means, slope).levels
    return Calibration(slope, {label: levels[label] - slope * mean for label, mean in means.items()})


class _Line(NamedTuple):
    """levels: log-odds that a label's items are right, at the mean of their scores. bend: second derivative of
    the likelihood along the slope, its sign turned.
    """

    levels: dict[str, float]
    slope: float
    likelihood: float
    bend: float


def _chance_that_scores_tell(line: _Line, flat: _Line) -> float:
    """One half before any evidence; slope 0 against any slope, 1 expected with a standard deviation of 1.

    flat: with slope 0. As a rival of its own it owes nothing for its distance from 1.
    """
    return _logistic(line.likelihood - math.log(line.bend) / 2 - (flat.likelihood + 0.5))


def _fitted(
    points: Mapping[str, Sequence[tuple[float, float]]],
    means: Mapping[str, float],
    slope: float,
    *,
    is_slope_free: bool = False,
) -> _Line:
    """The likeliest levels, with this slope or from it on. points: (log-odds less their label's mean, z)."""
    levels = dict(means)
    reached = _likelihood(points, means, levels, slope)
    for _ in range(MAX_NEWTON_STEPS):
        turn, tilt, bend = _newton_step(points, means, levels, slope, is_slope_free=is_slope_free)
        size = 1.0
        while size > CLOSE_ENOUGH:
            ahead = {label: levels[label] + size * turn[label] for label in levels}
            found = _likelihood(points, means, ahead, slope + size * tilt)
            if found >= reached:
                break
            size /= 2
        else:
            break  # nowhere is better, to rounding
        levels, slope, reached = ahead, slope + size * tilt, found
        if max(abs(tilt), *map(abs, turn.values())) < CLOSE_ENOUGH:
            break
    return _Line(levels, slope, reached, bend)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x))


def _likelihood(
    points: Mapping[str, Sequence[tuple[float, float]]],
    means: Mapping[str, float],
    levels: Mapping[str, float],
    slope: float,
) -> float:
    """Log-likelihood less what is drawn towards the sent score: z x - ln(1 + e^x) over all items."""
    terms = [-0.5 * (slope - 1) ** 2, *(-0.5 * (levels[label] - mean) ** 2 for label, mean in means.items())]
    for label, pairs in points.items():
        for x, z in pairs:
            odds = levels[label] + slope * x
            terms.append(z * odds - max(odds, 0.0) - math.log1p(math.exp(-abs(odds))))
    return math.fsum(terms)


def _newton_step(
    points: Mapping[str, Sequence[tuple[float, float]]],
    means: Mapping[str, float],
    levels: Mapping[str, float],
    slope: float,
    *,
    is_slope_free: bool,
) -> tuple[dict[str, float], float, float]:
    """Steps of the levels and of the slope, and the bend: levels meet in the slope only, so that comes first."""
    pull, bend, mixed = {}, {}, {}
    slope_pull, slope_bend = [1 - slope], [1.0]
    for label, pairs in points.items():
        chances = [_logistic(levels[label] + slope * x) for x, _ in pairs]
        spread = [c * (1 - c) for c in chances]
        gaps = [z - c for (_, z), c in zip(pairs, chances, strict=True)]
        pull[label] = math.fsum(gaps) - (levels[label] - means[label])
        bend[label] = math.fsum(spread) + 1
        mixed[label] = math.fsum(v * x for (x, _), v in zip(pairs, spread, strict=True))
        slope_pull += [x * gap for (x, _), gap in zip(pairs, gaps, strict=True)]
        slope_bend += [v * x * x for (x, _), v in zip(pairs, spread, strict=True)]
    rest_pull = math.fsum([*slope_pull, *(-mixed[label] * pull[label] / bend[label] for label in points)])
    rest_bend = math.fsum([*slope_bend, *(-(mixed[label] ** 2) / bend[label] for label in points)])
    tilt = rest_pull / rest_bend if is_slope_free else 0.0
    return {label: (pull[label] - mixed[label] * tilt) / bend[label] for label in points}, tilt, rest_bend


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
    """The chance that a prediction is right, per (label, score bin): chat of statistics.md §2, for estimates.

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
