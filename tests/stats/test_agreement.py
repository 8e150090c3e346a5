from collections import Counter
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from reviews.agreement import (
    Opinions,
    cohen_kappa,
    fleiss_kappa,
    gold_accuracy,
    krippendorff_alpha,
    raw_agreement,
)
from reviews.figures import OneLookFigure
from reviews.intervals import wilson
from tests.stats.published import (
    COHEN_1960,
    FLEISS_1971,
    FOUR_OBSERVERS,
    TWO_OBSERVERS_BINARY,
    TWO_OBSERVERS_NOMINAL,
    made_of,
    opinions_of,
)

# Items as lists of the answers that they got, from none to five.
some_items = st.lists(st.lists(st.integers(0, 3), max_size=5), min_size=10, max_size=25)
pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=10, max_size=40)


def rng(seed=1):
    return np.random.default_rng(seed)


def counts_of(items, n_answers=4):
    return np.array([[item.count(answer) for answer in range(n_answers)] for item in items])


def table_of(pairs, n_answers=4):
    return np.array([[pairs.count((a, b)) for b in range(n_answers)] for a in range(n_answers)])


def alpha_by_hand(items):
    """Every ordered pair of opinions on one item weighs 1 / (opinions on it - 1); then every pair of all."""
    items = [item for item in items if len(item) >= 2]
    weights = Counter()
    for item in items:
        for a, b in permutations(item, 2):
            weights[a == b] += 1 / (len(item) - 1)
    everything = [answer for item in items for answer in item]
    by_chance = Counter(a == b for a, b in permutations(everything, 2))
    return 1 - weights[False] / weights.total() / (by_chance[False] / by_chance.total())


def raw_by_hand(items):
    shares = [np.mean([a == b for a, b in combinations(item, 2)]) for item in items if len(item) >= 2]
    return sum(shares) / len(shares)


def test_fleiss_kappa_gives_the_published_example():
    """Fleiss 1971: kappa .430, from an observed agreement of .556."""
    found = fleiss_kappa(FLEISS_1971, rng=rng())
    assert (found.value, found.n) == (pytest.approx(0.430, abs=5e-4), 30)
    assert raw_agreement(FLEISS_1971, rng=rng()).value == pytest.approx(0.556, abs=5e-4)


@pytest.mark.parametrize(
    ("observers", "alpha", "n"),
    [(TWO_OBSERVERS_BINARY, 0.095, 10), (TWO_OBSERVERS_NOMINAL, 0.692, 12), (FOUR_OBSERVERS, 0.743, 11)],
)
def test_alpha_gives_the_published_examples(observers, alpha, n):
    """Krippendorff 2011, sections A to C; the twelfth unit of the last has one value, so it says nothing."""
    found = krippendorff_alpha(opinions_of(observers).counts(), rng=rng())
    assert (found.value, found.n) == (pytest.approx(alpha, abs=5e-4), n)


@pytest.mark.parametrize(
    ("table", "kappa", "n"), [(COHEN_1960, 0.492, 200), (np.array([[20, 20], [10, 50]]), 0.348, 100)]
)
def test_cohen_kappa_gives_the_published_examples(table, kappa, n):
    """Cohen 1960, p. 45; Artstein & Poesio 2008, Computational Linguistics 34(4), table 1."""
    found = cohen_kappa(table, rng=rng())
    assert (found.value, found.n) == (pytest.approx(kappa, abs=5e-4), n)


@settings(max_examples=30)
@given(pairs)
def test_cohen_kappa_agrees_with_scikit_learn(pairs):
    assume(len({answer for pair in pairs for answer in pair}) > 1)
    first, second = zip(*pairs, strict=True)
    expected = cohen_kappa_score(first, second)
    assert cohen_kappa(table_of(pairs), rng=rng()).value == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30)
@given(some_items)
def test_alpha_and_raw_agreement_agree_with_counting_every_pair(items):
    judged = [item for item in items if len(item) >= 2]
    assume(len(judged) >= 10 and len({answer for item in judged for answer in item}) > 1)
    alpha, raw = (f(counts_of(items), rng=rng()) for f in (krippendorff_alpha, raw_agreement))
    assert alpha.value == pytest.approx(alpha_by_hand(items), abs=1e-12)
    assert raw.value == pytest.approx(raw_by_hand(items), abs=1e-12)
    assert alpha.n == raw.n == len(judged)


@settings(max_examples=30)
@given(
    st.integers(2, 5).flatmap(lambda m: st.lists(st.lists(st.integers(0, 3), min_size=m, max_size=m), min_size=10))
)
def test_alpha_is_fleiss_kappa_corrected_for_few_opinions(items):
    counts = counts_of(items)
    alpha, kappa = (f(counts, rng=rng()).value for f in (krippendorff_alpha, fleiss_kappa))
    assume(kappa is not None)
    n = counts.sum()
    assert 1 - alpha == pytest.approx((1 - kappa) * (n - 1) / n, abs=1e-12)


