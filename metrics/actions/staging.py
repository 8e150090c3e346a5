"""Moving a feature from one stage to another: the only way its stage changes once it is registered."""

from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from feedback.models import Decision, Feature, StageChange, User
from metrics.stage_reading import (
    WHO_MOVES,
    Check,
    Move,
    Standing,
    checks_for,
    facts_of,
    may_move,
    standing_of,
)


@transaction.atomic
def change_stage(
    *,
    feature: Feature,
    to: str,
    user: User | None,
    now: datetime,
    reason: str = "",
    decision: Decision | None = None,
    key_name: str = "",
) -> StageChange:
    """Move a feature: on to the next stage when its rules are met, one step back, to a side exit, or back from it.

    user None: a service, by the name of its key. decision: of this feature; one made since it came to its
    present stage waives the accountability gate. Kept with the move: what was asked, and what was found.

    Race: the feature's row is locked, and the second is judged by the stage the first has brought it to. Replay:
    told that it is there already. Raises ValidationError in plain words, PermissionDenied for another role.
    """
    locked = Feature.objects.select_for_update(of=("self",)).select_related("owner").get(pk=feature.pk)
    if user is not None and not may_move(user, locked):
        raise PermissionDenied(WHO_MOVES)
    standing = standing_of(locked, now=now)
    move = _move(standing, to)
    if decision is not None and decision.feature_id != locked.pk:
        raise ValidationError({"decision": "This decision is of another feature."})
    if move.needs_reason and not reason.strip():
        raise ValidationError({"reason": f"Say why: {_what_needs_it(move)}."})
    checks = _checks(standing, move, locked, now)
    _refuse_unmet(standing, move, checks, decision)
    change = StageChange(
        feature=locked,
        from_stage=locked.stage,
        to_stage=to,
        reason=reason.strip(),
        decision=decision,
        checks=[{"rule": c.rule, "title": c.title, "is_met": c.is_met, "said": c.said} for c in checks],
        user=user,
        key_name=key_name,
        at=now,
    )
    change.full_clean()
    change.save()
    Feature.objects.filter(pk=locked.pk).update(stage=to)
    feature.stage = to
    return change


def _move(standing: Standing, to: str) -> Move:
    """The move to this stage. Raises ValidationError where there is none."""
    if to == standing.stage:
        raise ValidationError({"to": f"It is at {standing.stage_label.lower()} already."})
    for move in standing.moves:
        if move.to == to:
            return move
    ways = ", ".join(move.label.lower() for move in standing.moves)
    raise ValidationError({"to": f"From {standing.stage_label.lower()} it can go to: {ways}."})


def _what_needs_it(move: Move) -> str:
    words = {"back": "going back", "resume": "coming back"}
    return f"{words.get(move.kind, move.label.lower())} needs a reason"


def _checks(standing: Standing, move: Move, feature: Feature, now: datetime) -> list[Check]:
    """What the move asks: the next stage's rules; on coming back from a side exit those of the stage come to."""
    if move.kind == "next":
        return standing.checks
    if move.kind == "resume":
        return checks_for(move.to, feature.slug, facts_of([feature], now=now)[feature.pk])
    return []


def _refuse_unmet(standing: Standing, move: Move, checks: list[Check], decision: Decision | None) -> None:
    """Raises ValidationError with every rule that is not met, in its words."""
    unmet = [check for check in checks if not check.is_met]
    gate = next((check for check in unmet if check.rule == "gate"), None)
    if gate and decision is not None:
        if decision.made_at < standing.since:
            raise ValidationError(
                {"decision": f"This was decided before it came to {standing.stage_label.lower()}: decide anew."}
            )
        unmet.remove(gate)
    if unmet:
        told = [f"{check.title} is missing. {check.said}" for check in unmet if check is not gate]
        if gate in unmet:
            told.append(f"The accountability gate is closed. {gate.said} Or choose a decision that waives it.")
        raise ValidationError({"to": told})
