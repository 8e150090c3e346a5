"""Anchoring: how often blind reviewers give up their own answer for the model's."""

import pytest

from reviews.actions.desk import give_own_answer
from reviews.anchoring import anchoring_of
from reviews.intervals import wilson
from tests.factories import make_feature
from tests.reviews.steps import answer, claim, queue, reviewers

pytestmark = pytest.mark.django_db


@pytest.fixture
def feature():
    return make_feature("animals")


def judge_blind(feature, reviewer, own_answer, **entered):
    """The model said late of every case."""
    case = claim(feature, reviewer)
    given = {"assignment_id": case.pk, "token": case.lease_token, "reviewer": reviewer}
    case = give_own_answer(own_answer=own_answer, **given)
    return answer(case, reviewer, key=f"k{case.pk}", **entered)


def test_it_is_the_share_of_differing_own_answers_that_ended_as_right(feature):
    (ann,) = reviewers(feature, 1)
    queue(feature, 6, is_blind=True)
    judge_blind(feature, ann, "lost", verdict="right")  # adopted
    judge_blind(feature, ann, "on_time", verdict="right")  # adopted
    judge_blind(feature, ann, "lost", verdict="wrong", corrected="lost")
    judge_blind(feature, ann, "lost", verdict="partly", corrected="lost")
    judge_blind(feature, ann, "on_time", verdict="cannot_judge")
    judge_blind(feature, ann, "late", verdict="right")  # their own answer, too: tells nothing
    found = anchoring_of(feature)
    assert (found.n, found.n_adopted, found.share, found.reason) == (5, 2, 0.4, "")
    assert (found.low, found.high) == wilson(2, 5)


def test_without_a_blind_judgment_it_says_so_in_words(feature):
    (ann,) = reviewers(feature, 1)
    queue(feature, 1)
    answer(claim(feature, ann), ann)
    found = anchoring_of(feature)
    assert (found.n, found.share, found.low) == (0, None, None)
    assert found.reason.startswith("no data yet, because nobody has judged blind")


def test_where_all_own_answers_were_the_models_there_is_nothing_to_measure(feature):
    (ann,) = reviewers(feature, 1)
    queue(feature, 1, is_blind=True)
    judge_blind(feature, ann, "late", verdict="right")
    assert "all 1 own answers were the model's" in anchoring_of(feature).reason


def test_of_a_number_there_is_none():
    assert "only where both are labels" in anchoring_of(make_feature(answer_kind="number")).reason
