"""What sampling will bring: worked by hand, and the days against a search through every count."""

import math
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.forecast import Known, Traffic, forecast

NOTHING = Known(0, None)


def ahead(**fields):
    return forecast(
        **{
            "traffic": [Traffic(1000)],
            "reviews_per_day": 40,
            "overlap_share": 0.0,
            "gold_share": 0.0,
            "target_count": 500,
            "pace": None,
            "known": NOTHING,
            **fields,
        }
    )


def days(found):
    return [reach.days for reach in found.reaches]


def first_count(variance_of_one, n_now, distance):
    """The first count at which the anytime interval for n* = 500 is as narrow, by looking at each."""
    r = (-2 * math.log(0.05) + math.log(1 - 2 * math.log(0.05))) / 500

    def wide(n):
        return math.sqrt(2 * (n * r + 1) / (n * r) * math.log(math.sqrt(n * r + 1) / 0.05))

    return next(n for n in count(max(1, n_now)) if wide(n) * math.sqrt(variance_of_one / n) <= distance)


# --- a day


@pytest.mark.parametrize(
    ("traffic", "reviews_per_day", "items"),
    [
        ([Traffic(1000)], 40, 40),
        ([Traffic(30)], 40, 30),  # no more than there are
        ([Traffic(1000), Traffic(30)], 40, 70),  # each version has its own rate
        ([Traffic(1000, rate_share=0.1)], 40, 4),  # being watched: a tenth
        ([Traffic(1000), Traffic(30)], None, 1030),  # every prediction
        ([Traffic(1000)], 0, 0),
        ([], 40, 0),
    ],
)
def test_items_a_day_are_the_rate_or_the_traffic_whichever_is_less(traffic, reviews_per_day, items):
    found = ahead(traffic=traffic, reviews_per_day=reviews_per_day)
    assert (found.items_a_day, found.judgments_a_day) == (items, items)


def test_second_opinions_and_gold_ask_more_of_reviewers():
    assert ahead(overlap_share=0.15).judgments_a_day == pytest.approx(46)  # 40 * 1.15
    assert ahead(gold_share=0.2).judgments_a_day == pytest.approx(50)  # 40 are 80 % of the claims
    assert ahead(overlap_share=0.15, gold_share=0.2).judgments_a_day == pytest.approx(57.5)


def test_the_pace_holds_when_it_is_less_than_what_is_drawn():
    found = ahead(overlap_share=0.15, pace=23)
    assert (found.reviewed_a_day, found.is_paced, found.is_short) == (pytest.approx(20), True, True)
    found = ahead(pace=90)
    assert (found.reviewed_a_day, found.is_short) == (40, False)
    assert ahead().is_paced is False


# --- how long


def test_with_nothing_known_the_worst_case_counts():
    found = ahead()
    needed = [first_count(0.25, 0, distance) for distance in (0.03, 0.02)]
    assert [reach.n_to_go for reach in found.reaches] == [n - 1 for n in needed]  # one is as good as none
    assert days(found) == [math.ceil((n - 1) / 40) for n in needed]
    assert found.is_measured is False


def test_with_400_counted_the_measured_variance_counts():
    found = ahead(known=Known(400, 0.09 / 400))  # 10 % wrong
    needed = [first_count(0.09, 400, distance) for distance in (0.03, 0.02)]
    assert [reach.n_to_go for reach in found.reaches] == [n - 400 for n in needed]
    assert found.is_measured is True


def test_under_100_counted_the_variance_of_a_few_is_not_believed():
    found = ahead(known=Known(99, 0.0))
    assert found.is_measured is False
    assert found.reaches[0].n_to_go == first_count(0.25, 99, 0.03) - 99


def test_what_is_reached_needs_no_day_even_where_nobody_reviews():
    found = ahead(known=Known(5000, 0.09 / 5000), reviews_per_day=0)
    assert days(found) == [0, 0]


def test_what_never_comes_has_no_day():
    assert days(ahead(reviews_per_day=0)) == [None, None]
    assert days(ahead(pace=0.5)) == [None, None]  # 2,784 at one in two days: fifteen years


@given(
    rate=st.integers(0, 500),
    traffic=st.floats(0, 5000),
    overlap=st.floats(0, 1),
    gold=st.floats(0, 0.5),
    pace=st.one_of(st.none(), st.floats(0, 300)),
)
def test_more_reviews_a_day_never_take_longer(rate, traffic, overlap, gold, pace):
    fields = {"traffic": [Traffic(traffic)], "overlap_share": overlap, "gold_share": gold, "pace": pace}
    fewer, more = ahead(reviews_per_day=rate, **fields), ahead(reviews_per_day=rate + 10, **fields)
    assert fewer.items_a_day <= more.items_a_day <= traffic
    assert fewer.reviewed_a_day <= fewer.items_a_day
    for slow, fast in zip(days(fewer), days(more), strict=True):
        assert slow is None or (fast is not None and fast <= slow)
