"""What a way of sampling brings: items and judgments a day, and when a figure is known how closely."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from metrics.stats.intervals import DEFAULT_N_STAR, MIN_COUNTED, reviews_to_go

WORST_VARIANCE = 0.25  # p (1 - p) of one item, where every other prediction is wrong
DISTANCES = (0.03, 0.02)
LONGEST_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class Traffic:
    """One version's predictions a day, and the share of the reviews a day that it gets (1: all of them)."""

    a_day: float
    rate_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of accuracy now: n counted items, and v, the variance of the estimate; None: no estimate."""

    n_counted: int
    variance: float | None


@dataclass(frozen=True, slots=True)
class Reach:
    """distance: half the anytime interval, as a share. days 0: there already; None: not in ten years, or never."""

    distance: float
    n_to_go: int
    days: int | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """items_a_day: drawn; judgments_a_day: what they ask of reviewers, second opinions and gold included.

    reviewed_a_day: items that are judged in full a day. is_paced: the reviewers' pace says so, not the rate
    (is_short: and it is less than what is drawn). is_measured: the variance is that of the reviews so far, else
    the worst case.
    """

    traffic_a_day: float
    items_a_day: float
    judgments_a_day: float
    reviewed_a_day: float
    is_paced: bool
    is_short: bool
    is_measured: bool
    reaches: list[Reach]


def forecast(
    *,
    traffic: Sequence[Traffic],
    reviews_per_day: int | None,
    overlap_share: float,
    gold_share: float,
    target_count: int = DEFAULT_N_STAR,
    pace: float | None,
    known: Known,
) -> Forecast:
    """What a day of sampling brings, and after how many days accuracy is known to 3 and to 2 points.

    traffic: of each version in use; each has its own reviews a day. reviews_per_day None: every prediction.
    overlap_share, gold_share: in [0, 1), of items and of claims. pace: judgments a day that the reviewers gave
    lately; None: not known, so everything drawn counts as judged. known: of the newest version; under 100
    counted the variance is the worst case, 0.25 an item.
    Assumes that traffic and pace stay, that all is judged in the queue's order, and that coming reviews teach
    as much as those so far; so for another design than that of the reviews so far it is rough.
    No traffic -> nothing a day. Source: statistics.md §3.
    """
    items = math.fsum(
        each.a_day if reviews_per_day is None else min(reviews_per_day * each.rate_share, each.a_day)
        for each in traffic
    )
    opinions = (1 + overlap_share) / (1 - gold_share)  # a share of the claims goes to items whose answer is known
    can_review = math.inf if pace is None else pace / opinions
    reviewed = min(items, can_review)
    variance = known.variance if known.variance is not None and known.n_counted >= MIN_COUNTED else None
    return Forecast(
        traffic_a_day=math.fsum(each.a_day for each in traffic),
        items_a_day=items,
        judgments_a_day=items * opinions,
        reviewed_a_day=reviewed,
        is_paced=pace is not None,
        is_short=can_review < items,
        is_measured=variance is not None,
        reaches=[_reach(distance, known.n_counted, variance, target_count, reviewed) for distance in DISTANCES],
    )


def _reach(distance: float, n_counted: int, variance: float | None, target_count: int, a_day: float) -> Reach:
    n_now = max(1, n_counted)
    spread = WORST_VARIANCE / n_now if variance is None else variance
    n_to_go = reviews_to_go(variance=spread, n_now=n_now, distance=distance, n_star=target_count)
    days = math.ceil(n_to_go / a_day) if a_day > 0 and n_to_go <= a_day * LONGEST_DAYS else LONGEST_DAYS + 1
    return Reach(distance, n_to_go, 0 if n_to_go == 0 else days if days <= LONGEST_DAYS else None)
