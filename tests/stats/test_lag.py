from datetime import UTC, date, datetime

import numpy as np
import pytest

from metrics.stats.histograms import count_log_bins
from metrics.stats.lag import lag_of, mature_until

NOW = datetime(2026, 3, 10, 6, tzinfo=UTC)


def test_median_and_p90_are_those_of_numpy():
    hours = np.random.default_rng(1).exponential(30, 3_000)
    lag = lag_of(count_log_bins(hours))
    assert lag.median_hours == pytest.approx(np.percentile(hours, 50, method="inverted_cdf"), rel=0.021)
    assert lag.p90_hours == pytest.approx(np.percentile(hours, 90, method="inverted_cdf"), rel=0.021)
    for point in lag.curve:
        assert point.share == pytest.approx((hours <= point.hours).mean(), abs=0.02)
    assert lag.curve[-1].share == 1
    assert lag.n == 3_000


def test_truth_dated_before_its_prediction_took_no_time():
    lag = lag_of(count_log_bins([-3.0, 0.0]))
    assert (lag.median_hours, lag.p90_hours, lag.curve[0].share, len(lag.curve)) == (0, 0, 1, 1)


def test_a_day_is_mature_once_its_end_is_as_old_as_the_p90_lag():
    """Six hours into 10 March with a lag of a day: 8 March ended 30 hours ago, 9 March only 6."""
    assert mature_until(lag_of(count_log_bins([24.0])), now=NOW) == date(2026, 3, 9)
    assert mature_until(lag_of(count_log_bins([5.0])), now=NOW) == date(2026, 3, 10)


def test_without_truth_nothing_is_mature():
    assert lag_of({}) is None
    assert mature_until(None, now=NOW) is None
    assert mature_until(lag_of(count_log_bins([1e300])), now=NOW) is None
