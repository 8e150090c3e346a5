"""Judgments: given, withdrawn, changed, voided; and what is kept of an answer that was not counted."""

from datetime import datetime, timedelta
from typing import Any, Unpack

from django.db import transaction
from django.utils.crypto import constant_time_compare

from feedback.models import User
from reviews.actions.answers import Answer, checked, checked_own_answer
from reviews.actions.claims import DECIDED, claim_like, lease_to, was_given_to
from reviews.actions.leases import active_seconds, is_held, locked
from reviews.actions.policies import rubric_of
from reviews.actions.settling import is_settled_with_others, settle, unsettle
from reviews.errors import LeaseLost, Refused
from reviews.models import Assignment, BlindAnswer, Draft, Exclusion, Judgment, ReviewItem

UNDO_WITHIN = timedelta(minutes=10)
State = Assignment.State
KEY_USED = "This key named an earlier answer to the case, which was withdrawn. Send this one with a new key."
KEPT_AS_DRAFT = "Somebody else has this case now. Your answer was not counted; it is kept as a draft."


@transaction.atomic
def submit(
    *,
    assignment_id: int,
    token: str,
    reviewer: User,
    idempotency_key: str,
    now: datetime,
    is_simulated: bool = False,
    **answer: Unpack[Answer],
) -> Judgment:
    """Store a judgment; the item is settled in the same transaction.

    A late answer counts while nobody else has taken the case. Replay: the same idempotency key answers with
    the judgment that is stored, while it stands. Raises LeaseLost when the case is another's, or judged already;
    Refused (field -> messages) when the answer is not right, or its key was that of an answer withdrawn since.
    Race: the assignment's row is locked, the second waits.
    """
    assignment = locked(assignment_id)
    given = list(Judgment.objects.filter(assignment=assignment).order_by("revision"))
    same = next((each for each in given if each.idempotency_key == idempotency_key), None)
    if same and _is_judged_by(assignment, reviewer) and same.reviewer_id == reviewer.pk:
        return same
    _check_may_submit(assignment, reviewer, token)
    if same:  # of an answer that was withdrawn since, by whomever
        raise Refused({"idempotency_key": [KEY_USED]})
    if assignment.is_blind and assignment.lane not in DECIDED and not assignment.own_answer:
        raise Refused({"own_answer": ["Give your own answer first. Then comes what the model answered."]})
    numbered = {"revision": len(given) + 1, "idempotency_key": idempotency_key, "is_simulated": is_simulated}
    judgment = _store(assignment, reviewer, answer, now, **numbered)
    Assignment.objects.filter(pk=assignment.pk).update(
        state=State.SUBMITTED,
        reviewer=reviewer,
        submitted_at=now,
        seen_at=now,
        active_seconds=judgment.active_seconds,
        lease_token="",
        lease_slot=None,
        leased_until=None,
    )
    Draft.objects.filter(assignment=assignment, reviewer=reviewer).delete()
    settle(assignment, judgment, now=now)
    return judgment


def _store(assignment: Assignment, reviewer: User, answer: Answer, now: datetime, **fields: Any) -> Judgment:
    rubric = rubric_of(assignment.feature)
    entered = checked(answer, assignment, rubric)
    wall = max(0.0, (now - assignment.leased_at).total_seconds()) if assignment.leased_at else 0.0
    return Judgment.objects.create(
        feature=assignment.feature,
        assignment=assignment,
        reviewer=reviewer,
        rubric=rubric,
        wall_seconds=wall,
        active_seconds=min(wall, active_seconds(assignment, now)),
        created_at=now,
        **fields,
        **entered,
    )


def submit_and_claim(
    *, assignment_id: int, token: str, reviewer: User, now: datetime, **entered: Any
) -> tuple[Judgment, Assignment | None]:
    """A judgment and the next case in one transaction; entered: as submit takes it.

    Raises what submit raises. An answer to a case that somebody else has by now is kept as a draft.
    """
    try:
        with transaction.atomic():
            judgment = submit(assignment_id=assignment_id, token=token, reviewer=reviewer, now=now, **entered)
            return judgment, claim_like(judgment.assignment, reviewer=reviewer, now=now)
    except LeaseLost:
        if not was_given_to(reviewer, token) or _is_answered_by(reviewer, assignment_id):
            raise
        keep_draft(assignment_id=assignment_id, reviewer=reviewer, entered=entered, now=now, is_lost=True)
        raise LeaseLost(KEPT_AS_DRAFT) from None


def _is_judged_by(assignment: Assignment, reviewer: User) -> bool:
    """Theirs, and not withdrawn."""
    return assignment.reviewer_id == reviewer.pk and assignment.state in {State.SUBMITTED, State.VOID}


def _is_answered_by(reviewer: User, assignment_id: int) -> bool:
    return Assignment.objects.submitted_by(reviewer).filter(pk=assignment_id).exists()


def keep_draft(
    *, assignment_id: int, reviewer: User, entered: dict[str, Any], now: datetime, is_lost: bool = False
) -> Draft:
    """Keep what a reviewer has entered for a case; the newest replaces what was kept. Never counted."""
    kept = {name: entered[name] for name in Answer.__annotations__ if name in entered}
    draft, _ = Draft.objects.update_or_create(
        assignment_id=assignment_id,
        reviewer=reviewer,
        defaults={"entered": kept, "saved_at": now, "is_lost": is_lost},
    )
    return draft


def discard_draft(*, draft_id: int, reviewer: User) -> int:
    """Throw away what was kept of one's own. Replay: nothing is left to throw away."""
    return Draft.objects.of(reviewer).filter(pk=draft_id).delete()[0]


