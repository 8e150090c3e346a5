"""Differences of two versions: published examples, and how often their intervals are wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.comparing import Pairs, Share, observed_difference, paired_difference, reviewed_difference
from metrics.stats.intervals import anytime_multiplier

COUNT = st.integers(0, 300)


@pytest.mark.parametrize(
    ("new", "old", "ends"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
    ],
)
def test_two_proportions_have_the_interval_of_newcombe_1998(new, old, ends):
    """Statistics in Medicine 17, p. 873, table II, method 10; with 1.96."""
    found = observed_difference(*(Share(right / n, n) for right, n in (new, old)))
    assert (found.low, found.high) == pytest.approx(ends, abs=1e-4)


def test_pairs_have_the_interval_of_newcombe_1998():
    """Statistics in Medicine 17, p. 2635, table II, method 10: 36, 12, 2 and 0 pairs."""
    found = paired_difference(Pairs(both=36, only_new=12, only_old=2))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0569, 0.3404), abs=1e-4)


def test_pairs_that_agree_mostly_are_surer_than_the_same_shares_apart():
    pairs = Pairs(both=800, only_new=40, only_old=10, neither=150)
    together = paired_difference(pairs)
    apart = observed_difference(Share(0.84, 1000), Share(0.81, 1000))
    assert together.value == pytest.approx(apart.value)
    assert together.is_sure
    assert not apart.is_sure
    assert together.high - together.low < (apart.high - apart.low) / 2


def test_reviews_add_their_variances():
    found = reviewed_difference(Share(0.9, 400, 0.0003), Share(0.8, 900, 0.0001))
    assert (found.low, found.high) == pytest.approx((0.1 - 1.96 * 0.02, 0.1 + 1.96 * 0.02))
    wide = max(anytime_multiplier(400), anytime_multiplier(900)) * 0.02
    assert (found.anytime_low, found.anytime_high) == pytest.approx((0.1 - wide, 0.1 + wide))
    assert found.is_sure


def test_nothing_is_sure_before_both_have_a_hundred():
    few = reviewed_difference(Share(0.9, 60, 1e-6), Share(0.5, 900, 1e-6))
    assert (few.is_sure, few.n_to_go) == (False, 40)


def test_what_is_not_sure_says_how_many_more_it_takes():
    found = observed_difference(Share(0.83, 500), Share(0.80, 500))
    assert not found.is_sure
    more = 500 + found.n_to_go
    assert observed_difference(Share(0.83, more), Share(0.80, more)).is_sure
    less = 500 + found.n_to_go * 9 // 10
    assert not observed_difference(Share(0.83, less), Share(0.80, less)).is_sure
    assert observed_difference(Share(0.8, 500), Share(0.8, 500)).n_to_go == 1_000_000


def test_looked_at_again_and_again_a_difference_that_is_none_is_called_one_in_5_percent_at_most():
    """500 runs: an old version with 400 reviews, then the new one looked at after each of 100 to 3,000."""
    rng, n = np.random.default_rng(9), np.arange(1, 3_001)
    wrong = 0
    wide = np.array([max(anytime_multiplier(int(k)), anytime_multiplier(400)) for k in n])
    for _ in range(500):
        old = rng.random(400) < 0.85
        new = np.cumsum(rng.random(3_000) < 0.85) / n
        spread = np.sqrt(new * (1 - new) / n + old.mean() * (1 - old.mean()) / 400)
        wrong += (np.abs(new - old.mean()) > wide * spread)[99:].any()
    assert wrong / 500 <= 0.05


@given(COUNT, COUNT, COUNT, COUNT)
def test_any_pairs_have_ordered_ends_within_minus_one_and_one(both, new, old, neither):
    pairs = Pairs(both, new, old, neither)
    if not pairs.n:
        with pytest.raises(ValueError, match="no pair"):
            paired_difference(pairs)
        return
    found = paired_difference(pairs)
    assert -1 <= found.anytime_low <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= found.anytime_high <= 1
    mirrored = paired_difference(Pairs(both, old, new, neither))
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
