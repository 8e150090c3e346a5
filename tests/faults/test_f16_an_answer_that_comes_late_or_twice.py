"""F16: a lease that ran out, a double click, two windows: one answer counts, every other says what became of it.

What one window meets alone is in tests/reviews/test_desk_bad_input.py; the back button in tests/browser.
"""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from reviews.actions.desk import claim_next, set_policy
from reviews.actions.draw import draw_received
from reviews.models import Assignment, Draft, Judgment, ReviewItem
from tests.factories import make_feature, make_membership, make_prediction, make_user, make_version
from tests.reviews.test_claim_race import together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def feature(shared_database):
    feature, then = make_feature("claims"), timezone.now() - timedelta(minutes=5)
    version = make_version(feature)
    for i in range(3):
        make_prediction(version, f"p{i}", received_at=then)
    set_policy(feature=feature, user=None, now=then, design="all")
    draw_received(now=timezone.now())
    return feature


def reviewer_of(feature):
    return make_membership(make_user(), feature).user


def claimed(feature, reviewer):
    return claim_next(reviewer=reviewer, features=[feature], now=timezone.now())


def window(reviewer):
    client = Client()
    client.force_login(reviewer, backend="django.contrib.auth.backends.ModelBackend")
    return client


def send(sent):
    """(client, case, what is entered) -> (status, text), by the form as the page has it."""
    client, case, entered = sent
    answer = client.post(f"/desk/{case.pk}/submit/", {"token": case.lease_token, **entered})
    return answer.status_code, answer.text


def test_f16_a_double_click_is_one_judgment_and_goes_on_like_a_single_one(feature):
    ann = reviewer_of(feature)
    case = claimed(feature, ann)
    answers = together(send, [(window(ann), case, {"verdict": "right"}) for _ in range(6)])
    assert [status for status, _ in answers] == [303] * 6
    assert Judgment.objects.count() == 1


def test_f16_of_two_windows_with_different_answers_one_counts_and_the_other_gets_its_text_back(feature):
    ann = reviewer_of(feature)
    case = claimed(feature, ann)
    said = [{"verdict": "right", "comment": "from the left"}, {"verdict": "wrong", "comment": "from the right"}]
    answers = together(send, [(window(ann), case, entered) for entered in said])
    stored = Judgment.objects.get()
    ((text, lost),) = [
        (text, entered["comment"]) for (status, text), entered in zip(answers, said, strict=True) if status == 409
    ]
    assert {stored.comment, lost} == {entered["comment"] for entered in said}
    assert "You have judged this case already." in text
    assert lost in text


def test_f16_of_two_reviewers_of_one_assignment_the_one_who_holds_it_counts(feature):
    ann, bob = reviewer_of(feature), reviewer_of(feature)
    late = claimed(feature, ann)
    Assignment.objects.filter(pk=late.pk).update(leased_until=timezone.now() - timedelta(minutes=1))
    held = claimed(feature, bob)
    assert held.pk == late.pk
    of_ann = (window(ann), late, {"verdict": "wrong", "comment": "it took me an hour"})
    of_bob = (window(bob), held, {"verdict": "right", "comment": "quick"})
    (status, text), (other, _) = together(send, [of_ann, of_bob])
    assert (status, other) == (409, 303)
    assert "it took me an hour" in text
    assert Judgment.objects.get().reviewer == bob
    assert Draft.objects.get(reviewer=ann).entered["comment"] == "it took me an hour"
    assert ReviewItem.objects.get(pk=held.item_id).verdict == "right"


def test_f16_a_late_answer_and_a_new_claim_at_once_never_make_two_judgments(feature):
    ann, bob = reviewer_of(feature), reviewer_of(feature)
    late = claimed(feature, ann)
    Assignment.objects.filter(pk=late.pk).update(leased_until=timezone.now() - timedelta(minutes=1))
    windows = {"ann": window(ann), "bob": window(bob)}

    def act(who):
        if who == "ann":
            return send((windows[who], late, {"verdict": "right"}))[0]
        return windows[who].post("/desk/claim/").status_code

    status, _ = together(act, ["ann", "bob"])
    assignment = Assignment.objects.get(pk=late.pk)
    took = {303: (ann.pk, "submitted", 1), 409: (bob.pk, "leased", 0)}[status]
    assert (assignment.reviewer_id, assignment.state, Judgment.objects.count()) == took
