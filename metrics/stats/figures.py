"""A figure whose interval is a number of standard errors, and figures without an interval. No numpy."""

import math
from dataclasses import replace

from metrics.reports import Figure
from metrics.stats.intervals import DEFAULT_N_STAR, Z95, anytime_multiplier, no_data, still_needed

RULE_OF_THREE = 1.5  # 1.5 / n: as in metrics.stats.sample, so that n alike items claim no certainty


def around(
    value: float,
    variance: float,
    *,
    n: int,
    n_dom: int,
    method: str,
    limits: tuple[float, float] = (-math.inf, math.inf),
    domain: str = "",
    n_star: int = DEFAULT_N_STAR,
) -> Figure:
    """A figure and its two intervals, value ± 1.96 sqrt(variance) and value ± b(n) sqrt(variance).

    n: all counted items, >= 1; n_dom: those in the metric's own domain; domain: which they are, such as "truly
    late". limits: what the metric can be; both intervals are clipped to them. A variance that is not finite:
    the value stands without an interval. A value that is not finite: no_data, its sums have left the floats.
    """
    if not math.isfinite(value):
        return no_data("the errors are too large to be added up", method)
    wanted = still_needed(n_counted=n, n_dom=n_dom, unit="known truth", domain=domain)
    bare = without_interval(value, n=n_dom, method=method, reason=wanted)
    spread = math.sqrt(variance) if math.isfinite(variance) else math.inf
    wide = spread * anytime_multiplier(n, n_star)
    if not math.isfinite(wide):
        return bare
    low, high = limits
    return replace(
        bare,
        low=max(low, value - Z95 * spread),
        high=min(high, value + Z95 * spread),
        anytime_low=max(low, value - wide),
        anytime_high=min(high, value + wide),
    )


def without_interval(value: float, *, n: int, method: str, reason: str = "") -> Figure:
    """A figure of which only the value and its n are known. reason: why it decides nothing yet, or empty."""
    return Figure(value, None, None, None, None, n, method, "collecting" if reason else "measured", reason)
