"""The intervals of adoption, by simulation; every bound says how many standard errors it leaves."""

import math

import numpy as np
import pytest
from scipy.stats import t

from metrics.stats import jackknife
from tests.stats.simulated_accounts import coverage, habits, month, sizes, wrong_arrows

RUNS = 500


@pytest.mark.parametrize("k", [10, 40])
def test_the_interval_holds_the_truth_in_93_to_97_of_100(k):
    """3 standard errors of a share of 0.95 in 500 runs: 0.029."""
    error = 3 * math.sqrt(0.95 * 0.05 / RUNS)
    assert 0.93 - error <= coverage(k=k, runs=RUNS, seed=k) <= 0.97 + error


@pytest.mark.parametrize("k", [10, 40])
def test_an_arrow_without_a_change_is_drawn_in_6_of_100_at_most(k):
    """3 standard errors of a share of 0.06 in 500 runs: 0.032."""
    assert wrong_arrows(k=k, runs=RUNS, seed=k) <= 0.06 + 3 * math.sqrt(0.06 * 0.94 / RUNS)


def test_the_half_width_is_the_textbook_one_for_a_mean():
    """The jackknife of a mean is its standard error exactly (Efron & Tibshirani 1993, 11.2)."""
    values = np.random.default_rng(1).normal(size=17)
    without = (values.sum() - values) / 16
    expected = t.ppf(0.975, 16) * values.std(ddof=1) / math.sqrt(17)
    assert jackknife.half_width(without, np.ones(17)) == pytest.approx(expected)


def test_rows_that_count_alike_stand_for_as_many_accounts():
    values, times = np.array([1.0, 2.0, 5.0]), np.array([4.0, 2.0, 1.0])
    one_by_one = jackknife.half_width(np.repeat(values, times.astype(int)), np.ones(7))
    assert jackknife.half_width(values, times) == pytest.approx(one_by_one)


def test_a_difference_leaves_the_same_account_out_of_both_sides():
    chance = np.random.default_rng(3)
    own, people = habits(chance, 12), sizes(chance, 12)
    month_a, month_b = month(chance, own, people), month(chance, own, people)
    fewer = jackknife.Clusters(month_b.names[2:], month_b.counts[2:], month_b.times[2:])
    before, after, times = jackknife.paired(month_a, fewer)
    assert len(times) == 12
    assert (after[0] == fewer.total()).all(), "an account that has gone is left out of what it was in"
    assert (before[0] == month_a.total() - month_a.counts[0]).all()


def test_people_without_an_account_are_not_paired():
    row = np.ones((1, 12))
    crowd = jackknife.Clusters(("",), row, np.array([30.0]))
    before, after, times = jackknife.paired(crowd, crowd)
    assert times.tolist() == [30, 30]
    assert (before[0] == 29).all()
    assert (after[0] == 30).all()
    assert (before[1] == 30).all()
