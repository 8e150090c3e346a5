"""Drift against scipy, against its definition, and against luck."""

import math
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2

from metrics.stats.drift import day_threshold, drift_of, expected_right, js_distance, luck_distance, needed, psi

counts = st.dictionaries(st.integers(0, 12), st.integers(0, 500), max_size=13)
some = counts.filter(lambda held: sum(held.values()) > 0)


@given(a=some, b=some)
def test_the_distance_is_scipys(a, b):
    bins = sorted(a.keys() | b.keys())
    found = jensenshannon([a.get(bin_, 0) for bin_ in bins], [b.get(bin_, 0) for bin_ in bins], base=2)
    assert js_distance(a, b) == pytest.approx(0.0 if math.isnan(found) else found, abs=1e-7)


@given(a=some, b=some, c=some)
def test_the_distance_is_a_metric(a, b, c):
    assert 0 <= js_distance(a, b) <= 1
    assert js_distance(a, b) == pytest.approx(js_distance(b, a))
    assert js_distance(a, a) == 0
    assert js_distance(a, c) <= js_distance(a, b) + js_distance(b, c) + 1e-9


def test_nothing_in_common_is_one_and_nothing_at_all_is_no_distance():
    assert js_distance({1: 5}, {2: 70}) == 1
    assert js_distance({}, {2: 70}) is None
    assert js_distance({1: 0}, {2: 70}) is None


def test_psi_is_its_definition_with_half_a_prediction_in_an_empty_bin():
    p, q = np.array([0.6, 0.4]), np.array([0.5, 0.5])
    assert psi({0: 60, 1: 40}, {0: 500, 1: 500}) == pytest.approx(((p - q) * np.log(p / q)).sum())
    assert psi({0: 100}, {0: 50, 1: 50}) == pytest.approx(0.5 * np.log(2) + (0.005 - 0.5) * np.log(0.01))
    assert psi({}, {0: 1}) is None


@given(a=some, b=some)
def test_psi_is_never_negative(a, b):
    assert psi(a, b) >= -1e-12


@pytest.mark.parametrize(("n_bins", "n", "m"), [(2, 200, 7_000), (21, 400, 7_000), (21, 1_000, 1_000)])
def test_luck_alone_goes_that_far_in_one_case_of_a_hundred(n_bins, n, m):
    """2,000 runs: 1 % within 4 standard errors."""
    rng, even = np.random.default_rng(4), np.ones(n_bins) / n_bins
    luck = luck_distance(n_bins=n_bins, n=n, n_reference=m)
    found = [
        js_distance(counted(rng.multinomial(n, even)), counted(rng.multinomial(m, even))) for _ in range(2_000)
    ]
    assert np.mean(np.array(found) > luck) == pytest.approx(0.01, abs=0.009)
    assert luck**2 == pytest.approx(chi2.ppf(0.99, n_bins - 1) / (8 * math.log(2)) * (1 / n + 1 / m), rel=0.02)


def counted(drawn):
    return dict(enumerate(drawn.tolist()))


def test_needed_is_where_luck_makes_a_tenth():
    n = needed(n_bins=21, n_reference=7_000)
    assert luck_distance(n_bins=21, n=n, n_reference=7_000) == pytest.approx(0.1, rel=1e-3)
    assert luck_distance(n_bins=21, n=1, n_reference=1) == 1


def test_a_small_reference_is_never_enough():
    assert needed(n_bins=21, n_reference=500) is None


def test_the_threshold_is_the_percentile_of_all_pairs_of_days():
    days = [{0: 90, 1: 10}, {0: 80, 1: 20}, {0: 50, 1: 50}]
    pairs = [js_distance(days[i], days[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert day_threshold(days) == pytest.approx(np.quantile(pairs, 0.99))
    assert day_threshold([*days, {}]) == day_threshold(days)
    assert day_threshold(days[:1]) is None


def week(share, n=1_000):
    return {0: round(n * share), 1: n - round(n * share)}


def test_drifting_is_over_a_tenth_and_over_what_days_differ_anyway():
    quiet, loud = [week(0.5)] * 7, [week(0.2), week(0.8)] * 3
    assert drift_of(week(0.9), quiet).is_drifting
    assert not drift_of(week(0.55), quiet).is_drifting  # 0.04: under a tenth
    assert not drift_of(week(0.7), loud).is_drifting  # 0.18, but days lie farther apart
    assert drift_of(week(0.9), quiet).threshold == 0.1
    assert drift_of(week(0.7), loud).threshold > 0.4


@pytest.mark.parametrize(
    ("current", "days", "reason"),
    [
        ({0: 10}, [week(0.5)] * 7, "luck alone makes 0.3"),
        (week(0.5), [], "nothing of it is known in the first days"),
        (week(0.5), [week(0.5)], "a single day"),
        ({0: 9_000}, [dict.fromkeys(range(21), 1)] * 2, "the first days (42) are too few"),
        ({}, [week(0.5)] * 7, "nothing of it is known in the newest week"),
    ],
)
def test_without_enough_there_is_a_reason_and_no_distance(current, days, reason):
    found = drift_of(current, days)
    assert reason in found.reason
    assert (found.distance, found.psi, found.threshold, found.is_drifting) == (None, None, None, False)


def test_of_few_predictions_only_what_is_larger_than_luck_drifts_and_it_says_how_many_it_takes():
    days = [dict.fromkeys(range(21), 10)] * 7
    few = drift_of({bin_: 20 + 14 * (bin_ % 2) for bin_ in range(21)}, days)
    assert few.threshold > few.distance > 0.1
    assert not few.is_drifting
    assert "to see 0.10 it takes" in few.reason
    assert drift_of({0: 500, 1: 500}, days).is_drifting


def test_expected_right_weighs_what_was_judged_against_the_score_as_sent():
    window = {10: (300, 156.0), 18: (100, 92.0)}
    as_sent = expected_right(window, {})
    assert as_sent.value == pytest.approx((156 + 92) / 400)
    judged = expected_right(window, {10: (95.0, 0.4), 18: (1e9, 0.8)})
    of_ten = (95 * 0.4 + 5 * 0.52) / 100
    assert judged.value == pytest.approx(0.75 * of_ten + 0.25 * 0.8, abs=1e-6)
    assert judged.low < judged.value < judged.high
    assert judged.high - judged.low < as_sent.high - as_sent.low
    assert expected_right({}, {}).reason


def test_of_many_reference_days_sixty_are_compared_first_and_last_among_them():
    """The odd days stand at both ends: only where they are taken is anything far apart."""
    days = [{"a": 100}] + [{"a": 50, "b": 50}] * 3_000 + [{"b": 100}]
    started = perf_counter()
    assert day_threshold(days) > 0.4
    assert perf_counter() - started < 1
