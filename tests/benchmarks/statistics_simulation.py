"""Reviews simulated many times over: draw, judge in queue order, estimate. Vectorised for two labels.

A second implementation of what reviews.actions.draw and metrics.stats.reviewed do, fast enough for hundreds of
runs; tests/stats/test_statistics_simulation.py holds it to them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import NamedTuple

import numpy as np

from metrics.stats.intervals import Z95

BINS, NO_SCORE = 20, 20
N_CELLS = 2 * (BINS + 1)
IS_POSITIVE = np.repeat([False, True], BINS + 1)  # cell = 21 * is predicted positive + score bin
IS_WITHOUT_SCORE = np.arange(N_CELLS) % (BINS + 1) == NO_SCORE
PRIOR, FIRST_RECALL, ENOUGH_TO_CALIBRATE, DAYS_OF_HISTORY = 5.0, 0.5, 50, 7
SUREST, NEWTON_STEPS = 0.999, 25
LEAST_SHARE, HEAVIEST, RULE_OF_THREE = 1e-6, 50.0, 1.5
METRICS = ("accuracy", "precision", "recall")


@dataclass(frozen=True)
class World:
    """Predictions of two labels in the order of their days, with what is true of them.

    positive: predicted so. score: sent chance that the prediction is right, NaN where none. right: whether it is.
    day: 0, 1, ... ascending, without a gap.
    """

    positive: np.ndarray
    score: np.ndarray
    right: np.ndarray
    day: np.ndarray

    def __post_init__(self) -> None:
        fine = np.minimum(np.nan_to_num(self.score, nan=0.0) * 1_000, 999).astype(int)
        bin_ = np.where(np.isnan(self.score), NO_SCORE, fine * BINS // 1_000)
        cut = np.clip(np.where(np.isnan(self.score), 0.5, self.score), 1 - SUREST, SUREST)
        object.__setattr__(self, "log_odds", np.log(cut / (1 - cut)))
        object.__setattr__(self, "cell", self.positive.astype(int) * (BINS + 1) + bin_)
        object.__setattr__(self, "starts", np.searchsorted(self.day, np.arange(self.day[-1] + 2)))
        object.__setattr__(self, "of_day", [self._traffic(day) for day in range(self.n_days)])

    @property
    def n_days(self) -> int:
        return int(self.day[-1]) + 1

    def days(self, first: int, end: int) -> slice:
        return slice(self.starts[first], self.starts[end])

    def _traffic(self, day: int) -> "Traffic":
        part = self.days(day, day + 1)
        cell, score, positive = self.cell[part], np.nan_to_num(self.score[part], nan=0.0), self.positive[part]
        right = self.right[part] > 0
        truly = np.array([right.sum(), (positive & right).sum(), positive.sum(), (~positive & ~right).sum()])
        return Traffic(
            np.bincount(cell, minlength=N_CELLS).astype(float), np.bincount(cell, score, N_CELLS), truly
        )

    def with_scores(self, score: np.ndarray) -> "World":
        return replace(self, score=score)


class Traffic(NamedTuple):
    """Predictions and sums of scores by cell; and how many are right, hits, predicted positive, and misses."""

    count: np.ndarray
    score_sum: np.ndarray
    truly: np.ndarray

    def plus(self, other: "Traffic") -> "Traffic":
        return Traffic(*(mine + its for mine, its in zip(self, other, strict=True)))

    @property
    def mean_scores(self) -> np.ndarray:
        return np.where(IS_WITHOUT_SCORE | (self.count == 0), 0.5, self.score_sum / np.maximum(self.count, 1))

    @property
    def truth(self) -> dict[str, float]:
        right, hits, positive, missed = self.truly
        true = hits + missed
        return {
            "accuracy": right / self.count.sum(),
            "precision": hits / positive if positive else np.nan,
            "recall": hits / true if true else np.nan,
        }


NO_TRAFFIC = Traffic(np.zeros(N_CELLS), np.zeros(N_CELLS), np.zeros(4))


class Items(NamedTuple):
    """Reviewed predictions: their places in the world, weights w and inclusion probabilities."""

    at: np.ndarray
    w: np.ndarray
    p: np.ndarray


class Found(NamedTuple):
    """A figure: its value, its variance v and the items in its domain; NaN where the sample says nothing of it."""

    value: float
    variance: float
    n: int

    def half_width(self, multiplier: float = Z95) -> float:
        return multiplier * self.variance**0.5


def calibrated(cell: np.ndarray, right: np.ndarray, p: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """chat of each cell. mean: its mean score, 0.5 where none was sent."""
    share = 1 / p / (1 / p).mean() if len(p) else p
    up = np.bincount(cell, share * right, N_CELLS) + PRIOR * mean
    return np.clip(up / (np.bincount(cell, share, N_CELLS) + PRIOR), 0, 1)


def estimates(traffic: Traffic, cell: np.ndarray, right: np.ndarray, p: np.ndarray) -> dict[str, Found]:
    """Accuracy, and precision and recall of the positive label: statistics.md §2 for two labels, all decided."""
    count, chat = traffic.count, calibrated(cell, right, p, traffic.mean_scores)
    n_population, weight = count.sum(), 1 / p
    is_forecast = 2 * count[IS_WITHOUT_SCORE].sum() <= n_population
    chance, wrong = chat * is_forecast, (1 - chat) * is_forecast
    n_hat, positive = weight.sum(), IS_POSITIVE[cell]
    scale = n_population / n_hat

    def total(z: np.ndarray, forecast: np.ndarray) -> tuple[float, np.ndarray]:
        residual = z - forecast[cell]
        return max(0.0, count @ forecast + scale * (residual * weight).sum()), residual

    def variance(influence: np.ndarray, n_dom: int) -> float:
        centred = influence - (influence * weight).sum() / n_hat
        return float(((1 - p) * (weight * centred) ** 2).sum() + (RULE_OF_THREE / n_dom) ** 2)

    right_total, d_right = total(right, chance)
    tp, d_tp = total(positive * right, chance * IS_POSITIVE)
    fp, d_fp = total(positive * (1 - right), wrong * IS_POSITIVE)
    fn, d_fn = total(~positive * (1 - right), wrong * ~IS_POSITIVE)
    n_predicted, n_true = int(positive.sum()), int((positive == (right > 0)).sum())
    found = {"accuracy": Found(right_total / n_population, variance(d_right / n_population, len(p)), len(p))}
    for name, other, d_other, n_dom in (("precision", fp, d_fp, n_predicted), ("recall", fn, d_fn, n_true)):
        if not n_dom or tp + other <= 1e-9:
            found[name] = Found(np.nan, np.nan, n_dom)
            continue
        value = tp / (tp + other)
        v = variance(((1 - value) * d_tp - value * d_other) / (tp + other), n_dom)
        found[name] = Found(value, v, n_dom)
    return found


def informativeness(
    design: str, positive: np.ndarray, chance: np.ndarray, traffic: tuple[float, float, float]
) -> np.ndarray:
    """g of every prediction. traffic: share predicted positive, share expected to be so, present recall."""
    deviation = np.sqrt(chance * (1 - chance))
    predicted_share, positive_share, recall = traffic
    if design == "uniform":
        return np.ones(len(chance))
    if design == "uncertainty":
        return deviation
    if design == "balanced":
        return 1 / np.maximum(np.where(positive, predicted_share, 1 - predicted_share), LEAST_SHARE)
    on_precision = positive / max(predicted_share, LEAST_SHARE)
    on_recall = np.abs(positive - recall) / max(positive_share, LEAST_SHARE)
    return deviation * np.hypot(on_precision, on_recall)


def weights(g: np.ndarray, gbar: float) -> np.ndarray:
    return np.minimum(HEAVIEST, 0.9 * g / gbar + 0.1) if gbar > 0 else np.ones(len(g))


def cap(w: np.ndarray, per_prediction: float, wanted: float) -> float:
    """k_cap by Newton's steps, as reviews.draw.rate_cap. per_prediction: what each of the weights stands for."""
    if wanted >= per_prediction * len(w):
        return np.inf
    k = 0.0
    for _ in range(200):
        left = np.exp(-k * w)
        step = (wanted - per_prediction * (1 - left).sum()) / (per_prediction * (w * left).sum())
        if step <= 1e-13 * k or step <= 0:
            break
        k += step
    return k


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


