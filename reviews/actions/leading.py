"""What only a lead of a feature does: take a case away, void an assignment, pick cases, name skills."""

from datetime import UTC, datetime

from django.db import transaction

from feedback.models import Feature, Membership, Outcome, Prediction, User
from reviews import claiming
from reviews.actions.claims import lease_to
from reviews.actions.leases import JUDGED, locked, reopen, who_may_take
from reviews.draw import luck, queue_key
from reviews.errors import Refused
from reviews.models import Assignment, ClaimWalk, Exclusion, GoldReference, ReviewerSkill, ReviewItem

State, Lane = Assignment.State, Assignment.Lane
VOIDED = "voided"
NOBODY_LEFT = (
    "Nobody could take it even so: give a reviewer the skill that it needs, or add one who has no part in it."
)


def led_by(person: User) -> list[Feature]:
    """The features that this person leads: their owners; staff lead all."""
    if person.is_staff:
        return list(Feature.objects.all())
    owned = Membership.objects.of(person).with_role(Membership.Role.OWNER).values("feature")
    return list(Feature.objects.filter(pk__in=owned))


def leads(person: User, feature: Feature) -> bool:
    owned = Membership.objects.of(person).with_role(Membership.Role.OWNER).filter(feature=feature)
    return person.is_staff or owned.exists()


@transaction.atomic
def reassign(*, assignment_id: int, now: datetime, to: User | None = None) -> Assignment:
    """Take a case from whoever holds it; `to` gets it, or the queue. Who held it may answer late while it is free.

    Replay: it is with `to`, or open, already. Raises Refused for a case that is answered or void, and for a
    person who may not take it or holds two already.
    """
    assignment = locked(assignment_id)
    if assignment.state not in {State.OPEN, State.LEASED}:
        raise Refused({"": ["This case is answered, or void."]})
    if to is not None and assignment.reviewer_id == to.pk:
        return assignment
    reopen(assignment)
    assignment.refresh_from_db()
    if to is None:
        return assignment
    if not who_may_take(assignment).filter(user=to).exists():
        raise Refused({"to": ["This person has a part in the case already, skipped it, or lacks the skill."]})
    if not lease_to(assignment, reviewer=to, now=now):
        raise Refused({"to": ["This person holds two cases already."]})
    return assignment


