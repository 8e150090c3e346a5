import math
import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews import latent_truth
from reviews.agreement import Opinions
from reviews.intervals import wilson
from reviews.latent_truth import accuracy_without_reviewer_error, fit, still_needed
from tests.stats.published import anaesthetists, made_of

rows = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40)
golds = st.lists(st.sampled_from([-1, -1, -1, 0, 1, 2]), min_size=8, max_size=8)


def rng(seed=1):
    return np.random.default_rng(seed)


def fit_by_hand(rows, n_items, n_reviewers, n_answers, *, gold, prior, steps):
    """Dawid & Skene's equations 2.3 to 2.5 and 3.1, loop by loop; and the log-likelihood by its definition."""
    answers = range(n_answers)
    said = [[(r, a) for i, r, a in rows if i == item] for item in range(n_items)]
    truth = []
    for item in range(n_items):
        n = [sum(a == j for _, a in said[item]) for j in answers]
        if gold[item] >= 0:
            truth.append([float(j == gold[item]) for j in answers])
        else:
            truth.append([count / sum(n) if sum(n) else 1 / n_answers for count in n])
    for _ in range(steps):
        open_items = [item for item in range(n_items) if gold[item] < 0]
        shares = [sum(truth[i][j] for i in open_items) / max(1, len(open_items)) for j in answers]
        errors = {}
        for r, j in product(range(n_reviewers), answers):
            n = [prior[a != j] + sum(truth[i][j] for i, who, b in rows if (who, b) == (r, a)) for a in answers]
            errors[r, j] = [count / sum(n) if sum(n) else 1 / n_answers for count in n]
        height = sum(
            prior[a != j] * math.log(errors[r, j][a])
            for r, j, a in product(range(n_reviewers), answers, answers)
            if prior[a != j]
        )
        for item in range(n_items):
            joint = [math.prod(errors[r, j][a] for r, a in said[item]) for j in answers]
            if gold[item] >= 0:
                height += math.log(joint[gold[item]])
            else:
                joint = [chance * share for chance, share in zip(joint, shares, strict=True)]
                height += math.log(sum(joint))
                truth[item] = [chance / sum(joint) for chance in joint]
    return truth, errors, shares, height


def test_the_anaesthetists_come_out_as_published():
    """Dawid & Skene 1979: without priors the class shares are .40, .42, .11 and .07."""
    found = fit(anaesthetists(), prior_right=0, prior_wrong=0)
    assert found.is_steady
    assert found.shares == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=5e-3)


@settings(max_examples=40)
@given(rows, golds, st.sampled_from([(0.0, 0.0), (2.0, 1.0)]))
def test_em_agrees_with_its_equations_written_out(rows, gold, prior):
    opinions = made_of(rows, 8, 4, 3)
    found = fit(opinions, gold=np.array(gold), prior_right=prior[0], prior_wrong=prior[1])
    steps = min(len(found.trace), 30)
    truth, errors, shares, height = fit_by_hand(rows, 8, 4, 3, gold=gold, prior=prior, steps=steps)
    assert found.trace[steps - 1] == pytest.approx(height, abs=1e-8)
    if steps == len(found.trace):
        assert found.posteriors == pytest.approx(np.array(truth), abs=1e-9)
        assert found.confusion[3, 1] == pytest.approx(errors[3, 1], abs=1e-9)
        if min(gold) < 0:
            assert found.shares == pytest.approx(shares, abs=1e-9)


@settings(max_examples=60)
@given(rows, golds, st.sampled_from([(0.0, 0.0), (0.0, 1.0), (2.0, 1.0), (5.0, 0.5)]))
def test_the_likelihood_never_falls_and_all_shares_are_shares(rows, gold, prior):
    found = fit(made_of(rows, 8, 4, 3), gold=np.array(gold), prior_right=prior[0], prior_wrong=prior[1])
    assert (np.diff(found.trace) >= -1e-9 * max(1, abs(found.trace[0]))).all()
    for shares in (found.posteriors, found.confusion, found.shares):
        assert (shares >= 0).all()
        assert shares.sum(axis=-1) == pytest.approx(1)


