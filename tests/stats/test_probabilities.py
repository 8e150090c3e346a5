"""Sent chances against scikit-learn, scipy and counting one by one."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from metrics.stats.intervals import wilson
from metrics.stats.joint import Cell, Joint
from metrics.stats.probabilities import NAMES, auc, chances_of, estimate_probabilities

BINARY = ("on_time", "late")
ROW = st.tuples(
    st.sampled_from(["late", "on_time", "new"]),
    st.one_of(st.none(), st.floats(0, 1)),
    st.sampled_from(["late", "on_time", "new", None]),
)


def joint_of(rows):
    """Counts of (label, score or None, truth or None), one prediction at a time."""
    cells = {}
    for label, score, truth in rows:
        key = (label, None if score is None else min(999, int(score * 1000)), truth)
        chance = 0.5 if score is None else min(1 - 1e-15, max(1e-15, score if label == truth else 1 - score))
        loss = -np.log(chance) if score is not None and truth is not None else 0.0
        added = Cell(1, score or 0.0, (score or 0.0) ** 2, loss)
        cells[key] = Cell(*(a + b for a, b in zip(cells.get(key, Cell(0, 0, 0, 0)), added, strict=True)))
    return Joint.of(cells)


def estimate(rows, *, labels=BINARY, positive_label="late"):
    return estimate_probabilities(joint_of(rows), labels=labels, positive_label=positive_label)


def binary_rows(n=4000, seed=3):
    rng = np.random.default_rng(seed)
    chance = rng.beta(1.2, 2.5, n)
    is_late = rng.random(n) < 0.1 + 0.7 * chance
    says_late = chance > 0.4
    score = np.where(says_late, chance, 1 - chance)
    names = np.array(BINARY)
    return chance, is_late, list(zip(names[says_late * 1], score.tolist(), names[is_late * 1], strict=True))


def test_all_five_are_those_of_scikit_learn_on_the_chance_of_the_positive_label():
    chance, is_late, rows = binary_rows()
    found = estimate(rows)
    figures = {name: figure.value for name, figure in found.figures.items()}
    assert found.event == "late"
    assert figures["auc"] == pytest.approx(roc_auc_score(is_late, chance), abs=1e-3)
    assert figures["average_precision"] == pytest.approx(average_precision_score(is_late, chance), abs=1e-3)
    assert figures["brier"] == pytest.approx(brier_score_loss(is_late, chance), abs=1e-12)
    assert figures["log_loss"] == pytest.approx(log_loss(is_late, chance), abs=1e-12)
    order = np.argsort(chance)
    groups = np.array_split(order, 20)
    ece = sum(abs(chance[g].sum() - is_late[g].sum()) for g in groups) / len(chance)
    assert figures["ece"] == pytest.approx(ece, abs=3e-3)


def test_chances_that_share_a_value_are_ties_also_across_the_answers():
    """0.8 for late and 0.2 for on time are the same chance of late, whatever the last bit of 1 - 0.2 says."""
    rng = np.random.default_rng(5)
    chance = rng.choice([0.1, 0.2, 0.29, 0.57, 0.8, 0.9], 600)
    is_late, says_late = rng.random(600) < chance, rng.random(600) < 0.5
    names = np.array(BINARY)
    rows = list(
        zip(
            names[says_late * 1], np.where(says_late, chance, 1 - chance).tolist(), names[is_late * 1], strict=True
        )
    )
    found = estimate(rows).figures
    assert found["auc"].value == pytest.approx(roc_auc_score(is_late, chance), abs=1e-12)
    assert found["average_precision"].value == pytest.approx(average_precision_score(is_late, chance), abs=1e-12)


def test_delong_variance_is_that_of_all_pairs():
    rng = np.random.default_rng(7)
    negative, positive = rng.integers(0, 4, 12).astype(float), rng.integers(0, 4, 12).astype(float)
    area, variance = auc(negative, positive)
    x = np.repeat(np.arange(12), positive.astype(int))
    y = np.repeat(np.arange(12), negative.astype(int))
    psi = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    expected = np.var(psi.mean(axis=1), ddof=1) / len(x) + np.var(psi.mean(axis=0), ddof=1) / len(y)
    assert area == pytest.approx(psi.mean())
    assert variance == pytest.approx(expected)


def test_intervals_of_auc_and_brier_cover_95_percent():
    """400 samples of 300; within 3 standard errors of 95 %, wider is allowed: the rule of three widens."""
    rng = np.random.default_rng(11)
    big = rng.normal(0, 1, 200_000), rng.normal(1, 1, 200_000)
    auc_true = float(np.mean(big[1] > big[0]))
    brier_true = float(
        np.mean([np.mean(s(big[0]) ** 2) for s in [lambda x: 1 / (1 + np.exp(-x))]]) * 0.7
        + np.mean((1 / (1 + np.exp(-big[1])) - 1) ** 2) * 0.3
    )
    hits = np.zeros(2)
    for _ in range(400):
        is_late = rng.random(300) < 0.3
        chance = 1 / (1 + np.exp(-rng.normal(is_late, 1)))
        rows = [("late", p, "late" if t else "on_time") for p, t in zip(chance.tolist(), is_late, strict=True)]
        figures = estimate(rows).figures
        for at, (name, true) in enumerate((("auc", auc_true), ("brier", brier_true))):
            hits[at] += figures[name].low <= true <= figures[name].high
    assert (hits / 400 > 0.95 - 3 * (0.95 * 0.05 / 400) ** 0.5).all(), hits / 400


def test_several_labels_speak_of_the_answer_being_right():
    rows = [("refund", 0.9, "refund")] * 150 + [("other", 0.6, "refund")] * 50
    found = estimate(rows, labels=("refund", "other", "lost"), positive_label=None)
    assert found.event == ""
    assert found.figures["brier"].value == pytest.approx((150 * 0.01 + 50 * 0.36) / 200)
    assert found.figures["log_loss"].value == pytest.approx((-150 * np.log(0.9) - 50 * np.log(0.4)) / 200)
    assert found.figures["ece"].value == pytest.approx((150 * 0.1 + 50 * 0.6) / 200)
    assert found.figures["auc"].reason.startswith("no positive label is set")
    bars = [(bar.n, bar.right, (bar.right_low, bar.right_high)) for bar in found.reliability]
    assert bars == [(50, 0.0, wilson(0, 50)), (150, 1.0, wilson(150, 150))]


@pytest.mark.parametrize(
    ("rows", "name", "reason"),
    [
        ([], "auc", "no truth has arrived yet"),
        ([("late", 0.8, None)], "brier", "no truth has arrived yet"),
        ([("late", None, "late")] * 3, "ece", "no prediction whose truth is known came with a score"),
        ([("late", 0.8, "late")] * 3, "auc", "all known truths are late: one class has no order"),
        (
            [("late", 0.8, "on_time")] * 3,
            "average_precision",
            "all known truths are on_time: one class has no order",
        ),
    ],
)
def test_what_cannot_be_said_has_its_reason(rows, name, reason):
    figure = estimate(rows).figures[name]
    assert (figure.value, figure.state, figure.reason) == (None, "no_data", reason)


def test_perfect_scores_claim_no_certainty():
    rows = [("late", 1.0, "late")] * 100 + [("on_time", 1.0, "on_time")] * 100
    figures = estimate(rows).figures
    assert [figures[name].value for name in NAMES] == pytest.approx([1, 1, 0, 0, 0], abs=1e-12)
    assert figures["auc"].low < 1
    assert figures["average_precision"].low < 1
    assert figures["brier"].high > 0
    assert figures["brier"].state == "measured"


def test_a_truth_that_is_neither_of_two_labels_is_left_out():
    found = chances_of(
        joint_of([("late", 0.8, "lost"), ("late", 0.8, "late")]), labels=BINARY, positive_label="late"
    )
    assert (found.total, found.n_happened) == (1, 1)


@given(st.lists(ROW, max_size=40), st.sampled_from([BINARY, ("late", "on_time", "new"), ()]))
def test_any_history_gives_figures_in_range_or_reasons(rows, labels):
    found = estimate(rows, labels=labels)
    assert found.figures.keys() == set(NAMES)
    for name, figure in found.figures.items():
        assert (figure.value is None) == (figure.state == "no_data")
        assert (figure.reason != "") == (figure.state != "measured")
        if figure.low is not None:
            assert figure.anytime_low <= figure.low <= figure.value <= figure.high <= figure.anytime_high, name
    assert "nan" not in repr(asdict(found))
    assert "inf" not in repr(asdict(found))
