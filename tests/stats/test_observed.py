from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from metrics.stats.intervals import wilson
from metrics.stats.observed import estimate_observed
from tests.stats.brute_force import observed_by_hand

BINARY = ("late", "on_time")
THREE = ("refund", "delivery", "other")
FIELDS = ("value", "low", "high", "anytime_low", "anytime_high", "n")


def estimate(pairs, *, labels=BINARY, positive_label="late", **rest):
    rest = {"population": len(pairs), **rest}
    return estimate_observed(Counter(pairs), labels=labels, positive_label=positive_label, **rest)


def assert_same_figure(ours, by_hand):
    if by_hand is None:
        assert (ours.value, ours.state) == (None, "no_data")
        return
    for name in FIELDS:
        assert getattr(ours, name) == pytest.approx(by_hand[name], abs=1e-9)


@given(st.lists(st.tuples(st.sampled_from([*THREE, "new"]), st.sampled_from([*THREE, "new"])), max_size=200))
def test_the_estimate_is_that_of_brute_force(pairs):
    ours, by_hand = estimate(pairs, labels=THREE, positive_label=None), observed_by_hand(pairs)
    assert_same_figure(ours.metrics["accuracy"], by_hand["accuracy"])
    for label, figures in by_hand["per_label"].items():
        for name, figure in figures.items():
            assert_same_figure(ours.per_label[label][name], figure)
    assert "nan" not in repr(asdict(ours))


def test_the_figures_are_those_of_scikit_learn():
    rng = np.random.default_rng(2)
    true = rng.choice(THREE, 5_000, p=[0.5, 0.3, 0.2])
    predicted = np.where(rng.random(5_000) < 0.7, true, rng.choice(THREE, 5_000))
    pairs = list(zip(predicted.tolist(), true.tolist(), strict=True))
    result = estimate(pairs, labels=THREE, positive_label="other", population=10_000)
    assert result.metrics["accuracy"].value == pytest.approx(accuracy_score(true, predicted), abs=1e-12)
    expected = precision_recall_fscore_support(true, predicted, labels=THREE)
    for at, label in enumerate(THREE):
        ours = [result.per_label[label][name].value for name in ("precision", "recall", "f1")]
        assert ours == pytest.approx([expected[k][at] for k in range(3)], abs=1e-12)
    assert (result.coverage, result.counted, result.population) == (0.5, 5_000, 10_000)
    assert result.metrics["f1"] == result.per_label["other"]["f1"]
    assert result.confusion.labels == list(THREE)
    assert sum(map(sum, result.confusion.rows)) == 5_000
    assert result.confusion.rows[1][0] == sum(pair == ("delivery", "refund") for pair in pairs)


def test_the_interval_of_f1_is_that_of_jaccard_mapped():
    pairs = [("late", "late")] * 30 + [("late", "on_time")] * 10 + [("on_time", "late")] * 20
    pairs += [("on_time", "on_time")] * 140
    f1 = estimate(pairs).metrics["f1"]
    low, high = wilson(30, 60)
    assert f1.value == pytest.approx(2 * 30 / (2 * 30 + 10 + 20))
    assert (f1.low, f1.high) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    assert f1.anytime_low < f1.low < f1.value < f1.high < f1.anytime_high
    assert (f1.method, f1.n, f1.state) == ("wilson", 60, "measured")


def test_the_interval_of_f1_covers_95_percent():
    """500 samples of 400 with true F1 0.75; within 3 standard errors of 95 %."""
    rng, hits = np.random.default_rng(4), 0
    kinds = [("late", "late"), ("late", "on_time"), ("on_time", "late"), ("on_time", "on_time")]
    for counts in rng.multinomial(400, [0.3, 0.08, 0.12, 0.5], size=500):
        confusion = dict(zip(kinds, counts.tolist(), strict=True))
        f1 = estimate_observed(confusion, population=400, labels=BINARY, positive_label="late").metrics["f1"]
        hits += f1.low <= 0.75 <= f1.high
    assert abs(hits / 500 - 0.95) < 3 * (0.95 * 0.05 / 500) ** 0.5


def test_without_truth_everything_is_no_data_with_a_reason():
    result = estimate([], population=50)
    assert {figure.reason for figure in result.metrics.values()} == {"no truth has arrived yet"}
    assert (result.coverage, result.confusion, result.reason) == (0, None, "no truth has arrived yet")
    assert estimate([]).coverage is None


def test_states_follow_the_counts():
    few = estimate([("late", "late")] * 60).metrics
    assert few["accuracy"].reason == "needs 40 more known truths"
    rare = estimate([("late", "late")] * 10 + [("on_time", "on_time")] * 140).metrics
    assert rare["accuracy"].state == "measured"
    assert (rare["recall"].state, rare["recall"].reason) == (
        "collecting",
        "needs 20 more that were truly late",
    )


def test_a_label_never_predicted_has_no_precision_and_says_why():
    result = estimate([("on_time", "on_time")] * 120)
    assert result.metrics["precision"].reason == "nothing with known truth was predicted late"
    assert result.metrics["accuracy"].value == 1
    assert result.metrics["accuracy"].low < 1


def test_calibration_bars_come_from_the_counts_of_right_and_wrong():
    score_bins = {
        (18, True): (80, 74.0),
        (18, False): (20, 18.2),
        (3, False): (0, 0.0),
        (None, True): (9, 0.0),
    }
    (bar,) = estimate([("late", "late")] * 100, score_bins=score_bins).calibration
    assert (bar.low, bar.high, bar.n, bar.right) == (0.9, 0.95, 100, 0.8)
    assert bar.mean_score == pytest.approx(0.922)
    assert (bar.right_low, bar.right_high) == wilson(80, 100)


def test_several_labels_without_a_positive_one_point_to_each_label():
    result = estimate([("refund", "other")] * 5, labels=THREE, positive_label=None)
    assert result.metrics["recall"].reason == "several labels: see each label"
    assert result.per_label["other"]["recall"].value == 0


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="negative"):
        estimate_observed({("late", "late"): -1}, population=1, labels=BINARY, positive_label=None)
