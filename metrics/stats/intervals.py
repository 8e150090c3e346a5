"""Intervals for one look and for any number of looks (statistics.md §3), and when a figure may decide."""

import math
from collections.abc import Mapping

from metrics.reports import Figure
from reviews.intervals import Z95 as Z95
from reviews.intervals import wilson as wilson

ALPHA = 0.05
DEFAULT_N_STAR = 500
MIN_COUNTED = 100
MIN_IN_DOMAIN = 30
MOST_REVIEWS_TO_GO = 1_000_000


def anytime_multiplier(n: int, n_star: int = DEFAULT_N_STAR) -> float:
    """b(n): how many standard errors a 95 % interval needs that stays right however often people look.

    n: counted items, >= 1. n_star: the count at which it is tightest, the policy's target count, >= 1.
    With n_star 500: 3.36 at n = 100, 3.04 at 500, 3.34 at 10,000. Raises ValueError under 1.
    Asymptotic: not for a handful of items, nothing is decided under 100 counted.
    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, Annals of Statistics 52(6), eq. for asymptotic
    confidence sequences; r is their rho squared, tuned to n_star.
    """
    if n < 1 or n_star < 1:
        raise ValueError(f"n and n_star must be at least 1, not {n} and {n_star}")
    r = (-2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA) + 1)) / n_star
    return math.sqrt(2 * (n * r + 1) / (n * r) * math.log(math.sqrt(n * r + 1) / ALPHA))


def reviews_to_go(*, variance: float, n_now: int, distance: float, n_star: int = DEFAULT_N_STAR) -> int:
    """How many more reviews until the anytime interval is as narrow as the distance to the target.

    variance: v of the figure now, >= 0. n_now: counted items now, >= 1. distance: |value - target|, in the
    figure's unit. The n where b(n) sqrt(v n_now / n) = distance, minus n_now, rounded up: 0 when already
    there, at most 1,000,000 (also for distance <= 0: standing on the target is never decided).
    Raises ValueError for a negative or not finite variance, or n_now < 1. A forecast: assumes that coming
    reviews teach as much as the past ones and that the value stays where it is.
    """
    if not 0 <= variance < math.inf:
        raise ValueError(f"variance must be finite and not negative, not {variance}")

    def is_enough(n: int) -> bool:
        return anytime_multiplier(n, n_star) * math.sqrt(variance * n_now / n) <= distance

    if is_enough(n_now) and distance > 0:
        return 0
    low, high = n_now, n_now + MOST_REVIEWS_TO_GO  # b(n) / sqrt(n) falls with n: halve the gap
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) and distance > 0 else (middle, high)
    return high - n_now


def clip(value: float) -> float:
    """The nearest number in [0, 1]."""
    return min(1.0, max(0.0, value))


def no_data(reason: str, method: str) -> Figure:
    """A figure of which nothing can be said, and why."""
    return Figure(None, None, None, None, None, 0, method, "no_data", reason)


def still_needed(*, n_counted: int, n_dom: int, unit: str, domain: str = "") -> str:
    """Why nothing is decided yet: how many more are needed, in plain words. Empty when there is enough.

    n_counted: all counted items (100 needed). n_dom: those in the metric's own domain (30 needed).
    unit: what is counted, in the singular. domain: such as "predicted late", empty for accuracy.
    """
    missing, missing_in_domain = MIN_COUNTED - n_counted, MIN_IN_DOMAIN - n_dom
    needed = []
    if missing > 0:
        needed.append(f"{missing} more {unit}{'' if missing == 1 else 's'}")
    if missing_in_domain > max(0, 0 if domain else missing):
        needed.append(f"{missing_in_domain} more that {f'were {domain}' if domain else 'could be judged'}")
    return f"needs {', and '.join(needed)}" if needed else ""


def top_figures(
    per_label: Mapping[str, Mapping[str, Figure]], positive_label: str | None, method: str
) -> dict[str, Figure]:
    """precision, recall and f1 for the top of a page: the positive label's, or why there are none."""
    if positive_label is not None:
        return dict(per_label[positive_label])
    several = len(per_label) > 2
    reason = "several labels: see each label" if several else "no positive label is set: see each label"
    return {name: no_data(reason, method) for name in ("precision", "recall", "f1")}
