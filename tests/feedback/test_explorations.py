"""Explorations: asked ahead of product, fed with data, answered, and used or not."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feedback.actions.exploring import (
    Need,
    add_need,
    attach,
    finish_need,
    inform,
    record_result,
    record_use,
    start_exploration,
)
from feedback.models import Decision, Exploration, ExplorationNeed
from feedback.plan_reading import exploration_counts
from tests.factories import NOON, make_feature, make_key, make_membership, make_user
from tests.feedback.test_decisions import make_decision

pytestmark = pytest.mark.django_db
TODAY = timezone.now().date()
DAY = timedelta(days=1)


def make_exploration(feature=None, owner=None, **fields):
    told = {
        "question": "Can delays be told two hours ahead?",
        "decides": "Product decides whether to alert before boarding.",
        "baseline": "The airline's estimate, right 71 of 100 times.",
        "from_on": TODAY - 10 * DAY,
        "until_on": TODAY + 10 * DAY,
        "owner": owner or make_user(),
        "user": owner,
        "now": NOON,
    }
    return start_exploration(feature=feature, **{**told, **fields})


def with_result(**fields):
    found = {"result": "feasible", "answer": "Right 84 of 100 times.", "effort_days": 3.5, "now": NOON}
    return record_result(exploration=make_exploration(**fields), **found)


# --- what must hold


@pytest.mark.parametrize("missing", ["question", "decides", "baseline"])
def test_a_question_without_a_purpose_or_a_baseline_is_refused(missing):
    with pytest.raises(ValidationError) as refused:
        make_exploration(**{missing: " "})
    assert missing in refused.value.message_dict


def test_a_time_box_that_ends_before_it_begins_is_refused_in_words():
    with pytest.raises(ValidationError, match="ends before it begins"):
        make_exploration(from_on=TODAY, until_on=TODAY - DAY)
    assert make_exploration(from_on=TODAY, until_on=TODAY).pk


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"question": ""}, "feedback_exploration_says_what_it_is_for"),
        ({"until_on": TODAY - 100 * DAY}, "feedback_exploration_time_box_is_forward"),
        ({"result": "feasible"}, "feedback_exploration_result_has_its_answer"),
        ({"answer": "Yes."}, "feedback_exploration_result_has_its_answer"),
        ({"effort_days": -1.0}, "feedback_exploration_effort_is_not_negative"),
        ({"became": "used", "became_why": "It pays."}, "feedback_exploration_use_has_its_why"),
        ({"became_why": "It pays."}, "feedback_exploration_use_has_its_why"),
    ],
)
def test_the_database_refuses_what_is_not_whole(wrong, name):
    exploration = make_exploration()
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Exploration.objects.filter(pk=exploration.pk).update(**wrong)


def test_a_result_is_told_once_and_only_a_result_can_be_used():
    exploration = make_exploration()
    with pytest.raises(ValidationError, match="First say what was found"):
        record_use(exploration=exploration, became="used", why="It pays.")
    record_result(exploration=exploration, result="infeasible", answer="No data.", effort_days=None, now=NOON)
    with pytest.raises(ValidationError, match="its result already"):
        record_result(exploration=exploration, result="feasible", answer="Yes.", effort_days=1, now=NOON)
    assert record_use(exploration=exploration, became="not_used", why="No data before May.").became == "not_used"


def test_a_result_without_words_is_refused():
    with pytest.raises(ValidationError, match="says in words what was found"):
        record_result(exploration=make_exploration(), result="feasible", answer=" ", effort_days=1, now=NOON)


def test_collecting_data_is_noted_once():
    need = add_need(exploration=make_exploration(), what="Gate changes", owner=make_user(), due_on=TODAY - DAY)
    assert list(ExplorationNeed.objects.overdue(TODAY)) == [need]
    assert finish_need(need=need, now=NOON)
    assert not finish_need(need=need, now=NOON + DAY)
    need.refresh_from_db()
    assert need.done_at == NOON
    assert not ExplorationNeed.objects.overdue(TODAY).exists()


def test_a_decision_of_another_feature_was_not_informed_by_it():
    exploration, decision = make_exploration(make_feature()), make_decision()
    with pytest.raises(ValidationError, match="another feature"):
        inform(exploration=exploration, decision=decision)
    ahead = make_exploration()
    inform(exploration=ahead, decision=decision)
    inform(exploration=ahead, decision=decision)
    assert list(ahead.decisions.all()) == [decision]


def test_a_question_joins_one_feature_for_good():
    exploration, feature = make_exploration(), make_feature()
    assert attach(exploration=exploration, feature=feature).feature == feature
    with pytest.raises(ValidationError, match="belongs to a feature already"):
        attach(exploration=exploration, feature=make_feature())


# --- who sees what


def test_a_question_ahead_of_any_feature_is_seen_by_its_owner_who_asked_it_and_staff(client_for):
    owner, asker, member = make_user(), make_user(), make_membership().user
    exploration = make_exploration(owner=owner, user=asker, question="A secret plan?")
    for person, status in [(owner, 200), (asker, 200), (make_user(is_staff=True), 200), (member, 404)]:
        browser = client_for(person)
        assert browser.get(exploration.get_absolute_url()).status_code == status
        is_listed = "A secret plan?" in browser.get("/explorations/?format=csv").content.decode()
        assert is_listed == (status == 200)


def test_nobody_learns_of_decisions_or_questions_of_others_through_a_link(client_for):
    ann = make_user()
    seen, hidden = make_membership(ann).feature, make_feature()
    ahead = make_exploration(owner=ann)
    for decision in (make_decision(seen, title="Seen"), make_decision(hidden, title="Hidden")):
        inform(exploration=ahead, decision=decision)
    page = client_for(ann).get(ahead.get_absolute_url()).content.decode()
    assert "Seen" in page
    assert "Hidden" not in page
    assert exploration_counts(ann, today=TODAY).n_informed == 1
    colleague = client_for(make_membership(feature=seen).user)
    assert (
        ahead.question not in colleague.get(f"/decisions/{Decision.objects.of(seen).get().pk}/").content.decode()
    )


def test_the_head_of_the_board_counts_what_is_ahead_late_and_used():
    ann = make_user(is_staff=True)
    idea, live = make_feature(stage="idea"), make_feature(stage="pilot")
    make_exploration(owner=ann)
    make_exploration(idea, ann, until_on=TODAY - DAY)
    make_exploration(live, ann, needs=[Need("Gates", ann, TODAY - DAY), Need("Crews", ann, TODAY)])
    done = with_result(feature=idea, owner=ann)
    record_use(exploration=done, became="used", why="It pays.")
    inform(exploration=done, decision=make_decision(idea))
    found = exploration_counts(ann, today=TODAY)
    assert (found.n, found.n_running, found.n_ahead, found.n_past) == (4, 3, 2, 1)
    assert (found.n_needs_overdue, found.n_informed, found.n_used, found.n_not_used) == (1, 1, 1, 0)


# --- pages


@pytest.fixture
def at(client_for):
    """(ann, her browser, her feature)"""
    ann = make_user("ann@example.org")
    feature = make_membership(ann, make_feature("mine", stage="idea"), "design").feature
    return ann, client_for(ann), feature


def test_the_empty_board_says_what_to_write_down(at):
    page = at[1].get("/explorations/").content.decode()
    assert "No explorations yet" in page
    assert "/explorations/new/" in page


def test_any_member_starts_one_with_the_data_it_needs(at):
    ann, browser, feature = at
    sent = {
        "question": "Can we?", "feature": "mine", "decides": "Ann decides.", "baseline": "71 of 100",
        "from_on": TODAY.isoformat(), "until_on": (TODAY + DAY).isoformat(), "owner": ann.pk,
        "need_what": "Gate changes", "need_due_on": TODAY.isoformat(),
    }  # fmt: skip
    answer = browser.post("/explorations/new/", {**sent, "made_by": 1, "result": "feasible"})
    (made,) = Exploration.objects.all()
    assert (answer.status_code, answer["Location"]) == (302, made.get_absolute_url())
    assert (made.feature, made.owner, made.made_by, made.result) == (feature, ann, ann, "")
    assert [need.what for need in made.needs.all()] == ["Gate changes"]


def test_what_is_wrong_is_said_at_its_field_and_the_text_is_kept(at):
    _, browser, _ = at
    make_feature("theirs")
    stranger = make_user()
    sent = {"question": "Can we?", "feature": "theirs", "owner": stranger.pk, "need_what": "Gates"}
    answer = browser.post("/explorations/new/", sent)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="Can we?"' in page
    assert page.count("not one of the available choices") == 2
    assert "which data, and from when" in page
    assert not Exploration.objects.exists()


def test_the_page_takes_each_form_and_no_other(at):
    ann, browser, feature = at
    exploration, decision = make_exploration(feature, ann), make_decision(feature, title="We do it")
    url = exploration.get_absolute_url()
    need = {"do": "need", "what": "Gates", "owner": ann.pk, "due_on": TODAY.isoformat()}
    assert browser.post(url, need).status_code == 302
    found = exploration.needs.get()
    assert browser.post(url, {"do": "collected", "need": found.pk}).status_code == 302
    assert browser.post(url, {"do": "use", "became": "used", "why": "x"}).status_code == 422
    result = {"do": "result", "result": "feasible", "answer": "Yes.", "effort_days": "2.5"}
    assert browser.post(url, result).status_code == 302
    assert browser.post(url, {"do": "use", "became": "used", "why": "It pays."}).status_code == 302
    assert browser.post(url, {"do": "inform", "decision": decision.pk}).status_code == 302
    assert browser.post(url, {"do": "delete"}).status_code == 404
    exploration.refresh_from_db()
    assert (exploration.result, exploration.effort_days, exploration.became) == ("feasible", 2.5, "used")
    page = browser.get(url).content.decode()
    assert "We do it" in page
    assert "1 of 1 on the way" in page


def test_needs_decisions_and_features_of_others_are_untouched_and_not_revealed(at):
    ann, browser, feature = at
    url = make_exploration(feature, ann).get_absolute_url()
    need = add_need(exploration=make_exploration(make_feature()), what="Theirs", owner=ann, due_on=TODAY)
    decision = make_decision(title="Their decision")
    for sent in ({"do": "collected", "need": need.pk}, {"do": "inform", "decision": decision.pk}):
        answer = browser.post(url, sent)
        assert answer.status_code == 422
        assert b"Their" not in answer.content
    need.refresh_from_db()
    assert need.done_at is None
    assert not decision.explorations.exists()


def test_the_board_filters_and_its_csv_is_only_text(at):
    ann, browser, feature = at
    make_exploration(feature, ann, question="=cmd()", until_on=TODAY - DAY)
    with_result(feature=feature, owner=ann, question="Answered?")
    for query, seen in [
        ("state=past", {"=cmd()"}), ("state=done", {"Answered?"}), ("state=ahead", {"=cmd()"}),
        ("state=needs", set()), ("state=running", {"=cmd()"}), ("feature=mine", {"=cmd()", "Answered?"}),
    ]:  # fmt: skip
        page = browser.get(f"/explorations/?{query}").content.decode()
        assert {each for each in ("=cmd()", "Answered?") if each in page} == seen, query
    assert "'=cmd()" in browser.get("/explorations/?format=csv").content.decode()


@pytest.mark.parametrize("board", ["/explorations/", "/decisions/"])
def test_a_board_takes_as_many_queries_for_3_as_for_30(client_for, board):
    taken = []
    for n in (3, 30):
        ann = make_user()
        for _ in range(n):
            feature = make_membership(ann).feature
            exploration = make_exploration(feature, make_user(), needs=[Need("Gates", make_user(), TODAY)])
            inform(exploration=exploration, decision=make_decision(feature, make_user()))
        browser = client_for(ann)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(board).content.count(b'<th scope="row">') == n
        taken.append(len(captured))
    assert taken[0] == taken[1] < 15


def test_an_owner_who_left_is_named_so(at):
    _, browser, feature = at
    gone = make_user("gone@example.org")
    exploration = make_exploration(feature, gone, needs=[Need("Gates", gone, TODAY)])
    gone.delete()
    page = browser.get(exploration.get_absolute_url()).content.decode()
    assert page.count("somebody who left") == 2
    assert (
        browser.post(
            exploration.get_absolute_url(), {"do": "result", "result": "feasible", "answer": "Yes."}
        ).status_code
        == 302
    )


# --- REST

SENT = {
    "question": "Can we?",
    "decides": "Product decides.",
    "baseline": "71 of 100",
    "from_on": "2026-03-01",
    "until_on": "2026-03-20",
}


def test_a_member_starts_one_by_rest_and_reads_it_back(api):
    user = make_membership(feature=make_feature("mine"), role="engineering").user
    service = api(make_key(person=user)[1])
    need = {"what": "Gates", "owner": user.email, "due_on": "2026-03-02"}
    sent = {**SENT, "feature": "mine", "needs": [need], "result": "feasible", "made_by": 1}
    answer = service.post("/api/v1/explorations/", sent, "application/json")
    assert answer.status_code == 201, answer.content
    assert service.get("/api/v1/explorations/").json() == [answer.json()]
    assert answer.json()["owner"] == user.email
    assert answer.json()["result"] == ""
    assert answer.json()["needs"][0]["is_overdue"]


def test_a_service_names_an_owner_and_sees_questions_ahead_only_with_a_key_for_everything(api):
    staff = make_user("boss@example.org", is_staff=True)
    everything = api(make_key(scopes=["read", "manage"])[1])
    some = api(make_key(scopes=["read", "manage"], features=[make_feature()])[1])
    refused = everything.post("/api/v1/explorations/", SENT, "application/json")
    assert refused.json()["errors"] == [{"field": "owner", "detail": "Name its owner: a service cannot be one."}]
    made = everything.post("/api/v1/explorations/", {**SENT, "owner": staff.email}, "application/json")
    assert made.status_code == 201
    assert len(everything.get("/api/v1/explorations/").json()) == 1
    assert some.get("/api/v1/explorations/").json() == []


def test_a_time_box_that_runs_backwards_is_a_400_in_words(api):
    make_membership(make_user("a@example.org"), make_feature("mine"))
    service = api(make_key(scopes=["read", "manage"])[1])
    sent = {**SENT, "feature": "mine", "owner": "a@example.org", "until_on": "2026-02-01"}
    answer = service.post("/api/v1/explorations/", sent, "application/json")
    assert answer.status_code == 400
    assert "ends before it begins" in answer.content.decode()
