"""How long truth takes to arrive, and which days can be believed: statistics.md §4."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from metrics.reports import Lag, LagPoint
from metrics.stats import histograms

# Where the curve is read: an hour to a year. People know these lengths.
HOURS = (1, 6, 24, 72, 168, 336, 720, 2160, 8760)
LONGEST = 876_000.0  # a hundred years: later than that no day is ever mature
P90 = 0.9


def lag_of(hist: Mapping[int, int]) -> Lag | None:
    """How long truth took: median and p90 in hours, and the share that had arrived after some lengths of time.

    hist: log-histogram of the hours from prediction to truth, exact to 2 %; truth that is dated before its
    prediction counts as 0 hours. The curve ends where all had arrived. No truth -> None.
    Of the truth that has arrived: while a feature is young, slow truth is missing and the lag looks short.
    """
    n = sum(hist.values())
    half, nine = histograms.percentile(hist, 0.5), histograms.percentile(hist, P90)
    if half is None or nine is None:
        return None
    curve = []
    for hours in HOURS:
        share = sum(count for bin_, count in hist.items() if bin_ <= histograms.log_bin(hours)) / n
        curve.append(LagPoint(hours, share))
        if share == 1:
            break
    return Lag(median_hours=half, p90_hours=nine, curve=curve, n=n)


def mature_until(lag: Lag | None, *, now: datetime) -> date | None:
    """The first UTC day that is not mature: all days before it ended at least the p90 lag ago.

    lag None (no truth yet): None, no day is mature.
    """
    if lag is None or not math.isfinite(lag.p90_hours) or lag.p90_hours > LONGEST:
        return None
    return (now.astimezone(UTC) - timedelta(hours=lag.p90_hours)).date()
