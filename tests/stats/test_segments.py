import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.stats.segments import SegmentFigure, adjusted, worst_segments

# Benjamini & Hochberg 1995, p. 295: 15 comparisons of two treatments after a heart attack (Neuhaus et al. 1992).
NEUHAUS_1992 = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
    0.7590, 1.0000,
]  # fmt: skip

probabilities = st.lists(st.floats(0, 1), max_size=30)


def figure(value, n=100, *, variance=None, population=1_000):
    return SegmentFigure(value, variance or max(value * (1 - value), 0.01) / n, n, population)


def test_the_published_example_finds_its_four():
    q = adjusted(NEUHAUS_1992)
    assert [at for at, each in enumerate(q) if each <= 0.05] == [0, 1, 2, 3]
    assert sum(p <= 0.05 / 15 for p in NEUHAUS_1992) == 3  # what Bonferroni finds, as the paper says
    assert q[3] == pytest.approx(0.0095 * 15 / 4)


@given(probabilities)
def test_adjusted_values_are_those_of_scipy(p_values):
    expected = stats.false_discovery_control(p_values) if p_values else []
    assert adjusted(p_values) == pytest.approx(list(expected), rel=1e-12, abs=1e-300)


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=8), st.floats(0.01, 0.5))
def test_found_is_what_the_step_up_rule_finds(p_values, rate):
    """Read as the paper has it: the largest i with p_(i) <= i rate / m, and all before it."""
    m, ordered, reach = len(p_values), sorted(p_values), 0
    for i, p in enumerate(ordered, start=1):
        if p <= i * rate / m * (1 + 1e-12):
            reach = i
    found = sorted(p for p, q in zip(p_values, adjusted(p_values), strict=True) if q <= rate * (1 + 1e-12))
    assert found == ordered[:reach]


def test_p_values_outside_the_unit_interval_are_refused():
    for wrong in ([-0.1], [1.1], [math.nan]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            adjusted(wrong)


def test_the_test_of_one_segment_is_the_two_sample_z_test():
    ranked = worst_segments({"a": figure(0.70)}, {"a": figure(0.82, 900)})[0]
    z = -0.12 / math.sqrt(0.7 * 0.3 / 100 + 0.82 * 0.18 / 900)
    assert ranked.p == ranked.q == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert (ranked.low, ranked.high) == pytest.approx((-0.12 - 1.96 * 0.12 / -z, -0.12 + 1.96 * 0.12 / -z))
    assert ranked.is_found
    assert ranked.is_worse


def test_worst_in_front_then_better_ones_then_what_cannot_be_told():
    figures = {"fine": figure(0.80), "worst": figure(0.40), "better": figure(0.99, 400), "bad": figure(0.55)}
    ranked = worst_segments(figures, dict.fromkeys(figures, figure(0.80, 2_000)))
    assert [(each.name, each.is_found, each.is_worse) for each in ranked] == [
        ("worst", True, True),
        ("bad", True, True),
        ("better", True, False),
        ("fine", False, False),
    ]


def test_small_segments_are_left_out_before_anything_is_adjusted():
    figures = {"a": figure(0.70, 200), **{f"tiny {i}": figure(0.1, 29) for i in range(20)}}
    rest = dict.fromkeys(figures, figure(0.80, 2_000))
    alone = worst_segments({"a": figures["a"]}, rest)
    assert worst_segments(figures, rest) == alone
    assert worst_segments({"a": figures["a"]}, {"a": figure(0.8, 29)}) == worst_segments({}, {}) == []


def test_the_order_of_segments_does_not_matter():
    figures = {name: figure(value) for name, value in [("a", 0.6), ("b", 0.8), ("c", 0.8)]}
    rest = dict.fromkeys(figures, figure(0.8, 900))
    answers = [worst_segments(dict(order), rest) for order in itertools.permutations(figures.items())]
    assert all(answer == answers[0] for answer in answers)


def test_no_variance_is_no_certainty_but_an_error():
    with pytest.raises(ValueError, match="above 0"):
        worst_segments({"a": SegmentFigure(1.0, 0.0, 50, 100)}, {"a": figure(0.8)})
    with pytest.raises(KeyError):
        worst_segments({"a": figure(0.8)}, {})


def judged(hits, n):
    """A plain sample's figure, with the variance of statistics.md §2."""
    value = float(hits / n)
    return figure(value, n, variance=value * (1 - value) / n + (1.5 / n) ** 2)


def found_in(truth, rng, n=100):
    """The segments found, n reviews of each, each against all the others."""
    right = rng.binomial(n, truth)
    n_rest = n * (len(truth) - 1)
    figures = {str(at): judged(hits, n) for at, hits in enumerate(right)}
    rest = {str(at): judged(right.sum() - hits, n_rest) for at, hits in enumerate(right)}
    return [segment for segment in worst_segments(figures, rest) if segment.is_found]


def test_where_no_segment_differs_one_is_found_in_a_tenth_of_all_cases_at_most():
    runs, rng = 1_000, np.random.default_rng(3)
    wrong = sum(bool(found_in(np.full(20, 0.8), rng)) for _ in range(runs)) / runs
    assert wrong < 0.1 + 4 * math.sqrt(0.1 * 0.9 / runs)  # 4 standard errors


def test_what_is_called_worse_is_worse():
    """40 segments, 5 of them 20 points worse, 400 runs."""
    rng, truth = np.random.default_rng(4), np.array([0.65] * 5 + [0.85] * 35)
    runs = [[segment.name for segment in found_in(truth, rng) if segment.is_worse] for _ in range(400)]
    false = [sum(int(name) >= 5 for name in names) / max(1, len(names)) for names in runs]
    assert np.mean(false) < 0.1
    assert sum(int(name) < 5 for names in runs for name in names) / 2_000 > 0.9