def _check_may_submit(assignment: Assignment, reviewer: User, token: str) -> None:
    if assignment.state == State.SUBMITTED and assignment.reviewer_id == reviewer.pk:
        raise LeaseLost("You have judged this case already. This second answer was not counted.")
    is_mine = assignment.state == State.LEASED and assignment.reviewer_id == reviewer.pk
    was_mine = assignment.state == State.OPEN and constant_time_compare(assignment.last_token, token)
    if not was_given_to(reviewer, token) or not (
        is_mine or (was_mine and _has_no_other_part(assignment, reviewer))
    ):
        raise LeaseLost


def _has_no_other_part(assignment: Assignment, reviewer: User) -> bool:
    taken = Assignment.objects.filter(
        item=assignment.item_id, reviewer=reviewer, state__in=[State.LEASED, State.SUBMITTED]
    )
    excluded = Exclusion.objects.filter(item=assignment.item_id, reviewer=reviewer)
    return not taken.exists() and not excluded.exists()


def _next_revision(assignment: Assignment) -> int:
    last = Judgment.objects.filter(assignment=assignment).order_by("-revision").first()
    return last.revision + 1 if last else 1


@transaction.atomic
def give_own_answer(*, assignment_id: int, token: str, reviewer: User, own_answer: str) -> Assignment:
    """Blind mode, first step: what the reviewer would answer; only then is the model's answer shown.

    The first one stays: given again, it is not changed, nor after the case was given back. Raises LeaseLost,
    and Refused for an answer that is none.
    """
    assignment = locked(assignment_id)
    if not is_held(assignment, reviewer, token):
        raise LeaseLost
    if assignment.is_blind and not assignment.own_answer:
        assignment.own_answer = checked_own_answer(own_answer, assignment.item)
        Assignment.objects.filter(pk=assignment.pk).update(own_answer=assignment.own_answer)
        BlindAnswer.objects.create(item=assignment.item, reviewer=reviewer, answer=assignment.own_answer)
    return assignment


@transaction.atomic
def undo(*, judgment_id: int, reviewer: User, now: datetime) -> Assignment:
    """Withdraw one's own judgment of the last 10 minutes: the case is leased to its reviewer again.

    The old revision stays. Replay: the case, as it is leased. Raises Refused for another's judgment, an
    older one, one that is not the latest, or one by which the item was settled together with somebody else's.
    Race: an opinion given at this moment waits, or is seen.
    """
    judgment, assignment = _own(judgment_id, reviewer)
    key = f"undo {judgment.pk}"
    revisions = Judgment.objects.filter(assignment=assignment)
    is_mine = assignment.reviewer_id == reviewer.pk
    if is_mine and assignment.state == State.LEASED and revisions.filter(idempotency_key=key).exists():
        return assignment
    _check_may_change(judgment, assignment, reviewer, now)
    Judgment.objects.create(
        feature=assignment.feature,
        assignment=assignment,
        revision=judgment.revision + 1,
        reviewer=reviewer,
        rubric=judgment.rubric,
        idempotency_key=key,
        is_simulated=judgment.is_simulated,
        created_at=now,
    )
    unsettle(assignment)
    if not lease_to(assignment, reviewer=reviewer, now=now):
        raise Refused({"": ["You hold two cases already. Finish one of them, or give it back."]})
    return assignment


@transaction.atomic
def revise(
    *, judgment_id: int, reviewer: User, now: datetime, idempotency_key: str, **answer: Unpack[Answer]
) -> Judgment:
    """Put another answer in the place of one's own of the last 10 minutes: the next revision, the old one stays.

    Replay: the same idempotency key answers with the revision that is stored. Raises Refused as undo does,
    for a key of an answer that is another's or was withdrawn, and for an answer that is not right.
    """
    judgment, assignment = _own(judgment_id, reviewer)
    same = Judgment.objects.filter(assignment=assignment, idempotency_key=idempotency_key).first()
    if same and _is_judged_by(assignment, reviewer) and same.reviewer_id == reviewer.pk:
        return same
    _check_may_change(judgment, assignment, reviewer, now)
    if same:
        raise Refused({"idempotency_key": [KEY_USED]})
    numbered = {"revision": judgment.revision + 1, "idempotency_key": idempotency_key}
    revised = _store(assignment, reviewer, answer, now, is_simulated=judgment.is_simulated, **numbered)
    settle(assignment, revised, now=now)
    return revised


def _own(judgment_id: int, reviewer: User) -> tuple[Judgment, Assignment]:
    """One's own judgment, and its assignment as it stands.

    Race: an opinion that is given at this moment settles the item; its row makes the two wait for each other.
    """
    judgment = Judgment.objects.filter(pk=judgment_id, reviewer=reviewer).first()
    if judgment is None:
        raise Refused({"": ["This judgment is not yours."]})
    assignment = locked(judgment.assignment_id)
    items = ReviewItem.objects.select_for_update(no_key=True).filter(pk=assignment.item_id)
    assignment.item.state = items.values_list("state", flat=True).get()  # what was read with it may be older
    return judgment, assignment


def _check_may_change(judgment: Judgment, assignment: Assignment, reviewer: User, now: datetime) -> None:
    if why := why_unchangeable(judgment, assignment, reviewer, now):
        raise Refused({"": [why]})


def why_unchangeable(judgment: Judgment, assignment: Assignment, reviewer: User, now: datetime) -> str:
    """Why this reviewer cannot undo or revise it, in words; empty: they can."""
    is_mine = assignment.reviewer_id == reviewer.pk and assignment.state == State.SUBMITTED
    if not is_mine or judgment.revision + 1 != _next_revision(assignment):
        return "This judgment has been changed since."
    if now - judgment.created_at > UNDO_WITHIN:
        return "A judgment can be undone for 10 minutes."
    if is_settled_with_others(assignment):
        return "The case has been settled with another opinion since. A lead can void yours."
    return ""
