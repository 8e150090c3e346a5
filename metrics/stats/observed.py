"""Figures from truth that arrived by itself: statistics.md §4, for labels."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from metrics.reports import CalibrationBin, Confusion, Figure
from metrics.stats.intervals import (
    DEFAULT_N_STAR,
    anytime_multiplier,
    no_data,
    still_needed,
    top_figures,
    wilson,
)
from metrics.stats.labels import OTHER_LABELS, named_labels

METHOD = "wilson"
N_BINS = 20


@dataclass(frozen=True, slots=True)
class ObservedEstimate:
    """All figures of one population. counted: predictions whose truth arrived; coverage: their share.

    coverage None: no predictions. reason: why there is no figure at all, else empty.
    """

    population: int
    counted: int
    coverage: float | None
    metrics: dict[str, Figure]
    per_label: dict[str, dict[str, Figure]]
    confusion: Confusion | None
    calibration: list[CalibrationBin] = field(default_factory=list)
    reason: str = ""


def estimate_observed(
    confusion: Mapping[tuple[str, str], int],
    *,
    population: int,
    labels: Sequence[str],
    positive_label: str | None,
    n_star: int = DEFAULT_N_STAR,
    score_bins: Mapping[tuple[int | None, bool], tuple[int, float]] = MappingProxyType({}),
) -> ObservedEstimate:
    """How good a model is, from all predictions whose truth is known.

    confusion: (predicted label, truth) -> predictions. population: all predictions, with truth or without.
    labels, positive_label, n_star: as in estimate_reviewed. score_bins: (score bin of 20, was it right) ->
    predictions and the sum of their scores; bin None (no score sent) is left out of the calibration.
    Wilson intervals; the anytime twin is Wilson with z = b(predictions with truth). F1 goes through Jaccard's
    J = tp / (tp + fp + fn), a proportion, and F1 = 2 J / (1 + J) with both ends. Nothing in a metric's
    domain: no_data with a reason, never 0, never NaN. Raises ValueError for a negative count.
    Not for truth that comes more readily for some predictions than for others; not clustered by actor.
    Source: statistics.md §4; Wilson 1927.
    """
    if any(count < 0 for count in confusion.values()):
        raise ValueError("counts must not be negative")
    n = sum(confusion.values())
    own_labels, has_others = _own_labels(confusion, labels, positive_label)
    right = sum(count for (label, truth), count in confusion.items() if label == truth)
    table = _merged(confusion, {*own_labels}) if has_others else confusion
    per_label = {label: _label_figures(table, label, n, n_star) for label in own_labels}
    return ObservedEstimate(
        population=population,
        counted=n,
        coverage=n / population if population else None,
        metrics={
            "accuracy": _figure(right, n, n=n, n_star=n_star),
            **top_figures(per_label, positive_label, METHOD),
        },
        per_label=per_label,
        confusion=_table(table, [*own_labels, *[OTHER_LABELS] * has_others]) if n else None,
        calibration=_calibration(score_bins),
        reason="" if n else "no truth has arrived yet",
    )


def _own_labels(
    confusion: Mapping[tuple[str, str], int], labels: Sequence[str], positive_label: str | None
) -> tuple[list[str], bool]:
    weights: defaultdict[str, float] = defaultdict(float)
    for pair, count in confusion.items():
        for label in pair:
            weights[label] += count
    if positive_label is not None:
        weights[positive_label] = math.inf
    return named_labels(weights, first=labels)


def _merged(confusion: Mapping[tuple[str, str], int], own: Set[str]) -> dict[tuple[str, str], int]:
    """The same with one place for all labels that have none of their own."""
    merged: defaultdict[tuple[str, str], int] = defaultdict(int)
    for (label, truth), count in confusion.items():
        merged[label if label in own else OTHER_LABELS, truth if truth in own else OTHER_LABELS] += count
    return dict(merged)


def _label_figures(confusion: Mapping[tuple[str, str], int], label: str, n: int, n_star: int) -> dict[str, Figure]:
    tp = confusion.get((label, label), 0)
    fp = sum(count for (predicted, truth), count in confusion.items() if predicted == label != truth)
    fn = sum(count for (predicted, truth), count in confusion.items() if truth == label != predicted)
    return {
        "precision": _figure(tp, tp + fp, n=n, n_star=n_star, domain=f"predicted {label}"),
        "recall": _figure(tp, tp + fn, n=n, n_star=n_star, domain=f"truly {label}"),
        "f1": _from_jaccard(_figure(tp, tp + fp + fn, n=n, n_star=n_star, domain=f"predicted or truly {label}")),
    }


def _figure(successes: int, trials: int, *, n: int, n_star: int, domain: str = "") -> Figure:
    """A proportion. trials: its domain; n: all predictions with truth."""
    if n == 0:
        return no_data("no truth has arrived yet", METHOD)
    if trials == 0:
        return no_data(f"nothing with known truth was {domain}", METHOD)
    low, high = wilson(successes, trials)
    wide_low, wide_high = wilson(successes, trials, z=anytime_multiplier(n, n_star))
    reason = still_needed(n_counted=n, n_dom=trials, unit="known truth", domain=domain)
    return Figure(
        value=successes / trials,
        low=low,
        high=high,
        anytime_low=wide_low,
        anytime_high=wide_high,
        n=trials,
        method=METHOD,
        state="collecting" if reason else "measured",
        reason=reason,
    )


def _from_jaccard(jaccard: Figure) -> Figure:
    """F1 with its interval from those of J: 2 J / (1 + J) grows with J, so ends stay ends."""

    def f1(j: float | None) -> float | None:
        return None if j is None else 2 * j / (1 + j)

    return replace(
        jaccard,
        value=f1(jaccard.value),
        low=f1(jaccard.low),
        high=f1(jaccard.high),
        anytime_low=f1(jaccard.anytime_low),
        anytime_high=f1(jaccard.anytime_high),
    )


def _table(confusion: Mapping[tuple[str, str], int], labels: list[str]) -> Confusion:
    rows = [[float(confusion.get((label, truth), 0)) for truth in labels] for label in labels]
    return Confusion(labels, rows, is_share=False)


def _calibration(score_bins: Mapping[tuple[int | None, bool], tuple[int, float]]) -> list[CalibrationBin]:
    bars = []
    for at in sorted({bin_ for bin_, _ in score_bins if bin_ is not None}):
        n_right, right_scores = score_bins.get((at, True), (0, 0.0))
        n_wrong, wrong_scores = score_bins.get((at, False), (0, 0.0))
        if n := n_right + n_wrong:
            low, high = wilson(n_right, n)
            mean_score = (right_scores + wrong_scores) / n
            bars.append(CalibrationBin(at / N_BINS, (at + 1) / N_BINS, n, mean_score, n_right / n, low, high))
    return bars
