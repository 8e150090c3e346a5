import math

import pytest

from tests.stats.brute_force import Item
from tests.stats.cases import BINARY, THREE, estimate, realistic_case


def some(n, *, label="late", score=0.9, p=0.5, verdict="right", truth=None, actor=None):
    return [Item(label, score, p, verdict, truth, actor)] * n


PREDICTIONS = [("late", 0.9)] * 200 + [("on_time", 0.8)] * 800


def test_without_reviews_everything_is_no_data_with_a_reason():
    result = estimate(PREDICTIONS, [])
    assert {f.state for f in result.metrics.values()} == {"no_data"}
    assert result.metrics["recall"].reason == result.reason == "no reviews counted yet"
    assert (result.undecided_share, result.accuracy_bounds, result.confusion) == (None, None, None)
    assert result.accuracy_variance is None


def test_without_covered_predictions_nothing_is_said():
    assert estimate([], some(5)).metrics["accuracy"].reason == "no prediction in the days that reviews cover"


def test_when_nobody_could_judge_anything_the_page_says_so():
    result = estimate(PREDICTIONS, some(12, verdict="cannot_judge"))
    assert result.undecided_share == 1
    assert result.metrics["accuracy"].reason == "nobody could judge any of the reviewed predictions"


def test_undecided_items_count_widen_the_bounds_and_are_in_no_domain():
    items = some(60, label="on_time") + some(20, label="on_time", verdict="cannot_judge")
    result = estimate(PREDICTIONS, items)
    accuracy = result.metrics["accuracy"]
    assert (result.counted, result.decided, accuracy.n) == (80, 60, 60)
    assert result.undecided_share == pytest.approx(0.25)
    low, high = result.accuracy_bounds
    assert (low, high) == (pytest.approx(0.75 * accuracy.value), pytest.approx(0.75 * accuracy.value + 0.25))


def test_a_label_never_predicted_has_no_precision_and_says_why():
    predictions = [("on_time", 0.8)] * 500
    result = estimate(predictions, some(50, label="on_time"))
    assert result.metrics["precision"].reason == "nothing was predicted late"
    assert result.metrics["recall"].reason == "none of the reviewed predictions was truly late"
    assert result.metrics["f1"].reason == "none of the reviewed predictions was predicted or truly late"
    assert result.per_label["on_time"]["precision"].state == "collecting"


def test_a_label_predicted_but_not_reviewed_is_not_answered_from_its_scores():
    result = estimate(PREDICTIONS, some(50, label="on_time"))
    assert result.metrics["precision"].reason == "none of the reviewed predictions was predicted late"


def test_forecasts_that_outweigh_the_judgments_leave_nothing_to_divide_by():
    # scores promise misses of "late" that the heaviest review denies: T_tp and T_fn fall below 0
    predictions = [("on_time", 0.02)] * 30 + [("on_time", 0.9)] * 10
    items = [
        *some(1, label="on_time", score=0.02, p=0.001),
        *some(1, label="on_time", score=0.9, p=1.0, verdict="wrong"),
    ]
    result = estimate(predictions, items)
    assert result.metrics["recall"].value is None
    assert result.metrics["recall"].reason == "too few reviews yet of what was truly late"


def test_states_follow_the_counts():
    few = estimate(PREDICTIONS, some(40) + some(40, label="on_time")).metrics
    assert (few["accuracy"].state, few["accuracy"].reason) == ("collecting", "needs 20 more reviews")
    rare = estimate(PREDICTIONS, some(10) + some(140, label="on_time", score=0.8)).metrics
    assert (rare["accuracy"].state, rare["accuracy"].reason) == ("measured", "")
    assert (rare["precision"].state, rare["precision"].reason) == (
        "collecting",
        "needs 20 more that were predicted late",
    )
    enough = estimate(PREDICTIONS, some(30) + some(70, label="on_time", score=0.8)).metrics
    assert enough["precision"].state == enough["recall"].state == "measured"


def test_a_sample_without_an_error_does_not_claim_certainty():
    accuracy = estimate([("late", 1.0)] * 1_000, some(150, score=1.0, p=0.15)).metrics["accuracy"]
    assert (accuracy.value, accuracy.high) == (1, 1)
    assert accuracy.low == pytest.approx(1 - 1.96 * 1.5 / 150)  # the rule of three alone


