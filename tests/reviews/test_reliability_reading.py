import math

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reviews.agreement import Opinions, cohen_kappa, gold_accuracy
from reviews.latent_truth import accuracy_without_reviewer_error
from reviews.models import Assignment, DrawDay, GoldReference, Judgment, ReviewItem, SamplingPolicy
from reviews.reliability_reading import accuracy_without_error_of, reliability_of
from tests.factories import NOON, make_feature, make_prediction, make_user, make_version
from tests.stats.published import TWO_OBSERVERS_NOMINAL, opinions_of

pytestmark = pytest.mark.django_db
LETTERS = list("abcde")


@pytest.fixture
def version():
    return make_version(make_feature("letters"), labels=LETTERS, positive_label="")


@pytest.fixture
def reviewers():
    return [make_user(f"{name}@example.org") for name in ("ann", "bob", "cid", "dee")]


def rng():
    return np.random.default_rng(1)


def drawn(version, *, arm="probability", weight=1.0, luck=0.5, verdict=""):
    """An item whose prediction answers a; final where it has a verdict."""
    item = {"luck": luck, "weight": weight, "queue_key": -math.log(luck) / weight, "cohort_on": NOON.date()}
    settled = {"state": "final", "verdict": verdict, "final_at": NOON} if verdict else {}
    return ReviewItem.objects.create(
        feature=version.feature,
        version=version,
        prediction=make_prediction(version, label="a"),
        arm=arm,
        drawn_at=NOON,
        **item,
        **settled,
    )


def draw_day(version, policy):
    return DrawDay.objects.create(
        version=version, day=NOON.date(), policy=policy, k_cap=9.0, gbar=1.0, created_at=NOON
    )


def judged(item, reviewer, said, *, lane="opinion", ordinal=1, state="submitted", revision=1, assignment=None):
    """An opinion: the letter that the reviewer takes to be true, or a verdict."""
    assignment = assignment or Assignment.objects.create(
        feature=item.feature,
        item=item,
        lane=lane,
        ordinal=ordinal,
        reviewer=reviewer,
        state=state,
        void_reason="test" if state == "void" else "",
        submitted_at=NOON,
        queue_key=item.queue_key,
    )
    verdict = "right" if said == "a" else "wrong" if said in LETTERS else said
    return Judgment.objects.create(
        feature=item.feature,
        assignment=assignment,
        revision=revision,
        reviewer=reviewer,
        verdict=verdict,
        corrected=said if verdict == "wrong" else "",
        idempotency_key=f"{assignment.pk} {revision}",
        created_at=NOON,
    )


def pair_of_opinions(version, first, second, said):
    """An item for each pair of letters."""
    for one, other in said:
        item = drawn(version)
        judged(item, first, one)
        judged(item, second, other, ordinal=2)


def gold_item(version, said):
    item = drawn(version, arm="gold")
    GoldReference.objects.create(
        item=item, verdict="right" if said == "a" else "wrong", truth=said, source="observed", created_at=NOON
    )
    return item


def test_two_reviewers_agree_as_published(version, reviewers):
    """Krippendorff 2011, section B: alpha 0.692."""
    ann, bob, *_ = reviewers
    pair_of_opinions(version, ann, bob, zip(*TWO_OBSERVERS_NOMINAL, strict=True))
    found = reliability_of(version.feature, rng=rng())
    assert (found.n_items, found.n_shared) == (12, 12)
    assert (found.alpha.value, found.alpha.n) == (pytest.approx(0.692, abs=5e-4), 12)
    assert found.raw.value == 9 / 12
    [pair] = found.pairs
    table = opinions_of(TWO_OBSERVERS_NOMINAL).pair_table(0, 1)
    assert (pair.first_id, pair.second_id, pair.raw.value) == (ann.pk, bob.pk, 9 / 12)
    assert pair.kappa.value == pytest.approx(cohen_kappa(table, rng=rng()).value)
    assert found.overlap == [[12, 12], [12, 12]]
    assert [(one.name, one.n_judged, one.n_shared) for one in found.reviewers] == [
        ("ann@example.org", 12, 12),
        ("bob@example.org", 12, 12),
    ]


