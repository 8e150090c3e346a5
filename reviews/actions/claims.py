"""Who works on what next."""

import secrets
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from random import Random, SystemRandom

from django.db import IntegrityError, connection, transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from feedback.models import Feature, Membership, User
from reviews import claiming
from reviews.actions.leases import reopen
from reviews.models import Assignment, ClaimWalk, ReviewItem

MOST_LEASES = len(claiming.SLOTS)
CHANCE = SystemRandom()
State = Assignment.State
DECIDED = {Assignment.Lane.ADJUDICATION, Assignment.Lane.AUDIT}


def claim_next(
    *, reviewer: User, features: Iterable[Feature], now: datetime, rng: Random = CHANCE
) -> Assignment | None:
    """Lease the next case of these features to a reviewer: smallest queue key first. None: nothing to take.

    The caller names features that the person reviews. Whoever holds a live lease gets that one again, so
    repeating changes nothing; with two held elsewhere one of those comes back. rng: the coin of each claim
    that decides whether it is a gold item. Race: each case goes to one; of two claims of one person the
    second gets what the first got (a person's leases are numbered, and the numbers unique).
    """
    features = list(features)
    if len(features) > 1:
        if held := _held(reviewer, features, now):
            return held
        features = _by_head(reviewer, features)
    for feature in features:
        claim = claiming.Claim(reviewer, feature, now, new_token(reviewer), rng.random())
        if found := _claim_of(claim):
            return found
    return None


def claim_after(*, reviewer: User, feature: Feature, now: datetime, rng: Random = CHANCE) -> Assignment | None:
    """The next case: of the feature one is in, then of the others that one reviews."""
    same = claim_next(reviewer=reviewer, features=[feature], now=now, rng=rng)
    others = Feature.objects.reviewed_by(reviewer).exclude(pk=feature.pk)
    return same or claim_next(reviewer=reviewer, features=others, now=now, rng=rng)


def claim_like(before: Assignment, *, reviewer: User, now: datetime) -> Assignment | None:
    """The next case of the kind of work one is at: another to decide, or another to judge."""
    if before.lane in DECIDED:
        return claim_decision(adjudicator=reviewer, features=[before.feature], now=now)
    return claim_after(reviewer=reviewer, feature=before.feature, now=now)


def _claim_of(claim: claiming.Claim) -> Assignment | None:
    if taken := _taken(claim):
        return taken
    held = _held(claim.reviewer, [claim.feature], claim.now)
    if held is not None:
        return held
    for late in Assignment.objects.expired(claim.now).filter(reviewer=claim.reviewer):
        with transaction.atomic():
            reopen(late)
    return _taken(claim) or _taken(claim, from_head=True) or _held(claim.reviewer, [claim.feature], claim.now)


def _taken(claim: claiming.Claim, *, from_head: bool = False) -> Assignment | None:
    """None, too, when another claim of the same person came first: they hold its case then."""
    try:
        with _whole():
            return claiming.take(claim, from_head=from_head)
    except IntegrityError:
        return None


def _whole() -> AbstractContextManager[object]:
    """PostgreSQL's one statement is whole by itself; inside a transaction its failure must not end that."""
    is_whole = connection.vendor == "postgresql" and not connection.in_atomic_block
    return nullcontext() if is_whole else transaction.atomic()


def _held(reviewer: User, features: list[Feature], now: datetime) -> Assignment | None:
    """What they hold of these features; with all that one may hold held elsewhere, the first of it."""
    live = Assignment.objects.live(now).held_by(reviewer).order_by("leased_at", "pk")
    held = list(live.select_related("feature", "item__prediction", "item__version"))
    wanted = {feature.pk for feature in features}
    again = [each for each in held if each.feature_id in wanted and each.lane not in DECIDED]
    return next(iter(again or (held if len(held) >= MOST_LEASES else [])), None)


def _by_head(reviewer: User, features: list[Feature]) -> list[Feature]:
    """The features by their smallest open key for this person, those without one last."""
    walks = dict(ClaimWalk.objects.filter(reviewer=reviewer).values_list("feature", "queue_key"))
    is_open = Assignment.objects.filter(state=State.OPEN, lane=Assignment.Lane.OPINION).order_by("queue_key")
    heads = {}
    for feature in features:
        ahead = is_open.filter(feature=feature, queue_key__gte=walks.get(feature.pk, 0.0))
        head = ahead.allowed_one_by_one(reviewer).values_list("queue_key", flat=True).first()
        heads[feature.pk] = float("inf") if head is None else head
    return sorted(features, key=lambda feature: heads[feature.pk])


def claim_decision(*, adjudicator: User, features: Iterable[Feature], now: datetime) -> Assignment | None:
    """Lease the next case on which two disagree, or an audit, to somebody who was no rater of it.

    The caller names features of which the person is an adjudicator. What they hold already comes back. Race:
    one conditional UPDATE decides, the loser gets the next.
    """
    features = list(features)
    own = Assignment.objects.filter(feature__in=features).to_decide()
    for late in own.expired(now).filter(reviewer=adjudicator):
        with transaction.atomic():
            reopen(late)
    if held := own.live(now).held_by(adjudicator).select_related("feature", "item__prediction").first():
        return held
    passed: set[int] = set()
    while True:
        ahead = own.free(now).allowed_to(adjudicator).exclude(pk__in=passed)
        head = ahead.select_related("feature").order_by("lane", "queue_key").first()
        if head is None:
            return None
        if lease_to(head, reviewer=adjudicator, now=now):
            return head
        passed.add(head.pk)


@transaction.atomic
def lease_to(assignment: Assignment, *, reviewer: User, now: datetime) -> bool:
    """Lease this very case to a person if it is still as it was read and they have a hand free."""
    held = Assignment.objects.held_by(reviewer).exclude(pk=assignment.pk)
    slots = set(claiming.SLOTS) - set(held.values_list("lease_slot", flat=True))
    if not slots:
        return False
    claim = claiming.Claim(reviewer, assignment.feature, now, new_token(reviewer), 1.0)
    try:
        with transaction.atomic():
            is_taken = claiming.lease(assignment, claim, min(slots))
    except IntegrityError:
        return False  # they took something else in the same moment
    if is_taken and assignment.lane in {Assignment.Lane.OPINION, Assignment.Lane.TARGETED}:
        ReviewItem.objects.filter(pk=assignment.item_id).update(state=ReviewItem.State.IN_REVIEW)
    return is_taken


def new_token(reviewer: User) -> str:
    """What a lease is held by: chance, and a seal that names the person it was given to."""
    nonce = secrets.token_hex(8)
    return nonce + _seal(reviewer, nonce)


def was_given_to(reviewer: User, token: str) -> bool:
    return constant_time_compare(token[16:], _seal(reviewer, token[:16]))


def _seal(reviewer: User, nonce: str) -> str:
    return salted_hmac("reviews.lease", f"{reviewer.pk} {nonce}", algorithm="sha256").hexdigest()[:16]


def adjudicated_by(person: User) -> list[Feature]:
    """The features of which this person decides what two reviewers disagree on."""
    of = Membership.objects.of(person).with_role(Membership.Role.ADJUDICATOR).values("feature")
    return list(Feature.objects.filter(pk__in=of))
