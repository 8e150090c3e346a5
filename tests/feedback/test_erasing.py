import pytest
from django.core.management import CommandError, call_command

from feedback.actions.erasing import erase_actor
from feedback.actions.notes import Talk, record_call_note
from feedback.actions.triage import set_state
from feedback.models import CallNote, Feature, FeedbackItem, FeedbackStep, Prediction, UsageEvent
from tests.factories import NOON, make_feature, make_feedback_item, make_prediction, make_user, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows():
    """A prediction, an event and a feedback item of two actors in two features."""
    for slug in ("claims", "routes"):
        version = make_version(make_feature(slug))
        for actor in ("u1", "u2"):
            make_prediction(version, f"p {actor}", actor=actor, account="a", inputs={"name": "Ann"}, score=0.7)
            common = {"feature": version.feature, "actor": actor, "occurred_at": NOON, "received_at": NOON}
            UsageEvent.objects.create(external_id=f"e {actor}", kind="opted_in", fingerprint=1, **common)
            FeedbackItem.objects.create(
                external_id=f"f {actor}", channel="ticket", text="Hi", fingerprint=1, **common
            )


def actors(model):
    return sorted(model.objects.values_list("feature__slug", "actor"))


def test_an_erased_actor_is_named_nowhere_and_figures_keep_their_predictions(rows, capsys):
    call_command("actor", "erase", "u1")
    assert "2 predictions no longer name this actor; 2 events and 2 feedback items" in capsys.readouterr().out
    for model in (UsageEvent, FeedbackItem):
        assert actors(model) == [("claims", "u2"), ("routes", "u2")]
    erased = Prediction.objects.get(feature__slug="claims", external_id="p u1")
    assert (erased.actor, erased.account, erased.inputs) == ("", "", None)
    assert (erased.label, erased.score, erased.occurred_at) == ("late", 0.7, NOON)
    assert Prediction.objects.get(feature__slug="claims", external_id="p u2").inputs == {"name": "Ann"}


def test_an_actor_is_erased_in_one_feature_alone_where_asked(rows):
    call_command("actor", "erase", "u1", "--feature", "claims")
    assert actors(UsageEvent) == [("claims", "u2"), ("routes", "u1"), ("routes", "u2")]


@pytest.mark.parametrize("words", [["u1", "--feature", "nope"], [""]])
def test_what_cannot_be_erased_is_told_in_words(words):
    with pytest.raises(CommandError):
        call_command("actor", "erase", *words)


def test_with_their_words_go_the_steps_and_the_notes_of_calls_with_them():
    feature, ann = make_feature(), make_user()
    item = make_feedback_item(feature, actor="u1")
    set_state(item_id=item.pk, to="answered", seen="new", words="Dear u1", user=ann, now=NOON)
    for actor, quotes in (("u1", ["One", "Two"]), ("u2", ["Three"])):
        talk = Talk("a", actor, NOON, "Talk.", quotes)
        record_call_note(feature=feature, talk=talk, idempotency_key=actor, user=ann, now=NOON)
    erased = erase_actor(actor="u1", features=Feature.objects.all())
    assert (erased.feedback, FeedbackStep.objects.count()) == (3, 0)
    assert [note.actor for note in CallNote.objects.all()] == ["u2"]
    assert [item.text for item in FeedbackItem.objects.all()] == ["Three"]
