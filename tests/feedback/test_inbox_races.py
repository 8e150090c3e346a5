"""Several people at one inbox, at the same moment."""

import pytest
from django.core.exceptions import ValidationError

from feedback.actions.forms import Written, new_token, record_written
from feedback.actions.themes import merge
from feedback.actions.triage import Outrun, set_state
from feedback.models import FeedbackItem, FeedbackStep, Theme
from feedback.themes import group_of
from tests.factories import NOON, make_feature, make_feedback_item, make_user
from tests.feedback.test_themes import make_theme
from tests.reviews.test_claim_race import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shared_database")]


def test_of_eight_that_triage_at_once_one_does_it_and_seven_are_told():
    item = make_feedback_item()

    def triage(person):
        try:
            set_state(item_id=item.pk, to="triaged", seen="new", user=person, now=NOON)
        except Outrun:
            return "told"
        return "done"

    ended = together(triage, [make_user() for _ in range(8)])
    assert sorted(ended) == ["done"] + ["told"] * 7
    assert FeedbackStep.objects.of(item).count() == 1


def test_merges_at_once_end_without_a_circle():
    feature = make_feature()
    themes = [make_theme(feature) for _ in range(6)]

    def into_the_next(place):
        try:
            merge(theme=themes[place], into=themes[(place + 1) % 6], now=NOON)
        except ValidationError:
            return "refused"
        return "merged"

    assert sorted(together(into_the_next, range(6))) == ["merged"] * 5 + ["refused"]
    assert Theme.objects.heads().count() == 1
    assert sorted(group_of(themes[3].pk)) == [theme.pk for theme in themes]


def test_a_form_sent_eight_times_at_once_is_stored_once():
    feature = make_feature()
    written = Written(channel="widget", text="Please.", token=new_token(feature, now=NOON))
    stored = together(lambda _: record_written(feature=feature, written=written, now=NOON), range(8))
    assert sorted(stored) == [False] * 7 + [True]
    assert FeedbackItem.objects.count() == 1