def fitted(x: np.ndarray, positive: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, float]:
    """Intercepts of the negative and of the positive label, and the slope: reviews.draw.fit_calibration."""
    label = positive.astype(int)
    means = np.bincount(label, x, 2) / np.maximum(np.bincount(label, minlength=2), 1)
    columns = np.column_stack([~positive, positive, x - means[label]]).astype(float)
    line, reached, variance = _climbed(columns, right, np.append(means, 1.0))
    _, of_flat, _ = _climbed(columns[:, :2], right, means)
    slope = line[2] * float(logistic(np.array(reached + 0.5 * np.log(variance) - of_flat)))
    levels, *_ = _climbed(columns[:, :2], right, means, slope * columns[:, 2])
    return levels - slope * means, float(slope)


def _climbed(
    columns: np.ndarray, right: np.ndarray, start: np.ndarray, known: np.ndarray | float = 0.0
) -> tuple[np.ndarray, float, float]:
    """The likeliest coefficients, drawn towards the start; their likelihood; the last one's variance."""

    def likelihood(at: np.ndarray) -> float:
        odds = columns @ at + known
        return float((right * odds - np.logaddexp(0, odds)).sum() - 0.5 * ((at - start) ** 2).sum())

    at, reached = start, likelihood(start)
    for _ in range(NEWTON_STEPS):
        chance = logistic(columns @ at + known)
        pull = columns.T @ (right - chance) - (at - start)
        bend = (columns.T * (chance * (1 - chance))) @ columns + np.eye(len(start))
        step = np.linalg.solve(bend, pull)
        while np.abs(step).max() > 1e-9 and (found := likelihood(at + step)) < reached:
            step = step / 2
        if np.abs(step).max() <= 1e-9:
            break
        at, reached = at + step, found
    return at, reached, float(np.linalg.inv(bend)[-1, -1])


