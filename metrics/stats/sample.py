"""A probability sample with its judgments, and what could be forecast without them (statistics.md §2)."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from metrics.stats.labels import OTHER_LABELS, named_labels
from reviews.draw import RIGHT_VALUE, calibrate

Cell: TypeAlias = tuple[str, int | None]  # predicted label, score bin (None: no score was sent)
Population: TypeAlias = Mapping[Cell, tuple[int, float]]  # predictions in the cell, sum of their scores
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

CANNOT_JUDGE = "cannot_judge"
RULE_OF_THREE = 1.5  # 1.5 / n: half of the 3 / n that bounds the rate of what n items never showed


@dataclass(frozen=True, slots=True)
class CountedItem:
    """One item below its cohort's threshold.

    bin: score bin of 20, None without a score. p: inclusion probability, in (0, 1]. verdict: right, wrong,
    partly or cannot_judge. truth: the corrected label of a wrong or partly right one, None when nobody gave
    it; not looked at when right. actor: as sent with the prediction. segments: those it belongs to, "KEY:VALUE".
    """

    label: str
    bin: int | None
    p: float
    verdict: str
    truth: str | None = None
    actor: str | None = None
    segments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rows:
    """Cells of the population, or decided items.

    predicted: place of the label. weight: predictions that the row stands for (count of the cell, or 1/p).
    right, wrong: chance forecast for the row, both 0 when scores are missing on more than half.
    """

    predicted: Ints
    weight: Floats
    right: Floats
    wrong: Floats


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """What all metrics share. right, true, p, cluster run over the decided items, as `items` does.

    stretch: by how much each decided item stands for undecided ones too, >= 1: 1 / the share that was decided.
    other: place of the labels too rare to be told apart, the last one; -1 where there are none.
    true: place of the true label, -1 when not known. truth_shares: (predicted, true), what a wrong answer is
    forecast to be in truth. cluster: number of the group whose errors may hang together.
    empty_reason: why nothing can be estimated at all; the arrays are then not to be used.
    """

    labels: list[str]
    other: int
    n_population: int
    n_counted: int
    stretch: float
    method: str
    empty_reason: str
    cells: Rows
    items: Rows
    right: Floats
    true: Ints
    p: Floats
    cluster: Ints
    truth_shares: Floats

    @property
    def scale(self) -> float:
        """N / Nhat."""
        return self.n_population / float(self.items.weight.sum())

    def total(self, z: Floats, forecast: Callable[[Rows], Floats]) -> tuple[float, Floats]:
        """T_z floored at 0, and z - zhat of every decided item."""
        residual = z - forecast(self.items)
        of_cells = (self.cells.weight * forecast(self.cells)).sum()
        return max(0.0, float(of_cells + self.scale * (residual / self.p).sum())), residual

    def variance(self, influence: Floats, n_dom: int) -> float:
        """v of a metric from the influence u of every decided item; n_dom >= 1.

        The stretch is what N / Nhat is to the total: without it many undecided make v too small (docs/decisions,
        0012). It is 1 when nothing is undecided.
        """
        mean = (influence / self.p).sum() / self.items.weight.sum()
        parts = np.bincount(self.cluster, self.stretch * np.sqrt(1 - self.p) / self.p * (influence - mean))
        return float((parts**2).sum()) + (RULE_OF_THREE / n_dom) ** 2


def judged_sample(
    population: Population,
    items: Sequence[CountedItem],
    *,
    labels: Sequence[str],
    positive_label: str | None,
    is_clustered: bool,
) -> JudgedSample:
    """The sample as arrays. See estimate_reviewed for the arguments.

    An item whose cell the population lacks (its summary lags behind) is forecast from 0.5.
    Raises ValueError for an unknown verdict or p outside (0, 1].
    """
    if unknown := {item.verdict for item in items} - {*RIGHT_VALUE, CANNOT_JUDGE}:
        raise ValueError(f"no verdict called {', '.join(sorted(unknown))}")
    if any(not 0 < item.p <= 1 for item in items):
        raise ValueError("inclusion probabilities must lie in (0, 1]")
    decided = [item for item in items if item.verdict != CANNOT_JUDGE]
    declared = [*dict.fromkeys(labels)]
    truths = [_true_label(item, declared) for item in decided]
    place, names, other = _places(population, decided, truths, declared, positive_label)

    n_population = sum(count for count, _ in population.values())
    n_without_score = sum(count for (_, bin_), (count, _) in population.items() if bin_ is None)
    is_forecast = 2 * n_without_score <= n_population
    chances = _chances(population, decided)

    def rows(cells: Sequence[Cell], weight: Floats) -> Rows:
        chance = np.array([chances[cell] for cell in cells], dtype=np.float64)
        predicted = np.array([place[label] for label, _ in cells], dtype=np.int64)
        return Rows(predicted, weight, chance * is_forecast, (1 - chance) * is_forecast)

    p = np.array([item.p for item in decided], dtype=np.float64)
    right = np.array([RIGHT_VALUE[item.verdict] for item in decided], dtype=np.float64)
    true = np.array([-1 if truth is None else place[truth] for truth in truths], dtype=np.int64)
    counts = np.array([count for count, _ in population.values()], dtype=np.float64)
    weight = math.fsum(1 / item.p for item in items)
    item_rows = rows([(item.label, item.bin) for item in decided], 1 / p)
    return JudgedSample(
        labels=names,
        other=other,
        n_population=n_population,
        n_counted=len(items),
        stretch=weight / math.fsum(1 / item.p for item in decided) if decided else 1.0,
        method="greg" if is_forecast else "hajek",
        empty_reason=_empty_reason(n_population, len(items), len(decided)),
        cells=rows([*population], counts),
        items=item_rows,
        right=right,
        true=true,
        p=p,
        cluster=_clusters(decided, is_clustered),
        truth_shares=_truth_shares(item_rows, right, true, n_labels=len(names), is_binary=len(declared) == 2),
    )


def _places(
    population: Population,
    decided: Sequence[CountedItem],
    truths: Sequence[str | None],
    declared: Sequence[str],
    positive_label: str | None,
) -> tuple[dict[str, int], list[str], int]:
    """The place of every label that occurs, the labels' names by place, and the place of the rare ones or -1."""
    weights: defaultdict[str, float] = defaultdict(float)
    for (label, _), (count, _) in population.items():
        weights[label] += count
    for item, truth in zip(decided, truths, strict=True):
        weights[item.label] += 0  # its cell may be missing from the population
        if truth is not None and truth != item.label:
            weights[truth] += 1 / item.p
    if positive_label is not None:
        weights[positive_label] = math.inf
    names, has_others = named_labels(weights, first=declared)
    place = {label: at for at, label in enumerate(names)}
    if not has_others:
        return place, names, -1
    other = len(names)
    return dict.fromkeys(weights, other) | place, [*names, OTHER_LABELS], other


