"""Work at the review desk: claim, submit, skip, release, undo; and what the desk works by."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from feedback.models import Feature, Membership, User
from reviews.errors import LeaseLost, Refused
from reviews.models import Assignment, Exclusion, Judgment, ReviewItem, Rubric, SamplingPolicy

MOST_LEASES = 2  # the one on the page and the next, fetched ahead
UNDO_WITHIN = timedelta(minutes=10)
USUAL_LEASE = timedelta(minutes=15)
OPEN: dict[str, Any] = {
    "state": Assignment.State.OPEN,
    "reviewer": None,
    "lease_token": "",
    "leased_at": None,
    "leased_until": None,
}
State = Assignment.State
Verdict = ReviewItem.Verdict


class Answer(TypedDict, total=False):
    """What a reviewer entered. Only the verdict must be there."""

    verdict: str
    corrected: str
    reasons: list[str]
    comment: str
    is_flagged: bool


def claim_next(*, reviewer: User, features: Iterable[Feature], now: datetime) -> Assignment | None:
    """Lease the next case of these features to a reviewer: smallest queue key first. None: nothing to take.

    The caller names features that the person reviews. Whoever holds a live lease gets that one again, so
    repeating changes nothing; with two held elsewhere one of those comes back. Race: one conditional UPDATE
    decides, the loser tries the next; claims of one person wait for each other, so the limit holds.
    """
    features = list(features)
    with transaction.atomic():
        _line_up(reviewer)
        live = Assignment.objects.live(now).held_by(reviewer).order_by("leased_at", "pk")
        held = list(live.select_related("feature", "item__prediction", "item__version"))
        wanted = {feature.pk for feature in features}
        again = [each for each in held if each.feature_id in wanted]
        if again or len(held) >= MOST_LEASES:
            return (again or held)[0]
        while (head := _head(reviewer, features, now)) is not None:
            if _lease(head, reviewer, now):
                return head
    return None


def _line_up(reviewer: User) -> None:
    """One action of a person after the other; taken before any assignment's lock, so nobody waits in a circle."""
    User.objects.select_for_update(no_key=True).get(pk=reviewer.pk)


def _head(reviewer: User, features: list[Feature], now: datetime) -> Assignment | None:
    """The free assignment with the smallest key. One look per feature, each at the head of one index."""
    heads = []
    for feature in features:
        own = Assignment.objects.filter(feature=feature).allowed_to(reviewer).order_by("queue_key", "pk")
        own = own.select_related("feature", "item__prediction", "item__version")
        heads += [own.filter(state=State.OPEN).first(), own.expired(now).first()]
    return min((head for head in heads if head), key=lambda head: (head.queue_key, head.pk), default=None)


def _lease(head: Assignment, reviewer: User, now: datetime) -> bool:
    """Take it if it is still as it was read; then `head` is what was stored."""
    token = _new_token(head.pk, reviewer)
    lease = {
        "state": State.LEASED,
        "reviewer": reviewer,
        "lease_token": token,
        "leased_at": now,
        "leased_until": now + lease_of(head.feature_id),
        "submitted_at": None,
    }
    if not Assignment.objects.filter(pk=head.pk, state=head.state, lease_token=head.lease_token).update(**lease):
        return False
    for name, value in lease.items():
        setattr(head, name, value)
    ReviewItem.objects.filter(pk=head.item_id).update(state=ReviewItem.State.IN_REVIEW)
    return True


def lease_of(feature_id: int) -> timedelta:
    policy = SamplingPolicy.objects.filter(feature=feature_id).order_by("-number").first()
    return timedelta(seconds=policy.lease_seconds) if policy else USUAL_LEASE


def _new_token(assignment_id: int, reviewer: User) -> str:
    nonce = secrets.token_hex(8)
    return nonce + _mac(assignment_id, reviewer, nonce)


def _mac(assignment_id: int, reviewer: User, nonce: str) -> str:
    return salted_hmac("reviews.lease", f"{assignment_id} {reviewer.pk} {nonce}", algorithm="sha256").hexdigest()[
        :16
    ]


def _was_leased_to(reviewer: User, assignment_id: int, token: str) -> bool:
    """Whether this token was once given to them for it: known of a cleared lease too, so a late answer counts."""
    return constant_time_compare(token[16:], _mac(assignment_id, reviewer, token[:16]))


def _locked(assignment_id: int) -> Assignment:
    rows = Assignment.objects.select_related("item__prediction", "item__version", "feature")
    return rows.select_for_update(of=("self",)).get(pk=assignment_id)


