"""Whether a promise is kept: against the formulas of statistics.md §3, step by step, and a simulation."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.expectations import Evidence, brier, chance_met, judge, n_to_go, variance_towards
from metrics.stats.intervals import anytime_multiplier

SHARES = st.floats(0.02, 0.98)


def reviewed(value, variance, n, *, target, n_star=500, n_dom=None, is_enough=True):
    """Evidence as reviews give it: the interval is b(n) standard errors on either side."""
    wide = anytime_multiplier(n, n_star) * math.sqrt(variance)
    return Evidence(
        value=value, low=max(0.0, value - wide), high=min(1.0, value + wide), above=value - target,
        variance=variance, n=n if n_dom is None else n_dom, n_counted=n, n_star=n_star, is_enough=is_enough,
    )  # fmt: skip


def binomial(value, n, **more):
    return reviewed(value, value * (1 - value) / n, n, **more)


# --- status


@pytest.mark.parametrize(
    ("value", "n", "target", "is_at_least", "status"),
    [
        (0.90, 1000, 0.80, True, "met"),
        (0.70, 1000, 0.80, True, "broken"),
        (0.82, 1000, 0.80, True, "not_sure"),
        (0.90, 1000, 0.80, False, "broken"),
        (0.70, 1000, 0.80, False, "met"),
        (0.80, 1000, 0.80, True, "not_sure"),
    ],
)
def test_only_an_interval_wholly_on_one_side_decides(value, n, target, is_at_least, status):
    found = judge(binomial(value, n, target=target), target=target, is_at_least=is_at_least)
    assert found.status == status
    assert (found.n_to_go is not None) == (status == "not_sure")


def test_standing_on_the_target_is_good():
    evidence = Evidence(value=0.85, low=0.8, high=0.9, above=0.05, variance=0.0003, is_enough=True)
    assert judge(evidence, target=0.8, is_at_least=True).status == "met"
    assert judge(evidence, target=0.9, is_at_least=False).status == "met"


def test_nothing_is_decided_before_there_is_enough():
    evidence = binomial(0.99, 5000, target=0.5, is_enough=False)
    assert judge(evidence, target=0.5, is_at_least=True).status == "not_sure"
    assert judge(evidence, target=0.5, is_at_least=True, is_over=True).status == "expired"


def test_without_a_value_it_is_unknown_and_after_its_day_expired():
    assert judge(Evidence(), target=0.5, is_at_least=True).p_met is None
    assert judge(Evidence(), target=0.5, is_at_least=True).status == "unknown"
    over = judge(Evidence(), target=0.5, is_at_least=True, is_over=True)
    assert (over.status, over.p_met) == ("expired", 0.0)


def test_what_is_decided_stays_so_when_its_day_passes():
    for value, status in ((0.9, "met"), (0.7, "broken")):
        evidence = binomial(value, 1000, target=0.8)
        assert judge(evidence, target=0.8, is_at_least=True, is_over=True).status == status


@given(SHARES, SHARES, st.integers(100, 20_000), st.booleans())
def test_the_status_is_that_of_the_interval_as_the_page_tells_it(value, target, n, is_at_least):
    evidence = binomial(value, n, target=target)
    found = judge(evidence, target=target, is_at_least=is_at_least)
    good_side = (target, 1.0) if is_at_least else (0.0, target)
    inside = [good_side[0] <= end <= good_side[1] for end in (evidence.low, evidence.high)]
    expected = "met" if all(inside) else "not_sure" if evidence.low <= target <= evidence.high else "broken"
    assert found.status == expected


# --- reviews to go


@pytest.mark.parametrize("n_star", [100, 500, 2000])
@pytest.mark.parametrize("distance", [0.01, 0.02, 0.037])
@pytest.mark.parametrize("n_now", [120, 400, 999])
def test_reviews_to_go_is_the_first_n_at_which_the_interval_is_as_narrow_as_the_distance(n_star, distance, n_now):
    variance = 0.8 * 0.2 / n_now
    evidence = reviewed(0.8, variance, n_now, target=0.8 - distance, n_star=n_star)
    n = n_now
    while anytime_multiplier(n, n_star) * math.sqrt(variance * n_now / n) > distance:
        n += 1
    assert n_to_go(evidence) == n - n_now


def test_reviews_to_go_ends_at_a_million_and_counts_what_is_missing_to_decide_at_all():
    assert n_to_go(binomial(0.8, 1000, target=0.8)) == 1_000_000
    assert n_to_go(reviewed(0.9, 1e-9, 40, target=0.5)) == 60
    assert n_to_go(reviewed(0.9, 1e-9, 200, target=0.5, n_dom=10)) == 400  # a domain of one in twenty
    assert n_to_go(Evidence(value=60, low=50, high=70, above=10)) is None


# --- the chance


def test_the_chance_is_the_normal_one_and_never_certain():
    assert chance_met(0.0, 0.01) == pytest.approx(0.5)
    assert chance_met(0.1, 0.01) == pytest.approx(0.8413447)
    assert chance_met(-0.1, 0.01) == pytest.approx(0.1586553)
    assert (chance_met(9, 0.01), chance_met(-9, 0.01)) == (0.99, 0.01)
    assert (chance_met(0.1, 0), chance_met(0, 0), chance_met(-0.1, 0)) == (0.99, 0.5, 0.01)
    with pytest.raises(ValueError, match="not negative"):
        chance_met(0.1, -1)


def test_the_chance_is_right_as_often_as_it_says():
    """10,000 worlds with a flat prior: of those with a chance of .6 to .8, so many meet their target."""
    chance, n, target = random.Random(4), 400, 0.8
    met, said = 0, []
    for _ in range(10_000):
        truth = chance.random()
        value = min(1.0, max(0.0, chance.gauss(truth, math.sqrt(truth * (1 - truth) / n))))
        p = chance_met(value - target, value * (1 - value) / n)
        if 0.6 < p < 0.8:
            said.append(p)
            met += truth >= target
    expected = sum(said)
    error = math.sqrt(sum(p * (1 - p) for p in said))
    assert len(said) > 50
    assert abs(met - expected) < 3.5 * error


def test_a_watched_promise_is_hardly_ever_called_wrongly():
    """300 runs of 2,000 reviews, looked at every 20: both kinds of a wrong call together in under 5 %."""
    chance, truth, n_wrong = random.Random(7), 0.8, 0
    for run in range(300):
        target = truth + (0.002 if run % 2 else -0.002)  # met is right in one half, broken in the other
        right, wrong_call = 0, "met" if run % 2 else "broken"
        for n in range(1, 2001):
            right += chance.random() < truth
            if (
                n >= 100
                and n % 20 == 0
                and judge(binomial(right / n, n, target=target), target=target, is_at_least=True).status
                == wrong_call
            ):
                n_wrong += 1
                break
    assert n_wrong <= 300 * 0.05


@given(SHARES, SHARES, st.integers(100, 10_000), st.integers(50, 5000))
def test_the_variance_is_read_back_from_the_end_that_faces_the_target(value, target, n, n_star):
    variance = value * (1 - value) / n
    evidence = reviewed(value, variance, n, target=target, n_star=n_star)
    is_clipped = (evidence.low == 0 and target <= value) or (evidence.high == 1 and target >= value)
    if not is_clipped:
        found = variance_towards(
            target, value=value, low=evidence.low, high=evidence.high, n_counted=n, n_star=n_star
        )
        assert found == pytest.approx(variance, rel=1e-6)


# --- the record


def test_brier_by_hand():
    assert brier([], []) is None
    assert brier([1.0, 0.0], [True, False]) == 0
    assert brier([0.5] * 4, [True, False, True, True]) == 0.25
    assert brier([0.8, 0.7, 0.9], [True, False, True]) == pytest.approx((0.04 + 0.49 + 0.01) / 3)
    with pytest.raises(ValueError, match="zip"):
        brier([0.5], [])
