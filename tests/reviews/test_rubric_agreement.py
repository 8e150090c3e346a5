"""Agreement under each version of a guideline, as the worker stores it."""

import pytest

from feedback.actions.jobs import enter_job
from feedback.models import Job
from reviews.actions.desk import set_rubric, undo
from reviews.actions.leading import void
from reviews.models import Judgment, RubricAgreement
from reviews.rubric_agreement import counts_of, due_features, prepare_agreements
from tests.factories import NOON, make_feature, make_membership
from tests.metrics.work import work
from tests.reviews.steps import MINUTE, answer, claim, queue, reviewers

pytestmark = pytest.mark.django_db
RUBRIC = {"reasons": [{"code": "date", "label": "Wrong date"}]}


def judge_all(feature, people, verdicts):
    """Each of the people judges every open item; verdicts: person -> place in the queue -> verdict."""
    for person, said in zip(people, verdicts, strict=True):
        for place, verdict in enumerate(said):
            case = claim(feature, person, now=NOON + place * MINUTE)
            corrected = {} if verdict == "right" else {"corrected": "lost"}
            answer(case, person, now=NOON + place * MINUTE, key=f"{case.pk}", verdict=verdict, **corrected)


@pytest.fixture
def feature():
    feature = make_feature("claims")
    set_rubric(feature=feature, now=NOON, **RUBRIC)
    return feature


def stored(feature):
    return list(RubricAgreement.objects.filter(rubric__feature=feature).order_by("rubric__number"))


def conclude(feature):
    assert due_features() == [feature.pk]
    return prepare_agreements(feature=feature, now=NOON)()


def test_twelve_items_of_two_opinions_of_which_ten_agree(feature):
    queue(feature, 12, overlap_share=1.0)
    judge_all(
        feature, reviewers(feature, 2), [["right"] * 6 + ["wrong"] * 6, ["right"] * 7 + ["wrong"] * 4 + ["right"]]
    )
    assert conclude(feature) == 1
    [row] = stored(feature)
    # 10 of 12 pairs agree. Chance: 14 of 24 said right, 10 wrong: 1 - (14 * 13 + 10 * 9) / (24 * 23) = 280 / 552.
    assert (row.n_shared, row.raw, row.n_judgments) == (12, pytest.approx(10 / 12), 24)
    assert row.alpha == pytest.approx(1 - (2 / 12) / (280 / 552))
    assert row.raw_low < row.raw < row.raw_high
    assert row.alpha_low < row.alpha < row.alpha_high
    assert due_features() == []


def test_too_few_say_why_in_words(feature):
    queue(feature, 3, overlap_share=1.0)
    judge_all(feature, reviewers(feature, 2), [["right"] * 3, ["right"] * 3])
    conclude(feature)
    [row] = stored(feature)
    assert (row.raw, row.alpha) == (None, None)
    assert row.raw_reason == row.alpha_reason == "needs 7 more items with two opinions"


def test_each_version_has_its_own_and_a_judgment_makes_them_due_again(feature):
    queue(feature, 4, overlap_share=1.0)
    ann, bob = reviewers(feature, 2)
    judge_all(feature, [ann, bob], [["right"] * 2, ["right"] * 2])
    set_rubric(feature=feature, now=NOON, guideline="Look twice.")
    conclude(feature)
    judge_all(feature, [ann], [["right"]])
    assert conclude(feature) == 2
    assert [(row.rubric.number, row.n_shared, row.n_judgments) for row in stored(feature)] == [
        (1, 2, 5),
        (2, 0, 5),
    ]


def test_what_was_undone_does_not_count(feature):
    queue(feature, 1, overlap_share=1.0)
    [ann] = reviewers(feature, 1)
    judge_all(feature, [ann], [["right"]])
    undo(judgment_id=Judgment.objects.get().pk, reviewer=ann, now=NOON + MINUTE)
    conclude(feature)
    assert [row.n_shared for row in stored(feature)] == [0]


def test_opinions_become_a_table_of_items_and_answers():
    right, lost = ("right", ""), ("wrong", "lost")
    assert counts_of([(7, right), (8, lost), (7, lost)]).tolist() == [[1, 1], [0, 1]]
    assert counts_of([]).shape == (0, 0)


def test_a_voided_opinion_makes_it_due_again(feature):
    queue(feature, 1, overlap_share=1.0)
    judge_all(feature, reviewers(feature, 2), [["right"], ["right"]])
    conclude(feature)
    lead = make_membership(feature=feature, role="owner").user
    void(assignment_id=Judgment.objects.first().assignment_id, lead=lead, reason="a test", now=NOON)
    conclude(feature)
    assert [row.n_shared for row in stored(feature)] == [0]
    assert due_features() == []


def test_each_feature_is_looked_at_by_a_job_of_its_own_and_one_given_up_is_left(feature):
    queue(feature, 1)
    judge_all(feature, reviewers(feature, 1), [["right"]])
    enter_job("agreement", str(feature.pk), run_after=NOON, now=NOON)
    Job.objects.update(state="dead", finished_at=NOON)
    assert work("agree_by_guideline", now=NOON)[0] == "guidelines of 0 features to look at"
    Job.objects.all().delete()
    said = work("agree_by_guideline", now=NOON)
    assert said == ["guidelines of 1 features to look at", "agreement under 1 guidelines"]
