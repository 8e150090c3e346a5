import json
import math
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metrics.stats.histograms import (
    GAMMA,
    RELATIVE_ERROR,
    ZERO_BIN,
    add,
    count_log_bins,
    from_json,
    log_bin,
    percentile,
    to_json,
)

positive = st.floats(1e-300, 1e300)
values = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50)
histograms = values.map(count_log_bins)


@given(positive)
def test_a_bin_holds_what_lies_above_its_lower_end_up_to_its_upper(x):
    i = log_bin(x)
    slack = 1e-11  # gamma**i itself is rounded, most for large i
    assert (i - 1) * math.log(GAMMA) - slack <= math.log(x) <= i * math.log(GAMMA) + slack


def test_bins_of_known_values():
    assert log_bin(1.0) == 0
    assert log_bin(1.0000001) == log_bin(GAMMA * 0.9999) == 1
    assert log_bin(100.0) == math.ceil(math.log(100) / math.log(1.02 / 0.98)) == 116
    assert log_bin(0.0) == log_bin(-3.0) == ZERO_BIN


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(x):
    with pytest.raises(ValueError, match="finite"):
        log_bin(x)
    with pytest.raises(ValueError, match="finite"):
        count_log_bins([1.0, x])


@given(values)
@example([0.0, -0.0, 5e-324, 1.0, 1.7976931348623157e308])
@example([GAMMA**i for i in range(-50, 50)])
@example([math.nextafter(GAMMA**i, end) for i in range(-50, 50) for end in (0, math.inf)])
def test_counting_many_at_once_agrees_with_counting_one_by_one(xs):
    one_by_one = {}
    for x in xs:
        one_by_one[log_bin(x)] = one_by_one.get(log_bin(x), 0) + 1
    assert count_log_bins(np.array(xs)) == one_by_one


def test_counting_many_agrees_on_a_hundred_thousand_latencies():
    ms = np.round(np.random.default_rng(3).lognormal(3, 1.5, 100_000), 1)
    one_by_one = {}
    for x in ms.tolist():
        one_by_one[log_bin(x)] = one_by_one.get(log_bin(x), 0) + 1
    assert count_log_bins(ms) == one_by_one


@given(histograms, histograms, histograms)
def test_merging_is_addition_in_any_order(a, b, c):
    assert add(a, b) == add(b, a)
    assert add(add(a, b), c) == add(a, add(b, c))
    assert add(a, {}) == a


@given(values, values)
def test_a_merged_histogram_is_that_of_all_values(xs, ys):
    assert add(count_log_bins(xs), count_log_bins(ys)) == count_log_bins(xs + ys)


@given(st.lists(positive, min_size=1, max_size=60), st.floats(0, 1))
def test_every_percentile_is_the_nearest_rank_within_2_percent(xs, q):
    exact = sorted(xs)[max(1, math.ceil(q * len(xs) * (1 - 1e-12))) - 1]
    answer = percentile(count_log_bins(xs), q)
    assert abs(answer - exact) <= RELATIVE_ERROR * exact * (1 + 1e-9)


def test_the_bound_is_2_percent_and_is_reached_not_1():
    assert pytest.approx(0.02) == RELATIVE_ERROR
    at_the_end = GAMMA**100 * (1 - 1e-9)
    answer = percentile({log_bin(at_the_end): 1}, 0.5)
    assert abs(answer - at_the_end) / at_the_end == pytest.approx(0.02, rel=1e-6)


@pytest.mark.parametrize(
    ("q", "rank"), [(0.0, 1), (0.07, 7), (0.5, 50), (0.55, 55), (0.95, 95), (0.99, 99), (1, 100)]
)
def test_percentiles_take_the_nearest_rank_despite_rounding(q, rank):
    hist = dict.fromkeys(range(1, 101), 1)
    assert log_bin(percentile(hist, q)) == rank


def test_percentiles_know_zero_and_nothing():
    assert percentile({}, 0.5) is None
    assert percentile(count_log_bins([0.0, 0.0, 10.0]), 0.5) == 0.0
    assert percentile(count_log_bins([0.0, 0.0, 10.0]), 0.99) == pytest.approx(10, rel=0.02)
    for q in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            percentile({1: 1}, q)


@given(histograms)
def test_a_histogram_survives_json(hist):
    assert from_json(json.loads(json.dumps(to_json(hist)))) == hist


def test_a_histogram_is_two_lists_in_json():
    assert to_json(count_log_bins([0.0, 1.0])) == [[ZERO_BIN, 0], [1, 1]]
    with pytest.raises(ValueError, match="shorter"):
        from_json([[1, 2], [1]])


def test_a_percentile_is_never_more_than_the_largest_float():
    for most in (sys.float_info.max, 1e308):
        assert math.isfinite(percentile({log_bin(most): 1}, 0.5))
