import math
import random
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from metrics.stats.reviewed import CountedItem, estimate_reviewed
from reviews.draw import rate_cap, score_bin
from tests.stats.brute_force import Item, reviewed_by_hand
from tests.stats.cases import BINARY, THREE, cells_of, estimate, realistic_case

FIELDS = ("value", "low", "high", "anytime_low", "anytime_high", "n")


def assert_same_figure(ours, by_hand, tolerance=1e-9):
    if by_hand is None:
        assert ours.state == "no_data"
        assert ours.value is None
        assert ours.reason
        return
    for name in FIELDS:
        assert getattr(ours, name) == pytest.approx(by_hand[name], abs=tolerance), name


def assert_same(ours, by_hand):
    assert (ours.population, ours.counted) == (by_hand["population"], by_hand["counted"])
    assert ours.undecided_share == pytest.approx(by_hand["undecided_share"])
    assert_same_figure(ours.metrics["accuracy"], by_hand["accuracy"])
    if by_hand["accuracy"]:
        assert ours.accuracy_variance == pytest.approx(by_hand["accuracy"]["variance"], rel=1e-9)
    for label, figures in by_hand["per_label"].items():
        for name, figure in figures.items():
            assert_same_figure(ours.per_label[label][name], figure)
    bars = {round(bar.low * 20): bar for bar in ours.calibration}
    assert bars.keys() == by_hand["calibration"].keys()
    for at, numbers in by_hand["calibration"].items():
        bar = bars[at]
        shown = (bar.n, bar.mean_score, bar.right, bar.right_low, bar.right_high)
        assert shown == pytest.approx(numbers, abs=1e-9)
    if by_hand["confusion"] is None:
        assert ours.confusion is None
        return
    for (predicted, true), share in by_hand["confusion"].items():
        row, column = ours.confusion.labels.index(predicted), ours.confusion.labels.index(true)
        assert ours.confusion.rows[row][column] == pytest.approx(share, abs=1e-9)


scores = st.one_of(st.none(), st.integers(0, 1_000).map(lambda i: i / 1_000))


@st.composite
def cases(draw):
    """A label set, some predictions, and judgments of some of them, of one outside them now and then."""
    labels = draw(st.sampled_from([BINARY, THREE, ("only",), ()]))
    names = st.sampled_from([*labels, "unforeseen"] if draw(st.booleans()) or not labels else [*labels])
    predictions = draw(st.lists(st.tuples(names, scores), max_size=25))
    reviewed = draw(st.lists(st.sampled_from(predictions), max_size=15)) if predictions else []
    reviewed += draw(st.lists(st.tuples(names, scores), max_size=1))
    items = [
        Item(
            label,
            score,
            draw(st.floats(0.01, 1)),
            draw(st.sampled_from(["right", "right", "wrong", "partly", "cannot_judge"])),
            draw(st.one_of(st.none(), names)),
            draw(st.sampled_from([None, "", "ann", "bob"])),
        )
        for label, score in reviewed
    ]
    return labels, predictions, items


@settings(max_examples=300)
@given(cases(), st.sampled_from([0.0, 0.5, 0.9]), st.sampled_from([100, 500]))
def test_the_estimate_is_that_of_brute_force(case, share_with_actor, n_star):
    labels, predictions, items = case
    rest = {"n_star": n_star, "share_with_actor": share_with_actor}
    ours = estimate(predictions, items, labels=labels, positive_label=None, **rest)
    assert_same(ours, reviewed_by_hand(predictions, items, labels=labels, **rest))


@settings(max_examples=200)
@given(cases())
def test_no_figure_is_ever_not_a_number_and_intervals_enclose_their_value(case):
    labels, predictions, items = case
    result = estimate(predictions, items, labels=labels, positive_label="late")
    figures = [*result.metrics.values(), *(f for row in result.per_label.values() for f in row.values())]
    for figure in figures:
        assert (figure.value is None) == (figure.state == "no_data") == (figure.low is None)
        assert bool(figure.reason) == (figure.state != "measured")
        if figure.value is not None:
            assert 0 <= figure.anytime_low <= figure.low <= figure.value
            assert figure.value <= figure.high <= figure.anytime_high <= 1
    assert "nan" not in repr(asdict(result))
    assert "inf" not in repr(asdict(result))


@settings(max_examples=100)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(case, rng: random.Random):
    labels, predictions, items = case
    shuffled = rng.sample(items, len(items))
    ours, other = (
        estimate(predictions, some, labels=labels, positive_label=None, share_with_actor=1.0)
        for some in (items, shuffled)
    )
    for label, figures in ours.per_label.items():
        for name, figure in figures.items():
            twin = other.per_label[label][name]
            assert figure.state == twin.state
            assert figure.value == pytest.approx(twin.value, abs=1e-9)
            assert figure.low == pytest.approx(twin.low, abs=1e-9)


