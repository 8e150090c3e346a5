"""Whether a version is still as right as before: a Shiryaev-Roberts e-detector on its reviews (statistics.md §7).

It learns from each review how likely the next one is to be right, bets small sums against it, and raises an alarm
when the bets win more than chance would let them.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from metrics.stats.budget import FALSE_ALARM_EVERY

Floats: TypeAlias = npt.NDArray[np.float64]

RECOVERED_EVERY = 2_000  # a drop that lasts is called over once in so many reviews at most
LEARNED_FROM = 500  # reviews before the first bet
DROPS = np.arange(1, 13) / 100
SMALLEST_DROP, LARGEST_DROP = 0.02, 0.08  # what a recovery is measured against: a drop is overrated when found
LARGEST_BET = 0.9  # of what is at stake: one review never ruins a bet
PRIOR_OF_BIN, PRIOR_OF_CELL, PRIOR_OF_LEVEL = 5.0, 20.0, 20.0
DOUBT = 0.7  # a wrong answer imagined in each score bin: rather too low a forecast than too high a one
LEAST, MOST, SUREST = 0.02, 0.97, 0.99
BIN_WIDTH, WIDEST = 0.7, 7.0  # of the log odds of the score: finer where it is sure, and one error says most
UNKNOWN_CHANCE = 0.5


@dataclass(frozen=True, slots=True)
class Review:
    """One counted review that was decided.

    label: as predicted. score: as sent, None: none. right: 0, 0.5 or 1. weight: predictions that it stands for, up
    to a factor (1 / inclusion probability), > 0.
    """

    label: str
    score: float | None
    right: float
    weight: float


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm. at, since: places in the list of reviews, the one that raised it and the first that it is about.

    recovered_at: the place of the review with which it was over, None: it lasts.
    """

    at: int
    since: int
    recovered_at: int | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """Reviews looked through in order. forecasts: (n,) the chance of right foretold for each before it was known.

    statistic: how much the bets hold now; an alarm at the threshold. n_to_learn: reviews until bets begin.
    alarms: oldest first; at most the last one lasts.
    """

    n: int
    statistic: float
    threshold: float
    n_to_learn: int
    forecasts: Floats
    alarms: tuple[Raised, ...]

    @property
    def lasting(self) -> Raised | None:
        return self.alarms[-1] if self.alarms and self.alarms[-1].recovered_at is None else None


class Forecast:
    """The chance that the next review is right, learned from those before it.

    From the score, moved by how much scores were off so far; then by what was found in its score bin; then by what
    was found for its label in that bin.
    """

    def __init__(self) -> None:
        self.n = 0
        self._seen: dict[Hashable, list[float]] = {}
        self._spread, self._right, self._weight = PRIOR_OF_BIN * 0.15, PRIOR_OF_BIN * 0.8, PRIOR_OF_BIN

    def chance(self, review: Review) -> float:
        """Inside (0, 1); only what came before has a say in it."""
        score, bin_ = _sent(review)
        n, off = self._seen.get(bin_ is None, (0.0, 0.0))
        prior = min(MOST, max(LEAST, score + off / (n + PRIOR_OF_LEVEL)))
        n, right = self._seen.get(("bin", bin_), (0.0, 0.0))
        of_bin = (right + PRIOR_OF_BIN * prior) / (n + PRIOR_OF_BIN + DOUBT)
        n, right = self._seen.get((review.label, bin_), (0.0, 0.0))
        return (right + PRIOR_OF_CELL * of_bin) / (n + PRIOR_OF_CELL)

    def learn(self, review: Review, chance: float) -> None:
        score, bin_ = _sent(review)
        self._add(bin_ is None, review.right - score)
        self._add(("bin", bin_), review.right)
        self._add((review.label, bin_), review.right)
        self.n += 1
        self._weight += review.weight
        self._right += review.weight * chance
        self._spread += review.weight * chance * (1 - chance)

    def stakes(self, chance: float) -> tuple[float, float]:
        """What a bet on a drop of 1 stakes per unit of residual: if sure answers suffer least, and if most.

        A drop d that shifts all log odds alike lowers a chance c by d c(1 - c) / mean c(1 - c): stake d / mean.
        One that spoils the same share of all right answers lowers it by d c / mean c: stake d / mean / (1 - c).
        Means over the traffic: weighted.
        """
        return self._weight / self._spread, self._weight / self._right / max(1 - SUREST, 1 - chance)

    def _add(self, key: Hashable, value: float) -> None:
        held = self._seen.setdefault(key, [0.0, 0.0])
        held[0] += 1
        held[1] += value


def _sent(review: Review) -> tuple[float, int | None]:
    """The score, and its bin; without one a half, and no bin."""
    if review.score is None:
        return UNKNOWN_CHANCE, None
    score = review.score
    odds = math.log(score / (1 - score)) if 0 < score < 1 else math.copysign(WIDEST, score - UNKNOWN_CHANCE)
    return score, round(max(-WIDEST, min(WIDEST, odds)) / BIN_WIDTH)


@dataclass(slots=True)
class _Watch:
    """statistic: (2, drops), the sums of every bet. factors: what each review multiplied them by."""

    forecast: Forecast
    threshold: float
    statistic: Floats = field(default_factory=lambda: np.zeros((2, len(DROPS))))
    factors: list[Floats] = field(default_factory=list)

    def see(self, review: Review, chance: float) -> bool:
        """Bet on one review. Whether the alarm goes off."""
        if self.forecast.n < LEARNED_FROM:
            return False
        won = factors(self.forecast.stakes(chance), chance, review.right)
        self.factors.append(won)
        self.statistic = (1 + self.statistic) * won
        return self.holds >= self.threshold

    @property
    def holds(self) -> float:
        return float(self.statistic.mean())

    def n_since(self) -> int:
        """How many reviews ago the best bet began to win: the likeliest change, among those it bet on."""
        best = np.unravel_index(np.argmax(self.statistic), self.statistic.shape)
        gains = np.log([won[best] for won in reversed(self.factors)])
        return int(np.argmax(np.cumsum(gains))) + 1


