"""Writing down a talk with a customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from feedback.models import CallNote, Feature, FeedbackItem, User
from feedback.models.feedback_items import due_times


@dataclass(frozen=True, slots=True)
class Talk:
    """With whom, when, what was said. quotes: the customer's own words, one each."""

    account: str
    actor: str
    held_at: datetime
    text: str
    quotes: Sequence[str]


@transaction.atomic
def record_call_note(*, feature: Feature, talk: Talk, idempotency_key: str, user: User, now: datetime) -> CallNote:
    """Store a note; each quote becomes an item of the inbox. Replay and race: the form's key decides, the note
    that is stored is the answer, and its quotes stand once."""
    note, is_new = CallNote.objects.get_or_create(
        idempotency_key=idempotency_key,
        defaults={
            "feature": feature,
            "account": talk.account,
            "actor": talk.actor,
            "held_at": talk.held_at,
            "text": talk.text,
            "made_by": user,
            "made_at": now,
        },
    )
    if is_new:
        FeedbackItem.objects.bulk_create(
            _item(note, place, quote, now) for place, quote in enumerate(talk.quotes, 1)
        )
    return note


def _item(note: CallNote, place: int, quote: str, now: datetime) -> FeedbackItem:
    triage_due_at, close_due_at = due_times(channel="call_note", severity="", text=quote, at=now)
    return FeedbackItem(
        feature_id=note.feature_id,
        external_id=f"call-note-{note.pk}-{place}",
        channel=FeedbackItem.Channel.CALL_NOTE,
        text=quote,
        actor=note.actor,
        account=note.account,
        occurred_at=note.held_at,
        received_at=now,
        fingerprint=place,
        note=note,
        triage_due_at=triage_due_at,
        close_due_at=close_due_at,
    )
