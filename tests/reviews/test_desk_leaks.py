"""What nobody may read, answer or change at the desk any more: found by reading it afresh, once each."""

from contextlib import contextmanager, suppress
from random import Random

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from feedback.models import User
from reviews.actions import leading
from reviews.actions.claims import lease_to
from reviews.actions.desk import claim_next, give_own_answer, keep_draft, release, revise, set_rubric, undo
from reviews.actions.reliability import prepare_reliability
from reviews.errors import LeaseLost, Refused
from reviews.models import Assignment, Draft, Judgment, ReviewItem
from reviews.waiting import waiting_for
from tests.factories import NOON, make_feature, make_membership
from tests.reviews.disputes import decided, judged_by_two
from tests.reviews.steps import LEASE, MINUTE, answer, claim, queue, reviewers
from tests.reviews.test_claim_race import together

pytestmark = pytest.mark.django_db
SECRET = "what the other one wrote"
RIGHT, LOST = {"verdict": "right"}, {"verdict": "wrong", "corrected": "lost"}


class Heads(Random):
    """A coin that always falls on gold."""

    def random(self):
        return 0.0


@pytest.fixture
def feature():
    return make_feature("claims", label_names={"lost": "Lost"})


@pytest.fixture
def ann(feature):
    return reviewers(feature, 1)[0]


@pytest.fixture
def bob(ann, feature):
    return reviewers(feature, 1)[0]


def given_back(judgment, reviewer, *, now=NOON):
    """Undone, and put back into the queue."""
    case = undo(judgment_id=judgment.pk, reviewer=reviewer, now=now)
    assert release(assignment_id=case.pk, token=case.lease_token, reviewer=reviewer)


# --- undone and given back: another's by now


def test_what_another_said_of_a_case_i_gave_back_is_not_told_to_me(client_for, feature, ann, bob):
    now = timezone.now()
    queue(feature, 1)
    set_rubric(feature=feature, now=NOON, reasons=[])
    mine = answer(claim(feature, ann, now=now), ann, now=now, key="a")
    given_back(mine, ann, now=now)
    theirs = answer(claim(feature, bob, now=now), bob, now=now, key="b", comment=SECRET, **LOST)
    assert theirs.assignment_id == mine.assignment_id
    for sent in ({}, {"idempotency_key": "x", "verdict": "right", "rubric": 1}):
        told = client_for(ann).post(f"/desk/judgments/{mine.pk}/revise/", sent)
        assert (told.status_code, SECRET in told.text) == (404, False)


def test_a_key_of_another_is_refused_and_answers_nothing_of_theirs(feature, ann, bob):
    queue(feature, 1)
    mine = answer(claim(feature, ann), ann, key="1")
    given_back(mine, ann)
    case = claim(feature, bob)
    with pytest.raises(Refused, match="new key"):
        answer(case, bob, key="1")
    answer(case, bob, key="2", **LOST)
    with pytest.raises(Refused, match="changed since"):
        revise(judgment_id=mine.pk, reviewer=ann, now=NOON, idempotency_key="2", **RIGHT)


def test_after_an_undo_the_old_key_does_not_answer_saved(feature, ann):
    queue(feature, 1)
    mine = answer(claim(feature, ann), ann, key="1")
    case = undo(judgment_id=mine.pk, reviewer=ann, now=NOON)
    with pytest.raises(Refused, match="new key"):
        answer(case, ann, key="1", **LOST)
    again = answer(case, ann, key="2", **LOST)
    assert answer(case, ann, key="2", **LOST) == again
    assert Judgment.objects.latest_revisions().get() == again


def test_the_old_key_of_a_case_given_back_is_a_lease_lost(feature, ann, bob):
    queue(feature, 1)
    case = claim(feature, ann)
    given_back(answer(case, ann, key="1"), ann)
    claim(feature, bob)
    with pytest.raises(LeaseLost):
        answer(case, ann, key="1")


# --- no reviewer of the feature any more


