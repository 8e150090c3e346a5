"""Decisions, and what became of them."""

from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from feedback.models import Decision, Feature, User


@transaction.atomic
def record_decision(  # noqa: PLR0913  a decision says all of this, or it is none
    *,
    feature: Feature,
    title: str,
    context: str,
    options: list[str],
    chosen: str,
    why: str,
    evidence: dict[str, Any],
    owner: User | None,
    review_on: date | None,
    user: User | None,
    now: datetime,
    key_name: str = "",
) -> Decision:
    """A new decision. What was chosen is one of its options; where it is missing there, it is added.

    key_name: of a service's key, which has no user. Raises ValidationError in the user's words: without a title,
    a choice or a why, and for a review in the past.
    Replay: a second decision.
    """
    if review_on is not None and review_on < now.date():
        raise ValidationError({"review_on": "A review lies ahead: choose today or a later day."})
    listed = list(dict.fromkeys(option.strip() for option in options if option.strip()))
    decision = Decision(
        feature=feature,
        title=title.strip(),
        context=context.strip(),
        options=listed if chosen.strip() in listed else [*listed, chosen.strip()],
        chosen=chosen.strip(),
        why=why.strip(),
        evidence=evidence,
        owner=owner,
        review_on=review_on,
        made_by=user,
        key_name=key_name,
        made_at=now,
    )
    decision.full_clean()
    decision.save()
    return decision


@transaction.atomic
def record_outcome(*, decision: Decision, outcome: str, user: User, now: datetime) -> Decision:
    """What became of a decision, said once. Of two who say it together one is told that it is said already."""
    if not outcome.strip():
        raise ValidationError({"outcome": "Say what became of it."})
    told = Decision.objects.filter(pk=decision.pk, outcome="")
    if not told.update(outcome=outcome.strip(), outcome_at=now, outcome_by=user):
        raise ValidationError("Somebody has said already what became of this decision.")
    decision.refresh_from_db()
    return decision
