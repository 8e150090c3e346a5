"""Usage of a feature as services would send it, for its scores: accounts of some people, over some weeks."""

import random
from datetime import timedelta

from feedback.models import UsageEvent
from metrics.actions.using import prepare_usage
from tests.factories import make_feature, numbers
from tests.metrics.usage_story import DAY, HOUR

WEEK, SECOND = timedelta(weeks=1), timedelta(seconds=1)


def use(
    feature,
    *,
    until,
    received_at=None,
    accounts=6,
    people=5,
    weeks=9,
    share=0.4,
    returning=0.6,
    idle=2,
    seed=1,
    with_account=True,
):
    """People see two answers a week and take that share of them; idle ones are only on the roster."""
    chance, events = random.Random(seed), []

    def tell(kind, actor, account, at, prediction=""):
        number = next(numbers)
        events.append(
            UsageEvent(
                feature=feature, external_id=f"e{number}", kind=kind, actor=actor, account=account,
                prediction_external_id=prediction, occurred_at=at, fingerprint=number,
                received_at=received_at or at,
            )
        )  # fmt: skip

    start = until - weeks * WEEK
    for account in range(accounts):
        own = min(1.0, max(0.0, share + chance.uniform(-0.15, 0.15)))
        for person in range(idle):
            tell("eligible", f"i{account}-{person}", f"account {account}" if with_account else "", start)
        for person in range(people):
            actor, name = f"u{account}-{person}", f"account {account}" if with_account else ""
            tell("eligible", actor, name, start)
            for week in range(weeks):
                if week and chance.random() > returning:
                    continue
                for n in range(2):
                    at = start + week * WEEK + (1 + 2 * n) * DAY
                    prediction = f"p{next(numbers)}"
                    tell("exposed", actor, name, at, prediction)
                    answer = "accepted" if chance.random() < own else "dismissed"
                    tell(answer, actor, name, at + HOUR, prediction)
                    if answer == "accepted" and chance.random() < 0.8:
                        tell("completed", actor, name, at + 2 * HOUR, prediction)
    UsageEvent.objects.bulk_create(events)


def used(*, now, feature=None, **how):
    """A feature with usage up to the last Monday, summed up."""
    feature = feature or make_feature(stage="pilot")
    monday = (now - now.weekday() * DAY).replace(hour=0, minute=0)
    use(feature, until=monday, received_at=now - SECOND, **how)
    prepare_usage(feature=feature, now=now)()
    return feature
