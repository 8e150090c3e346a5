"""Sending the prediction of a complaint to review: the targeted arm."""

import pytest

from feedback.models import FeedbackStep
from reviews.actions.desk import claim_next, set_policy, submit
from reviews.actions.draw import draw_received
from reviews.actions.leading import target
from reviews.models import Assignment, ReviewItem
from tests.factories import (
    NOON,
    make_feature,
    make_feedback_item,
    make_membership,
    make_prediction,
    make_version,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def feature():
    return make_feature("delay-alert")


@pytest.fixture
def prediction(feature):
    return make_prediction(make_version(feature), "p1")


def test_it_is_sent_once_however_often_it_is_asked_for(prediction):
    item, is_new = target(prediction=prediction, now=NOON)
    again, is_new_again = target(prediction=prediction, now=NOON)
    assert (is_new, is_new_again, again) == (True, False, item)
    assert Assignment.objects.get(item=item).state == "open"


def test_it_comes_before_what_chance_drew_and_is_no_part_of_the_probability_sample(feature, prediction):
    set_policy(feature=feature, user=None, now=NOON, design="all")
    for n in range(5):
        make_prediction(prediction.version, f"other{n}")
    draw_received(now=NOON.replace(hour=13))
    item, _ = target(prediction=prediction, now=NOON)
    reviewer = make_membership(feature=feature).user
    case = claim_next(reviewer=reviewer, features=[feature], now=NOON)
    assert case.item == item
    submit(
        assignment_id=case.pk,
        token=case.lease_token,
        reviewer=reviewer,
        verdict="wrong",
        idempotency_key="k",
        now=NOON,
    )
    item.refresh_from_db()
    assert (item.state, item.verdict) == ("final", "wrong")
    assert ReviewItem.objects.in_probability_sample().final().count() == 0
    assert ReviewItem.objects.in_probability_sample().filter(prediction=prediction).count() == 1


@pytest.mark.parametrize("role", ["product", "customer_success", "owner", "operations"])
def test_the_button_sends_it_and_the_step_stays(client_for, feature, prediction, role):
    said = make_feedback_item(feature, prediction_external_id="p1", channel="complaint")
    browser = client_for(make_membership(feature=feature, role=role).user)
    for words in ("Sent to review", "sent to review before"):
        answer = browser.post("/features/delay-alert/target/?view=overdue", {"item": said.pk})
        assert answer["Location"] == f"/feedback/inbox/?view=overdue&item={said.pk}"
        assert words in browser.get(answer["Location"]).content.decode()
    assert ReviewItem.objects.get().arm == "targeted"
    assert FeedbackStep.objects.of(said).get().kind == "sent_to_review"


@pytest.mark.parametrize("role", ["reviewer", "adjudicator", "data_science", "engineering", "design"])
def test_others_may_not(client_for, feature, prediction, role):
    said = make_feedback_item(feature, prediction_external_id="p1")
    browser = client_for(make_membership(feature=feature, role=role).user)
    assert browser.post("/features/delay-alert/target/", {"item": said.pk}).status_code == 403
    assert not ReviewItem.objects.exists()


def test_a_prediction_that_has_not_come_is_told_so(client_for, feature):
    said = make_feedback_item(feature, prediction_external_id="p9")
    browser = client_for(make_membership(feature=feature, role="product").user)
    answer = browser.post("/features/delay-alert/target/", {"item": said.pk}, follow=True)
    assert "has not arrived" in answer.content.decode()
    assert not FeedbackStep.objects.exists()


@pytest.mark.parametrize("sent", ["other feature", "no prediction", "in quarantine", "nonsense", "nothing"])
def test_what_is_no_complaint_of_this_feature_is_404(client_for, feature, prediction, sent):
    make_prediction(make_version(make_feature("other")), "p1")
    item = {
        "other feature": lambda: make_feedback_item(make_feature(), prediction_external_id="p1").pk,
        "no prediction": lambda: make_feedback_item(feature).pk,
        "in quarantine": lambda: (
            make_feedback_item(
                feature,
                prediction_external_id="p1",
                quarantine_reason="trap",
                triage_due_at=None,
                close_due_at=None,
            ).pk
        ),
        "nonsense": lambda: "x",
        "nothing": lambda: "",
    }[sent]()
    browser = client_for(make_membership(feature=feature, role="product").user)
    assert browser.post("/features/delay-alert/target/", {"item": item}).status_code == 404
    assert not ReviewItem.objects.exists()