def test_a_wrong_answer_of_two_means_the_other_and_of_three_it_is_not_known():
    items = some(20) + some(20, verdict="wrong") + some(20, label="on_time")
    two = estimate(PREDICTIONS, items)
    assert two.per_label["on_time"]["recall"].n == 40
    three = estimate(PREDICTIONS, items, labels=(*BINARY, "cancelled"))
    assert three.per_label["on_time"]["recall"].n == 20
    assert three.per_label["on_time"]["recall"].value == 1


def test_partly_right_is_half_a_hit_half_a_false_alarm_and_half_a_miss_of_the_better_label():
    predictions = [("refund", None)] * 10
    items = [Item("refund", None, 1.0, "partly", "delivery")] * 10
    result = estimate(predictions, items, labels=THREE, positive_label=None)
    assert result.metrics["accuracy"].value == 0.5
    assert result.per_label["refund"]["precision"].value == 0.5
    assert result.per_label["refund"]["recall"].value == 1
    assert result.per_label["delivery"]["recall"].value == 0
    assert result.confusion.rows[0] == [0.5, 0.5, 0]


def test_partly_right_with_the_same_label_misses_nothing():
    items = [Item("refund", None, 1.0, "partly", "refund")] * 10
    result = estimate([("refund", None)] * 10, items, labels=THREE, positive_label=None)
    assert result.confusion.rows[0] == [0.5, 0, 0]


def test_scores_missing_on_more_than_half_turn_the_forecast_off():
    half = [("late", 0.9)] * 50 + [("late", None)] * 50
    assert estimate(half, some(10)).metrics["accuracy"].method == "greg"
    assert estimate([*half, ("late", None)], some(10)).metrics["accuracy"].method == "hajek"


def test_several_labels_without_a_positive_one_point_to_each_label():
    predictions, items = realistic_case(n=300)
    metrics = estimate(predictions, items, labels=THREE, positive_label=None).metrics
    assert metrics["f1"].reason == "several labels: see each label"
    two = estimate(PREDICTIONS, some(10), positive_label=None).metrics
    assert two["f1"].reason == "no positive label is set: see each label"
    assert two["f1"].state == "no_data"


def test_errors_of_one_actor_hang_together():
    mixed = [("right", "ann"), ("wrong", "bob")] * 60
    items = [Item("late", 0.9, 0.5, verdict, None, actor) for verdict, actor in mixed]
    alone, together = (estimate(PREDICTIONS, items, share_with_actor=share) for share in (0.5, 0.51))
    assert together.accuracy_variance > 10 * alone.accuracy_variance
    assert together.metrics["accuracy"].value == alone.metrics["accuracy"].value
    strangers = [item._replace(actor=f"a{at}" if at % 2 else None) for at, item in enumerate(items)]
    assert estimate(PREDICTIONS, strangers, share_with_actor=1.0).accuracy_variance == pytest.approx(
        alone.accuracy_variance
    )


def test_unknown_verdicts_and_impossible_probabilities_are_refused():
    with pytest.raises(ValueError, match="no verdict called maybe"):
        estimate(PREDICTIONS, some(1, verdict="maybe"))
    for p in (0.0, 1.1, math.nan):
        with pytest.raises(ValueError, match="probabilities"):
            estimate(PREDICTIONS, some(1, p=p))


@pytest.mark.parametrize("n_undecided", [0, 7, 120])
def test_undecided_items_widen_the_interval_by_the_share_that_was_decided(n_undecided):
    """v less the rule of three grows by 1 / (share decided)^2; nothing undecided: the formula as written."""
    predictions, items = realistic_case(labels=BINARY)
    decided = [item for item in items if item.verdict != "cannot_judge"]
    undecided = [Item("late", 0.7, 0.05 + i / 200, "cannot_judge") for i in range(n_undecided)]
    plain, wider = (estimate(predictions, some) for some in (decided, decided + undecided))
    share = sum(1 / item.p for item in decided) / sum(1 / item.p for item in decided + undecided)
    three = (1.5 / len(decided)) ** 2
    assert wider.accuracy_variance - three == pytest.approx((plain.accuracy_variance - three) / share**2)
    assert wider.metrics["accuracy"].value == plain.metrics["accuracy"].value
