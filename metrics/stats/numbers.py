"""How far predicted numbers lie from the truth, from additive counts: statistics.md §4."""

import math
from collections.abc import Mapping

from metrics.reports import Figure
from metrics.stats import histograms
from metrics.stats.counting import Tolerance
from metrics.stats.counts import NumberCounts
from metrics.stats.figures import around
from metrics.stats.intervals import DEFAULT_N_STAR, anytime_multiplier, no_data, still_needed, wilson

NAMES = ("mae", "median_ape", "bias")
NO_TRUTH = "no truth has arrived yet"
NO_TOLERANCE = "no tolerance is set for this feature, so no number is right or wrong"
OTHER_TOLERANCE = "every known truth was counted before the tolerance of now was set"
ALL_ZERO = "every known truth is 0, of which nothing is a share"


def estimate_numbers(
    numbers: NumberCounts, *, tolerance: Tolerance | None, n_star: int = DEFAULT_N_STAR
) -> dict[str, Figure]:
    """accuracy, mae, median_ape and bias of all predictions whose true number is known.

    accuracy: share within the feature's tolerance, Wilson; of those that were held against this tolerance alone,
    for what was counted with another one cannot be judged anew once its rows are removed.
    mae: mean |answer - truth|, and bias: mean (answer -
    truth), both in the number's unit, with a normal interval from the sums. median_ape: median |answer - truth|
    / |truth|, 0.1 is 10 %, exact to the 2 % of a log-histogram, with its order-statistic interval; truths of 0
    are left out of it. Each with its anytime twin at b(truths). No truth, or no tolerance: no_data with a reason.
    One truth: mae and bias without an interval. Not clustered by actor; the median says nothing of the worst.
    Source: statistics.md §4; Conover 1999, Practical Nonparametric Statistics, ch. 3.2 (order statistics).
    """
    if not numbers.n_truth:
        return dict.fromkeys(("accuracy", *NAMES), no_data(NO_TRUTH, ""))
    return {
        "accuracy": _within(numbers, tolerance, n_star) if tolerance else no_data(NO_TOLERANCE, "wilson"),
        "mae": _mean(numbers, numbers.sum_abs, least=0.0, n_star=n_star),
        "median_ape": median(numbers.pct_hist, n_star=n_star) if numbers.pct_hist else no_data(ALL_ZERO, "order"),
        "bias": _mean(numbers, numbers.sum_error, least=-math.inf, n_star=n_star),
    }


def _within(numbers: NumberCounts, tolerance: Tolerance, n_star: int) -> Figure:
    n, n_right = numbers.n_judged.get(tolerance.name, 0), numbers.n_right.get(tolerance.name, 0)
    if not n:
        return no_data(OTHER_TOLERANCE, "wilson")
    low, high = wilson(n_right, n)
    wide_low, wide_high = wilson(n_right, n, z=anytime_multiplier(n, n_star))
    return _stated(n_right / n, (low, high, wide_low, wide_high), n=n, method="wilson")


def _mean(numbers: NumberCounts, summed: float, *, least: float, n_star: int) -> Figure:
    """Mean of the errors, or of their absolute values: both have the same sum of squares."""
    n = numbers.n_truth
    mean = summed / n
    between = numbers.sum_squares / n - mean * mean  # of one truth nothing is known; huge ones leave the floats
    variance = max(0.0, between) / (n - 1) if n > 1 and math.isfinite(between) else math.inf
    return around(mean, variance, n=n, n_dom=n, method="normal", limits=(least, math.inf), n_star=n_star)


def median(hist: Mapping[int, int], *, n_star: int = DEFAULT_N_STAR) -> Figure:
    """The median of a log-histogram with values, between the order statistics that enclose it.

    The share of values under the median is 1/2; Wilson's ends of that share, of n values, are the ranks of the
    two order statistics. In the unit of the values.
    """
    n = sum(hist.values())
    ends = [*wilson(n / 2, n), *wilson(n / 2, n, z=anytime_multiplier(n, n_star))]
    low, high, wide_low, wide_high = (_quantile(hist, share) for share in ends)
    return _stated(_quantile(hist, 0.5), (low, high, wide_low, wide_high), n=n, method="order")


def _quantile(hist: Mapping[int, int], share: float) -> float:
    return histograms.percentile(hist, share) or 0.0


def _stated(value: float, ends: tuple[float, float, float, float], *, n: int, method: str) -> Figure:
    reason = still_needed(n_counted=n, n_dom=n, unit="known truth")
    state = "collecting" if reason else "measured"
    return Figure(value, *ends, n, method, state, reason)  # type: ignore[arg-type]  # one of the two