def present_recall(world: World, items: Items) -> float:
    positive, right = world.positive[items.at], world.right[items.at]
    found, missed = positive * right, ~positive * (1 - right)
    spoken = found + missed > 0
    if not spoken.any():
        return FIRST_RECALL
    share = 1 / items.p[spoken] / (1 / items.p[spoken]).mean()
    either = (share * (found + missed)[spoken]).sum()
    return ((share * found[spoken]).sum() + PRIOR * FIRST_RECALL) / (either + PRIOR)


def draw_day(
    world: World, day: int, so_far: Items, luck: np.ndarray, *, design: str, reviews_per_day: float
) -> tuple[Items, np.ndarray]:
    """The day's items in queue order and their keys; p as if all of the day were reviewed."""
    first = max(0, day - DAYS_OF_HISTORY)
    history, own = world.days(first, max(day, 1)), world.days(day, day + 1)
    chance, recall = np.where(np.isnan(world.score), 0.5, world.score), FIRST_RECALL
    if len(so_far.at) >= ENOUGH_TO_CALIBRATE:
        at = so_far.at
        positive, right = world.positive[at], world.right[at]
        of_either, slope = fitted(world.log_odds[at], positive, right)
        chance = logistic(of_either[world.positive.astype(int)] + slope * world.log_odds)
        recall = present_recall(world, so_far)
    positive, before = world.positive[history], chance[history]
    shares = positive.mean(), np.where(positive, before, 1 - before).mean(), recall
    g = informativeness(design, positive, before, shares)
    w = weights(informativeness(design, world.positive[own], chance[own], shares), g.mean())
    k_cap = cap(weights(g, g.mean()), 1 / max(1, day - first), reviews_per_day)
    keys = -np.log(luck[own]) / w
    drawn = np.flatnonzero(keys < k_cap)
    drawn = drawn[np.argsort(keys[drawn])]
    return Items(drawn + own.start, w[drawn], -np.expm1(-k_cap * w[drawn])), keys[drawn]


def sum_of(days: Sequence[Traffic]) -> Traffic:
    return reduce(Traffic.plus, days, NO_TRAFFIC)


def joined(first: Items, second: Items) -> Items:
    return Items(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))


NOTHING = Items(np.array([], dtype=int), np.array([]), np.array([]))


class Look(NamedTuple):
    """The sample as it stands while reviewers go on: counted items, and the population that they cover."""

    n: int
    covered: Traffic
    found: dict[str, Found]
    items: Items

    def is_wrong(self, metric: str, multiplier: float) -> bool:
        figure = self.found[metric]
        return bool(abs(figure.value - self.covered.truth[metric]) > figure.half_width(multiplier))


def looks(
    world: World, rng: np.random.Generator, *, design: str, reviews_per_day: float, every: int | None = 10
) -> Iterator[Look]:
    """Every so many reviews a look, days one after the other, each reviewed in queue order. None: at its end only.

    A day without an item is not covered.
    """
    luck, so_far, covered = 1 - rng.random(len(world.day)), NOTHING, NO_TRAFFIC
    for day in range(world.n_days):
        items, keys = draw_day(world, day, so_far, luck, design=design, reviews_per_day=reviews_per_day)
        if not len(keys):
            continue
        covered = covered.plus(world.of_day[day])
        if every:
            yield from _within(world, so_far, items, keys, covered, every)
        so_far = joined(so_far, items)
        if every or day == world.n_days - 1:
            yield _look(world, so_far, covered)


def _within(
    world: World, so_far: Items, items: Items, keys: np.ndarray, covered: Traffic, every: int
) -> Iterator[Look]:
    """Looks while the day is being reviewed: up to the first open key."""
    for done in range(1, len(keys)):
        if (len(so_far.at) + done) % every == 0:
            p = -np.expm1(-keys[done] * items.w[:done])
            yield _look(world, joined(so_far, Items(items.at[:done], items.w[:done], p)), covered)


def _look(world: World, items: Items, covered: Traffic) -> Look:
    found = estimates(covered, world.cell[items.at], world.right[items.at], items.p)
    return Look(len(items.at), covered, found, items)
