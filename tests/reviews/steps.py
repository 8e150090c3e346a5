"""Steps at the desk, as tests take them."""

from datetime import timedelta

from reviews.actions.desk import claim_next, set_policy, submit
from reviews.actions.draw import draw_received
from reviews.models import Assignment, ReviewItem
from tests.factories import NOON, make_membership, make_prediction, make_user, make_version

MINUTE = timedelta(minutes=1)
LEASE = timedelta(minutes=15)


def queue(feature, n=3, *, labels=("on_time", "lost", "late"), segments=None, **policy):
    """n open cases in which the model said the last of the labels, all drawn."""
    version = make_version(feature, labels=list(labels))
    for i in range(n):
        made = {"segments": segments[i]} if segments else {}
        make_prediction(version, f"{version.name}-{i}", occurred_at=NOON - MINUTE, **made)
    set_policy(feature=feature, user=None, now=NOON, **{"design": "all", **policy})
    draw_received(now=NOON)
    return list(Assignment.objects.filter(feature=feature).order_by("queue_key", "ordinal"))


def reviewers(feature, n, role="reviewer"):
    return [make_membership(make_user(), feature, role).user for _ in range(n)]


def claim(feature, reviewer, *, now=NOON, **more):
    return claim_next(reviewer=reviewer, features=[feature], now=now, **more)


def answer(case, reviewer, *, now=NOON, key="k1", **entered):
    return submit(
        assignment_id=case.pk,
        token=case.lease_token,
        reviewer=reviewer,
        idempotency_key=key,
        now=now,
        **{"verdict": "right", **entered},
    )


def item_of(case):
    return ReviewItem.objects.get(pk=case.item_id)


def stored(case):
    return Assignment.objects.get(pk=case.pk)
