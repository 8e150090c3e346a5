"""Two people move one feature, or tell one outcome, at the same moment."""

import pytest
from django.core.exceptions import ValidationError

from feedback.actions.deciding import record_outcome
from feedback.models import Decision, Feature, StageChange
from metrics.actions.staging import change_stage
from tests.factories import NOON, make_feature, make_user
from tests.feedback.test_decisions import make_decision
from tests.reviews.test_claim_race import together

pytestmark = pytest.mark.django_db(transaction=True)


def refused_or(action):
    """What the action answers, or what it is refused with."""
    try:
        return action()
    except ValidationError as error:
        return error.messages


def test_of_two_who_move_a_feature_together_one_is_told_that_it_is_there(shared_database):
    feature, people = make_feature(stage="idea"), [make_user(is_staff=True), make_user(is_staff=True)]

    def move(person):
        mine = Feature.objects.get(pk=feature.pk)
        return refused_or(lambda: change_stage(feature=mine, to="exploring", user=person, now=NOON).to_stage)

    answers = together(move, people)
    assert "exploring" in answers
    assert ["It is at exploring already."] in answers
    assert StageChange.objects.count() == 1


def test_of_two_who_tell_an_outcome_together_one_is_told_that_it_is_said(shared_database):
    decision, people = make_decision(), [make_user(), make_user()]

    def tell(person):
        mine = Decision.objects.get(pk=decision.pk)
        return refused_or(
            lambda: record_outcome(decision=mine, outcome=person.email, user=person, now=NOON).outcome
        )

    answers = together(tell, people)
    decision.refresh_from_db()
    assert decision.outcome in answers
    assert ["Somebody has said already what became of this decision."] in answers
