import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.intervals import wilson
from metrics.stats.relying import (
    JudgedUse,
    RelianceSums,
    reliance_sums,
    right_but_refused,
    weighted_share,
    why_no_reliance,
    wrong_but_used,
)

uses = st.lists(
    st.builds(
        JudgedUse,
        p=st.floats(0.01, 1), right=st.sampled_from([0.0, 0.5, 1.0]),
        n_used=st.integers(0, 3), n_refused=st.integers(0, 3), n_ignored=st.integers(0, 3),
    ),
    max_size=12,
)  # fmt: skip


def test_of_alike_predictions_it_is_the_wilson_interval():
    judged = [JudgedUse(1.0, float(n >= 3), 1, 0, 0) for n in range(20)]
    found = wrong_but_used(judged)
    assert (found.value, found.n) == (pytest.approx(0.15), 20)
    assert (found.low, found.high) == pytest.approx(wilson(3, 20))


def test_a_prediction_seldom_judged_stands_for_many():
    """One wrong of chance 0.1 stands for ten, nine right ones for themselves."""
    judged = [JudgedUse(0.1, 0.0, 1, 0, 0), *[JudgedUse(1.0, 1.0, 1, 0, 0)] * 10]
    assert wrong_but_used(judged).value == pytest.approx(0.5)


def test_partly_right_counts_a_half():
    judged = [JudgedUse(1.0, 0.5, 1, 2, 0)]
    assert wrong_but_used(judged).value == right_but_refused(judged).value == 0.5


def test_what_was_not_used_tells_nothing_of_the_used():
    judged = [JudgedUse(1.0, 0.0, 0, 1, 1)]
    assert wrong_but_used(judged).value is None
    assert right_but_refused(judged).value == 0.0


def test_ignoring_is_not_refusing():
    assert right_but_refused([JudgedUse(1.0, 1.0, 0, 0, 5)]).value is None


@given(uses)
def test_the_sums_are_those_of_a_plain_reading(judged):
    found = reliance_sums(judged)
    for name, of_right, is_used in (
        ("right_used", True, True), ("right_shown", True, False),
        ("wrong_used", False, True), ("wrong_shown", False, False),
    ):  # fmt: skip
        total = 0.0
        for each in judged:
            n = each.n_used if is_used else each.n_used + each.n_refused + each.n_ignored
            total += n / each.p * (each.right if of_right else 1 - each.right)
        assert getattr(found, name) == pytest.approx(total)
    assert found.right_used <= found.right_shown * (1 + 1e-12)


@given(uses)
def test_intervals_hold_their_shares(judged):
    for found in (wrong_but_used(judged), right_but_refused(judged)):
        assert found.value is None or 0 <= found.low <= found.value <= found.high <= 1


def test_weighting_by_the_chance_of_being_judged_takes_the_bias_away():
    """Wrong answers are drawn four times as often; 400 draws, the mean within 4 standard errors of the truth."""
    rng = random.Random(3)
    found = []
    for _ in range(400):
        judged = []
        for n in range(200):
            is_wrong = n < 40
            p = 0.8 if is_wrong else 0.2
            if rng.random() < p:
                judged.append(JudgedUse(p, 0.0 if is_wrong else 1.0, 1, 0, 0))
        found.append(wrong_but_used(judged).value)
    mean = sum(found) / len(found)
    error = math.sqrt(sum((each - mean) ** 2 for each in found) / len(found)) / math.sqrt(len(found))
    assert abs(mean - 0.2) < 4 * error


def test_no_share_of_nothing():
    assert weighted_share([]).value is None


def test_reliance_needs_ten_of_each():
    assert why_no_reliance(RelianceSums(n_right=10, n_wrong=10)) == ""
    assert why_no_reliance(RelianceSums(n_right=12, n_wrong=7)) == (
        "needs 3 more wrong answers that were shown to somebody and judged"
    )