@transaction.atomic
def void(*, assignment_id: int, lead: User, reason: str, now: datetime) -> Assignment | None:
    """Take an assignment out, with its judgment, for a reason. The history stays; a new one opens in its place.

    Its reviewer does not get the item again. What was decided with its judgment is void, too. Answers with the
    new assignment; None on replay. Raises Refused without a reason.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= 200:
        raise Refused({"reason": ["Say why, in 200 characters at most."]})
    assignment = locked(assignment_id)
    if assignment.state == State.VOID:
        return None
    if assignment.reviewer is not None:
        Exclusion.objects.get_or_create(
            item=assignment.item, reviewer=assignment.reviewer, defaults={"reason": VOIDED, "created_at": now}
        )
    gone = Assignment.objects.filter(pk=assignment.pk)
    if assignment.lane == Lane.OPINION:
        gone |= Assignment.objects.filter(item=assignment.item_id).to_decide().exclude(state=State.VOID)
    gone.update(
        state=State.VOID,
        lease_token="",
        lease_slot=None,
        leased_until=None,
        void_reason=reason,
        voided_by=lead,
    )
    fresh = Assignment.objects.create(
        feature=assignment.feature,
        item=assignment.item,
        lane=assignment.lane,
        ordinal=assignment.ordinal,
        skill=assignment.skill,
        queue_key=assignment.queue_key,
    )
    _wait_again(fresh)
    return fresh


@transaction.atomic
def unblock(*, item_id: int) -> int:
    """Let those who skipped a case that nobody is left for take it again; it goes back to the queue.

    Who had a judgment of it voided stays out. Answers with how many are let in again. Replay: 0, and nothing
    changes. Raises Refused where nobody could take it even so: then it needs another reviewer, or a skill.
    Race: the item's row makes a second one wait.
    """
    item = ReviewItem.objects.select_for_update(of=("self",)).get(pk=item_id)
    if item.state != ReviewItem.State.NEEDS_LEAD:
        return 0
    skipped = Exclusion.objects.filter(item=item).exclude(reason=VOIDED)
    n = skipped.delete()[0]
    waiting = list(Assignment.objects.filter(item=item, state=State.OPEN).select_related("item").to_judge())
    if not any(who_may_take(assignment).exists() for assignment in waiting):
        raise Refused({"": [NOBODY_LEFT]})
    for assignment in waiting:
        _wait_again(assignment)
    return n


def _wait_again(fresh: Assignment) -> None:
    item = ReviewItem.objects.filter(pk=fresh.item_id)
    if fresh.lane == Lane.ADJUDICATION:
        item.update(state=ReviewItem.State.NEEDS_ADJUDICATION, verdict="", truth="", final_at=None)
    elif fresh.lane in JUDGED:
        others = Assignment.objects.filter(item=fresh.item_id, state__in=[State.LEASED, State.SUBMITTED])
        state = ReviewItem.State.IN_REVIEW if others.exists() else ReviewItem.State.OPEN
        state = state if who_may_take(fresh).exists() else ReviewItem.State.NEEDS_LEAD
        item.update(state=state, verdict="", truth="", final_at=None)
        claiming.rewind(feature_id=fresh.feature_id, queue_key=fresh.queue_key)


@transaction.atomic
def target(*, prediction: Prediction, now: datetime) -> tuple[ReviewItem, bool]:
    """Have a prediction judged soon, for a complaint or a lead's doubt: its item, and whether that is new.

    It counts in no estimate.

    Replay and race: a prediction is targeted once.
    """
    item, is_new = _item_of(prediction, ReviewItem.Arm.TARGETED, now)
    if is_new:
        Assignment.objects.create(
            feature=prediction.feature, item=item, lane=Lane.TARGETED, queue_key=item.queue_key
        )
    return item, is_new


@transaction.atomic
def make_gold(*, prediction: Prediction, lead: User, now: datetime) -> GoldReference:
    """Make a prediction whose answer is known an item that reviewers are tried by, each once.

    Known: an adjudication said so, or the truth arrived by itself. Replay and race: a prediction is gold once.
    Raises Refused where its answer is not known.
    """
    verdict, truth, source = _known_answer(prediction)
    item, _ = _item_of(prediction, ReviewItem.Arm.GOLD, now)
    reference, _ = GoldReference.objects.get_or_create(
        item=item,
        defaults={"verdict": verdict, "truth": truth, "source": source, "created_by": lead, "created_at": now},
    )
    stock_gold(prediction.feature)
    return reference


def _known_answer(prediction: Prediction) -> tuple[str, str, str]:
    decided = Assignment.objects.filter(
        item__prediction=prediction, lane=Lane.ADJUDICATION, state=State.SUBMITTED, item__state="final"
    ).exclude(item__truth="")
    if item := ReviewItem.objects.filter(pk__in=decided.values("item")).first():
        return item.verdict, item.truth, GoldReference.Source.ADJUDICATED
    outcomes = Outcome.objects.filter(feature=prediction.feature, external_id=prediction.external_id)
    newest = outcomes.exclude(truth_label=None).order_by("-observed_at", "-pk").first()
    if newest is None or prediction.label is None or not newest.truth_label:
        raise Refused({"prediction": ["Its answer is not known: nobody adjudicated it, and no truth arrived."]})
    verdict = "right" if newest.truth_label == prediction.label else "wrong"
    return verdict, newest.truth_label, GoldReference.Source.OBSERVED


def stock_gold(feature: Feature) -> int:
    """One assignment of each gold item for each reviewer: they live and look as every other.

    Says how many are new. Replay: makes what is missing, for reviewers that have come since.
    """
    roles = [Membership.Role.REVIEWER, Membership.Role.ADJUDICATOR]
    members = Membership.objects.with_role(*roles).filter(feature=feature, user__is_active=True)
    n_reviewers = members.values("user").distinct().count()
    fresh = []
    for item in ReviewItem.objects.of(feature).filter(arm=ReviewItem.Arm.GOLD):
        there = set(
            Assignment.objects.filter(item=item).exclude(state=State.VOID).values_list("ordinal", flat=True)
        )
        fresh += [
            Assignment(feature=feature, item=item, lane=Lane.GOLD, ordinal=n, queue_key=item.queue_key)
            for n in range(1, n_reviewers + 1)
            if n not in there
        ]
    Assignment.objects.bulk_create(fresh, ignore_conflicts=True)
    return len(fresh)


def stock_all_gold() -> int:
    """What stock_gold does, for every feature."""
    golden = ReviewItem.objects.filter(arm=ReviewItem.Arm.GOLD).values("feature")
    return sum(stock_gold(feature) for feature in Feature.objects.filter(pk__in=golden))


def _item_of(prediction: Prediction, arm: str, now: datetime) -> tuple[ReviewItem, bool]:
    feature = prediction.feature
    u = luck(slug=feature.slug, external_id=prediction.external_id, salt=feature.sampling_salt.encode())
    drawn = {"luck": u, "weight": 1.0, "queue_key": queue_key(u, 1.0)}
    return ReviewItem.objects.get_or_create(
        prediction=prediction,
        arm=arm,
        defaults={
            "feature": feature,
            "version": prediction.version,
            "cohort_on": prediction.occurred_at.astimezone(UTC).date(),
            "drawn_at": now,
            **drawn,
        },
    )


@transaction.atomic
def set_skills(*, feature: Feature, reviewer: User, tags: list[str]) -> list[str]:
    """What a reviewer of the feature knows, in place of what stood there; their walk begins anew."""
    wanted = sorted({tag.strip() for tag in tags if tag.strip()})
    if any(len(tag) > 200 for tag in wanted):
        raise Refused({"tags": ["A tag has 200 characters at most."]})
    ReviewerSkill.objects.filter(feature=feature, reviewer=reviewer).exclude(tag__in=wanted).delete()
    ReviewerSkill.objects.bulk_create(
        [ReviewerSkill(feature=feature, reviewer=reviewer, tag=tag) for tag in wanted], ignore_conflicts=True
    )
    ClaimWalk.objects.filter(feature=feature, reviewer=reviewer).update(queue_key=0.0)
    return wanted
