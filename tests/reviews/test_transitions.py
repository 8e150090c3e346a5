"""The life of an assignment: review-desk.md's table, row by row."""

from datetime import timedelta

import pytest

from reviews.actions.desk import beat, expire_leases, keep_draft, release, revise, skip, submit_and_claim, undo
from reviews.actions.leading import reassign, void
from reviews.errors import LeaseLost, Refused
from reviews.models import Assignment, Draft, Exclusion, Judgment
from tests.factories import NOON, make_feature, make_user
from tests.reviews.steps import LEASE, MINUTE, answer, claim, item_of, queue, reviewers, stored

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def feature():
    return make_feature("claims")


@pytest.fixture
def ann(feature):
    return reviewers(feature, 1)[0]


@pytest.fixture
def bob(feature):
    return reviewers(feature, 1)[0]


def still_there(case, reviewer, at):
    return beat(assignment_id=case.pk, token=case.lease_token, reviewer=reviewer, now=at)


def test_a_beat_keeps_the_lease(feature, ann):
    queue(feature)
    case = claim(feature, ann)
    assert still_there(case, ann, NOON + MINUTE) == NOON + MINUTE + LEASE
    assert stored(case).leased_until == NOON + MINUTE + LEASE


def test_beats_keep_a_lease_for_four_times_its_length_at_most(feature, ann):
    queue(feature)
    case = claim(feature, ann)
    for n in range(1, 60):
        still_there(case, ann, NOON + n * MINUTE)
    assert stored(case).leased_until == NOON + 4 * LEASE


def test_active_time_leaves_out_gaps_of_over_a_hundred_seconds(feature, ann):
    queue(feature)
    case = claim(feature, ann)
    for seconds in (60, 160, 261, 300):  # 60 and 100 count, 101 does not, 39 does
        still_there(case, ann, NOON + seconds * SECOND)
    judgment = answer(case, ann, now=NOON + 330 * SECOND)
    assert (judgment.active_seconds, judgment.wall_seconds) == (60 + 100 + 39 + 30, 330)


def test_nobody_is_active_longer_than_it_took_when_the_clock_is_set_back(feature, ann):
    queue(feature)
    case = claim(feature, ann)
    still_there(case, ann, NOON + 90 * SECOND)
    judgment = answer(case, ann, now=NOON + 30 * SECOND)
    assert (judgment.active_seconds, judgment.wall_seconds) == (30, 30)


def test_a_beat_of_another_or_of_a_lost_case_is_refused(feature, ann, bob):
    queue(feature, 1)
    case = claim(feature, ann)
    with pytest.raises(LeaseLost):
        still_there(case, bob, NOON)
    expire_leases(NOON + LEASE)
    with pytest.raises(LeaseLost):
        still_there(case, ann, NOON + LEASE)


def test_a_late_answer_counts_after_another_gave_the_case_back_no_more(feature, ann, bob):
    queue(feature, 1)
    case = claim(feature, ann)
    taken = claim(feature, bob, now=NOON + LEASE)
    release(assignment_id=taken.pk, token=taken.lease_token, reviewer=bob)
    with pytest.raises(LeaseLost):
        answer(case, ann, now=NOON + LEASE)
    assert answer(taken, bob, now=NOON + LEASE).reviewer == bob


def lose(case, reviewer, now, **entered):
    with pytest.raises(LeaseLost) as lost:
        submit_and_claim(
            assignment_id=case.pk,
            token=case.lease_token,
            reviewer=reviewer,
            now=now,
            idempotency_key="k",
            **entered,
        )
    return str(lost.value)


def test_an_answer_to_a_case_that_another_has_by_now_is_kept_as_a_draft_and_said_so(feature, ann, bob):
    queue(feature, 1)
    case = claim(feature, ann)
    claim(feature, bob, now=NOON + LEASE)
    said = lose(case, ann, NOON + LEASE, verdict="wrong", corrected="lost", comment="by truck")
    draft = Draft.objects.get()
    assert "kept as a draft" in said
    assert (draft.reviewer, draft.is_lost, draft.entered["comment"]) == (ann, True, "by truck")
    assert not Judgment.objects.exists()


def test_a_token_of_ones_own_making_keeps_no_draft(feature, ann, bob):
    queue(feature, 1)
    case = claim(feature, bob)
    case.lease_token = "0" * 32
    assert "draft" not in lose(case, ann, NOON, verdict="right")
    assert not Draft.objects.exists()


