"""Saving what the guideline's page edits: the rubric, what is shown of a case, blind or not; all or nothing."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypedDict

from django.db import transaction

from feedback.actions.features import change_feature
from feedback.models import Feature, User
from reviews.actions.policies import change_policy, policy_of, rubric_of, set_rubric
from reviews.errors import Overtaken
from reviews.models import ReviewItem, Rubric


class Asked(TypedDict):
    """A rubric's own fields (models.Rubric)."""

    guideline: str
    verdicts: list[str]
    reasons: list[dict[str, Any]]
    questions: list[dict[str, Any]]


def asked_of(rubric: Rubric | None) -> Asked:
    """What a rubric asks, each entry with all of its keys."""
    if rubric is None:
        return {"guideline": "", "verdicts": [], "reasons": [], "questions": []}
    return {
        "guideline": rubric.guideline,
        "verdicts": [] if len(rubric.verdicts) == len(ReviewItem.Verdict.values) else rubric.verdicts,
        "reasons": [{"code": each["code"], "label": each.get("label") or each["code"]} for each in rubric.reasons],
        "questions": [
            {
                "code": each["code"],
                "label": each.get("label") or each["code"],
                "kind": each["kind"],
                "options": list(each.get("options", [])),
                "is_required": bool(each.get("is_required")),
            }
            for each in rubric.questions
        ],
    }


def declared(input_fields: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Fields of a case as the feature stores them: without the keys that say nothing."""
    return [{key: value for key, value in each.items() if value} for each in input_fields]


def stand_of(feature: Feature) -> str:
    """What an edit was begun from; another answer later says that somebody saved in between."""
    rubric, policy = rubric_of(feature), policy_of(feature)
    shown = blake2b(json.dumps(feature.input_fields).encode(), digest_size=6).hexdigest()
    return f"{rubric.number if rubric else 0}.{policy.number if policy else 0}.{shown}"


@transaction.atomic
def save_guideline(
    *,
    feature: Feature,
    user: User,
    stand: str,
    asked: Asked,
    input_fields: list[dict[str, Any]],
    is_blind: bool | None,
    now: datetime,
) -> list[str]:
    """Save what differs from what holds, and say in words what that made; nothing new: an empty list.

    stand: stand_of when the edit began. is_blind None: leave it. A feature that nobody samples stays so.
    Raises Overtaken when somebody else saved in between, ValidationError in the user's words. Replay: the
    second is Overtaken. Race: the feature's row is locked; the second finds another stand.
    """
    locked = Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
    if stand != stand_of(locked):
        raise Overtaken
    made, last = [], rubric_of(locked)
    if last is None or asked != asked_of(last):
        rubric = set_rubric(feature=locked, user=user, now=now, **asked)
        made.append(f"guideline {rubric.number}")
    if declared(input_fields) != declared(locked.input_fields):
        change_feature(feature=locked, input_fields=input_fields)
        made.append("what is shown of a case")
    if is_blind is not None and policy_of(locked) is not None:
        policy = change_policy(feature=locked, user=user, now=now, is_blind=is_blind)
        made += [f"sampling {policy.number}"] if policy else []
    return made
