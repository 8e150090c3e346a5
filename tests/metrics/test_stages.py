"""Stages: each rule met and unmet, in plain words; who moves a feature, and where it may go."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feedback.actions.features import change_feature
from feedback.models import Decision, Feature, StageChange
from metrics.actions.expecting import Terms, propose, sign
from metrics.actions.staging import change_stage
from metrics.stage_reading import history_of, next_of, standing_of
from reviews.actions.desk import set_policy
from reviews.models import SamplingPolicy
from tests.factories import make_feature, make_key, make_membership, make_user
from tests.feedback.test_decisions import make_decision
from tests.feedback.test_explorations import make_exploration

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)
DAY = timedelta(days=1)
READY = {"off_switch": "The flag alerts_on, in a minute.", "feedback_channel": "support@example.org"}


def mover(feature, role="product"):
    return make_membership(feature=feature, role=role).user


def agree(feature, *, days=90, now=NOW):
    by_on = NOW.date() + days * DAY
    terms = Terms(metric="accuracy", direction="at_least", target=0.8, by_on=by_on, why="Calls cost money.")
    science, product = mover(feature, "data_science"), mover(feature, "product")
    proposed = propose(feature=feature, terms=terms, user=science, function="data_science", p=0.7, now=now)
    return sign(expectation=proposed, user=product, function="product", p=0.6, now=now)


def move(feature, to, user=None, **fields):
    return change_stage(feature=feature, to=to, user=user or make_user(is_staff=True), now=NOW, **fields)


def refused(feature, to, **fields):
    """What is said to who tries; the feature stays where it is."""
    before = Feature.objects.get(pk=feature.pk).stage
    with pytest.raises(ValidationError) as told:
        move(feature, to, **fields)
    feature.refresh_from_db()
    assert feature.stage == before
    assert not StageChange.objects.of(feature).filter(to_stage=to, at=NOW).exists()
    return " ".join(told.value.messages)


# --- the rules


@pytest.mark.parametrize(("stage", "to"), [("idea", "exploring"), ("committed", "shadow"), ("general", "retired")])
def test_most_stages_ask_nothing(stage, to):
    feature = make_feature(stage=stage)
    change = move(feature, to)
    assert (change.from_stage, change.to_stage, change.checks) == (stage, to, [])
    feature.refresh_from_db()
    assert feature.stage == to


def test_committed_asks_for_an_agreed_expectation():
    feature = make_feature(stage="exploring")
    assert "have not agreed yet on what it must reach" in refused(feature, "committed")
    agree(feature)
    change = move(feature, "committed")
    assert [(check["rule"], check["is_met"]) for check in change.checks] == [("expectation", True)]


def test_an_expectation_that_is_only_proposed_or_whose_day_has_passed_is_not_agreed():
    proposed, over = make_feature(stage="exploring"), make_feature(stage="exploring")
    terms = Terms(metric="accuracy", direction="at_least", target=0.8, by_on=NOW.date() + DAY, why="It pays.")
    science = mover(proposed, "data_science")
    propose(feature=proposed, terms=terms, user=science, function="data_science", p=0.7, now=NOW)
    agree(over, days=-1, now=NOW - 30 * DAY)
    for feature in (proposed, over):
        assert "An agreed expectation is missing." in refused(feature, "committed")


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("owner", "An owner is missing. Nobody owns it"),
        ("off_switch", "An off switch is missing. Nobody has said how it is switched off"),
        ("feedback_channel", "A feedback channel is missing. Nobody has said how customers reach the team."),
        ("policy", "A review policy is missing. Nothing of it is reviewed"),
    ],
)
def test_a_pilot_asks_for_each_of_four_things(lacking, said):
    fields = {"owner": make_user(), **READY}
    feature = make_feature(stage="shadow", **{name: value for name, value in fields.items() if name != lacking})
    if lacking != "policy":
        set_policy(feature=feature, user=None, now=NOW)
    assert refused(feature, "pilot").startswith(said)


def test_a_pilot_needs_no_accuracy():
    feature = make_feature(stage="shadow", owner=make_user(), **READY)
    set_policy(feature=feature, user=None, now=NOW)
    assert len(move(feature, "pilot").checks) == 4


def test_an_open_form_is_a_feedback_channel_and_a_policy_of_no_reviews_is_none():
    feature = make_feature(stage="shadow", owner=make_user(), off_switch="A flag.", feedback_form_is_open=True)
    set_policy(feature=feature, user=None, now=NOW, reviews_per_day=0)
    assert refused(feature, "pilot").startswith("A review policy is missing.")
    set_policy(feature=feature, user=None, now=NOW, reviews_per_day=5)
    assert move(feature, "pilot").to_stage == "pilot"


def test_everything_that_is_missing_is_told_at_once():
    said = refused(make_feature(stage="shadow"), "pilot")
    assert said.count("is missing") == 4


def test_general_asks_for_the_gate_which_is_open_where_people_cannot_choose():
    closed, open_ = make_feature(stage="pilot"), make_feature(stage="pilot", is_mandatory=True)
    said = refused(closed, "general")
    assert said.startswith("The accountability gate is closed.")
    assert "choose a decision that waives it" in said
    assert move(open_, "general").checks[0]["is_met"]


def test_a_decision_waives_the_gate_and_stays_with_the_move():
    feature = make_feature(stage="pilot", created_at=NOW - DAY)
    decision = make_decision(feature, now=NOW)
    change = move(feature, "general", decision=decision)
    assert (change.decision, change.checks[0]["is_met"]) == (decision, False)
    (step, _) = history_of(feature)
    assert step.decision_title == decision.title


def test_a_decision_from_before_the_pilot_or_of_another_feature_waives_nothing():
    feature = make_feature(stage="shadow", owner=make_user(), created_at=NOW - 9 * DAY, **READY)
    set_policy(feature=feature, user=None, now=NOW)
    old = make_decision(feature, now=NOW - 5 * DAY)
    change_stage(feature=feature, to="pilot", user=make_user(is_staff=True), now=NOW - DAY)
    assert "before it came to pilot" in refused(feature, "general", decision=old)
    assert "another feature" in refused(feature, "general", decision=make_decision(now=NOW))


def test_a_decision_does_not_waive_what_a_pilot_needs():
    feature = make_feature(stage="shadow", created_at=NOW - DAY)
    assert "An owner is missing" in refused(feature, "pilot", decision=make_decision(feature, now=NOW))


# --- ways


def test_stages_cannot_be_skipped_and_the_ways_are_named():
    assert refused(make_feature(stage="idea"), "pilot") == ("From idea it can go to: exploring, parked, not used.")
    assert "already" in refused(make_feature(stage="pilot"), "pilot")
    assert next_of("retired") == next_of("parked") == ""


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("parked", "parked needs a reason"),
        ("not_used", "not used needs a reason"),
        ("shadow", "going back needs a reason"),
    ],
)
def test_side_exits_and_a_step_back_need_a_reason_and_ask_nothing_else(to, said):
    feature = make_feature(stage="pilot")
    assert refused(feature, to, reason=" ") == f"Say why: {said}."
    assert move(feature, to, reason="The data is gone.").reason == "The data is gone."


def test_a_parked_feature_comes_back_to_where_it_left_by_the_rules_of_that_stage():
    feature = make_feature(stage="shadow", owner=make_user(), **READY)
    set_policy(feature=feature, user=None, now=NOW)
    staff = make_user(is_staff=True)
    for days, to in ((9, "pilot"), (8, "parked"), (7, "not_used")):
        change_stage(feature=feature, to=to, user=staff, now=NOW - days * DAY, reason="For a while.")
    assert [each.to for each in standing_of(feature, now=NOW).moves] == ["pilot"]
    change_feature(feature=feature, off_switch="")
    assert "An off switch is missing." in refused(feature, "pilot", reason="The data is back.")
    change_feature(feature=feature, off_switch="A flag.")
    assert move(feature, "pilot", reason="The data is back.").from_stage == "not_used"


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"to_stage": "parked"}, "feedback_stagechange_side_exit_has_a_reason"),
        ({"to_stage": "idea"}, "feedback_stagechange_goes_somewhere"),
        ({"to_stage": "moon"}, "feedback_stagechange_stages_are_known"),
    ],
)
def test_the_database_refuses_a_change_that_is_none(wrong, name):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        StageChange.objects.create(feature=make_feature(), from_stage="idea", at=NOW, **wrong)


# --- who


@pytest.mark.parametrize(
    ("role", "may"),
    [("owner", True), ("product", True), ("data_science", True), ("reviewer", False), ("adjudicator", False),
     ("engineering", False), ("design", False), ("operations", False), ("customer_success", False)],
)  # fmt: skip
def test_owner_product_and_data_science_move_a_feature(client_for, role, may):
    feature = make_feature("mine", stage="idea")
    browser = client_for(mover(feature, role))
    assert browser.get("/features/mine/stage/").status_code == 200
    answer = browser.post("/features/mine/stage/", {"do": "move", "to": "exploring"})
    assert answer.status_code == (302 if may else 403)
    feature.refresh_from_db()
    assert feature.stage == ("exploring" if may else "idea")


def test_the_action_itself_refuses_somebody_without_the_role():
    feature = make_feature(stage="idea")
    with pytest.raises(PermissionDenied):
        move(feature, "exploring", mover(make_feature(), "owner"))


# --- pages


def test_the_page_says_what_is_missing_and_takes_it(client_for):
    feature = make_feature("mine", stage="shadow")
    owner = mover(feature, "owner")
    browser, url = client_for(owner), "/features/mine/stage/"
    page = browser.get(url).content.decode()
    assert "4 things missing for pilot" in page
    assert "Registered as" in page
    sent = {"do": "pilot", "owner": owner.pk, "off_switch": "A flag.", "feedback_channel": "Support"}
    assert browser.post(url, {**sent, "stage": "general", "slug": "stolen"}).status_code == 302
    feature.refresh_from_db()
    assert (feature.owner, feature.off_switch, feature.stage, feature.slug) == (owner, "A flag.", "shadow", "mine")
    answer = browser.post(url, {"do": "move", "to": "pilot", "reason": "kept words"})
    assert answer.status_code == 422
    assert "A review policy is missing" in answer.content.decode()
    assert "kept words" in answer.content.decode()
    for _ in range(2):  # the same number again is no new policy
        assert browser.post(url, {**sent, "reviews_per_day": 7}).status_code == 302
    assert [each.reviews_per_day for each in SamplingPolicy.objects.filter(feature=feature)] == [7]
    assert browser.post(url, {"do": "move", "to": "pilot"}).status_code == 302
    assert "What was asked then" in browser.get(url).content.decode()


def test_the_form_takes_no_owner_and_no_decision_of_others(client_for):
    feature = make_feature("mine", stage="pilot")
    browser, url = client_for(mover(feature)), "/features/mine/stage/"
    stranger, decision = make_user("stranger@example.org"), make_decision(title="Their decision")
    for sent in ({"do": "pilot", "owner": stranger.pk}, {"do": "move", "to": "general", "decision": decision.pk}):
        answer = browser.post(url, sent)
        assert answer.status_code == 422
        assert b"stranger@" not in answer.content
        assert b"Their decision" not in answer.content
    assert browser.post(url, {"do": "else"}).status_code == 404
    feature.refresh_from_db()
    assert (feature.owner, feature.stage) == (None, "pilot")


def test_the_history_names_who_left_so(client_for):
    feature = make_feature("mine", stage="idea")
    gone, stays = mover(feature), mover(feature, "design")
    change_stage(feature=feature, to="exploring", user=gone, now=NOW)
    gone.delete()
    assert "somebody who left" in client_for(stays).get("/features/mine/stage/").content.decode()


def test_a_decision_is_recorded_with_what_is_known(client_for):
    feature = make_feature("mine", stage="pilot")
    agree(feature)
    ann = mover(feature, "design")
    exploration = make_exploration(feature, ann)
    browser, url = client_for(ann), f"/features/mine/decide/?exploration={exploration.pk}"
    assert "What is known now" in browser.get(url).content.decode()
    sent = {"title": "Go on", "options": "Go on\nStop", "chosen": "Go on", "why": "It pays.", "owner": ann.pk}
    answer = browser.post(url, {**sent, "evidence": "forged", "made_by": 1})
    (made,) = Decision.objects.all()
    assert answer["Location"] == made.get_absolute_url()
    assert (made.options, made.made_by, list(made.explorations.all())) == (["Go on", "Stop"], ann, [exploration])
    assert made.evidence["Taken"]["stage"] == "Pilot"
    assert made.evidence["Version"] == "none yet"
    assert any("80" in sentence for sentence in made.evidence["Agreed"])
    answer = browser.post(url, {**sent, "why": "", "review_on": "2020-01-01"})
    assert answer.status_code == 422
    assert 'value="Go on"' in answer.content.decode()


def test_the_board_shows_where_each_feature_stands_and_what_it_lacks(client_for):
    ann = make_user()
    for slug, stage in (("a", "exploring"), ("b", "pilot"), ("c", "parked")):
        make_membership(ann, make_feature(slug, stage=stage))
    make_feature("theirs", stage="pilot")
    page = client_for(ann).get("/pipeline/").content.decode()
    assert "An agreed expectation" in page
    assert "Accountability gate open, or waived" in page
    assert "theirs" not in page.lower()
    assert "Nothing to show" in client_for(make_user()).get("/pipeline/").content.decode()


def test_the_board_takes_as_many_queries_for_3_as_for_30(client_for):
    taken = []
    for n in (3, 30):
        ann = make_user()
        for i in range(n):
            feature = make_feature(stage=["exploring", "shadow", "pilot"][i % 3], owner=make_user())
            make_membership(ann, feature)
            make_exploration(feature, ann)
            set_policy(feature=feature, user=None, now=NOW)
            move(feature, "parked", reason="For a while.") if i % 2 else None
        browser = client_for(ann)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get("/pipeline/").content.count(b'class="board-card"') == n
        taken.append(len(captured))
    assert taken[0] == taken[1] < 15


# --- REST


def test_a_patch_moves_a_feature_by_the_same_rules_and_all_of_it_or_nothing(api):
    feature = make_feature("mine", stage="exploring")
    service = api(make_key(scopes=["read", "manage"])[1])
    at, kind = "/api/v1/features/mine/", "application/json"
    answer = service.patch(at, {"stage": "committed", "name": "Renamed"}, kind)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "stage"
    assert "An agreed expectation is missing" in answer.json()["errors"][0]["detail"]
    assert service.get(at).json()["name"] == "Mine"
    agree(feature)
    assert service.patch(at, {"stage": "committed", "name": "Renamed"}, kind).json()["stage"] == "committed"
    assert service.patch(at, {"stage": "committed"}, kind).status_code == 200
    assert [(c.user, c.key_name) for c in StageChange.objects.all()] == [(None, "test")]
    with pytest.raises(ValueError, match="stage cannot change"):
        change_feature(feature=feature, stage="general")


def test_a_feature_is_still_registered_in_the_stage_it_is_in(api):
    service = api(make_key(scopes=["read", "manage"])[1])
    sent = {"slug": "new", "name": "New", "stage": "pilot"}
    assert service.post("/api/v1/features/", sent, "application/json").json()["stage"] == "pilot"


def test_the_stage_is_read_and_moved_by_rest(api):
    feature = make_feature("mine", stage="pilot")
    decision, foreign = make_decision(feature, now=NOW), make_decision(title="Their decision")
    service, at = api(make_key(scopes=["read", "manage"])[1]), "/api/v1/features/mine/stage/"
    told = service.get(at).json()
    assert (told["stage"], told["next_stage"], told["checks"][0]["is_met"]) == ("pilot", "general", False)
    for sent, field in [({"to": "parked"}, "reason"), ({"to": "idea"}, "to"), ({"to": "general"}, "to"),
                        ({"to": "general", "decision": foreign.pk}, "decision")]:  # fmt: skip
        answer = service.post(at, sent, "application/json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
        assert "Their decision" not in answer.content.decode()
    moved = service.post(at, {"to": "general", "decision": decision.pk}, "application/json")
    assert moved.json()["stage"] == "general"
    assert StageChange.objects.get().key_name == "test"


def test_by_rest_too_only_some_roles_move_a_feature(api):
    feature = make_feature("mine", stage="idea")
    for role, status in (("design", 403), ("data_science", 200)):
        service = api(make_key(person=mover(feature, role))[1])
        answer = service.post("/api/v1/features/mine/stage/", {"to": "exploring"}, "application/json")
        assert answer.status_code == status