@settings(max_examples=40)
@given(rows, golds, st.permutations(range(4)), st.permutations(range(3)), st.permutations(range(8)))
def test_neither_order_nor_names_change_what_is_found(rows, gold, reviewers, answers, items):
    found = fit(made_of(rows, 8, 4, 3), gold=np.array(gold))
    renamed_rows = [(items[i], reviewers[r], answers[a]) for i, r, a in reversed(rows)]
    renamed_gold = np.full(8, -1)
    renamed_gold[items] = [answers[true] if true >= 0 else -1 for true in gold]
    renamed = fit(made_of(renamed_rows, 8, 4, 3), gold=renamed_gold)
    assert renamed.trace == pytest.approx(found.trace)
    assert renamed.posteriors[np.ix_(items, answers)] == pytest.approx(found.posteriors, abs=1e-6)
    assert renamed.confusion[np.ix_(reviewers, answers, answers)] == pytest.approx(found.confusion, abs=1e-6)


def test_gold_stays_fixed_teaches_and_is_in_no_share():
    # gold is 1; reviewer 0 says 0 of it, reviewer 1 says 1; of the other ten they say so too
    rows = [(item, reviewer, reviewer) for item in range(20) for reviewer in range(2)]
    found = fit(made_of(rows, 20, 2, 2), gold=np.array([1] * 10 + [-1] * 10))
    assert found.posteriors[:10].tolist() == [[0, 1]] * 10
    assert found.posteriors[10, 1] > 0.9
    assert fit(made_of(rows, 20, 2, 2)).posteriors[10] == pytest.approx([0.5, 0.5])
    # all that is said of 1 is gold's and the other ten's: of about 20 nearly all were said to be 0
    assert found.confusion[0, 1, 0] == pytest.approx(21 / 23, abs=0.01)
    all_gold = fit(made_of(rows, 20, 2, 2), gold=np.ones(20, dtype=np.int64))
    assert all_gold.shares.tolist() == [0.5, 0.5]


def test_an_item_without_opinions_is_as_likely_as_the_shares():
    found = fit(made_of([(0, 0, 0), (1, 0, 0), (2, 0, 1)], 4, 1, 2))
    assert found.posteriors[3] == pytest.approx(found.shares, abs=1e-5)


def test_reviewers_who_never_err_are_believed():
    rows = [(item, reviewer, item % 3) for item in range(60) for reviewer in range(4)]
    found = fit(made_of(rows, 60, 4, 3))
    assert found.shares == pytest.approx([1 / 3] * 3, abs=1e-3)
    assert (found.posteriors.argmax(axis=1) == np.arange(60) % 3).all()
    assert found.posteriors.max(axis=1).min() > 0.99


def test_a_negative_prior_is_refused():
    with pytest.raises(ValueError, match="prior"):
        fit(anaesthetists(), prior_wrong=-0.5)


@pytest.mark.parametrize(
    ("n_items", "n_reviewers", "so_far"),
    [(30, 3, ""), (30, 4, ""), (29, 3, "29 so far"), (400, 2, "none so far"), (0, 0, "none so far")],
)
def test_thirty_items_that_three_reviewers_judged_are_needed(n_items, n_reviewers, so_far):
    rows = [(item, reviewer, 0) for item in range(n_items) for reviewer in range(n_reviewers)]
    reason = still_needed(made_of(rows, n_items, n_reviewers, 2))
    assert reason.endswith(so_far)
    assert bool(reason) == bool(so_far)


def test_a_reviewer_who_judged_an_item_three_times_is_one():
    rows = [(item, 0, 0) for item in range(120) for _ in range(3)]
    assert "none so far" in still_needed(made_of(rows, 120, 3, 2))


def drawn_world(draw, *, n_items=150, n_gold=30, n_reviewers=5, right=0.85):
    """Answer 0 is right, 1 wrong: (opinions, gold, weights). Reviewers err, on wrong ones more often.

    Sample items have two opinions, gold items one of each reviewer.
    """
    truth = (draw.random(n_items + n_gold) > right).astype(np.int64)
    errs = draw.uniform([0.05, 0.1], [0.2, 0.25], (n_reviewers, 2))
    who = [draw.permutation(n_reviewers)[: 2 if item < n_items else n_reviewers] for item in range(len(truth))]
    item = np.repeat(np.arange(len(truth)), [len(each) for each in who])
    reviewer = np.concatenate(who)
    answer = truth[item] ^ (draw.random(len(item)) < errs[reviewer, truth[item]])
    gold = np.where(np.arange(len(truth)) >= n_items, truth, -1)
    return Opinions(item, reviewer, answer, len(truth), n_reviewers, 2), gold, (gold < 0).astype(float)