@pytest.mark.parametrize("act", ["undo", "revise"])
def test_who_reviews_no_more_changes_nothing_by_rest(client_for, feature, ann, act):
    now = timezone.now()
    queue(feature, 1)
    mine = answer(claim(feature, ann, now=now), ann, now=now)
    ann.memberships.all().delete()
    sent = {**LOST, "idempotency_key": "q"}
    path = f"/api/v1/review/judgments/{mine.pk}/{act}/"
    assert client_for(ann).post(path, sent, content_type="application/json").status_code in {403, 404}
    assert Judgment.objects.latest_revisions().get() == mine


def test_who_reviews_no_more_reads_no_lost_answer_of_the_feature(client_for, feature, ann):
    queue(feature, 1)
    case = claim(feature, ann)
    keep_draft(assignment_id=case.pk, reviewer=ann, entered={"comment": SECRET}, now=NOON, is_lost=True)
    assert SECRET in client_for(ann).get("/desk/").text
    ann.memberships.all().delete()
    assert SECRET not in client_for(ann).get("/desk/").text


# --- blind


def test_the_first_blind_answer_outlives_the_lease_and_is_restored_to_its_reviewer_alone(feature, ann, bob):
    queue(feature, 1, is_blind=True)
    case = claim(feature, ann)
    give_own_answer(assignment_id=case.pk, token=case.lease_token, reviewer=ann, own_answer="lost")
    release(assignment_id=case.pk, token=case.lease_token, reviewer=ann)
    others = claim(feature, bob)
    assert (others.pk, others.own_answer) == (case.pk, "")
    release(assignment_id=case.pk, token=others.lease_token, reviewer=bob)
    again = claim(feature, ann)
    assert (again.pk, again.own_answer, again.is_blind) == (case.pk, "lost", True)
    late = claim(feature, ann, now=NOON + 2 * LEASE)
    assert (late.pk, late.own_answer) == (case.pk, "lost")
    give_own_answer(assignment_id=late.pk, token=late.lease_token, reviewer=ann, own_answer="on_time")
    assert answer(late, ann, now=NOON + 2 * LEASE).own_answer == "lost"


def test_the_other_opinion_on_the_case_is_no_second_chance_to_answer_blind(feature, ann, bob):
    queue(feature, 1, is_blind=True, overlap_share=1.0)
    case = claim(feature, ann)
    give_own_answer(assignment_id=case.pk, token=case.lease_token, reviewer=ann, own_answer="lost")
    given_back(answer(case, ann), ann)
    assert lease_to(Assignment.objects.get(pk=case.pk), reviewer=bob, now=NOON)
    other = claim(feature, ann)
    assert (other.item_id, other.ordinal, other.own_answer) == (case.item_id, 2, "lost")


# --- what is right stands elsewhere


def test_a_decided_case_is_not_shown_to_whom_it_may_come_as_gold(client_for, feature):
    cat, dan = reviewers(feature, 2, role="adjudicator")
    lead = make_membership(feature=feature, role="owner").user
    judged_by_two(feature, [(RIGHT, LOST)], gold_share=0.5)
    prediction = decided(feature, cat).item.prediction
    leading.make_gold(prediction=prediction, lead=lead, now=NOON)
    prepare_reliability(feature=feature, now=timezone.now())()

    def reads(person):
        return prediction.external_id in client_for(person).get("/features/claims/reviews/").text

    assert (reads(dan), reads(cat), reads(lead)) == (False, True, True)
    gold = claim_next(reviewer=dan, features=[feature], now=NOON, rng=Heads())
    assert (gold.lane, reads(dan)) == ("gold", False)
    answer(gold, dan, **LOST)
    assert reads(dan)