def _is_held(assignment: Assignment, reviewer: User, token: str) -> bool:
    return (
        assignment.state == State.LEASED
        and assignment.reviewer_id == reviewer.pk
        and constant_time_compare(assignment.lease_token, token)
    )


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
    """Store a judgment; the item is final in the same transaction.

    A late answer counts while nobody else has taken the case. Replay: the same idempotency key answers with
    the judgment that is stored. Raises LeaseLost when the case is another's, or judged already; Refused
    (field -> messages) when the answer is not right. Race: the assignment's row is locked, the second waits.
    """
    _line_up(reviewer)
    assignment = _locked(assignment_id)
    stored = Judgment.objects.filter(
        assignment=assignment, reviewer=reviewer, idempotency_key=idempotency_key
    ).first()
    if stored is not None:
        return stored
    _check_may_submit(assignment, reviewer, token)
    rubric = rubric_of(assignment.feature)
    entered = _checked(answer, assignment.item, rubric)
    judgment = Judgment.objects.create(
        feature=assignment.feature,
        assignment=assignment,
        revision=_next_revision(assignment),
        reviewer=reviewer,
        rubric=rubric,
        idempotency_key=idempotency_key,
        is_simulated=is_simulated,
        created_at=now,
        **entered,
    )
    Assignment.objects.filter(pk=assignment.pk).update(
        state=State.SUBMITTED, reviewer=reviewer, submitted_at=now, lease_token="", leased_until=None
    )
    ReviewItem.objects.filter(pk=assignment.item_id).update(
        state=ReviewItem.State.FINAL,
        verdict=judgment.verdict,
        truth=_truth(judgment, assignment.item),
        final_at=now,
    )
    return judgment


def _check_may_submit(assignment: Assignment, reviewer: User, token: str) -> None:
    if assignment.state == State.SUBMITTED and assignment.reviewer_id == reviewer.pk:
        raise LeaseLost("You have judged this case already. This second answer was not counted.")
    exclusions = Exclusion.objects.filter(item=assignment.item_id, reviewer=reviewer)
    is_free = assignment.state == State.OPEN and not exclusions.exists()
    is_mine = assignment.state == State.LEASED and assignment.reviewer_id == reviewer.pk
    if not ((is_free or is_mine) and _was_leased_to(reviewer, assignment.pk, token)):
        raise LeaseLost


def _checked(answer: Answer, item: ReviewItem, rubric: Rubric | None) -> dict[str, Any]:
    """The answer as it is stored. Raises Refused."""
    verdict = answer.get("verdict", "")
    if verdict not in Verdict.values:
        raise Refused({"verdict": ["Choose a verdict."]})
    is_fault = verdict in {Verdict.WRONG, Verdict.PARTLY}
    reasons = list(dict.fromkeys(answer.get("reasons", []))) if verdict != Verdict.RIGHT else []
    known = {str(reason["code"]) for reason in (rubric.reasons if rubric else [])}
    if not known.issuperset(reasons):
        raise Refused({"reasons": ["Choose from the reasons of the guideline."]})
    comment = answer.get("comment", "").strip()
    if len(comment) > 5000:
        raise Refused({"comment": ["A comment has 5,000 characters at most."]})
    return {
        "verdict": verdict,
        "corrected": _corrected(answer.get("corrected", "").strip(), item) if is_fault else "",
        "reasons": reasons,
        "comment": comment,
        "is_flagged": answer.get("is_flagged", False),
    }


def _corrected(entered: str, item: ReviewItem) -> str:
    """The right answer. Of a label it is another of the version's; where only one is left, that one."""
    predicted = item.prediction.label
    if len(entered) > 200:
        raise Refused({"corrected": ["An answer has 200 characters at most."]})
    if predicted is None:
        return entered
    others = [label for label in item.version.labels if label != predicted]
    if len(others) == 1 and not entered:
        return str(others[0])
    if not entered:
        raise Refused({"corrected": ["Choose the right answer."]})
    if entered == predicted:
        raise Refused({"corrected": ["This is what the model answered. Choose another answer."]})
    if others and entered not in others:
        raise Refused({"corrected": ["Choose one of the labels."]})
    return entered


def _truth(judgment: Judgment, item: ReviewItem) -> str:
    return (item.prediction.label or "") if judgment.verdict == Verdict.RIGHT else judgment.corrected


def _next_revision(assignment: Assignment) -> int:
    last = Judgment.objects.filter(assignment=assignment).order_by("-revision").first()
    return last.revision + 1 if last else 1