@pytest.mark.parametrize("with_scores", [True, False])
@pytest.mark.parametrize("labels", [BINARY, THREE])
@pytest.mark.parametrize("share_with_actor", [0.0, 1.0])
def test_a_realistic_case_is_that_of_brute_force(labels, with_scores, share_with_actor):
    predictions, items = realistic_case(labels=labels, with_scores=with_scores)
    rest = {"labels": labels, "share_with_actor": share_with_actor}
    ours = estimate(predictions, items, positive_label=None, **rest)
    assert_same(ours, reviewed_by_hand(predictions, items, **rest))
    assert ours.metrics["accuracy"].method == ("greg" if with_scores else "hajek")
    assert ours.metrics["accuracy"].state == "measured"


def test_when_everything_is_reviewed_the_figures_are_those_of_scikit_learn():
    rng = np.random.default_rng(2)
    true = rng.choice(THREE, 600, p=[0.5, 0.3, 0.2])
    predicted = np.where(rng.random(600) < 0.7, true, rng.choice(THREE, 600))
    predictions = [(str(label), float(s)) for label, s in zip(predicted, rng.random(600), strict=True)]
    items = [
        Item(label, score, 1.0, "right" if label == truth else "wrong", str(truth))
        for (label, score), truth in zip(predictions, true, strict=True)
    ]
    result = estimate(predictions, items, labels=THREE, positive_label="refund")
    assert result.metrics["accuracy"].value == pytest.approx(accuracy_score(true, predicted), abs=1e-12)
    expected = precision_recall_fscore_support(true, predicted, labels=THREE)
    for at, label in enumerate(THREE):
        ours = [result.per_label[label][name].value for name in ("precision", "recall", "f1")]
        assert ours == pytest.approx([expected[k][at] for k in range(3)], abs=1e-12)
    table = confusion_matrix(predicted, true, labels=THREE) / 600  # ours has predictions in its rows
    assert np.array(result.confusion.rows) == pytest.approx(table, abs=1e-12)
    assert result.metrics["recall"] == result.per_label["refund"]["recall"]


def test_the_table_and_the_figures_per_label_agree():
    predictions, items = realistic_case()
    items = [item._replace(truth="other" if item.label != "other" else "refund") for item in items]
    result = estimate(predictions, items, labels=THREE, positive_label=None)
    table = np.array(result.confusion.rows)
    for at, label in enumerate(result.confusion.labels):
        row, column, hits = table[at].sum(), table[:, at].sum(), table[at, at]
        assert row == pytest.approx(sum(lab == label for lab, _ in predictions) / len(predictions), abs=1e-9)
        assert result.per_label[label]["precision"].value == pytest.approx(hits / row, abs=1e-9)
        if column:
            assert result.per_label[label]["recall"].value == pytest.approx(hits / column, abs=1e-9)


def test_drawn_by_uncertainty_the_estimate_has_no_bias_that_matters_and_its_interval_covers():
    """Over-confident scores, one label of three in ten; 400 of 6,000 reviewed, 500 times over.

    Bias within 4 standard errors of the mean of 500 runs, coverage within 3 of 95 %. (4,000 runs show a bias
    of 1 to 7 % of one standard error: the forecast learns from the items that it is compared with.)
    """
    runs, n, rng = 500, 6_000, np.random.default_rng(1)
    score = rng.beta(4, 1.5, n)
    predicted = np.where(rng.random(n) < 0.3, "late", "on_time")
    is_right = rng.random(n) < 0.03 + 0.9 * score
    g = np.sqrt(score * (1 - score))
    w = np.minimum(50, 0.9 * g / g.mean() + 0.1)
    cap = rate_cap([(float(x), 1.0) for x in w], 400)
    p = -np.expm1(-cap * w)
    population = cells_of(list(zip(predicted.tolist(), score.tolist(), strict=True)))
    as_item = [
        CountedItem(str(predicted[i]), score_bin(score[i]), p[i], "right" if is_right[i] else "wrong")
        for i in range(n)
    ]
    late, is_hit = predicted == "late", (predicted == "late") & is_right
    missed = int((~late & ~is_right).sum())
    truth = {
        "accuracy": is_right.mean(),
        "precision": is_hit.sum() / late.sum(),
        "recall": is_hit.sum() / (is_hit.sum() + missed),
        "f1": 2 * is_hit.sum() / (is_hit.sum() + missed + late.sum()),
    }
    found = {name: [] for name in truth}
    for _ in range(runs):
        items = [as_item[i] for i in np.flatnonzero(-np.log(rng.random(n)) / w < cap)]
        metrics = estimate_reviewed(population, items, labels=BINARY, positive_label="late").metrics
        for name, numbers in found.items():
            numbers.append((metrics[name].value, metrics[name].low, metrics[name].high))
    for name, numbers in found.items():
        value, low, high = np.array(numbers).T
        assert abs(value.mean() - truth[name]) < 4 * value.std() / math.sqrt(runs), name
        coverage = ((low <= truth[name]) & (truth[name] <= high)).mean()
        assert abs(coverage - 0.95) < 3 * math.sqrt(0.95 * 0.05 / runs), name