def _true_label(item: CountedItem, declared: Sequence[str]) -> str | None:
    """The true label as far as it is known; a wrong answer of two leaves only the other."""
    if item.verdict == "right":
        return item.label
    if item.truth is not None and (item.verdict == "partly" or item.truth != item.label):
        return item.truth
    if item.verdict == "wrong" and len(declared) == 2 and item.label in declared:
        return declared[1 - declared.index(item.label)]
    return None


def _empty_reason(n_population: int, n_counted: int, n_decided: int) -> str:
    if not n_counted:
        return "no reviews counted yet"
    if not n_population:
        return "no prediction in the days that reviews cover"
    return "" if n_decided else "nobody could judge any of the reviewed predictions"


def _chances(population: Population, decided: Sequence[CountedItem]) -> dict[Cell, float]:
    scores: dict[Cell, float | None] = {(item.label, item.bin): None for item in decided}
    for cell, (count, score_sum) in population.items():
        scores[cell] = score_sum / count if count and cell[1] is not None else None
    return calibrate([(i.label, i.bin, RIGHT_VALUE[i.verdict], i.p) for i in decided], scores)


def _clusters(decided: Sequence[CountedItem], is_clustered: bool) -> Ints:
    """Items of one actor share a number; without clustering, or without an actor, each stands alone."""
    numbers: dict[str | int, int] = {}
    keys = [item.actor if is_clustered and item.actor else at for at, item in enumerate(decided)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _truth_shares(items: Rows, right: Floats, true: Ints, *, n_labels: int, is_binary: bool) -> Floats:
    """Weighted share of each truth among the wrong items of a predicted label; of two: the other."""
    shares = np.zeros((n_labels, n_labels))
    if is_binary:
        shares[:, :2] = 1
        np.fill_diagonal(shares, 0)
        return shares
    is_wrong = right == 0
    wrong = np.bincount(items.predicted[is_wrong], items.weight[is_wrong], n_labels)
    is_known = is_wrong & (true >= 0)
    np.add.at(shares, (items.predicted[is_known], true[is_known]), items.weight[is_known])
    return shares / np.where(wrong > 0, wrong, 1)[:, None]
