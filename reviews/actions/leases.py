"""What happens to a case that is leased, until it is answered: beats, and the ways back to the queue."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.crypto import constant_time_compare

from feedback.models import Membership, User
from reviews import claiming
from reviews.errors import LeaseLost, Refused
from reviews.models import Assignment, Exclusion, ReviewerSkill, ReviewItem, SamplingPolicy

BEATS_WITHIN = timedelta(seconds=100)  # a longer gap between two beats is not work
LONGEST = 4  # leases, from the opening on: then the case goes back to the others
State, Lane = Assignment.State, Assignment.Lane
JUDGED = {Lane.OPINION, Lane.TARGETED}
# Who held it last and since when stays: their late answer counts while nobody else has it.
OPEN: dict[str, Any] = {
    "state": State.OPEN,
    "reviewer": None,
    "lease_token": "",
    "lease_slot": None,
    "leased_until": None,
}


def locked(assignment_id: int) -> Assignment:
    rows = Assignment.objects.select_related("item__prediction", "item__version", "feature")
    return rows.select_for_update(of=("self",)).get(pk=assignment_id)


def is_held(assignment: Assignment, reviewer: User, token: str) -> bool:
    return (
        assignment.state == State.LEASED
        and assignment.reviewer_id == reviewer.pk
        and constant_time_compare(assignment.lease_token, token)
    )


def active_seconds(assignment: Assignment, now: datetime) -> float:
    """How long its reviewer was there until now: beats lie a minute apart, longer gaps are cut out."""
    gap = now - assignment.seen_at if assignment.seen_at else timedelta()
    is_there = timedelta() < gap <= BEATS_WITHIN
    return assignment.active_seconds + (gap.total_seconds() if is_there else 0.0)


@transaction.atomic
def beat(*, assignment_id: int, token: str, reviewer: User, now: datetime) -> datetime:
    """They are still at it: the lease lasts on, at most 4 times its length from the opening. Says until when.

    Replay: at the same moment, changes nothing. Raises LeaseLost when the case is not theirs any more.
    """
    assignment = locked(assignment_id)
    if not is_held(assignment, reviewer, token) or assignment.leased_at is None:
        raise LeaseLost("This case is not yours any more.")
    policy = SamplingPolicy.objects.filter(feature=assignment.feature_id).order_by("-number").first()
    lease = timedelta(seconds=policy.lease_seconds) if policy else claiming.USUAL_LEASE
    until = min(now + lease, assignment.leased_at + LONGEST * lease)
    until = max(until, assignment.leased_until or until)
    Assignment.objects.filter(pk=assignment.pk).update(
        seen_at=max(now, assignment.seen_at or now),
        active_seconds=active_seconds(assignment, now),
        leased_until=until,
    )
    return until


@transaction.atomic
def release(*, assignment_id: int, token: str, reviewer: User) -> bool:
    """Give a case back for others, and for oneself later. False: it was not theirs any more (or a replay)."""
    assignment = locked(assignment_id)
    return is_held(assignment, reviewer, token) and bool(reopen(assignment))


@transaction.atomic
def skip(*, assignment_id: int, token: str, reviewer: User, reason: str, now: datetime) -> None:
    """Give a case back for good: this reviewer does not get it again. With nobody left it needs a lead.

    Raises LeaseLost when it is not theirs any more (so too on replay), Refused without a reason.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= 40:
        raise Refused({"reason": ["Say why, in 40 characters at most."]})
    assignment = locked(assignment_id)
    if not is_held(assignment, reviewer, token):
        raise LeaseLost("This case is not yours any more. There is nothing to skip.")
    Exclusion.objects.get_or_create(
        item=assignment.item, reviewer=reviewer, defaults={"reason": reason, "created_at": now}
    )
    reopen(assignment)
    if assignment.lane in JUDGED and not who_may_take(assignment).exists():
        ReviewItem.objects.filter(pk=assignment.item_id).update(state=ReviewItem.State.NEEDS_LEAD)


def who_may_take(assignment: Assignment) -> QuerySet[Membership]:
    """The memberships of those who may take this case: no exclusion, no other part in it, the skill it needs."""
    roles = [Membership.Role.REVIEWER, Membership.Role.ADJUDICATOR]
    excluded = Exclusion.objects.filter(item=assignment.item_id).values("reviewer")
    has_part = Q(item=assignment.item_id, state__in=[State.LEASED, State.SUBMITTED]) & ~Q(pk=assignment.pk)
    raters = Assignment.objects.filter(has_part, reviewer__isnull=False).values("reviewer")
    members = Membership.objects.with_role(*roles).filter(feature=assignment.feature_id, user__is_active=True)
    members = members.exclude(user__in=excluded).exclude(user__in=raters)
    if assignment.skill:
        able = ReviewerSkill.objects.filter(feature=assignment.feature_id, tag=assignment.skill)
        members = members.filter(user__in=able.values("reviewer"))
    return members


def reopen(assignment: Assignment) -> int:
    """Free it if it is still leased as it was read; its item and the walks of the queue follow."""
    leased = Assignment.objects.filter(pk=assignment.pk, state=State.LEASED, lease_token=assignment.lease_token)
    n = leased.update(**OPEN)
    if n and assignment.lane in JUDGED:
        others = Assignment.objects.filter(item=assignment.item_id, state__in=[State.LEASED, State.SUBMITTED])
        state = ReviewItem.State.IN_REVIEW if others.exists() else ReviewItem.State.OPEN
        ReviewItem.objects.filter(pk=assignment.item_id).update(state=state)
        claiming.rewind(feature_id=assignment.feature_id, queue_key=assignment.queue_key)
    return n


def expire_leases(now: datetime) -> int:
    """Free what was leased and not answered in time. A submit that comes first wins, row by row."""
    n = 0
    for assignment in list(Assignment.objects.expired(now).order_by("pk")):
        with transaction.atomic():
            n += reopen(assignment)
    return n