def test_opinions_on_a_case_are_not_listed_to_whom_it_may_come_as_a_picked_one(client_for, feature):
    [dan] = reviewers(feature, 1, role="adjudicator")
    judged_by_two(feature, [(RIGHT, LOST)])
    prediction = ReviewItem.objects.get().prediction

    def page():
        return client_for(dan).get("/features/claims/adjudication/")

    assert prediction.external_id in page().text
    leading.target(prediction=prediction, now=NOON)
    assert prediction.external_id not in page().text
    assert (page().context["desk"].n, "Shown: 0 of 1" in page().text) == (1, True)
    case = claim(feature, dan)
    assert case.lane == "targeted"
    answer(case, dan)
    assert prediction.external_id in page().text


def test_a_picked_case_whose_lease_ran_out_is_not_for_who_judged_its_prediction(feature, ann, bob):
    queue(feature, 1)
    answer(claim(feature, ann), ann)
    leading.target(prediction=ReviewItem.objects.get().prediction, now=NOON)
    assert waiting_for(ann, [feature], NOON)[feature.pk].n_left == 0
    assert waiting_for(bob, [feature], NOON)[feature.pk].n_left == 1
    assert claim(feature, bob).lane == "targeted"
    late = NOON + 2 * LEASE
    assert waiting_for(ann, [feature], late)[feature.pk].n_left == 0
    assert claim(feature, ann, now=late) is None
    [cat] = reviewers(feature, 1)
    assert waiting_for(cat, [feature], late)[feature.pk].n_left == 1
    assert claim(feature, cat, now=late).lane == "targeted"


# --- one after the other


def test_where_two_disagree_an_open_audit_gives_way_to_a_decision(feature, ann, bob):
    queue(feature, 1, overlap_share=1.0)
    first = answer(claim(feature, ann), ann).assignment
    like = {"feature": feature, "item": first.item, "queue_key": first.queue_key}
    Assignment.objects.create(lane="audit", ordinal=3, **like)  # as a race of revise and submit once left it
    answer(claim(feature, bob), bob, **LOST)
    assert list(Assignment.objects.filter(ordinal=3).order_by("pk").values_list("lane", "state")) == [
        ("audit", "void"),
        ("adjudication", "open"),
    ]
    [dan] = reviewers(feature, 1, role="adjudicator")
    decided(feature, dan)
    assert ReviewItem.objects.get().state == "final"


@pytest.mark.django_db(transaction=True)
def test_a_change_and_the_other_opinion_at_once_leave_a_case_that_somebody_can_decide(shared_database):
    feature = make_feature()
    queue(feature, 1, overlap_share=1.0, audit_share=1.0)
    ann, bob = reviewers(feature, 2)
    mine = answer(claim(feature, ann), ann, key="a")
    case = claim(feature, bob)

    def change():
        person = User.objects.get(pk=ann.pk)
        with suppress(Refused):  # the other opinion came first
            revise(judgment_id=mine.pk, reviewer=person, now=NOON, idempotency_key="r", **LOST)

    together(lambda act: act(), [change, lambda: answer(case, User.objects.get(pk=bob.pk), key="b")])
    third = Assignment.objects.exclude(state="void").get(ordinal=3).lane
    assert (ReviewItem.objects.get().state, third) in {("final", "audit"), ("needs_adjudication", "adjudication")}


@contextmanager
def drafts_failing():
    """The database refuses to store a draft."""

    def refuse(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "reviews_draft"'):
            raise DatabaseError("no draft")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


def test_a_beat_and_its_draft_are_one(client_for, feature, ann):
    now = timezone.now()
    queue(feature, 1)
    case = claim(feature, ann, now=now - MINUTE)
    sent = {"token": case.lease_token, "comment": "so far"}
    with drafts_failing(), pytest.raises(DatabaseError, match="no draft"):
        client_for(ann).post(f"/desk/{case.pk}/beat/", sent)
    assert Assignment.objects.get().seen_at == case.seen_at
    assert client_for(ann).post(f"/desk/{case.pk}/beat/", sent).status_code == 200
    assert Assignment.objects.get().seen_at > case.seen_at
    answer(case, ann, now=now)
    assert client_for(ann).post(f"/desk/{case.pk}/beat/", sent).status_code == 409
    assert not Draft.objects.exists()
