"""How one free case becomes one person's lease: one statement on PostgreSQL, conditional updates elsewhere.

Both take the lanes of a feature's queue in this order: a gold item, if the coin fell on it; a targeted one, if the
last claim was none; a lease of somebody else's that ran out; the smallest queue key; a targeted one after all.
"""

# ruff: noqa: S608  the statement is put together from our own words alone; every value is a parameter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Least

from feedback.models import Feature, User
from reviews.models import Assignment, BlindAnswer, ClaimWalk, ReviewItem, SamplingPolicy
from reviews.statements import rows_of

State, Lane = Assignment.State, Assignment.Lane
SLOTS = (1, 2)  # the case on the page and one more; a constraint of the table knows them too
USUAL_LEASE = timedelta(minutes=15)
MOST_GOLD = 0.5  # as the policies' constraint has it


@dataclass(frozen=True, slots=True)
class Claim:
    """Who claims of which feature, when; token: what the lease will be held by; coin: in [0, 1), for gold."""

    reviewer: User
    feature: Feature
    now: datetime
    token: str
    coin: float


def take(claim: Claim, *, from_head: bool = False) -> Assignment | None:
    """Lease the next case of the feature; None where nothing is free, or the reviewer holds what they may hold.

    from_head: look at the whole queue, not from where the reviewer last was. Race: each case goes to one; two
    claims of one person that take the same slot end in an IntegrityError for the second.
    """
    if connection.vendor == "postgresql":
        return _take_in_one_statement(claim, from_head)
    return _take_step_by_step(claim, from_head)


