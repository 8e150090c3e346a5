"""From a handful of reviews to honest figures: statistics.md §2 and §3, for labels."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.reports import CalibrationBin, Confusion, Figure
from metrics.stats.intervals import (
    DEFAULT_N_STAR,
    Z95,
    anytime_multiplier,
    clip,
    no_data,
    still_needed,
    top_figures,
    wilson,
)
from metrics.stats.sample import (
    CANNOT_JUDGE,
    Cell,
    CountedItem,
    Floats,
    JudgedSample,
    Population,
    Rows,
    judged_sample,
)
from reviews.draw import RIGHT_VALUE

__all__ = ["Cell", "CountedItem", "Population", "ReviewedEstimate", "estimate_reviewed"]

N_BINS = 20
NOTHING = 1e-9  # a total in predictions; below this it is rounding, and nothing to divide by


@dataclass(frozen=True, slots=True)
class ReviewedEstimate:
    """All figures of one population. counted: items, undecided ones included; decided: without those.

    undecided_share: estimated share of the population that nobody could judge. accuracy_bounds: accuracy if
    all of those were wrong, and if all were right. accuracy_variance: v, for reviews_to_go. None: nothing to
    say it from. reason: why there is no figure at all, else empty.
    """

    population: int
    counted: int
    decided: int
    undecided_share: float | None
    accuracy_bounds: tuple[float, float] | None
    accuracy_variance: float | None
    metrics: dict[str, Figure]
    per_label: dict[str, dict[str, Figure]]
    confusion: Confusion | None
    calibration: list[CalibrationBin]
    reason: str


def estimate_reviewed(
    population: Population,
    items: Sequence[CountedItem],
    *,
    labels: Sequence[str],
    positive_label: str | None,
    n_star: int = DEFAULT_N_STAR,
    share_with_actor: float = 0.0,
) -> ReviewedEstimate:
    """How good a model is on a population of which a probability sample was reviewed.

    population: covered cohorts only, as counts and score sums per (label, score bin). items: all counted
    items, in any order. labels: those of the version; others that occur are added behind, all but the 50 most
    frequent as "other labels" in the table and without figures of their own. positive_label: the class that the
    top precision, recall and F1 speak of. n_star: the policy's target count.
    share_with_actor: share of the population that names its actor; over 0.5 the variance is clustered.
    Nothing counted, or nothing in a metric's domain: that figure is no_data with a reason, not 0 or NaN.
    Raises ValueError for an unknown verdict or p outside (0, 1]. Not for targeted, gold or audit items, nor
    for items at or above their cohort's threshold: they have no known inclusion probability.
    Source: statistics.md §2, §3; Särndal, Swensson & Wretman 1992, ch. 6; docs/statistics.md for choices.
    """
    sample = judged_sample(
        population, items, labels=labels, positive_label=positive_label, is_clustered=share_with_actor > 0.5
    )
    accuracy, variance = _accuracy(sample, n_star)
    per_label = {
        label: _label_figures(sample, at, n_star) for at, label in enumerate(sample.labels) if at != sample.other
    }
    undecided = _share_undecided(items)
    return ReviewedEstimate(
        population=sample.n_population,
        counted=sample.n_counted,
        decided=len(sample.p),
        undecided_share=undecided,
        accuracy_bounds=_bounds(accuracy.value, undecided),
        accuracy_variance=variance,
        metrics={"accuracy": accuracy, **top_figures(per_label, positive_label, sample.method)},
        per_label=per_label,
        confusion=None if sample.empty_reason else _confusion(sample),
        calibration=_calibration(population, [item for item in items if item.verdict != CANNOT_JUDGE]),
        reason=sample.empty_reason,
    )


def _figure(
    sample: JudgedSample, *, value: float, variance: float, n_dom: int, n_star: int, domain: str = ""
) -> Figure:
    spread = math.sqrt(variance)
    wide = spread * anytime_multiplier(sample.n_counted, n_star)
    reason = still_needed(n_counted=sample.n_counted, n_dom=n_dom, unit="review", domain=domain)
    return Figure(
        value=clip(value),
        low=clip(value - Z95 * spread),
        high=clip(value + Z95 * spread),
        anytime_low=clip(value - wide),
        anytime_high=clip(value + wide),
        n=n_dom,
        method=sample.method,
        state="collecting" if reason else "measured",
        reason=reason,
    )


def _accuracy(sample: JudgedSample, n_star: int) -> tuple[Figure, float | None]:
    if sample.empty_reason:
        return no_data(sample.empty_reason, sample.method), None
    total, residual = sample.total(sample.right, lambda rows: rows.right)
    n = len(residual)
    variance = sample.variance(residual / sample.n_population, n)
    value = total / sample.n_population
    return _figure(sample, value=value, variance=variance, n_dom=n, n_star=n_star), variance


def _label_figures(sample: JudgedSample, at: int, n_star: int) -> dict[str, Figure]:
    """precision, recall and f1 of one label: a part over a whole, each a sum of tp, fp and fn."""
    if sample.empty_reason:
        return {name: no_data(sample.empty_reason, sample.method) for name in ("precision", "recall", "f1")}
    label = sample.labels[at]
    is_predicted = sample.items.predicted == at
    is_missed = ~is_predicted & (sample.true == at)
    is_true = is_missed | (is_predicted & (sample.right > 0))
    tp, d_tp = sample.total(is_predicted * sample.right, lambda r: (r.predicted == at) * r.right)
    fp, d_fp = sample.total(is_predicted * (1 - sample.right), lambda r: (r.predicted == at) * r.wrong)
    fn, d_fn = sample.total(
        is_missed * (1 - sample.right),
        lambda r: (r.predicted != at) * r.wrong * sample.truth_shares[r.predicted, at],
    )

    def ratio(part: float, whole: float, influence: Callable[[float], Floats], n_dom: int, domain: str) -> Figure:
        if n_dom == 0 or whole <= NOTHING:
            return no_data(_why_nothing(sample, at, n_dom, domain), sample.method)
        value = part / whole
        variance = sample.variance(influence(value) / whole, n_dom)
        return _figure(sample, value=value, variance=variance, n_dom=n_dom, n_star=n_star, domain=domain)

    n_predicted, n_true, n_either = (int(d.sum()) for d in (is_predicted, is_true, is_predicted | is_true))
    return {
        "precision": ratio(tp, tp + fp, lambda v: (1 - v) * d_tp - v * d_fp, n_predicted, f"predicted {label}"),
        "recall": ratio(tp, tp + fn, lambda v: (1 - v) * d_tp - v * d_fn, n_true, f"truly {label}"),
        "f1": ratio(
            2 * tp,
            2 * tp + fp + fn,
            lambda v: 2 * (1 - v) * d_tp - v * (d_fp + d_fn),
            n_either,
            f"predicted or truly {label}",
        ),
    }


def _why_nothing(sample: JudgedSample, at: int, n_dom: int, domain: str) -> str:
    if n_dom:
        return f"too few reviews yet of what was {domain}"
    is_in_population = sample.cells.weight[sample.cells.predicted == at].sum() > 0
    if domain == f"predicted {sample.labels[at]}" and not is_in_population:
        return f"nothing was {domain}"
    return f"none of the reviewed predictions was {domain}"


def _share_undecided(items: Sequence[CountedItem]) -> float | None:
    if not items:
        return None
    undecided = math.fsum(1 / item.p for item in items if item.verdict == CANNOT_JUDGE)
    return undecided / math.fsum(1 / item.p for item in items)


def _bounds(accuracy: float | None, undecided: float | None) -> tuple[float, float] | None:
    if accuracy is None or undecided is None:
        return None
    return clip(accuracy * (1 - undecided)), clip(accuracy * (1 - undecided) + undecided)


def _confusion(sample: JudgedSample) -> Confusion:
    """The difference estimator cell by cell, so that the table and the figures per label cannot disagree.

    Where the rare labels share a row, one of them taken for another stands on the diagonal: no label of its own.
    """
    n_labels, items = len(sample.labels), sample.items

    def forecast(rows: Rows) -> npt.NDArray[np.float64]:
        right = np.bincount(rows.predicted, rows.weight * rows.right, n_labels)
        wrong = np.bincount(rows.predicted, rows.weight * rows.wrong, n_labels)
        return np.diag(right) + wrong[:, None] * sample.truth_shares

    judged = np.diag(np.bincount(items.predicted, items.weight * sample.right, n_labels))
    is_miss = (sample.true != items.predicted) | ((sample.true == sample.other) & (sample.right < 1))
    miss = np.flatnonzero((sample.true >= 0) & is_miss)
    np.add.at(judged, (items.predicted[miss], sample.true[miss]), items.weight[miss] * (1 - sample.right[miss]))
    totals = forecast(sample.cells) + sample.scale * (judged - forecast(items))
    return Confusion(sample.labels, np.clip(totals / sample.n_population, 0, 1).tolist(), is_share=True)


def _calibration(population: Population, decided: Sequence[CountedItem]) -> list[CalibrationBin]:
    """Share right per score bin, Wilson interval at Kish's effective number; without an item: no bar."""
    bars = []
    for at in sorted({item.bin for item in decided if item.bin is not None}):
        judged = [item for item in decided if item.bin == at]
        weight = math.fsum(1 / item.p for item in judged)
        share = min(1.0, math.fsum(RIGHT_VALUE[item.verdict] / item.p for item in judged) / weight)
        n_effective = weight**2 / math.fsum(1 / item.p**2 for item in judged)
        cells = [cell for (_, bin_), cell in population.items() if bin_ == at]
        n = sum(count for count, _ in cells)
        mean_score = math.fsum(score_sum for _, score_sum in cells) / n if n else (at + 0.5) / N_BINS
        low, high = wilson(share * n_effective, n_effective)
        bars.append(CalibrationBin(at / N_BINS, (at + 1) / N_BINS, len(judged), mean_score, share, low, high))
    return bars
