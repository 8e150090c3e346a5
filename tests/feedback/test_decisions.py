"""Decisions: what they must say, who sees them, and what becomes of them."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from feedback.actions.deciding import record_decision, record_outcome
from feedback.models import Decision
from tests.factories import NOON, make_feature, make_key, make_membership, make_user

pytestmark = pytest.mark.django_db
TODAY = timezone.now().date()


def make_decision(feature=None, user=None, **fields):
    feature = feature or make_feature()
    told = {
        "title": "Alert from 40 % on",
        "context": "",
        "options": ["Alert from 40 % on", "Alert from 60 % on"],
        "chosen": "Alert from 40 % on",
        "why": "A missed delay costs more.",
        "evidence": {},
        "owner": user,
        "review_on": None,
        "now": NOON,
    }
    return record_decision(feature=feature, user=user, **{**told, **fields})


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"title": " "}, "title"),
        ({"chosen": ""}, "chosen"),
        ({"why": "\n"}, "why"),
    ],
)
def test_a_decision_without_a_title_a_choice_or_a_why_is_refused(missing, said):
    with pytest.raises(ValidationError) as refused:
        make_decision(**missing)
    assert said in refused.value.message_dict
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"why": ""}, "feedback_decision_says_why"),
        ({"chosen": ""}, "feedback_decision_says_what_was_chosen"),
        ({"outcome": "Fewer calls"}, "feedback_decision_outcome_has_its_time"),
        ({"outcome_at": NOON}, "feedback_decision_outcome_has_its_time"),
    ],
)
def test_the_database_refuses_it_too(wrong, name):
    kept = {"title": "A", "chosen": "a", "why": "because", "made_at": NOON, "feature": make_feature()}
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Decision.objects.create(**{**kept, **wrong})


def test_a_review_in_the_past_is_refused_and_one_today_is_not():
    with pytest.raises(ValidationError) as refused:
        make_decision(review_on=NOON.date() - timedelta(days=1))
    assert refused.value.message_dict == {"review_on": ["A review lies ahead: choose today or a later day."]}
    assert make_decision(review_on=NOON.date()).review_on == NOON.date()


def test_what_was_chosen_is_among_its_options_even_when_it_was_a_third_way():
    decision = make_decision(options=["a", "a", " ", "b"], chosen="c")
    assert decision.options == ["a", "b", "c"]


def test_an_outcome_is_told_once():
    decision, ann, ben = make_decision(), make_user(), make_user()
    record_outcome(decision=decision, outcome="Calls fell by a third.", user=ann, now=NOON)
    with pytest.raises(ValidationError, match="said already"):
        record_outcome(decision=decision, outcome="They did not.", user=ben, now=NOON)
    decision.refresh_from_db()
    assert (decision.outcome, decision.outcome_by) == ("Calls fell by a third.", ann)


def test_what_is_overdue_comes_first_longest_first_then_the_newest():
    day = NOON.date()
    feature = make_feature()
    old = make_decision(feature, title="not due")
    late = make_decision(feature, title="late", review_on=day + timedelta(days=2))
    later = make_decision(feature, title="later", review_on=day + timedelta(days=5))
    newest = make_decision(feature, title="newest", now=NOON + timedelta(days=1))
    told = make_decision(feature, title="told", review_on=day)
    record_outcome(decision=told, outcome="good", user=make_user(), now=NOON)
    at = day + timedelta(days=9)
    found = list(Decision.objects.overdue_first(at))
    assert found[:3] == [late, later, newest]
    assert set(found[3:]) == {old, told}
    assert set(Decision.objects.due_for_review(at)) == {late, later}


# --- pages


@pytest.fixture
def ann(client_for):
    user = make_user("ann@example.org")
    return user, client_for(user)


def test_only_decisions_of_ones_own_features_are_seen_anywhere(ann):
    user, browser = ann
    mine = make_decision(make_membership(user, make_feature("mine")).feature, title="Mine it is")
    other = make_decision(make_feature("other"), title="Theirs it is")
    page = browser.get("/decisions/").content.decode()
    assert "Mine it is" in page
    assert "Theirs it is" not in page
    assert "other" not in browser.get("/decisions/?format=csv").content.decode()
    assert browser.get(f"/decisions/{mine.pk}/").status_code == 200
    assert browser.get(f"/decisions/{other.pk}/").status_code == 404
    assert browser.post(f"/decisions/{other.pk}/", {"outcome": "x"}).status_code == 404
    other.refresh_from_db()
    assert other.outcome == ""


def test_the_board_filters_by_feature_owner_and_review(ann):
    user, browser = ann
    a, b = (make_membership(user, make_feature(slug)).feature for slug in ("a", "b"))
    make_decision(a, user, title="Of a", review_on=NOON.date())
    make_decision(b, title="Of b")
    for query, seen in [
        (f"feature={a.slug}", {"Of a"}),
        (f"owner={user.pk}", {"Of a"}),
        ("review=due", {"Of a"}),
        ("review=told", set()),
        ("review=open", {"Of a", "Of b"}),
    ]:
        page = browser.get(f"/decisions/?{query}").content.decode()
        assert {title for title in ("Of a", "Of b") if title in page} == seen, query


def test_an_empty_board_says_what_to_do(ann):
    page = ann[1].get("/decisions/").content.decode()
    assert "No decisions yet" in page
    assert "/pipeline/" in page


def test_a_formula_in_a_title_is_only_text_in_the_csv(ann):
    user, browser = ann
    make_decision(make_membership(user).feature, title="=1+1", why="@now")
    csv = browser.get("/decisions/?format=csv").content.decode()
    assert "'=1+1" in csv
    assert "'@now" in csv


def test_the_page_shows_the_evidence_as_it_was_and_escapes_everything(ann):
    user, browser = ann
    decision = make_decision(
        make_membership(user).feature,
        title="<script>1</script>",
        evidence={"Right": {"percent": 89.7, "counted": 602}, "Stage": "<b>pilot</b>", "Nobody": None},
    )
    page = browser.get(decision.get_absolute_url()).content.decode()
    assert "<script>1" not in page
    assert "<b>pilot" not in page
    assert "89.7" in page
    assert "not known" in page


def test_the_outcome_form_keeps_what_was_written_and_says_what_is_wrong(ann):
    user, browser = ann
    decision = make_decision(make_membership(user).feature)
    answer = browser.post(decision.get_absolute_url(), {"outcome": " "})
    assert answer.status_code == 422
    assert browser.post(decision.get_absolute_url(), {"outcome": "Good."}).status_code == 302
    assert "Good." in browser.get(decision.get_absolute_url()).content.decode()


def test_somebody_who_left_is_named_so(ann):
    user, browser = ann
    gone = make_user("gone@example.org")
    decision = make_decision(make_membership(user).feature, gone, review_on=date(2030, 1, 1))
    record_outcome(decision=decision, outcome="Good.", user=gone, now=NOON)
    gone.delete()
    page = browser.get(decision.get_absolute_url()).content.decode()
    assert "somebody who left" in page
    assert "nobody owns it" in page
    assert "gone@" not in page


# --- REST

SENT = {
    "feature": "mine",
    "title": "Alert from 40 % on",
    "chosen": "Alert from 40 % on",
    "why": "A missed delay costs more.",
}


def test_a_key_records_a_decision_and_reads_it_back(api):
    make_feature("mine")
    service = api(make_key(scopes=["read", "manage"])[1])
    answer = service.post("/api/v1/decisions/", {**SENT, "evidence": {"calls": "41"}}, "application/json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["made_by"] == "the service test"
    (row,) = service.get("/api/v1/decisions/?feature=mine").json()
    assert row == answer.json()
    assert row["evidence"] == [{"what": "calls", "part": "", "value": "41"}]


def test_a_feature_of_others_is_as_unknown_as_none(api):
    make_feature("mine")
    other = make_feature("other")
    service = api(make_key(scopes=["read", "manage"], features=[make_feature("own")])[1])
    for slug in ("other", "nowhere"):
        answer = service.post("/api/v1/decisions/", {**SENT, "feature": slug}, "application/json")
        assert answer.status_code == 400
        assert answer.json()["errors"] == [
            {"field": "feature", "detail": "There is no such feature, or it is not yours to see."}
        ]
    assert not Decision.objects.of(other).exists()
    assert service.get("/api/v1/decisions/?feature=other").json() == []


def test_fields_that_are_not_ones_own_to_set_change_nothing(api):
    user = make_membership(feature=make_feature("mine"), role="product").user
    service = api(make_key(person=user)[1])
    extra = {
        "made_by": 999,
        "outcome": "fine",
        "outcome_at": "2026-01-01T00:00:00Z",
        "made_at": "2020-01-01",
        "id": 5,
    }
    answer = service.post("/api/v1/decisions/", {**SENT, **extra}, "application/json")
    assert answer.status_code == 201
    (made,) = Decision.objects.all()
    assert (made.made_by, made.outcome, made.outcome_at) == (user, "", None)
    assert made.made_at.date() == TODAY


def test_an_owner_who_is_no_member_is_refused_without_telling_whether_there_is_such_an_account(api):
    user = make_membership(feature=make_feature("mine")).user
    make_user("stranger@example.org")
    service = api(make_key(person=user)[1])
    details = {
        service.post("/api/v1/decisions/", {**SENT, "owner": address}, "application/json").content
        for address in ("stranger@example.org", "nobody@example.org")
    }
    assert len(details) == 1
    assert b"member of the feature" in details.pop()
