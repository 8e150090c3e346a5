"""The quality alarm: its sums against brute force, its bets against their null, and a small simulation.

The long simulation is tests/benchmarks/statistics_alarm.py.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.alarm import DROPS, LEARNED_FROM, Forecast, Raised, Review, drop_of, factors, watch
from tests.benchmarks.statistics_alarm import Stream, first_alarm, reviews_of

chances = st.floats(0.001, 0.999)


def stream(n, chance, *, seed=5, after=None, at=0):
    """Reviews that are right with this chance, from `at` on with the other one; scores that tell nothing."""
    rng = np.random.default_rng(seed)
    level = np.where((np.arange(n) < at) | (after is None), chance, after if after is not None else chance)
    right = rng.random(n) < level
    return [Review("late", 0.82, float(each), 1.0) for each in right]


def by_brute_force(reviews):
    """Each bet from each possible change point on, multiplied out: no recursion."""
    forecast, won = Forecast(), []
    for review in reviews:
        chance = forecast.chance(review)
        if forecast.n >= LEARNED_FROM:
            won.append(factors(forecast.stakes(chance), chance, review.right))
        forecast.learn(review, chance)
    sums = sum((np.prod(won[start:], axis=0) for start in range(len(won))), np.zeros((2, len(DROPS))))
    return sums.mean()


def test_the_statistic_is_the_sum_over_all_change_points():
    reviews = stream(LEARNED_FROM + 60, 0.8, after=0.6, at=LEARNED_FROM + 20)
    assert watch(reviews, threshold=1e12).statistic == pytest.approx(by_brute_force(reviews), rel=1e-10)


@given(chance=chances, better=st.floats(0, 1), spread=st.floats(0.01, 0.25), level=st.floats(0.05, 1))
def test_a_bet_wins_nothing_on_average_while_right_answers_are_as_likely_as_foretold_or_more(
    chance, better, spread, level
):
    """Whatever the stakes, which only know the past: the property that the mean run length rests on."""
    stakes = (1 / spread, 1 / level / max(0.03, 1 - chance))
    p = chance + better * (1 - chance)
    mean = p * factors(stakes, chance, 1.0) + (1 - p) * factors(stakes, chance, 0.0)
    assert (mean <= 1 + 1e-9).all()
    for right in (0.0, 0.5, 1.0):
        assert (factors(stakes, chance, right) > 0).all()


@given(right=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=40), at=st.integers(0, 39))
def test_a_forecast_knows_nothing_of_what_it_foretells(right, at):
    at = min(at, len(right) - 1)
    other = [*right[:at], 1 - right[at], *right[at + 1 :]]
    seen = [[Review("a", 0.17, each, 2.0) for each in rights] for rights in (right, other)]
    first, second = (watch(each).forecasts for each in seen)
    assert first[: at + 1].tolist() == second[: at + 1].tolist()
    assert ((first > 0) & (first < 1)).all()


def test_the_forecast_comes_to_what_is_found_whatever_the_scores_say():
    for score in (1.0, 0.99, 0.51, None):
        rng = np.random.default_rng(3)
        reviews = [Review("a", score, float(each), 1.0) for each in rng.random(3_000) < 0.75]
        assert watch(reviews, threshold=1e12).forecasts[-1] == pytest.approx(0.75, abs=0.02)


def test_it_learns_before_it_bets():
    found = watch(stream(LEARNED_FROM - 1, 0.1))
    assert (found.n_to_learn, found.statistic, found.alarms) == (1, 0.0, ())
    assert watch([]).n_to_learn == LEARNED_FROM


def test_a_drop_raises_an_alarm_that_names_its_beginning_and_its_size():
    reviews = stream(2_400, 0.85, after=0.7, at=2_000)
    found = watch(reviews)
    assert found.lasting is not None
    assert 1_900 < found.lasting.since < 2_100 < found.lasting.at + 100
    about = slice(found.lasting.since, found.lasting.at + 1)
    assert drop_of(reviews[about], found.forecasts[about]) == pytest.approx(0.15, abs=0.08)


def test_nothing_is_learned_while_it_lasts():
    found = watch(stream(4_000, 0.85, after=0.7, at=2_000))
    assert found.lasting is not None
    assert found.forecasts[-1] > 0.8


def test_it_is_over_by_itself_when_the_reviews_are_back():
    reviews = [*stream(2_400, 0.85, after=0.7, at=2_000), *stream(600, 0.85, seed=6)]
    found = watch(reviews)
    assert found.lasting is None
    (raised,) = found.alarms
    assert 2_400 < raised.recovered_at < 3_000


def test_a_person_calls_the_new_state_normal():
    reviews = stream(4_000, 0.85, after=0.7, at=2_000)
    raised = watch(reviews).alarms[0]
    found = watch(reviews, accepted=[2_500])
    assert found.alarms == (Raised(raised.at, raised.since, 2_500),)
    assert found.forecasts[-1] == pytest.approx(0.7, abs=0.03)
    assert watch(reviews, accepted=[10]).alarms == (raised,)  # no alarm lasted then: nothing to accept


def test_the_drop_is_weighted_to_the_traffic():
    reviews = [Review("a", 0.1, 1.0, 3.0), Review("a", 0.1, 0.0, 1.0)]
    assert drop_of(reviews, np.array([0.9, 0.5])) == pytest.approx((3 * -0.1 + 1 * 0.5) / 4)
    assert drop_of([], np.array([])) == 0.0


def test_without_a_change_the_mean_number_of_reviews_until_an_alarm_is_at_least_the_wanted_one():
    """60 runs, cut at 6 times the wanted number; the mean may fall short by 2 standard errors."""
    wanted, n = 150, 900 + LEARNED_FROM
    found = [first_alarm(Stream("even", at=10**9), wanted, n, seed) or n for seed in range(60)]
    bets = np.array(found) - LEARNED_FROM
    assert bets.mean() >= wanted - 2 * bets.std() / 60**0.5


def test_a_drop_of_twelve_points_is_found_in_days():
    found = [first_alarm(Stream("drop", drop=0.12, at=2_000), 36_500, 3_000, seed) for seed in range(10)]
    assert np.median([at - 2_000 for at in found]) < 250


def test_the_streams_of_the_benchmark_lose_as_many_points_as_they_say():
    for shape in ("spoiled", "harder", "one label"):
        lost = Stream("", drop=0.06, at=20_000, shape=shape, swing=0, is_weighted=False)
        reviews = reviews_of(lost, 40_000, np.random.default_rng(1))
        halves = [reviews[:20_000], reviews[20_000:]]
        before, after = (
            np.average([each.right for each in half], weights=[each.weight for each in half]) for half in halves
        )
        assert before - after == pytest.approx(0.06, abs=0.016)
