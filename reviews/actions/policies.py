"""What the desk works by: sampling policies and rubrics, in versions that never change."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from feedback.models import Feature, User
from reviews.models import ReviewItem, Rubric, SamplingPolicy

KEPT = (
    "design", "reviews_per_day", "lease_seconds", "target_count", "overlap_share", "audit_share", "gold_share",
    "is_blind", "skill_segment",
)  # fmt: skip


def policy_of(feature: Feature) -> SamplingPolicy | None:
    return SamplingPolicy.objects.filter(feature=feature).order_by("-number").first()


def rubric_of(feature: Feature) -> Rubric | None:
    return Rubric.objects.filter(feature=feature).order_by("-number").first()


@transaction.atomic
def set_policy(*, feature: Feature, user: User | None, now: datetime, **fields: Any) -> SamplingPolicy:
    """A new version of how a feature is sampled; what is not named stays. Days drawn already keep theirs.

    fields: those of KEPT. Raises ValidationError in the user's words. Race: the feature's row is locked, the
    second makes the version after.
    """
    Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
    last = policy_of(feature)
    before = {name: getattr(last, name) for name in KEPT} if last else {}
    number = last.number + 1 if last else 1
    policy = SamplingPolicy(
        feature=feature, number=number, created_at=now, created_by=user, **{**before, **fields}
    )
    policy.full_clean(exclude=["created_by"])
    policy.save()
    return policy


@transaction.atomic
def set_rubric(*, feature: Feature, now: datetime, **fields: Any) -> Rubric:
    """A new version of what reviewers are asked; what is not named stays. Judgments keep the one they have.

    fields: guideline, verdicts, reasons, questions. Raises ValidationError in the user's words. Race: as
    set_policy.
    """
    Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
    last = rubric_of(feature)
    kept = ("guideline", "verdicts", "reasons", "questions")
    before = {name: getattr(last, name) for name in kept} if last else {}
    rubric = Rubric(feature=feature, number=last.number + 1 if last else 1, created_at=now, **{**before, **fields})
    rubric.full_clean()
    _check_verdicts(rubric.verdicts)
    _check_codes("reasons", rubric.reasons)
    _check_codes("questions", rubric.questions)
    for question in rubric.questions:
        _check_question(question)
    rubric.save()
    return rubric


def _check_verdicts(verdicts: Any) -> None:
    if not isinstance(verdicts, list) or not set(ReviewItem.Verdict.values).issuperset(map(str, verdicts)):
        raise ValidationError({"verdicts": "Choose from right, wrong, partly and cannot_judge."})
    if verdicts and not {"right", "wrong"}.issubset(verdicts):
        raise ValidationError({"verdicts": "Right and wrong must be among the verdicts."})


def _check_codes(field: str, entries: Any) -> None:
    listed = entries if isinstance(entries, list) else [None]
    codes = [entry.get("code") if isinstance(entry, dict) else None for entry in listed]
    if any(not isinstance(code, str) or not 0 < len(code) <= 64 for code in codes):
        raise ValidationError({field: "Each needs a code of 1 to 64 characters."})
    if len(set(codes)) < len(codes):
        raise ValidationError({field: "Each code can be there once."})


def _check_question(question: dict[str, Any]) -> None:
    kind, options = question.get("kind"), question.get("options", [])
    if kind not in Rubric.QuestionKind.values:
        raise ValidationError({"questions": "A question is a choice, a number or a text."})
    is_list = isinstance(options, list) and all(isinstance(option, str) and option for option in options)
    if kind == Rubric.QuestionKind.CHOICE and (not is_list or len(options) < 2):
        raise ValidationError({"questions": "A choice needs two options at least."})
