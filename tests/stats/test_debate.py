"""Medians, tertiles and verdicts of debates, against a plain reading of RAND/UCLA on every small panel."""

from fractions import Fraction
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.debate import axis_verdict, on_the_board, tertile

PLACES = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def by_hand(places):
    """By counting in words: (verdict, median), no code of ours."""
    ordered = sorted(places)
    n = len(ordered)
    median = Fraction(ordered[(n - 1) // 2] + ordered[n // 2], 2)
    low = [place for place in places if place in (1, 2, 3)]
    middle = [place for place in places if place in (4, 5, 6)]
    high = [place for place in places if place in (7, 8, 9)]
    home = low if median < Fraction(7, 2) else middle if median < Fraction(13, 2) else high
    if min(len(low), len(high)) >= Fraction(n, 3):
        return "contested", median
    return ("agreed" if n - len(home) <= Fraction(n, 3) else "mixed"), median


def test_every_panel_of_up_to_six_functions_is_judged_as_by_hand():
    n_panels = 0
    for size in range(1, 7):
        for places in combinations_with_replacement(range(1, 10), size):
            found = axis_verdict(places)
            assert (found.verdict, found.median) == by_hand(places), places
            n_panels += 1
    assert n_panels == 9 + 45 + 165 + 495 + 1287 + 3003


@pytest.mark.parametrize(
    ("places", "verdict"),
    [
        ([7, 7, 8, 9, 9, 8], "agreed"),
        ([7, 7, 8, 9, 5, 4], "agreed"),  # two of six elsewhere: a third, not more
        ([7, 7, 8, 5, 5, 4], "mixed"),
        ([1, 2, 8, 9, 5, 5], "contested"),  # a third at each end
        ([1, 5, 8, 9, 5, 5], "mixed"),  # one at one end is under a third
        ([1, 1, 1, 9, 9, 9], "contested"),
        ([1, 9, 9], "contested"),  # also at most a third outside: disagreement goes first
        ([5], "agreed"),
        ([3, 4], "mixed"),  # the median of 3.5 belongs to the middle
    ],
)
def test_published_shapes_of_agreement(places, verdict):
    assert axis_verdict(places).verdict == verdict


@given(PLACES)
def test_turning_the_scale_around_keeps_every_verdict_but_for_medians_between_thirds(places):
    found, turned = axis_verdict(places), axis_verdict([10 - place for place in places])
    assert (turned.median, turned.spread) == (10 - found.median, pytest.approx(found.spread))
    assert (turned.n_low, turned.n_high) == (found.n_high, found.n_low)
    if found.median not in (3.5, 6.5):
        assert turned.verdict == found.verdict


@given(PLACES, st.randoms())
def test_the_order_of_functions_says_nothing(places, chance):
    shuffled = places[:]
    chance.shuffle(shuffled)
    assert axis_verdict(shuffled) == axis_verdict(places)


@given(PLACES)
def test_the_spread_is_the_least_mean_distance_to_any_place(places):
    distances = [sum(abs(place - at / 2) for place in places) / len(places) for at in range(2, 19)]
    assert axis_verdict(places).spread == pytest.approx(min(distances))


def test_what_is_not_on_the_scale_is_refused():
    for wrong in (0, 10, -3):
        with pytest.raises(ValueError, match="between 1 and 9"):
            tertile(wrong)
    with pytest.raises(ValueError, match="nobody"):
        axis_verdict([])
    with pytest.raises(ValueError, match="between 0 and 100"):
        on_the_board(101)


def test_scores_and_places_have_the_same_ends():
    assert [on_the_board(score) for score in (0, 25, 50, 100)] == [1, 3, 5, 9]