@settings(max_examples=30)
@given(some_items, st.permutations(range(4)), st.randoms(use_true_random=False))
def test_order_of_items_and_names_of_answers_change_no_figure(items, names, random):
    shuffled = random.sample(items, len(items))
    for figure in (krippendorff_alpha, raw_agreement):
        found = figure(counts_of(items), rng=rng())
        assert figure(counts_of(shuffled), rng=rng()) == found
        renamed = figure(counts_of([[names[answer] for answer in item] for item in items]), rng=rng())
        assert (renamed.value, renamed.n, renamed.reason) == (pytest.approx(found.value), found.n, found.reason)


@settings(max_examples=30)
@given(pairs, st.permutations(range(4)))
def test_neither_who_is_first_nor_the_names_of_answers_change_cohen_kappa(pairs, names):
    found = cohen_kappa(table_of(pairs), rng=rng())
    swapped = cohen_kappa(table_of(pairs).T, rng=rng())
    renamed = cohen_kappa(table_of(pairs)[np.ix_(names, names)], rng=rng())
    for other in (swapped, renamed):
        assert (other.value, other.n, other.reason) == (pytest.approx(found.value), found.n, found.reason)


@settings(max_examples=30)
@given(pairs)
def test_alpha_is_below_cohen_kappa_by_how_differently_two_reviewers_answer(pairs):
    """Alpha takes both to have the same habits; where they do, the two differ by the correction alone."""
    alike = pairs + [(b, a) for a, b in pairs]
    kappa = cohen_kappa(table_of(alike), rng=rng()).value
    assume(kappa is not None)
    alpha = krippendorff_alpha(counts_of([list(pair) for pair in alike]), rng=rng()).value
    n = 2 * len(alike)
    assert 1 - alpha == pytest.approx((1 - kappa) * (n - 1) / n, abs=1e-12)


def test_reviewers_who_guess_agree_as_chance_would():
    # alpha of 4,000 guessed pairs has a standard error of about 0.016; 4 of them
    counts = counts_of([list(pair) for pair in rng().integers(0, 2, (4000, 2))], 2)
    assert abs(krippendorff_alpha(counts, rng=rng()).value) < 4 * 0.016


FIGURES = [
    (cohen_kappa, lambda pairs: table_of(pairs)),
    (fleiss_kappa, lambda pairs: counts_of([list(pair) for pair in pairs])),
    (krippendorff_alpha, lambda pairs: counts_of([list(pair) for pair in pairs])),
    (raw_agreement, lambda pairs: counts_of([list(pair) for pair in pairs])),
]
every_figure = pytest.mark.parametrize(
    ("figure", "shape"), FIGURES, ids=[figure.__name__ for figure, _ in FIGURES]
)


@every_figure
@pytest.mark.parametrize(("n", "missing"), [(0, "10 more items"), (7, "3 more items"), (9, "1 more item ")])
def test_under_ten_items_there_is_no_figure_but_a_reason(figure, shape, n, missing):
    pairs = [(0, 1)] * n
    given = shape(pairs) if n else np.zeros((4, 4) if figure is cohen_kappa else (0, 4), dtype=np.int64)
    found = figure(given, rng=rng())
    assert (found.value, found.low, found.high, found.n) == (None, None, None, n)
    assert missing in found.reason


@every_figure
def test_one_answer_for_everything_leaves_only_raw_agreement(figure, shape):
    found = figure(shape([(2, 2)] * 20), rng=rng())
    if figure is raw_agreement:
        assert (found.value, found.high, found.reason) == (1, 1, "")
    else:
        assert (found.value, found.low, found.high, found.n) == (None, None, None, 20)
        assert "same answer" in found.reason


@every_figure
def test_no_disagreement_seen_does_not_claim_that_there_is_none(figure, shape):
    found = figure(shape([(0, 0)] * 15 + [(1, 1)] * 15), rng=rng())
    chance = {cohen_kappa: 0.5, fleiss_kappa: 0.5, krippendorff_alpha: 30 / 59, raw_agreement: 1}[figure]
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(1 - (1 - wilson(30, 30)[0]) / chance)


@every_figure
def test_the_same_generator_gives_the_same_interval(figure, shape):
    given = shape([(0, 0)] * 20 + [(1, 1)] * 15 + [(0, 1)] * 5)
    found = figure(given, rng=rng(3))
    assert figure(given, rng=rng(3)) == found
    assert found.low < found.value < found.high
    # another generator: an end is a quantile of 2,000 draws, off by about a tenth of the standard error
    other = figure(given, rng=rng(4))
    assert other.low == pytest.approx(found.low, abs=0.4 * (found.high - found.low) / 4)


