"""What judgments make of their item: final, another opinion needed, or somebody to decide."""

from collections.abc import Sequence
from datetime import datetime

from reviews.actions.answers import truth_of
from reviews.actions.leases import who_may_take
from reviews.actions.policies import policy_of
from reviews.draw import audit_luck
from reviews.models import Assignment, Judgment, ReviewItem

State, Lane = ReviewItem.State, Assignment.Lane
NO_AUDIT = "The two disagree now: there is something to decide."
THIRD = 3  # the ordinal of an adjudication or audit, after two opinions


def settle(assignment: Assignment, judgment: Judgment, *, now: datetime) -> None:
    """Bring the item to where this judgment takes it; in the transaction that stores the judgment.

    One opinion asked for: final. Two that agree: final, and some of those are drawn for audit. Two that
    disagree: an adjudication opens. Gold and audits leave their item alone. Race: of two opinions given at
    once the item's row makes the second wait, and see the first.
    """
    if assignment.lane in {Lane.GOLD, Lane.AUDIT}:
        return
    item = assignment.item
    if assignment.lane == Lane.ADJUDICATION or item.n_opinions == 1:
        _finish(item, judgment, now)
        return
    ReviewItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    opinions = opinions_of(item)
    if len(opinions) < item.n_opinions:
        _wait(item)
    elif len({(each.verdict, each.corrected) for each in opinions}) == 1:
        _finish(item, judgment, now)
        _maybe_audit(assignment)
    else:
        ReviewItem.objects.filter(pk=item.pk).update(
            state=State.NEEDS_ADJUDICATION, verdict="", truth="", final_at=None
        )
        _open_third(assignment, Lane.ADJUDICATION)


def opinions_of(item: ReviewItem) -> Sequence[Judgment]:
    """What its raters say now, in the order of their assignments."""
    given = Judgment.objects.latest_revisions().filter(
        assignment__item=item,
        assignment__lane=Lane.OPINION,
        assignment__state=Assignment.State.SUBMITTED,
    )
    return list(given.select_related("assignment").order_by("assignment__ordinal"))


def unsettle(assignment: Assignment) -> None:
    """The judgment of this assignment is withdrawn: the item waits for an answer again."""
    if assignment.lane in {Lane.GOLD, Lane.AUDIT}:
        return
    is_decision = assignment.lane == Lane.ADJUDICATION
    ReviewItem.objects.filter(pk=assignment.item_id).update(
        state=State.NEEDS_ADJUDICATION if is_decision else State.IN_REVIEW, verdict="", truth="", final_at=None
    )


def is_settled_with_others(assignment: Assignment) -> bool:
    """Whether the item stands where it does by somebody else's input, too."""
    if assignment.lane != Lane.OPINION or assignment.item.n_opinions == 1:
        return False
    return assignment.item.state in {State.FINAL, State.NEEDS_ADJUDICATION}


def _finish(item: ReviewItem, judgment: Judgment, now: datetime) -> None:
    ReviewItem.objects.filter(pk=item.pk).update(
        state=State.FINAL,
        verdict=judgment.verdict,
        truth=truth_of(judgment.verdict, judgment.corrected, item),
        final_at=now,
    )


def _wait(item: ReviewItem) -> None:
    """One opinion is there, another is asked for. With nobody left to give it, the item needs a lead."""
    other = Assignment.objects.filter(item=item, lane=Lane.OPINION, state=Assignment.State.OPEN).first()
    is_stuck = other is not None and not who_may_take(other).exists()
    ReviewItem.objects.filter(pk=item.pk).update(state=State.NEEDS_LEAD if is_stuck else State.IN_REVIEW)


def _maybe_audit(assignment: Assignment) -> None:
    feature, policy = assignment.feature, policy_of(assignment.feature)
    u = audit_luck(
        slug=feature.slug,
        external_id=assignment.item.prediction.external_id,
        salt=feature.sampling_salt.encode(),
    )
    if policy and u < policy.audit_share:
        _open_third(assignment, Lane.AUDIT)


def _open_third(assignment: Assignment, lane: str) -> None:
    """Of an item that came here before, the one that is there serves on; but an audit decides nothing."""
    there = Assignment.objects.filter(item=assignment.item_id, ordinal=THIRD).exclude(state=Assignment.State.VOID)
    if lane == Lane.ADJUDICATION:
        audits = there.filter(lane=Lane.AUDIT, state=Assignment.State.OPEN)
        audits.update(state=Assignment.State.VOID, void_reason=NO_AUDIT)
    if not there.exists():
        Assignment.objects.create(
            feature=assignment.feature,
            item=assignment.item,
            lane=lane,
            ordinal=THIRD,
            skill=assignment.skill,
            queue_key=assignment.queue_key,
        )