def test_the_answer_ends_the_draft(feature, ann):
    queue(feature, 1)
    case = claim(feature, ann)
    for comment in ("by", "by truck"):
        keep_draft(assignment_id=case.pk, reviewer=ann, entered={"comment": comment, "hm": 1}, now=NOON)
    assert Draft.objects.get().entered == {"comment": "by truck"}
    answer(case, ann)
    assert not Draft.objects.exists()


def test_a_lead_takes_a_case_back_to_the_queue(feature, ann, bob):
    queue(feature, 1)
    case = claim(feature, ann)
    assert reassign(assignment_id=case.pk, now=NOON).state == "open"
    assert claim(feature, bob) == case
    with pytest.raises(LeaseLost):
        answer(case, ann)


def test_a_lead_gives_a_case_to_somebody(feature, ann, bob):
    queue(feature, 1)
    case = claim(feature, ann)
    given = reassign(assignment_id=case.pk, now=NOON, to=bob)
    assert (given.state, given.reviewer) == ("leased", bob)
    assert reassign(assignment_id=case.pk, now=NOON, to=bob).lease_token == given.lease_token
    assert claim(feature, bob) == case
    assert item_of(case).state == "in_review"


def test_a_lead_gives_a_case_to_nobody_who_may_not_have_it(feature, ann, bob):
    queue(feature, 1)
    case = claim(feature, ann)
    skip(assignment_id=case.pk, token=case.lease_token, reviewer=ann, reason="unclear", now=NOON)
    for person in (ann, make_user()):
        with pytest.raises(Refused):
            reassign(assignment_id=case.pk, now=NOON, to=person)
    answer(claim(feature, bob), bob)
    with pytest.raises(Refused, match="answered"):
        reassign(assignment_id=case.pk, now=NOON)


def test_a_void_assignment_stays_and_a_new_one_opens_in_its_place(feature, ann, bob):
    queue(feature, 1)
    case = claim(feature, ann)
    answer(case, ann)
    fresh = void(assignment_id=case.pk, lead=bob, reason="old guideline", now=NOON)
    gone = stored(case)
    assert (gone.state, gone.reviewer, gone.void_reason, gone.voided_by) == ("void", ann, "old guideline", bob)
    assert Judgment.objects.get().assignment == gone
    item = item_of(case)
    assert (item.state, item.verdict, item.final_at) == ("open", "", None)
    assert claim(feature, ann) is None
    assert claim(feature, bob) == fresh
    assert void(assignment_id=case.pk, lead=bob, reason="again", now=NOON) is None


def test_void_needs_a_reason(feature, ann):
    (case,) = queue(feature, 1)
    with pytest.raises(Refused):
        void(assignment_id=case.pk, lead=ann, reason=" ", now=NOON)


def test_with_nobody_left_a_void_case_needs_a_lead(feature, ann):
    queue(feature, 1)
    case = claim(feature, ann)
    void(assignment_id=case.pk, lead=ann, reason="biased", now=NOON)
    assert item_of(case).state == "needs_lead"
    assert Exclusion.objects.get().reviewer == ann


def test_another_answer_takes_the_place_of_ones_own(feature, ann):
    queue(feature, 1)
    case = claim(feature, ann)
    first = answer(case, ann)
    change = {"judgment_id": first.pk, "reviewer": ann, "idempotency_key": "k2", "now": NOON + MINUTE}
    second = revise(**change, verdict="wrong", corrected="lost")
    assert revise(**change, verdict="right") == second
    assert (second.revision, stored(case).state, item_of(case).truth) == (2, "submitted", "lost")
    with pytest.raises(Refused, match="changed since"):
        revise(**{**change, "idempotency_key": "k3"}, verdict="right")


def test_who_holds_two_cases_undoes_nothing_more():
    features = [make_feature() for _ in range(3)]
    ann = make_user()
    for each in features:
        each.memberships.create(user=ann, role="reviewer")
        queue(each)
    judgment = answer(claim(features[0], ann), ann)
    claim(features[1], ann)
    claim(features[2], ann)
    with pytest.raises(Refused, match="two cases"):
        undo(judgment_id=judgment.pk, reviewer=ann, now=NOON)
    assert Assignment.objects.held_by(ann).count() == 2
    assert Judgment.objects.count() == 1