def factors(stakes: tuple[float, float], chance: float, right: float) -> Floats:
    """(2, drops): what one review multiplies each bet by, 1 + stake (chance - right) > 0; mean 1 or less while the
    chance of right is what was foretold, or more.
    """
    staked = np.minimum(np.multiply.outer(stakes, DROPS), LARGEST_BET / (1 - chance))
    return 1 + staked * (chance - right)


def watch(
    reviews: Sequence[Review], *, threshold: float = FALSE_ALARM_EVERY, accepted: Sequence[int] = ()
) -> Watched:  # fmt: skip
    """Look through a version's reviews in the order in which they were counted.

    threshold: the wanted mean number of reviews between false alarms. accepted: places at which a person called
    the new state normal; an alarm that lasts there is over, and what came since its beginning is learned as
    normal. Null: each review is right with the chance foretold from those before it, or more. Then every factor
    has mean 1 or less whatever happened before, the sums minus their number of reviews are a supermartingale, and
    so is their mean: E[reviews until the alarm] >= threshold, with no other assumption. While an alarm lasts
    nothing is learned; it is over when the mirrored detector finds that at most half of the drop is left.
    Not for targeted, gold or audit items, nor in an order that depends on the verdicts.
    Source: Shin, Ramdas & Rinaldo 2023, "E-detectors: a nonparametric framework for sequential change detection",
    on the Shiryaev-Roberts e-detector, its average run length and mixtures; Shiryaev 1963 and Roberts 1966 for the
    sums; Waudby-Smith & Ramdas 2024, JRSS B 86(1), for the bets.
    """
    run = _Run(reviews, threshold)
    places = set(accepted)
    for at in range(len(reviews)):
        if at in places:
            run.accept(at)
        run.see(at)
    if len(reviews) in places:
        run.accept(len(reviews))
    return run.watched()


class _Run:
    """What `watch` keeps while it goes through the reviews. learned: the places that the forecast knows."""

    def __init__(self, reviews: Sequence[Review], threshold: float) -> None:
        self.reviews, self.threshold = reviews, threshold
        self.forecasts = np.full(len(reviews), np.nan)
        self.watching = _Watch(Forecast(), threshold)
        self.learned: list[int] = []
        self.alarms: list[Raised] = []
        self.recovery: _Recovery | None = None

    def see(self, at: int) -> None:
        review, forecast = self.reviews[at], self.watching.forecast
        chance = self.forecasts[at] = forecast.chance(review)
        if self.recovery is not None:
            if self.recovery.see(review, chance):
                self._end(at)
            return
        goes_off = self.watching.see(review, chance)
        forecast.learn(review, chance)
        self.learned.append(at)
        if goes_off:
            self._raise(at)

    def accept(self, at: int) -> None:
        """What came since the alarm's beginning is normal from now on."""
        if self.recovery is not None:
            self._learn(range(self.alarms[-1].since, at))
            self._end(at)

    def watched(self) -> Watched:
        n_to_learn = max(0, LEARNED_FROM - self.watching.forecast.n)
        return Watched(
            len(self.reviews), self.watching.holds, self.threshold, n_to_learn, self.forecasts, tuple(self.alarms)
        )

    def _raise(self, at: int) -> None:
        """The forecast forgets the reviews that the alarm is about: they are held against those before."""
        since = self.learned[-self.watching.n_since()]
        self._learn([place for place in self.learned if place < since])
        about = range(since, at + 1)
        self.forecasts[since : at + 1] = [self.watching.forecast.chance(self.reviews[place]) for place in about]
        self.alarms.append(Raised(at, since))
        drop = drop_of(self.reviews[since : at + 1], self.forecasts[since : at + 1])
        self.recovery = _Recovery(drop, self.watching.forecast.stakes(UNKNOWN_CHANCE)[0])

    def _learn(self, places: Sequence[int]) -> None:
        self.watching.forecast, self.learned = Forecast(), [*places]
        for place in places:
            self.watching.forecast.learn(self.reviews[place], self.watching.forecast.chance(self.reviews[place]))

    def _end(self, at: int) -> None:
        self.alarms[-1] = replace(self.alarms[-1], recovered_at=at)
        self.recovery, self.watching = None, _Watch(self.watching.forecast, self.threshold)


def drop_of(reviews: Sequence[Review], forecasts: Floats) -> float:
    """How much less often right than foretold, weighted to the traffic; negative where more often. None: 0."""
    if not reviews:
        return 0.0
    weights = np.array([review.weight for review in reviews])
    short = forecasts - np.array([review.right for review in reviews])
    return float((weights * short).sum() / weights.sum())


class _Recovery:
    """The mirrored detector: whether less than half of a drop is left, by reviews after its alarm."""

    def __init__(self, drop: float, stake: float) -> None:
        self.half = min(LARGEST_DROP, max(SMALLEST_DROP, drop)) / 2
        self.stake = min(LARGEST_BET, stake * self.half)
        self.statistic = 0.0

    def see(self, review: Review, chance: float) -> bool:
        self.statistic = (1 + self.statistic) * (1 + self.stake * (review.right - chance + self.half))
        return self.statistic >= RECOVERED_EVERY