def test_the_overlap_counts_items_that_both_judged(version, reviewers):
    ann, bob, cid, _ = reviewers
    pair_of_opinions(version, ann, bob, ["aa", "ab"])
    pair_of_opinions(version, cid, bob, ["aa"])
    judged(drawn(version), ann, "a")
    found = reliability_of(version.feature, rng=rng())
    assert found.overlap == [[3, 2, 0], [2, 3, 1], [0, 1, 1]]
    assert [(one.n_judged, one.n_shared) for one in found.reviewers] == [(3, 2), (3, 3), (1, 1)]
    assert [(pair.first_id, pair.second_id) for pair in found.pairs] == [(ann.pk, bob.pk), (bob.pk, cid.pk)]
    assert (found.alpha.value, found.alpha.n, found.n_items) == (None, 3, 4)
    assert "7 more items" in found.alpha.reason


def test_only_opinions_that_stand_count(version, reviewers):
    ann, bob, cid, _ = reviewers
    item = drawn(version)
    judged(item, ann, "b")
    changed = judged(item, bob, "a", ordinal=2)
    judged(item, bob, "b", revision=2, assignment=changed.assignment)
    judged(item, cid, "c", lane="adjudication", ordinal=3)
    withdrawn = judged(drawn(version), ann, "a")
    judged(withdrawn.assignment.item, ann, "", revision=2, assignment=withdrawn.assignment)
    judged(drawn(version), ann, "cannot_judge")
    judged(drawn(version), bob, "a", state="void")
    judged(drawn(version, arm="targeted"), bob, "a", lane="targeted")
    judged(drawn(version), None, "a")
    judged(drawn(make_version(make_feature("another"), labels=LETTERS, positive_label="")), ann, "a")
    found = reliability_of(version.feature, rng=rng())
    assert (found.n_items, found.n_shared, found.overlap) == (1, 1, [[1, 1], [1, 1]])
    [pair] = found.pairs
    assert (pair.raw.value, pair.raw.n) == (None, 1)


def test_gold_is_counted_apart_and_needs_the_right_answer(version, reviewers):
    ann, bob, *_ = reviewers
    for n, (known, said) in enumerate(["aa", "bb", "cb", "ab"]):
        item = gold_item(version, known)
        judged(item, ann, said, lane="gold")
        if n == 0:
            judged(item, bob, "cannot_judge", lane="gold", ordinal=2)
    found = reliability_of(version.feature, rng=rng())
    [reviewer] = found.reviewers
    assert reviewer.gold == gold_accuracy(2, 4)
    assert (reviewer.n_judged, found.n_items, found.overlap) == (0, 0, [[0]])
    assert found.raw.reason


def test_a_feature_without_judgments_says_so(version):
    found = reliability_of(version.feature, rng=rng())
    assert (found.n_items, found.reviewers, found.overlap, found.pairs) == (0, [], [], [])
    assert (found.raw.value, found.alpha.value) == (None, None)
    assert found.confusion_reason.endswith("none so far")
    accuracy = accuracy_without_error_of(version, rng=rng())
    assert (accuracy.value, accuracy.n, accuracy.reason) == (None, 0, found.confusion_reason)