def test_the_interval_of_raw_agreement_is_that_of_a_binomial():
    # 30 of 40 items agree: a resample's agreement is binomial; its quantiles to one item, and rounding
    found = raw_agreement(counts_of([[0, 0]] * 30 + [[0, 1]] * 10), rng=rng())
    low, high = stats.binom.ppf([0.025, 0.975], 40, 0.75) / 40
    assert (found.low, found.high) == (pytest.approx(low, abs=1.01 / 40), pytest.approx(high, abs=1.01 / 40))


def test_the_interval_of_alpha_is_that_of_resampling_items_one_by_one():
    items = [[0, 0, 0]] * 12 + [[1, 1]] * 10 + [[0, 1]] * 4 + [[0, 1, 1]] * 4
    found = krippendorff_alpha(counts_of(items), rng=rng())
    draw = rng(9)
    by_hand = [alpha_by_hand([items[i] for i in draw.integers(0, 30, 30)]) for _ in range(300)]
    # the quantile of 300 draws has a standard error of about a sixth of theirs; 4 of them
    spread = np.std(by_hand)
    assert found.low == pytest.approx(np.quantile(by_hand, 0.025), abs=4 * spread / 6)
    assert found.high == pytest.approx(np.quantile(by_hand, 0.975), abs=4 * spread / 6)


def test_a_resample_that_says_nothing_widens_the_interval():
    # one disagreement of 10: a third of the resamples miss it and hold one answer only
    found = krippendorff_alpha(counts_of([[0, 0]] * 9 + [[0, 1]]), rng=rng())
    assert (found.low, found.high) == (-1, 1)


def test_the_interval_of_kappa_holds_the_truth_about_as_often_as_it_says():
    # two reviewers right with 0.95, true share 0.3, 100 items; kappa of the population from its exact table
    exact = sum(
        share * np.outer(said, said)
        for share, said in [(0.3, np.array([0.95, 0.05])), (0.7, np.array([0.05, 0.95]))]
    )
    by_chance = exact.sum(axis=0) @ exact.sum(axis=1)
    truth, draw, runs = (np.trace(exact) - by_chance) / (1 - by_chance), rng(2), 300
    tables = draw.multinomial(100, exact.ravel(), size=runs).reshape(runs, 2, 2)
    found = [cohen_kappa(table, rng=draw) for table in tables]
    covered = np.mean([each.low <= truth <= each.high for each in found])
    # 300 runs: the share has a standard error of 0.0126; 4 of them below 95 %
    assert covered > 0.95 - 4 * 0.0126


@pytest.mark.parametrize("table", [np.ones((2, 3), dtype=int), np.array([[20, -1], [0, 5]])])
def test_cohen_kappa_refuses_what_is_no_table_of_a_pair(table):
    with pytest.raises(ValueError, match="square"):
        cohen_kappa(table, rng=rng())


def test_fleiss_kappa_refuses_items_with_different_numbers_of_opinions():
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa(counts_of([[0, 0], [0, 0, 1]]), rng=rng())
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa(counts_of([[0], [1]]), rng=rng())


@pytest.mark.parametrize("figure", [krippendorff_alpha, raw_agreement])
def test_a_negative_count_is_refused(figure):
    with pytest.raises(ValueError, match="less than 0"):
        figure(np.array([[3, -1]]), rng=rng())


def test_gold_accuracy_is_a_share_with_wilsons_interval():
    assert gold_accuracy(81, 263) == OneLookFigure(81 / 263, 263, *wilson(81, 263))
    assert gold_accuracy(0, 0) == OneLookFigure(None, 0, None, None, "no gold item judged yet")
    with pytest.raises(ValueError, match="successes"):
        gold_accuracy(3, 2)


def test_opinions_are_counted_by_item_and_by_pair():
    opinions = opinions_of(FOUR_OBSERVERS)
    assert opinions.counts().sum() == 41
    assert opinions.counts()[5].tolist() == [1, 1, 1, 1, 0]
    first_and_third = opinions.pair_table(0, 2)
    assert first_and_third.sum() == 8
    assert (first_and_third[0].tolist(), first_and_third[1].tolist()) == ([0, 1, 1, 0, 0], [0, 2, 1, 0, 0])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 2)), unique_by=lambda row: row[:2]))
def test_the_order_of_opinions_and_the_names_of_reviewers_change_no_count(rows):
    opinions = made_of(rows, 10, 4, 3)
    renamed = made_of([(item, 3 - reviewer, answer) for item, reviewer, answer in reversed(rows)], 10, 4, 3)
    assert (renamed.counts() == opinions.counts()).all()
    assert (renamed.pair_table(3, 1) == opinions.pair_table(0, 2)).all()
    assert (renamed.pair_table(1, 3) == opinions.pair_table(0, 2).T).all()


def test_no_opinions_make_empty_counts():
    nothing = Opinions(*(np.zeros(0, dtype=np.int64) for _ in range(3)), 3, 2, 4)
    assert nothing.counts().tolist() == [[0] * 4] * 3
    assert nothing.pair_table(0, 1).sum() == 0
