import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.stats.intervals import (
    MOST_REVIEWS_TO_GO,
    Z95,
    anytime_multiplier,
    reviews_to_go,
    still_needed,
    wilson,
)
from tests.stats.brute_force import b_by_hand, wilson_by_hand

EXACT_Z = stats.norm.ppf(0.975)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_examples(successes, trials, low, high):
    """Newcombe 1998, Statistics in Medicine 17, p. 857, table I, method 3."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(counts):
    successes, trials = counts
    ours = wilson(successes, trials, z=EXACT_Z)
    scipy_interval = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert ours == pytest.approx((scipy_interval.low, scipy_interval.high), abs=1e-12)
    assert wilson(successes, trials) == pytest.approx(ours, abs=1e-5)  # 1.96 against 1.959964


@given(st.floats(0, 1), st.floats(0.5, 1e6), st.floats(0.1, 20))
def test_wilson_encloses_the_share_and_stays_inside_the_unit_interval(share, trials, z):
    low, high = wilson(min(share * trials, trials), trials, z=z)
    assert 0 <= low <= high <= 1
    assert low <= share + 1e-12
    assert high >= share - 1e-12
    assert (low, high) == pytest.approx(wilson_by_hand(share, trials, z), abs=1e-9)


def test_wilson_of_nothing_is_everything():
    assert wilson(0, 0) == (0, 1)
    assert wilson(10, 10)[1] == 1
    assert wilson(0, 10)[0] == 0


@pytest.mark.parametrize(("successes", "trials", "z"), [(3, 2, 1.96), (-1, 2, 1.96), (math.nan, 2, 1), (1, 2, -1)])
def test_wilson_refuses_impossible_counts(successes, trials, z):
    with pytest.raises(ValueError, match="successes"):
        wilson(successes, trials, z=z)


@given(st.integers(1, 10**6), st.integers(1, 10**5))
def test_the_anytime_multiplier_follows_its_formula(n, n_star):
    assert anytime_multiplier(n, n_star) == pytest.approx(b_by_hand(n, n_star), rel=1e-12)
    assert anytime_multiplier(n, n_star) > Z95


def test_the_anytime_multiplier_is_near_its_least_at_the_target_count():
    at_target = anytime_multiplier(500, 500)
    assert at_target == pytest.approx(3.035, abs=5e-4)
    assert all(anytime_multiplier(500, n_star) > at_target * 0.995 for n_star in range(50, 5_000, 50))


@pytest.mark.parametrize(("n", "n_star"), [(0, 500), (10, 0)])
def test_the_anytime_multiplier_needs_an_item_and_a_target(n, n_star):
    with pytest.raises(ValueError, match="at least 1"):
        anytime_multiplier(n, n_star)


def test_looking_after_every_item_the_anytime_interval_is_wrong_in_at_most_5_percent_of_runs():
    rng = np.random.default_rng(11)
    runs, n = 600, np.arange(1, 2_001)
    x = rng.random((runs, 2_000)) < 0.8
    mean = np.cumsum(x, axis=1) / n
    error = np.abs(mean - 0.8)[:, 99:]
    spread = np.sqrt(mean * (1 - mean) / n)[:, 99:]
    b = np.array([anytime_multiplier(int(k), 500) for k in n[99:]])
    anytime_misses = (error > b * spread).any(axis=1).mean()
    ordinary_misses = (error > Z95 * spread).any(axis=1).mean()
    assert anytime_misses < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)  # 3 standard errors
    assert ordinary_misses > 0.2  # why there are two intervals


@given(st.floats(1e-6, 0.01), st.integers(100, 5_000), st.floats(0.001, 0.3), st.sampled_from([100, 500, 2_000]))
def test_reviews_to_go_is_the_first_count_at_which_the_interval_is_narrow_enough(v, n_now, distance, n_star):
    def half_width(n):
        return b_by_hand(n, n_star) * math.sqrt(v * n_now / n)

    more = reviews_to_go(variance=v, n_now=n_now, distance=distance, n_star=n_star)
    if more < MOST_REVIEWS_TO_GO:
        assert half_width(n_now + more) <= distance * (1 + 1e-12)
    if more > 0:
        assert half_width(n_now + more - 1) > distance * (1 - 1e-12)


def test_reviews_to_go_knows_its_ends():
    assert reviews_to_go(variance=0.0, n_now=200, distance=0.1) == 0
    assert reviews_to_go(variance=1e-9, n_now=200, distance=0.1) == 0
    assert reviews_to_go(variance=0.01, n_now=200, distance=1e-9) == MOST_REVIEWS_TO_GO
    assert reviews_to_go(variance=0.01, n_now=200, distance=0.0) == MOST_REVIEWS_TO_GO
    assert reviews_to_go(variance=0.0, n_now=200, distance=0.0) == MOST_REVIEWS_TO_GO
    for variance, n_now in [(-1, 5), (math.nan, 5), (0.1, 0)]:
        with pytest.raises(ValueError, match="must be"):
            reviews_to_go(variance=variance, n_now=n_now, distance=0.1)


def test_what_is_still_needed_is_said_in_plain_words():
    def words(n_counted, n_dom, domain=""):
        return still_needed(n_counted=n_counted, n_dom=n_dom, unit="review", domain=domain)

    assert words(59, 59) == "needs 41 more reviews"
    assert words(99, 99) == "needs 1 more review"
    assert words(150, 12, "predicted late") == "needs 18 more that were predicted late"
    assert words(40, 12, "truly late") == "needs 60 more reviews, and 18 more that were truly late"
    assert words(150, 12) == "needs 18 more that could be judged"
    assert words(100, 30, "truly late") == words(100, 100) == ""
