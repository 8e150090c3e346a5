"""Usage events for tests, made plainly: who did what with which answer, and when, counted from NOON."""

from datetime import timedelta

from feedback.models import UsageEvent
from tests.factories import NOON, numbers

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make_event(feature, kind, actor="u1", prediction="", at=NOON, **fields):
    """An event received as it occurred; one of an answer without a name is about "p1"."""
    is_about_one = kind in {
        "exposed", "opened", "accepted", "edited", "overridden", "dismissed", "auto_applied", "undone",
        "completed", "reverted",
    }  # fmt: skip
    if is_about_one and not prediction and "set_external_id" not in fields:
        prediction = "p1"
    number = next(numbers)
    return UsageEvent.objects.create(
        feature=feature,
        kind=kind,
        actor=actor,
        prediction_external_id=prediction,
        **{"external_id": f"e{number}", "occurred_at": at, "received_at": at, "fingerprint": number, **fields},
    )


def see(feature, actor="u1", prediction="p1", at=NOON, *answers, **fields):
    """Seen, and an hour later each of the answers."""
    make_event(feature, "exposed", actor, prediction, at, **fields)
    for number, kind in enumerate(answers, start=1):
        make_event(feature, kind, actor, prediction, at + number * HOUR, **fields)