def rewind(*, feature_id: int, queue_key: float) -> None:
    """Something before the walks of this feature's reviewers is open again: they come back to it.

    Race: all the walks are locked, in the order of their keys, whatever they say: a claim that is under way
    may be moving one past this key just now. A reviewer whose very first claim is under way has no walk yet
    and may pass it; they find it when nothing is left beyond.
    """
    walks = ClaimWalk.objects.filter(feature=feature_id)
    locked = list(walks.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    ClaimWalk.objects.filter(pk__in=locked).update(
        queue_key=Least("queue_key", queue_key), n_rewinds=F("n_rewinds") + 1
    )


# --- PostgreSQL

# Of items that the reviewer has no other part in, is not excluded from, and knows enough for. OFFSET 0 keeps each
# a look into an index for the row at hand: as joins they read all that the reviewer ever judged, at every claim.
ALLOWED = """
    (a.skill = '' OR EXISTS (SELECT 1 FROM reviews_reviewerskill s
        WHERE s.feature_id = a.feature_id AND s.reviewer_id = %(reviewer)s AND s.tag = a.skill OFFSET 0))
    AND NOT EXISTS (SELECT 1 FROM reviews_exclusion x
        WHERE x.item_id = a.item_id AND x.reviewer_id = %(reviewer)s OFFSET 0)
    AND NOT EXISTS (SELECT 1 FROM reviews_assignment o
        WHERE o.item_id = a.item_id AND o.reviewer_id = %(reviewer)s AND o.state <> 'void' OFFSET 0)
"""
# Not a prediction that they have met before: they would know a gold item again.
UNSEEN = """
    NOT EXISTS (SELECT 1 FROM reviews_assignment o JOIN reviews_reviewitem i ON i.id = o.item_id
        JOIN reviews_reviewitem j ON j.prediction_id = i.prediction_id
        WHERE j.id = a.item_id AND o.reviewer_id = %(reviewer)s OFFSET 0)
"""
OPEN_LANE = "a.feature_id = %(feature)s AND a.lane = '{lane}' AND a.state = 'open' AND {allowed}"
LANES = {
    "gold": OPEN_LANE.format(lane="gold", allowed=f"{ALLOWED} AND {UNSEEN}")
    + "AND %(coin)s < (SELECT gold_share FROM policy)",
    "targeted": OPEN_LANE.format(lane="targeted", allowed=f"{ALLOWED} AND {UNSEEN}")
    + "AND COALESCE((SELECT last_lane FROM walk), '') <> 'targeted'",
    "expired": "a.feature_id = %(feature)s AND a.lane IN ('opinion', 'targeted') AND a.state = 'leased'"
    f" AND a.leased_until <= %(now)s AND {ALLOWED} AND (a.lane <> 'targeted' OR {UNSEEN})",
    "opinion": OPEN_LANE.format(lane="opinion", allowed=ALLOWED)
    + "AND a.queue_key >= COALESCE((SELECT queue_key FROM walk), 0)",
    "targeted_after_all": OPEN_LANE.format(lane="targeted", allowed=f"{ALLOWED} AND {UNSEEN}"),
}


@lru_cache(maxsize=4)
def _statement(*, with_gold: bool, with_all: bool) -> str:
    """A lane is looked at only when those before it gave nothing: the first row of the UNION ends it.

    with_all: what is looked at when nothing else is left, too. Each lane costs time even when it is passed.
    The walk waits for the item's row: assignment, item, walk is the order in which everybody locks.
    """
    left_out = {name for name, is_in in (("gold", with_gold), ("targeted_after_all", with_all)) if not is_in}
    names = [name for name in LANES if name not in left_out]
    lanes = ",\n".join(
        f"{name} AS (SELECT a.id, a.queue_key, '{name}' AS lane FROM reviews_assignment a"
        f" WHERE (SELECT slot FROM free_slot) IS NOT NULL AND {LANES[name]}"
        " ORDER BY a.queue_key LIMIT 1 FOR UPDATE OF a SKIP LOCKED)"
        for name in names
    )
    heads = " UNION ALL ".join(f"SELECT * FROM {name}" for name in names)
    columns = ", ".join(f"a.{field.column}" for field in Assignment._meta.concrete_fields)
    return f"""
WITH mine AS MATERIALIZED (
    SELECT feature_id, lane, lease_slot, leased_until FROM reviews_assignment
    WHERE reviewer_id = %(reviewer)s AND state = 'leased' AND lease_slot IN (1, 2)),
free_slot AS MATERIALIZED (
    SELECT slot FROM (VALUES (1), (2)) AS slots(slot)
    WHERE slot NOT IN (SELECT lease_slot FROM mine)
    AND NOT EXISTS (SELECT 1 FROM mine WHERE leased_until <= %(now)s
        OR feature_id = %(feature)s AND lane NOT IN ('adjudication', 'audit'))
    ORDER BY slot LIMIT 1),
walk AS MATERIALIZED (
    SELECT CASE WHEN %(from_head)s THEN 0 ELSE queue_key END AS queue_key, n_rewinds, last_lane
    FROM reviews_claimwalk WHERE reviewer_id = %(reviewer)s AND feature_id = %(feature)s),
policy AS MATERIALIZED (
    SELECT lease_seconds, gold_share, is_blind FROM reviews_samplingpolicy
    WHERE feature_id = %(feature)s ORDER BY number DESC LIMIT 1),
{lanes},
head AS MATERIALIZED (SELECT * FROM ({heads}) AS heads LIMIT 1),
taken AS (
    UPDATE reviews_assignment a SET state = 'leased', reviewer_id = %(reviewer)s,
        lease_token = %(token)s, last_token = %(token)s, lease_slot = (SELECT slot FROM free_slot),
        leased_at = %(now)s, seen_at = %(now)s, active_seconds = 0, submitted_at = NULL,
        own_answer = COALESCE((SELECT b.answer FROM reviews_blindanswer b
            WHERE b.item_id = a.item_id AND b.reviewer_id = %(reviewer)s), ''),
        leased_until = %(now)s + make_interval(
            secs => COALESCE((SELECT lease_seconds FROM policy), %(usual_lease)s)),
        is_blind = COALESCE((SELECT is_blind FROM policy), FALSE)
    FROM head WHERE a.id = head.id
    RETURNING {columns}),
in_review AS (
    UPDATE reviews_reviewitem i SET state = 'in_review' FROM taken
    WHERE i.id = taken.item_id AND i.state IN ('open', 'needs_lead') AND i.arm <> 'gold' RETURNING i.id),
walked AS (
    INSERT INTO reviews_claimwalk AS w (reviewer_id, feature_id, queue_key, n_rewinds, last_lane)
    SELECT %(reviewer)s, %(feature)s,
        CASE WHEN head.lane = 'opinion' THEN head.queue_key ELSE COALESCE((SELECT queue_key FROM walk), 0) END,
        COALESCE((SELECT n_rewinds FROM walk), 0), taken.lane
    FROM head, taken WHERE (SELECT COUNT(*) FROM in_review) >= 0
    ON CONFLICT (reviewer_id, feature_id) DO UPDATE SET last_lane = EXCLUDED.last_lane,
        queue_key = CASE WHEN w.n_rewinds = EXCLUDED.n_rewinds THEN EXCLUDED.queue_key ELSE w.queue_key END)
SELECT {columns} FROM taken a
"""


def statement_of(claim: Claim, *, from_head: bool = False) -> tuple[str, dict[str, Any]]:
    """The claim's statement and its parameters. A coin that no policy's gold share exceeds leaves gold out."""
    return _statement(with_gold=claim.coin < MOST_GOLD, with_all=from_head), {
        "reviewer": claim.reviewer.pk,
        "feature": claim.feature.pk,
        "now": claim.now,
        "token": claim.token,
        "coin": claim.coin,
        "from_head": from_head,
        "usual_lease": USUAL_LEASE.total_seconds(),
    }


def _take_in_one_statement(claim: Claim, from_head: bool) -> Assignment | None:
    found = rows_of(*statement_of(claim, from_head=from_head))
    if not found:
        return None
    names = [field.attname for field in Assignment._meta.concrete_fields]
    taken = Assignment.from_db(connection.alias, names, found[0])
    taken.feature = claim.feature  # known: need not be read again
    return taken


# --- any other database


def _take_step_by_step(claim: Claim, from_head: bool) -> Assignment | None:
    held = list(
        Assignment.objects.filter(reviewer=claim.reviewer, state=State.LEASED).values_list(
            "feature", "lane", "lease_slot", "leased_until"
        )
    )
    free_slots = set(SLOTS) - {slot for _, _, slot, _ in held}
    judging = {feature for feature, lane, *_ in held if lane not in {Lane.ADJUDICATION, Lane.AUDIT}}
    if not free_slots or claim.feature.pk in judging or any(end is None or end <= claim.now for *_, end in held):
        return None
    walk, _ = ClaimWalk.objects.get_or_create(reviewer=claim.reviewer, feature=claim.feature)
    start = 0.0 if from_head else walk.queue_key
    policy = SamplingPolicy.objects.filter(feature=claim.feature).order_by("-number").first()
    for lane, rows in _lanes(claim, walk, policy, start):
        while (head := rows.order_by("queue_key").first()) is not None:
            if not _lease(head, claim, policy, min(free_slots)):
                continue  # somebody was faster: what comes after it
            ReviewItem.objects.filter(
                pk=head.item_id, state__in=[ReviewItem.State.OPEN, ReviewItem.State.NEEDS_LEAD]
            ).exclude(arm=ReviewItem.Arm.GOLD).update(state=ReviewItem.State.IN_REVIEW)
            key = head.queue_key if lane == "opinion" else start
            ClaimWalk.objects.filter(pk=walk.pk).update(last_lane=head.lane)
            ClaimWalk.objects.filter(pk=walk.pk, n_rewinds=walk.n_rewinds).update(queue_key=key)
            return head
    return None


def _lanes(
    claim: Claim, walk: ClaimWalk, policy: SamplingPolicy | None, start: float
) -> list[tuple[str, QuerySet[Assignment]]]:
    own = Assignment.objects.filter(feature=claim.feature).allowed_to(claim.reviewer)
    is_open = own.filter(state=State.OPEN)
    unseen = is_open.of_unseen_predictions(claim.reviewer)
    targeted = unseen.filter(lane=Lane.TARGETED)
    expired = own.to_judge().expired(claim.now)
    lanes: list[tuple[str, QuerySet[Assignment]]] = []
    if policy and claim.coin < policy.gold_share:
        lanes.append(("gold", unseen.filter(lane=Lane.GOLD)))
    if walk.last_lane != Lane.TARGETED:
        lanes.append(("targeted", targeted))
    return [
        *lanes,
        ("expired", expired.filter(Q(lane=Lane.OPINION) | Q(pk__in=own.of_unseen_predictions(claim.reviewer)))),
        ("opinion", is_open.filter(lane=Lane.OPINION, queue_key__gte=start)),
        ("targeted_after_all", targeted),
    ]


def _lease(head: Assignment, claim: Claim, policy: SamplingPolicy | None, slot: int) -> bool:
    """Take it if it is still as it was read; then `head` is what was stored."""
    as_read = Assignment.objects.filter(pk=head.pk, state=head.state, lease_token=head.lease_token)
    blind = BlindAnswer.objects.filter(item=head.item_id, reviewer=claim.reviewer)
    lease = _lease_fields(claim, policy, slot) | {
        "own_answer": blind.values_list("answer", flat=True).first() or ""
    }
    if not as_read.update(**lease):
        return False
    for name, value in lease.items():
        setattr(head, name, value)
    return True


def lease(assignment: Assignment, claim: Claim, slot: int) -> bool:
    """Lease this very assignment, if it is still as it was read."""
    policy = SamplingPolicy.objects.filter(feature=claim.feature).order_by("-number").first()
    return _lease(assignment, claim, policy, slot)


def _lease_fields(claim: Claim, policy: SamplingPolicy | None, slot: int) -> dict[str, Any]:
    """What an assignment holds from now on, leased to this reviewer."""
    lease = timedelta(seconds=policy.lease_seconds) if policy else USUAL_LEASE
    return {
        "state": State.LEASED,
        "reviewer": claim.reviewer,
        "lease_token": claim.token,
        "last_token": claim.token,
        "lease_slot": slot,
        "leased_at": claim.now,
        "seen_at": claim.now,
        "leased_until": claim.now + lease,
        "active_seconds": 0.0,
        "is_blind": bool(policy and policy.is_blind),
        "submitted_at": None,
    }
