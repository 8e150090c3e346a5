"""What the desk works by: sampling policies and rubrics, in versions that never change."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from feedback.models import Feature, ModelVersion, User
from reviews.errors import Overtaken
from reviews.models import ReviewItem, Rubric, SamplingPolicy

KEPT = (
    "design", "reviews_per_day", "watch_share", "lease_seconds", "target_count", "overlap_share", "audit_share",
    "gold_share", "is_blind", "skill_segment",
)  # fmt: skip

ASKED = ("guideline", "verdicts", "reasons", "questions")


def policy_of(feature: Feature) -> SamplingPolicy | None:
    return SamplingPolicy.objects.filter(feature=feature).order_by("-number").first()


def rubric_of(feature: Feature) -> Rubric | None:
    return Rubric.objects.filter(feature=feature).order_by("-number").first()


def first_design(feature: Feature) -> str:
    """What the first policy draws by where nobody says: `focused` for two labels of which one is looked for.

    By the newest version, as it stands then; a version that comes later changes no policy.
    """
    newest = ModelVersion.objects.of(feature).by_deployment().last()
    is_binary = newest is not None and len(set(newest.labels)) == 2
    if newest is not None and is_binary and newest.positive_label in newest.labels:
        return SamplingPolicy.Design.FOCUSED
    return SamplingPolicy.Design.UNCERTAINTY


@transaction.atomic
def set_policy(*, feature: Feature, user: User | None, now: datetime, **fields: Any) -> SamplingPolicy:
    """A new version of how a feature is sampled; what is not named stays. Days drawn already keep theirs.

    fields: those of KEPT; the first without a design gets first_design. Raises ValidationError in the user's
    words. Race: the feature's row is locked, the second makes the version after.
    """
    Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
    last = policy_of(feature)
    before = {name: getattr(last, name) for name in KEPT} if last else {"design": first_design(feature)}
    number = last.number + 1 if last else 1
    policy = SamplingPolicy(
        feature=feature, number=number, created_at=now, created_by=user, **{**before, **fields}
    )
    policy.full_clean(exclude=["created_by"])
    policy.save()
    return policy


@transaction.atomic
def change_policy(
    *, feature: Feature, user: User | None, now: datetime, after: int | None = None, **fields: Any
) -> SamplingPolicy | None:
    """set_policy where it says something new; None: all of it holds already.

    after: number of the version that the change was made from, 0 for none. Raises Overtaken when another one
    has come since, and ValidationError as set_policy. Replay: with after it is Overtaken, without it None.
    """
    Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
    last = policy_of(feature)
    if after is not None and after != (last.number if last else 0):
        raise Overtaken
    if last is not None and all(getattr(last, name) == value for name, value in fields.items()):
        return None
    return set_policy(feature=feature, user=user, now=now, **fields)


@transaction.atomic
def set_rubric(*, feature: Feature, now: datetime, user: User | None = None, **fields: Any) -> Rubric:
    """A new version of what reviewers are asked; what is not named stays. Judgments keep the one they have.

    fields: guideline, verdicts, reasons, questions. Raises ValidationError in the user's words. Race: as
    set_policy.
    """
    Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
    last = rubric_of(feature)
    before = {name: getattr(last, name) for name in ASKED} if last else {}
    number = last.number + 1 if last else 1
    rubric = Rubric(feature=feature, number=number, created_at=now, created_by=user, **{**before, **fields})
    rubric.full_clean(exclude=["created_by"])
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
