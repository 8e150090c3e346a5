"""Whatever is wrong with an answer: a clear message, what was entered is kept, and nothing is counted twice."""

from datetime import timedelta

import pytest
from django.utils import timezone

from reviews.actions.desk import claim_next, set_policy, set_rubric
from reviews.actions.draw import draw_received
from reviews.models import Assignment, Draft, Judgment
from tests.factories import make_feature, make_membership, make_prediction, make_user, make_version

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
TEXT = "the stamp says Tuesday"
QUESTION = {"code": "how", "label": "How late?", "kind": "number", "options": [], "is_required": True}


@pytest.fixture(params=[{}, HTMX], ids=["plain", "htmx"])
def headers(request):
    """Every refusal is the same with and without JavaScript."""
    return request.param


@pytest.fixture
def feature():
    feature = make_feature("claims")
    version, then = (
        make_version(feature, labels=["on_time", "lost", "late"]),
        timezone.now() - timedelta(minutes=5),
    )
    for i in range(3):
        make_prediction(version, f"p{i}", received_at=then)
    set_policy(feature=feature, user=None, now=then, design="all")
    set_rubric(feature=feature, now=then, guideline="one", reasons=[{"code": "date", "label": "Date"}])
    draw_received(now=timezone.now())
    return feature


@pytest.fixture
def ann(feature):
    return make_membership(make_user("ann@example.org"), feature).user


@pytest.fixture
def bob(feature):
    return make_membership(make_user("bob@example.org"), feature).user


@pytest.fixture
def browser(client_for, ann):
    return client_for(ann)


@pytest.fixture
def case(browser):
    return browser.post("/desk/claim/", follow=True).context["case"]


@pytest.fixture
def send(browser, case, headers):
    def send(action="submit", **entered):
        said = {"token": case.token, "verdict": "wrong", "corrected": "lost", "comment": TEXT, "reasons": ["date"]}
        address = f"/desk/{case.assignment_id}/{action}/"
        return browser.post(address, {**said, **entered}, headers=headers)

    return send


def expire():
    Assignment.objects.filter(state="leased").update(leased_until=timezone.now() - timedelta(minutes=1))


def assert_refused(answer, status, message, *, n_judgments=0):
    assert answer.status_code == status
    assert message in answer.text
    assert TEXT in answer.text
    assert answer.context["kept"].reasons == ["date"]
    assert Judgment.objects.count() == n_judgments


def test_a_forged_token_shows_the_case_again(send, case):
    refused = send(token="f" * 32)
    assert_refused(refused, 409, "This form was of an earlier lease.")
    assert refused.context["case"].token == case.token
    assert send(token=case.token).status_code in {200, 303}


def test_without_a_token_the_case_is_shown_again(send):
    assert_refused(send(token=""), 422, "This field is required.")


def test_somebody_elses_case_is_not_answered(send, client_for, case, bob, headers):
    other, address = client_for(bob), f"/desk/{case.assignment_id}/submit/"
    said = {"verdict": "right", "comment": TEXT, "reasons": ["date"]}
    for token in (case.token, "f" * 32):
        answer = other.post(address, {**said, "token": token}, headers=headers)
        assert_refused(answer, 409, "Somebody else has this case now. Your answer was not counted.")
    assert Assignment.objects.get(pk=case.assignment_id).state == "leased"


def test_an_answer_after_the_lease_counts_while_the_case_is_free(send):
    expire()
    assert send().status_code in {200, 303}
    assert Judgment.objects.get().comment == TEXT


def test_an_answer_after_somebody_else_took_the_case_is_kept_as_a_draft(send, browser, bob, feature):
    expire()
    claim_next(reviewer=bob, features=[feature], now=timezone.now())
    assert_refused(
        send(), 409, "Somebody else has this case now. Your answer was not counted; it is kept as a draft."
    )
    assert Draft.objects.get().entered["comment"] == TEXT
    assert TEXT in browser.get("/desk/").text


def test_the_same_form_sent_twice_counts_once(send):
    assert [send().status_code for _ in range(2)] in ([200, 200], [303, 303])
    assert Judgment.objects.count() == 1


def test_another_answer_from_a_second_window_is_not_counted_and_says_where_the_first_is(send, case):
    send(comment="the first")
    refused = send()
    assert_refused(refused, 409, "You have judged this case already.", n_judgments=1)
    assert f'href="/desk/{case.assignment_id}/"' in refused.text
    assert Judgment.objects.get().comment == "the first"


def test_a_verdict_is_needed_and_must_be_one_of_the_guidelines(send):
    assert_refused(send(verdict=""), 422, "Choose a verdict.")
    assert_refused(send(verdict="maybe"), 422, "Choose a verdict.")


@pytest.mark.parametrize(
    ("corrected", "message"),
    [
        ("", "Choose the right answer."),
        ("late", "This is what the model answered. Choose another answer."),
        ("elsewhere", "Choose one of the labels."),
        ("x" * 201, "Ensure this value has at most 200 characters"),
    ],
)
def test_the_right_answer_is_one_of_the_versions_other_labels(send, corrected, message):
    refused = send(corrected=corrected)
    assert_refused(refused, 422, message)
    assert list(refused.context["errors"]) == ["corrected"]


def test_a_reason_that_the_guideline_does_not_know_is_refused(send):
    refused = send(reasons=["date", "mood"])
    assert (refused.status_code, TEXT in refused.text) == (422, True)
    assert "Choose from the reasons of the guideline." in refused.text


@pytest.mark.parametrize(("given", "message"), [("", "An answer is needed."), ("very", "Give a number.")])
def test_a_required_answer_is_asked_for_beside_its_question(feature, send, case, given, message):
    rubric = set_rubric(
        feature=feature, now=timezone.now(), guideline="two", reasons=[{"code": "date"}], questions=[QUESTION]
    )
    refused = send(**{"rubric": rubric.number, "answers.how": given})
    assert_refused(refused, 422, message)
    assert 'id="answers.how-error"' in refused.text
    assert refused.context["kept"].answers == {"how": given}


def test_a_guideline_edited_meanwhile_is_shown_and_the_answer_kept(feature, send):
    number = set_rubric(feature=feature, now=timezone.now(), guideline="two", reasons=[{"code": "date"}]).number
    refused = send(rubric=number - 1)
    assert_refused(refused, 422, "The guideline was changed while you were judging.")
    assert (refused.context["case"].rubric_number, "<p>two</p>" in refused.text) == (number, True)
    assert send(rubric=number).status_code in {200, 303}


def test_a_comment_that_is_too_long_is_given_back(send):
    refused = send(comment=TEXT * 400)
    assert_refused(refused, 422, "at most 5000 characters")


def test_a_case_that_was_given_back_meanwhile_still_takes_its_answer(send, browser, case):
    browser.post(f"/desk/{case.assignment_id}/release/", {"token": case.token})
    assert send().status_code in {200, 303}
    assert Judgment.objects.count() == 1


def test_skipping_what_is_no_longer_theirs_counts_nothing_and_keeps_the_text(send, bob, feature):
    expire()
    claim_next(reviewer=bob, features=[feature], now=timezone.now())
    assert_refused(send("skip"), 409, "There is nothing to skip.")