@pytest.fixture
def shared(version, reviewers, monkeypatch):
    """15 items of each pair of three reviewers, the last of them open; cid errs on some. 30 gold items."""
    monkeypatch.setattr("reviews.latent_truth.REFITS", 20)
    draw_day(version, SamplingPolicy.objects.create(feature=version.feature, number=1, created_at=NOON))
    ann, bob, cid, _ = reviewers
    items = []
    for n in range(45):
        first, second = [(ann, bob), (bob, cid), (ann, cid)][n % 3]
        truth = "b" if n % 5 == 0 else "a"
        item = drawn(
            version,
            luck=((2 * n + 10) % 45 + 1) / 50,
            weight=1 + n % 2,
            verdict="" if n == 44 else "right",
        )
        items.append(item)
        for ordinal, reviewer in enumerate((first, second), start=1):
            is_slip = reviewer == cid and n % 4 == 0
            judged(item, reviewer, {"a": "b", "b": "a"}[truth] if is_slip else truth, ordinal=ordinal)
    for n in range(30):
        item = gold_item(version, "ab"[n % 2])
        for ordinal, reviewer in enumerate((ann, bob, cid), start=1):
            judged(item, reviewer, "a" if reviewer == cid else "ab"[n % 2], lane="gold", ordinal=ordinal)
    return items


def test_reviewers_who_share_enough_have_confusions(version, reviewers, shared):
    found = reliability_of(version.feature, rng=rng())
    assert found.confusion_reason == ""
    ann, _, cid = (one.confusion for one in found.reviewers)
    for confusion in (ann, cid):
        assert [list(row) for row in confusion.values()] == [["right", "wrong"]] * 2
        assert [sum(row.values()) for row in confusion.values()] == pytest.approx([1, 1])
    assert cid["wrong"]["right"] > ann["wrong"]["right"] + 0.2


def test_the_accuracy_of_a_version_weighs_its_counted_items(version, reviewers, shared):
    """The same opinions, numbered and weighed by hand: t is the one open item's key."""
    open_item = shared[44]
    t = open_item.queue_key
    rows = list(
        Judgment.objects.order_by("assignment__item", "reviewer").values_list(
            "assignment__item", "reviewer", "verdict"
        )
    )
    items = sorted({row[0] for row in rows})
    people = [one.pk for one in reviewers]
    item, reviewer, answer = np.array(
        [(items.index(i), people.index(r), ["right", "wrong"].index(v)) for i, r, v in rows]
    ).T
    weights, gold = np.zeros(len(items)), np.full(len(items), -1)
    for each in ReviewItem.objects.all():
        if each.arm == "gold":
            gold[items.index(each.pk)] = int(each.gold.verdict == "wrong")
        elif each.state == "final" and each.queue_key < t:
            weights[items.index(each.pk)] = 1 / (1 - math.exp(-t * each.weight))
    expected = accuracy_without_reviewer_error(
        Opinions(item, reviewer, answer, len(items), 3, 2),
        worth=np.array([1, 0]),
        weights=weights,
        gold=gold,
        rng=rng(),
    )
    found = accuracy_without_error_of(version, rng=rng())
    assert 30 < expected.n < 44
    assert (found.n, found.value) == (expected.n, pytest.approx(expected.value))
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert found.low < found.value < found.high


def test_another_version_of_the_feature_is_not_counted(version, shared):
    found = accuracy_without_error_of(version, rng=rng())
    other = make_version(version.feature, labels=LETTERS, positive_label="")
    draw_day(other, SamplingPolicy.objects.get())
    judged(drawn(other, verdict="right"), Judgment.objects.first().reviewer, "b")
    again = accuracy_without_error_of(version, rng=rng())
    assert (again.value, again.n) == (pytest.approx(found.value), found.n)
    alone = accuracy_without_error_of(other, rng=rng())
    assert (alone.value, alone.n, alone.reason) == (None, 1, "needs 9 more counted items")


def test_the_queries_are_the_same_for_any_number_of_rows(version, reviewers):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as caught:
            reliability_of(version.feature, rng=rng())
        return len(caught)

    pair_of_opinions(version, *reviewers[:2], ["aa"] * 3)
    few = queries()
    pair_of_opinions(version, *reviewers[2:], ["ab"] * 30)
    assert queries() == few == 3
