"""The form for customers: opening it, and keeping what they wrote on it."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from feedback.ingest.items import Wrong, check_actor
from feedback.ingest.store import insert_once
from feedback.models import Feature, FeedbackItem
from feedback.models.feedback_items import due_times

SALT = "feedback.form"
AT_LEAST = timedelta(seconds=2)
MANY_LINKS = 3
Reason = FeedbackItem.Quarantine


@dataclass(frozen=True, slots=True)
class Written:
    """What a customer entered. trap: of a field that people do not see; token: of when the form was opened;
    press: how often something was sent from the page so far."""

    channel: str
    text: str = ""
    rating: float | None = None
    actor: str = ""
    account: str = ""
    prediction: str = ""
    trap: str = ""
    token: str = ""
    press: int = 1


def new_token(feature: Feature, *, now: datetime) -> str:
    """Says when a form was opened, and names what is sent with it. Nothing is stored."""
    return signing.dumps([feature.slug, now.timestamp(), secrets.token_hex(8)], salt=SALT)


def open_forms() -> QuerySet[Feature]:
    return Feature.objects.filter(feedback_form_is_open=True)


def record_written(*, feature: Feature, written: Written, now: datetime) -> bool:
    """Keep what a customer wrote; True when it is new. What looks like a machine's goes into quarantine.

    Raises ValidationError where the actor looks like an address or a telephone number. Replay and race: the same
    words with the same token are stored once, whichever comes first.
    """
    try:
        check_actor(written.actor)
    except Wrong as wrong:
        raise ValidationError({"actor": str(wrong)}) from wrong
    opened_at, nonce = _read(written.token, feature)
    reason = _reason(written, opened_at, now)
    due = (None, None) if reason else due_times(channel=written.channel, severity="", text=written.text, at=now)
    said = "\0".join(
        [
            written.channel,
            written.text,
            repr(written.rating),
            written.actor,
            written.prediction,
            str(written.press),
        ]
    )
    content = hashlib.blake2b(said.encode(), digest_size=8).digest()
    columns = {
        "feature_id": feature.pk,
        "external_id": f"form-{nonce}-{content.hex()}",
        "channel": written.channel,
        "rating": written.rating,
        "text": written.text,
        "severity": "",
        "actor": written.actor,
        "account": written.account,
        "prediction_external_id": written.prediction,
        "occurred_at": now,
        "received_at": now,
        "fingerprint": int.from_bytes(content, "big", signed=True),
        "state": FeedbackItem.State.NEW,
        "triage_due_at": due[0],
        "close_due_at": due[1],
        "outcome": "",
        "quarantine_reason": reason,
    }
    key = ("feature_id", "external_id")
    return bool(insert_once(FeedbackItem, columns=list(columns), key=key, rows=[list(columns.values())]))


def _read(token: str, feature: Feature) -> tuple[datetime | None, str]:
    """When the form was opened, and the token's own number; None for a token that is not ours."""
    try:
        slug, opened_at, nonce = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None, secrets.token_hex(8)
    if slug != feature.slug:
        return None, secrets.token_hex(8)
    return datetime.fromtimestamp(opened_at, tz=UTC), nonce


def _reason(written: Written, opened_at: datetime | None, now: datetime) -> str:
    """Why this waits in quarantine; empty: it does not."""
    if written.trap:
        return Reason.TRAP
    if opened_at is None:
        return Reason.NO_TOKEN
    if now - opened_at < AT_LEAST:
        return Reason.TOO_FAST
    n_links = written.text.lower().count("http://") + written.text.lower().count("https://")
    return Reason.LINKS if n_links >= MANY_LINKS else ""


@transaction.atomic
def set_form(*, feature: Feature, is_open: bool, origins: list[str]) -> Feature:
    """Open or shut a feature's form, and name the sites that may embed its buttons. Race: the last one holds."""
    Feature.objects.filter(pk=feature.pk).update(feedback_form_is_open=is_open, embed_origins=origins)
    feature.feedback_form_is_open, feature.embed_origins = is_open, origins
    return feature
