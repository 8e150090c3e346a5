"""What a reviewer has said of late: read again, and whether it may still be changed."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from feedback.models import Feature, User
from reviews.actions.judgments import UNDO_WITHIN, why_unchangeable
from reviews.desk import Kept
from reviews.models import Assignment, AssignmentQuerySet, Judgment

LAST = 10


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One of my last ten: what I said, never what anybody else did."""

    assignment_id: int
    feature_name: str
    external_id: str
    judged_at: datetime
    verdict: str
    corrected: str


@dataclass(frozen=True, slots=True)
class MyJudgment:
    """What I said of one case. why_fixed: why it cannot be changed any more; empty: until changeable_until it can.

    revision_key: names one change, so that sent twice it counts once. older_id, newer_id: the assignments beside
    it among my last ten.
    """

    judgment_id: int
    judged_at: datetime
    verdict: str
    corrected: str
    reasons: list[str]
    kept: Kept
    why_fixed: str
    changeable_until: datetime
    revision_key: str
    older_id: int | None
    newer_id: int | None


def last_ten(person: User) -> list[JudgedRow]:
    """My last ten judgments, newest first, of the features that I review."""
    assignments = _last_assignments(person).select_related("feature", "item__prediction")
    latest = {each.assignment_id: each for each in _latest(list(assignments), person)}
    return [
        JudgedRow(
            assignment_id=assignment.pk,
            feature_name=assignment.feature.name,
            external_id=assignment.item.prediction.external_id,
            judged_at=latest[assignment.pk].created_at,
            verdict=latest[assignment.pk].get_verdict_display(),
            corrected=_words(assignment.feature, latest[assignment.pk].corrected),
        )
        for assignment in assignments
        if assignment.pk in latest
    ]


def judgment_of(assignment: Assignment, *, reviewer: User, now: datetime) -> MyJudgment:
    """What this reviewer said of the case, which they have submitted."""
    (judgment,) = _latest([assignment], reviewer)
    near = list(_last_assignments(reviewer).values_list("pk", flat=True))
    at = near.index(assignment.pk) if assignment.pk in near else None
    return MyJudgment(
        judgment_id=judgment.pk,
        judged_at=judgment.created_at,
        verdict=judgment.get_verdict_display(),
        corrected=_words(assignment.feature, judgment.corrected),
        reasons=_reasons(judgment),
        kept=_kept(judgment),
        why_fixed=why_unchangeable(judgment, assignment, reviewer, now),
        changeable_until=judgment.created_at + UNDO_WITHIN,
        revision_key=secrets.token_hex(16),
        older_id=None if at is None else next(iter(near[at + 1 :]), None),
        newer_id=near[at - 1] if at else None,
    )


def held_case(person: User, now: datetime) -> int | None:
    """The assignment that one works on at the moment."""
    held = Assignment.objects.live(now).held_by(person).order_by("leased_at", "pk")
    return held.values_list("pk", flat=True).first()


def _last_assignments(person: User) -> AssignmentQuerySet:
    own = Assignment.objects.submitted_by(person).filter(feature__in=Feature.objects.reviewed_by(person))
    return own.order_by("-submitted_at", "-pk")[:LAST]


def _latest(assignments: list[Assignment], reviewer: User) -> list[Judgment]:
    """Of each assignment what stands, where this reviewer said it: one given back may be another's by now."""
    own = Judgment.objects.filter(assignment__in=assignments, reviewer=reviewer)
    return list(own.latest_revisions().select_related("rubric"))


def _words(feature: Feature, label: str) -> str:
    return feature.words_for(label) if label else ""


def _reasons(judgment: Judgment) -> list[str]:
    known = judgment.rubric.reasons if judgment.rubric else []
    words = {str(reason["code"]): str(reason.get("label") or reason["code"]) for reason in known}
    return [words.get(code, code) for code in judgment.reasons]


def _kept(judgment: Judgment) -> Kept:
    return Kept(
        verdict=judgment.verdict,
        corrected=judgment.corrected,
        own_answer=judgment.own_answer,
        reasons=judgment.reasons,
        answers={code: _answer(answer) for code, answer in judgment.answers.items()},
        comment=judgment.comment,
        is_flagged=judgment.is_flagged,
    )


def _answer(answer: object) -> str:
    return format(answer, ".15g") if isinstance(answer, float) else str(answer)
