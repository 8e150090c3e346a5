"""How good the sent chances are, from additive counts and the truth that arrived: statistics.md §4."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.reports import CalibrationBin, Figure
from metrics.stats.figures import RULE_OF_THREE, around, without_interval
from metrics.stats.intervals import DEFAULT_N_STAR, anytime_multiplier, no_data, still_needed, wilson
from metrics.stats.joint import FINE_BINS, Cell, Joint, JointKey

NAMES = ("auc", "average_precision", "brier", "log_loss", "ece")
ORDER_NAMES = ("auc", "average_precision")
N_GROUPS = 20
UNIT = "known truth"
TOO_COARSE = "the scores of a segment are kept too coarsely to put them in order"
ON_THE_EDGE = 1e-9  # a chance of 1 - 0.2 is 0.8, whatever its last bit says
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chances:
    """Stated chances of one event beside what happened, in bins of a thousandth of the chance.

    event: the label whose chance it is; empty: that the answer is right. n, chances, squares, losses: (2,
    1000), row 1 where the event happened: predictions, sums of their chances, of squared chances, and of
    -ln(chance given to what happened).
    """

    event: str
    n: Floats
    chances: Floats
    squares: Floats
    losses: Floats

    @property
    def total(self) -> int:
        return int(self.n.sum())

    @property
    def n_happened(self) -> int:
        return int(self.n[1].sum())


@dataclass(frozen=True, slots=True)
class ProbabilityEstimate:
    """figures: the five of NAMES. reliability: bars of equal mass. event: as in Chances."""

    figures: dict[str, Figure]
    reliability: list[CalibrationBin]
    event: str


def estimate_probabilities(
    joint: Mapping[JointKey, Cell],
    *,
    labels: Sequence[str],
    positive_label: str | None,
    n_star: int = DEFAULT_N_STAR,
    is_coarse: bool = False,
) -> ProbabilityEstimate:
    """How good the sent chances are, from all predictions that came with one and whose truth is known.

    joint: counts per (label, score bin of 1,000, truth); those without score or truth are not looked at.
    labels: the declared ones. Two of them and one is positive: the chance of the positive label, which is the
    score where it was answered and 1 - score where it was not; truths that are neither of the two are left
    out. Otherwise: the chance that the answer is right, and no AUC or average precision. is_coarse: the bins are
    folded to 20 (a segment's), which is too few to put chances in order.
    auc, average_precision in [0, 1]; brier in [0, 1]; log_loss in nats, from 0; ece in [0, 1].
    Nothing to say a figure from: no_data with a reason; the two of order need both classes.
    Not for scores that are no chances; not clustered by actor.
    Source: statistics.md §4; docs/statistics.md for the intervals.
    """
    found = chances_of(joint, labels=labels, positive_label=positive_label)
    why_not = TOO_COARSE if is_coarse else _why_no_order(found, labels, positive_label)
    if not found.total:
        reason = _why_nothing(joint)
        return ProbabilityEstimate(dict.fromkeys(NAMES, no_data(reason, "")), [], found.event)
    figures = {
        "auc": no_data(why_not, "delong") if why_not else _auc_figure(found, labels, n_star),
        "average_precision": no_data(why_not, "wilson") if why_not else _precision_figure(found, labels, n_star),
        "brier": _mean_figure(_squared_errors(found), found, limits=(0.0, 1.0), n_star=n_star),
        "log_loss": _mean_figure(found.losses, found, limits=(0.0, np.inf), n_star=n_star),
        "ece": _calibration_error(found),
    }
    return ProbabilityEstimate(figures, reliability(found), found.event)


def chances_of(joint: Mapping[JointKey, Cell], *, labels: Sequence[str], positive_label: str | None) -> Chances:
    """The chances of one event, folded from the joint counts. See estimate_probabilities."""
    cells = Joint.of(joint)
    declared = list(dict.fromkeys(labels))
    event = positive_label if positive_label in declared and len(declared) == 2 else None
    is_known = (cells.truth >= 0) & (cells.bin >= 0)
    if event is None:
        is_turned, happened = np.zeros(len(cells.n), bool), cells.label == cells.truth
    else:
        is_event, is_declared = (
            np.array([word in of for word in cells.words] + [False]) for of in ([event], declared)
        )
        is_known &= is_declared[cells.label] & is_declared[cells.truth]
        is_turned, happened = ~is_event[cells.label], is_event[cells.truth]
    n, (scores, squares, losses) = cells.n.astype(np.float64), cells.sums
    chances = np.where(is_turned, n - scores, scores)
    turned_squares = np.where(is_turned, n - 2 * scores + squares, squares)
    at = np.clip(chances / np.maximum(n, 1) * FINE_BINS + ON_THE_EDGE, 0, FINE_BINS - 1).astype(np.int64)
    place = (happened * FINE_BINS + at)[is_known]
    folded = [
        np.bincount(place, column[is_known], 2 * FINE_BINS).reshape(2, FINE_BINS).astype(np.float64)
        for column in (n, chances, turned_squares, losses)
    ]
    return Chances(event or "", *folded)


def _why_nothing(joint: Mapping[JointKey, Cell]) -> str:
    if not any(truth is not None for _, _, truth in joint):
        return "no truth has arrived yet"
    return "no prediction whose truth is known came with a score"


def _why_no_order(found: Chances, labels: Sequence[str], positive_label: str | None) -> str:
    if not found.event:
        if not positive_label:
            return "no positive label is set, so there is no chance of one class to put in order"
        return "it takes two declared labels, one of them positive, to put chances of one class in order"
    other = next(label for label in labels if label != found.event)
    if found.n_happened in (0, found.total):
        return f"all known truths are {found.event if found.n_happened else other}: one class has no order"
    return ""


def auc(n_negative: Floats, n_positive: Floats) -> tuple[float, float]:
    """Area under the ROC curve and its variance, from counts per bin of the chance, lowest bin first.

    n_negative, n_positive: (k,), each with a sum over 0. Ties within a bin count half. DeLong's variance from
    the placements of both classes: exact for binned chances. Raises ValueError for a class without items.
    Source: DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44(3), p. 837.
    """
    negatives, positives = n_negative.sum(), n_positive.sum()
    if not (negatives and positives):
        raise ValueError("both classes need an item")
    below = (np.cumsum(n_negative) - n_negative / 2) / negatives
    above = (positives - np.cumsum(n_positive) + n_positive / 2) / positives
    area = float((n_positive * below).sum() / positives)
    of_positives = (n_positive * (below - area) ** 2).sum() / max(1, positives - 1)
    of_negatives = (n_negative * (above - area) ** 2).sum() / max(1, negatives - 1)
    return area, float(of_positives / positives + of_negatives / negatives)


def average_precision(n_negative: Floats, n_positive: Floats) -> float:
    """Sum over thresholds of the gain in recall times precision, from counts per bin, lowest bin first.

    No interpolation. Raises ValueError without a positive item.
    Source: the definition of scikit-learn's average_precision_score.
    """
    positives = n_positive.sum()
    if not positives:
        raise ValueError("there is no positive item")
    hits, alarms = np.cumsum(n_positive[::-1]), np.cumsum(n_negative[::-1])
    flagged = hits + alarms
    precision = np.divide(hits, flagged, where=flagged > 0, out=np.zeros_like(hits))
    return float((n_positive[::-1] * precision).sum() / positives)


def _rarer(found: Chances, labels: Sequence[str]) -> tuple[int, str]:
    """How many predictions the rarer class has, and what they were."""
    other = next(label for label in labels if label != found.event)
    n_positive, n_negative = found.n_happened, found.total - found.n_happened
    return min((n_positive, f"truly {found.event}"), (n_negative, f"truly {other}"))


def _auc_figure(found: Chances, labels: Sequence[str], n_star: int) -> Figure:
    area, variance = auc(found.n[0], found.n[1])
    n_rarer, domain = _rarer(found, labels)
    variance += (RULE_OF_THREE / n_rarer) ** 2
    return around(
        area, variance, n=found.total, n_dom=n_rarer, method="delong", limits=(0, 1), domain=domain, n_star=n_star
    )


def _precision_figure(found: Chances, labels: Sequence[str], n_star: int) -> Figure:
    """Wilson of as many trials as positives: the binomial interval of Boyd, Eng & Page 2013, ECML PKDD, p. 451."""
    value, n = average_precision(found.n[0], found.n[1]), found.n_happened
    low, high = wilson(value * n, n)
    wide_low, wide_high = wilson(value * n, n, z=anytime_multiplier(found.total, n_star))
    n_rarer, domain = _rarer(found, labels)
    reason = still_needed(n_counted=found.total, n_dom=n_rarer, unit=UNIT, domain=domain)
    state = "collecting" if reason else "measured"
    return Figure(value, low, high, wide_low, wide_high, n, "wilson", state, reason)  # type: ignore[arg-type]


def _squared_errors(found: Chances) -> Floats:
    """(2, 1000): sums of (chance - what happened)²."""
    missed = found.n[1] - 2 * found.chances[1] + found.squares[1]
    sums: Floats = np.maximum(0.0, np.stack([found.squares[0], missed]))
    return sums


def _mean_figure(sums: Floats, found: Chances, *, limits: tuple[float, float], n_star: int) -> Figure:
    """A mean of losses with the variance between bins: within a thousandth of the chance they hardly differ."""
    n = found.total
    mean = float(sums.sum() / n)
    squares = float(np.divide(sums**2, found.n, where=found.n > 0, out=np.zeros_like(sums)).sum())
    variance = max(0.0, squares / n - mean**2) / n + (RULE_OF_THREE / n) ** 2
    return around(mean, variance, n=n, n_dom=n, method="normal", limits=limits, n_star=n_star)


def _calibration_error(found: Chances) -> Figure:
    """ECE: mean over groups of equal mass of |mean chance - share that happened|. Biased upwards: no interval."""
    group, mass = _groups(found)
    gap = np.bincount(group, found.chances.sum(axis=0)[mass] - found.n[1][mass])
    n = found.total
    reason = still_needed(n_counted=n, n_dom=n, unit=UNIT)
    return without_interval(float(np.abs(gap).sum() / n), n=n, method="equal_mass", reason=reason)


def _groups(found: Chances) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(group of each bin that holds predictions, those bins): 20 of equal mass, a bin is never split."""
    n = found.n.sum(axis=0)
    mass = np.flatnonzero(n)
    middle = (np.cumsum(n) - n / 2)[mass] / n.sum()
    return np.minimum(N_GROUPS - 1, (N_GROUPS * middle).astype(np.int64)), mass


def reliability(found: Chances) -> list[CalibrationBin]:
    """Share that happened beside the mean chance, in at most 20 groups of equal mass, with Wilson bars.

    low, high of a bar: the chances that it holds. n: its predictions. Fewer groups where many share a bin.
    Nothing counted -> [].
    """
    if not found.total:
        return []
    group, mass = _groups(found)
    bars = []
    for at in np.unique(group):
        bins = mass[group == at]
        n, happened = int(found.n[:, bins].sum()), int(found.n[1, bins].sum())
        low, high = wilson(happened, n)
        mean = float(found.chances[:, bins].sum() / n)
        edges = int(bins[0]) / FINE_BINS, (int(bins[-1]) + 1) / FINE_BINS
        bars.append(CalibrationBin(*edges, n, mean, happened / n, low, high))
    return bars
