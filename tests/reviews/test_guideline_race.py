"""Several save at the same moment: one version is made, and the others are told."""

import pytest

from reviews.actions.guidelines import save_guideline, stand_of
from reviews.actions.policies import change_policy, set_policy
from reviews.errors import Overtaken
from reviews.models import Rubric, SamplingPolicy
from tests.factories import NOON, make_feature, make_membership
from tests.reviews.test_claim_race import together

pytestmark = pytest.mark.django_db(transaction=True)
N = 5


@pytest.fixture
def feature(shared_database):
    return make_feature("claims")


def outcome(action):
    try:
        return action().__class__.__name__
    except Overtaken:
        return "Overtaken"


def test_of_guidelines_saved_at_once_one_is_made(feature):
    people = [make_membership(feature=feature, role="owner").user for _ in range(N)]
    stand = stand_of(feature)

    def save(person):
        asked = {"guideline": f"By {person.pk}.", "verdicts": [], "reasons": [], "questions": []}
        return outcome(
            lambda: save_guideline(
                feature=feature, user=person, stand=stand, asked=asked, input_fields=[], is_blind=None, now=NOON
            )
        )

    assert sorted(together(save, people)) == ["Overtaken"] * (N - 1) + ["list"]
    rubric = Rubric.objects.get()
    assert (rubric.number, rubric.guideline) == (1, f"By {rubric.created_by_id}.")


def test_of_policies_changed_at_once_one_is_made(feature):
    set_policy(feature=feature, user=None, now=NOON)

    def change(rate):
        return outcome(lambda: change_policy(feature=feature, user=None, now=NOON, after=1, reviews_per_day=rate))

    assert sorted(together(change, list(range(1, N + 1)))) == ["Overtaken"] * (N - 1) + ["SamplingPolicy"]
    assert sorted(SamplingPolicy.objects.values_list("number", flat=True)) == [1, 2]