def test_with_prior_and_gold_the_error_is_smaller_than_without_correction():
    draw, errors = rng(5), []
    for _ in range(60):
        opinions, gold, weights = drawn_world(draw)
        counts = opinions.counts()[weights > 0]
        raw = (counts[:, 0] / counts.sum(axis=1)).mean()
        corrected = fit(opinions, gold=gold).posteriors[weights > 0, 0].mean()
        errors.append((raw - 0.85, corrected - 0.85))
    raw, corrected = np.square(errors).T
    gain = raw - corrected
    assert math.sqrt(corrected.mean()) < 0.75 * math.sqrt(raw.mean())
    assert gain.mean() > 3 * gain.std() / math.sqrt(len(gain))  # three standard errors over 60 runs


def test_with_much_gold_the_true_accuracy_comes_out():
    opinions, gold, weights = drawn_world(rng(4), n_items=4000, n_gold=600)
    raw = opinions.counts()[weights > 0, 0].sum() / 8000
    corrected = fit(opinions, gold=gold).posteriors[weights > 0, 0].mean()
    # truth of 4,000 items: a standard error of 0.006; of gold, some 90 wrong ones show the errors to 0.01 each
    assert abs(corrected - 0.85) < 0.02
    assert raw < 0.80


def test_accuracy_without_reviewer_error_weighs_what_is_probably_true(monkeypatch):
    monkeypatch.setattr(latent_truth, "REFITS", 40)
    opinions, gold, weights = drawn_world(rng(3))
    worth = np.array([1.0, 0.0])
    found = accuracy_without_reviewer_error(opinions, worth=worth, weights=weights, rng=rng(), gold=gold)
    posteriors = fit(opinions, gold=gold).posteriors
    assert (found.value, found.n, found.reason) == (pytest.approx(posteriors[:150, 0].mean()), 150, "")
    assert found.low < found.value < found.high
    half = np.where(np.arange(180) < 75, 2.0, 1.0) * weights
    heavier = accuracy_without_reviewer_error(opinions, worth=worth, weights=half, rng=rng(), gold=gold)
    assert heavier.value == pytest.approx(np.average(posteriors[:, 0], weights=half))
    again = accuracy_without_reviewer_error(opinions, worth=worth, weights=weights, rng=rng(), gold=gold)
    assert again == found


def test_accuracy_without_reviewer_error_is_no_surer_than_without_errors(monkeypatch):
    monkeypatch.setattr(latent_truth, "REFITS", 20)
    rows = [(item, reviewer, 0) for item in range(40) for reviewer in range(3)]
    weights = np.where(np.arange(40) < 20, 1.0, 3.0)
    found = accuracy_without_reviewer_error(
        made_of(rows, 40, 3, 2), worth=np.array([1, 0]), weights=weights, rng=rng()
    )
    kish = 80**2 / (20 * 1 + 20 * 9)
    assert found.value == pytest.approx(1, abs=1e-6)
    assert found.low == pytest.approx(wilson(kish, kish)[0], abs=1e-6)


def test_accuracy_without_reviewer_error_says_why_there_is_none():
    few = made_of([(0, 0, 0), (0, 1, 1)], 1, 2, 2)
    found = accuracy_without_reviewer_error(few, worth=np.array([1, 0]), weights=np.ones(1), rng=rng())
    assert (found.value, found.low, found.n) == (None, None, 1)
    assert "3 reviewers" in found.reason
    assert "none so far" in found.reason
    opinions, gold, weights = drawn_world(rng())
    nothing = accuracy_without_reviewer_error(
        opinions, worth=np.array([1, 0]), weights=0 * weights, rng=rng(), gold=gold
    )
    assert (nothing.value, nothing.reason) == (None, "needs 10 more counted items")
    with pytest.raises(ValueError, match="negative"):
        accuracy_without_reviewer_error(opinions, worth=np.array([1, 0]), weights=weights - 1, rng=rng())


def test_ten_thousand_items_of_twenty_reviewers_take_no_more_than_a_second():
    draw = rng()
    truth = draw.choice(5, 10_000, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    item, reviewer = (each.ravel() for each in np.indices((10_000, 20)))
    is_right = draw.random(200_000) < draw.uniform(0.2, 0.6, 20)[reviewer]
    answer = np.where(is_right, truth[item], draw.integers(0, 5, 200_000))
    start = time.process_time()
    found = fit(Opinions(item, reviewer, answer, 10_000, 20, 5))
    took = time.process_time() - start
    assert found.is_steady
    assert (found.posteriors.argmax(axis=1) == truth).mean() > 0.95
    assert took < 1