@transaction.atomic
def skip(*, assignment_id: int, token: str, reviewer: User, reason: str, now: datetime) -> None:
    """Give a case back for good: this reviewer does not get it again. With nobody left it needs a lead.

    Raises LeaseLost when it is not theirs any more (so too on replay), Refused without a reason.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= 40:
        raise Refused({"reason": ["Say why, in 40 characters at most."]})
    _line_up(reviewer)
    assignment = _locked(assignment_id)
    if not _is_held(assignment, reviewer, token):
        raise LeaseLost("This case is not yours any more. There is nothing to skip.")
    Exclusion.objects.get_or_create(
        item=assignment.item, reviewer=reviewer, defaults={"reason": reason, "created_at": now}
    )
    is_anybody_left = _who_may_take(assignment).exists()
    _reopen(assignment, ReviewItem.State.OPEN if is_anybody_left else ReviewItem.State.NEEDS_LEAD)


def _who_may_take(assignment: Assignment) -> Any:
    roles = [Membership.Role.REVIEWER, Membership.Role.ADJUDICATOR]
    excluded = Exclusion.objects.filter(item=assignment.item_id).values("reviewer")
    members = Membership.objects.with_role(*roles).filter(feature=assignment.feature_id, user__is_active=True)
    return members.exclude(user__in=excluded)


def _reopen(assignment: Assignment, state: str = ReviewItem.State.OPEN) -> int:
    """Free it if it is still leased as it was read; the item follows."""
    leased = Assignment.objects.filter(pk=assignment.pk, state=State.LEASED, lease_token=assignment.lease_token)
    n = leased.update(**OPEN)
    if n:
        ReviewItem.objects.filter(pk=assignment.item_id).update(state=state)
    return n


@transaction.atomic
def release(*, assignment_id: int, token: str, reviewer: User) -> bool:
    """Give a case back for others, and for oneself later. False: it was not theirs any more (or a replay)."""
    assignment = _locked(assignment_id)
    return _is_held(assignment, reviewer, token) and bool(_reopen(assignment))


def expire_leases(now: datetime) -> int:
    """Free what was leased and not answered in time. A submit that comes first wins, row by row."""
    n = 0
    for assignment in list(Assignment.objects.expired(now).order_by("pk")):
        with transaction.atomic():
            n += _reopen(assignment)
    return n


@transaction.atomic
def undo(*, judgment_id: int, reviewer: User, now: datetime) -> Assignment:
    """Withdraw one's own judgment of the last 10 minutes: the case is leased to its reviewer again.

    The old revision stays. Replay: the case, as it is leased. Raises Refused for another's judgment, an
    older one, or one that is not the latest.
    """
    judgment = Judgment.objects.filter(pk=judgment_id, reviewer=reviewer).first()
    if judgment is None:
        raise Refused({"": ["This judgment is not yours."]})
    assignment = _locked(judgment.assignment_id)
    key = f"undo {judgment.pk}"
    revisions = Judgment.objects.filter(assignment=assignment)
    is_mine = assignment.reviewer_id == reviewer.pk
    if is_mine and assignment.state == State.LEASED and revisions.filter(idempotency_key=key).exists():
        return assignment
    if not is_mine or assignment.state != State.SUBMITTED or judgment.revision + 1 != _next_revision(assignment):
        raise Refused({"": ["This judgment has been changed since."]})
    if now - judgment.created_at > UNDO_WITHIN:
        raise Refused({"": ["A judgment can be undone for 10 minutes."]})
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
    ReviewItem.objects.filter(pk=assignment.item_id).update(
        state=ReviewItem.State.IN_REVIEW, verdict="", truth="", final_at=None
    )
    if not _lease(assignment, reviewer, now):
        raise LeaseLost
    return assignment


def policy_of(feature: Feature) -> SamplingPolicy | None:
    return SamplingPolicy.objects.filter(feature=feature).order_by("-number").first()


def rubric_of(feature: Feature) -> Rubric | None:
    return Rubric.objects.filter(feature=feature).order_by("-number").first()


@transaction.atomic
def set_policy(*, feature: Feature, user: User | None, now: datetime, **fields: Any) -> SamplingPolicy:
    """A new version of how a feature is sampled; what is not named stays. Days drawn already keep theirs.

    fields: design, reviews_per_day, lease_seconds, target_count. Raises ValidationError in the user's words.
    Race: the feature's row is locked, the second makes the version after.
    """
    Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
    last = policy_of(feature)
    kept = ("design", "reviews_per_day", "lease_seconds", "target_count")
    before = {name: getattr(last, name) for name in kept} if last else {}
    number = last.number + 1 if last else 1
    policy = SamplingPolicy(
        feature=feature, number=number, created_at=now, created_by=user, **{**before, **fields}
    )
    policy.full_clean(exclude=["created_by"])
    policy.save()
    return policy


@transaction.atomic
def set_rubric(*, feature: Feature, now: datetime, **fields: Any) -> Rubric:
    """A new version of what reviewers are asked (guideline, reasons); what is not named stays.

    Raises ValidationError in the user's words. Race: as set_policy.
    """
    Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
    last = rubric_of(feature)
    before = {"guideline": last.guideline, "reasons": last.reasons} if last else {}
    rubric = Rubric(feature=feature, number=last.number + 1 if last else 1, created_at=now, **{**before, **fields})
    rubric.full_clean()
    rubric.save()
    return rubric
