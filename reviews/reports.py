"""What the desk's pages and REST show: built once, scoped to one reviewer."""

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from statistics import median
from typing import Any

import nh3
from django.db.models import Count, Min, QuerySet
from markdown_it import MarkdownIt

from feedback.models import Feature, Membership, Prediction, User
from reviews.actions.policies import rubric_of
from reviews.actions.settling import opinions_of
from reviews.case_fields import fields_of, text_of
from reviews.desk import (
    COUNTED_TO,
    Case,
    Choice,
    EmptyDesk,
    Kept,
    LostAnswer,
    Opinion,
    Progress,
    Question,
    QueueRow,
)
from reviews.models import Assignment, Draft, ReviewItem, Rubric, SamplingPolicy
from reviews.waiting import waiting_for

VERDICT_KEYS = "1234"
REASON_KEYS = "qwert"
OWN_ANSWER_KEYS, CORRECTION_KEYS = "123456789", "567890"  # more labels than these: a field narrows them down
PACE_OF = 20
USUAL_TARGET = 500


def case_of(
    assignment: Assignment,
    *,
    reviewer: User,
    now: datetime,
    rubric: Rubric | None = None,
    progress: Progress | None = None,
) -> Case:
    """A leased case as its reviewer sees it: nothing of scores, weights, arms, lanes or others' judgments.

    In blind mode nothing of the model's answer either, until they have given their own. Who decides between
    two raters sees what these said, as A and B. The caller has checked that the reviewer holds it. rubric: one
    that is not saved yet, for its preview; None: the feature's newest. progress: as progress_of says it, where
    the caller knows it already.
    """
    assignment = _with_prediction(assignment)
    item, feature = assignment.item, assignment.feature
    prediction, rubric = item.prediction, rubric or rubric_of(feature)
    is_decision = assignment.lane in {Assignment.Lane.ADJUDICATION, Assignment.Lane.AUDIT}
    is_hidden = assignment.is_blind and not assignment.own_answer and not is_decision
    answer = "" if is_hidden else answer_text(prediction)
    return Case(
        assignment_id=assignment.pk,
        token=assignment.lease_token,
        leased_until=assignment.leased_until or now,
        seconds_left=_seconds_left(assignment, now),
        feature_slug=feature.slug,
        feature_name=feature.name,
        version=item.version.name,
        external_id=prediction.external_id,
        occurred_at=prediction.occurred_at,
        step="own_answer" if is_hidden else "verdict",
        own_answer=assignment.own_answer,
        own_answer_label=feature.words_for(assignment.own_answer) if assignment.own_answer else "",
        answer=answer,
        label=None if is_hidden else prediction.label,
        answer_label=answer if is_hidden or prediction.label is None else feature.words_for(prediction.label),
        fields=fields_of(prediction.inputs, feature.input_fields),
        verdicts=_verdicts(rubric),
        labels=_labels(item, feature, is_hidden=is_hidden),
        reasons=_reasons(rubric),
        questions=_questions(rubric),
        opinions=_opinions(item, feature) if is_decision else [],
        guideline_html=guideline_html(rubric.guideline) if rubric else "",
        rubric_number=rubric.number if rubric else 0,
        progress=progress or progress_of(reviewer, [feature], now=now),
    )


def _seconds_left(assignment: Assignment, now: datetime) -> int:
    left = (assignment.leased_until - now).total_seconds() if assignment.leased_until else 0.0
    return max(0, math.floor(left))


def _with_prediction(assignment: Assignment) -> Assignment:
    """A claim brings the assignment and its feature; what is shown of its prediction takes one more query."""
    if not Assignment._meta.get_field("item").is_cached(assignment):
        items = ReviewItem.objects.select_related("prediction", "version")
        assignment.item = items.get(pk=assignment.item_id)
    return assignment


def _verdicts(rubric: Rubric | None) -> list[Choice]:
    offered = (rubric.verdicts if rubric else []) or ReviewItem.Verdict.values
    return [
        Choice(value, label, key)
        for (value, label), key in zip(ReviewItem.Verdict.choices, VERDICT_KEYS, strict=True)
        if value in offered
    ]


def _questions(rubric: Rubric | None) -> list[Question]:
    return [
        Question(
            code=str(asked["code"]),
            label=str(asked.get("label") or asked["code"]),
            kind=str(asked["kind"]),
            options=[str(option) for option in asked.get("options", [])],
            is_required=bool(asked.get("is_required")),
        )
        for asked in (rubric.questions if rubric else [])
    ]


def _opinions(item: ReviewItem, feature: Feature) -> list[Opinion]:
    return [
        Opinion(
            rater=rater,
            verdict=judgment.get_verdict_display(),
            corrected=feature.words_for(judgment.corrected) if judgment.corrected else "",
            reasons=[str(reason) for reason in judgment.reasons],
            comment=judgment.comment,
        )
        for rater, judgment in zip("AB", opinions_of(item), strict=False)
    ]


def answer_text(prediction: Prediction) -> str:
    """What the model answered, as text."""
    if prediction.label is not None:
        return prediction.label
    return text_of(prediction.output if prediction.value is None else prediction.value)


def _labels(item: ReviewItem, feature: Feature, *, is_hidden: bool) -> list[Choice]:
    """The labels to choose from: all of them while the model's answer is hidden, the others after that."""
    if item.prediction.label is None:
        return []
    others = [label for label in item.version.labels if is_hidden or label != item.prediction.label]
    keys = OWN_ANSWER_KEYS if is_hidden else CORRECTION_KEYS
    by_key = keys if len(others) <= len(keys) else [""] * len(others)
    return [Choice(label, feature.words_for(label), key) for label, key in zip(others, by_key, strict=False)]


def _reasons(rubric: Rubric | None) -> list[Choice]:
    stored = rubric.reasons if rubric else []
    keys = [*REASON_KEYS, *[""] * len(stored)]
    return [
        Choice(str(reason["code"]), str(reason.get("label") or reason["code"]), key)
        for reason, key in zip(stored, keys, strict=False)
    ]


@lru_cache(maxsize=64)
def guideline_html(markdown: str) -> str:
    """Markdown as safe HTML: raw HTML is shown as text, and what is left is cleaned again."""
    return nh3.clean(
        MarkdownIt("commonmark", {"html": False}).render(markdown),
        attributes={"a": {"href", "title"}, "code": {"class"}, "ol": {"start"}},
    )


def progress_of(user: User, features: Iterable[Feature], *, now: datetime) -> Progress:
    """How far this reviewer is in these features today, and how long what is left takes at their pace.

    n_left counts what they hold and what is free for them. minutes_left: None before they have judged anything,
    and where more is left than is counted.
    """
    waiting = waiting_for(user, features, now).values()
    n_left = min(COUNTED_TO + 1, sum(each.n_left for each in waiting))
    pace = _pace_seconds(user) if n_left <= COUNTED_TO else None
    return Progress(
        n_today=sum(each.n_today for each in waiting),
        n_left=n_left,
        minutes_left=None if pace is None else math.ceil(n_left * pace / 60),
    )


def _pace_seconds(user: User) -> float | None:
    """Half of the last 20 took this reviewer no longer."""
    latest = Assignment.objects.submitted_by(user).order_by("-submitted_at")
    times = latest.values_list("leased_at", "submitted_at")[:PACE_OF]
    took = [(end - start).total_seconds() for start, end in times if start and end]
    return median(took) if took else None


def queues_of(user: User, now: datetime) -> list[QueueRow]:
    """The features that this person reviews, with what is open in each. The same queries for 3 and for 30."""
    features = list(Feature.objects.reviewed_by(user).order_by("name"))
    own = Assignment.objects.filter(feature__in=features)
    waiting = waiting_for(user, features, now)
    n_to_decide = _by_feature(own.to_decide().free(now).filter(feature__in=_adjudicated(user)).allowed_to(user))
    n_final = _by_feature(ReviewItem.objects.in_probability_sample().final().filter(feature__in=features))
    targets = dict(
        SamplingPolicy.objects.current().filter(feature__in=features).values_list("feature", "target_count")
    )
    return [
        QueueRow(
            slug=feature.slug,
            name=feature.name,
            n_open=waiting[feature.pk].n_left,
            n_mine_today=waiting[feature.pk].n_today,
            n_final=n_final[feature.pk],
            target_count=targets.get(feature.pk, USUAL_TARGET),
            n_to_decide=n_to_decide[feature.pk],
        )
        for feature in features
    ]


def _adjudicated(user: User) -> QuerySet[Any]:
    return Membership.objects.of(user).with_role(Membership.Role.ADJUDICATOR).values("feature")


def kept_of(draft: Draft | None) -> Kept:
    """What a draft holds, as the form shows it."""
    entered = draft.entered if draft else {}
    return Kept(
        verdict=entered.get("verdict", ""),
        corrected=entered.get("corrected", ""),
        reasons=entered.get("reasons", []),
        answers={code: str(answer) for code, answer in entered.get("answers", {}).items()},
        comment=entered.get("comment", ""),
        is_flagged=bool(entered.get("is_flagged")),
    )


def lost_answers(user: User) -> list[LostAnswer]:
    """The last ten answers of this person that were not counted, newest first, of features they review."""
    reviewed = Feature.objects.reviewed_by(user)
    drafts = Draft.objects.of(user).filter(is_lost=True, assignment__feature__in=reviewed).order_by("-saved_at")
    return [
        LostAnswer(
            draft_id=draft.pk,
            feature_name=draft.assignment.feature.name,
            external_id=draft.assignment.item.prediction.external_id,
            saved_at=draft.saved_at,
            kept=kept_of(draft),
        )
        for draft in drafts.select_related("assignment__feature", "assignment__item__prediction")[:10]
    ]


def _by_feature(rows: QuerySet[Any]) -> Counter[int]:
    return Counter(dict(rows.order_by().values_list("feature").annotate(n=Count("pk"))))


def empty_desk(user: User, features: Iterable[Feature], now: datetime) -> EmptyDesk:
    """Why there is nothing to take: in no queue, all leased by others (and until when), or done."""
    features = list(features)
    if not features:
        return EmptyDesk("no_queue", "You are in no review queue. A lead of a feature can add you as a reviewer.")
    others = (
        Assignment.objects.live(now)
        .filter(feature__in=features)
        .to_judge()
        .exclude(reviewer=user)
        .allowed_to(user)
    )
    free_at = others.aggregate(at=Min("leased_until"))["at"]
    if free_at is None:
        return EmptyDesk("done", "Everything is reviewed. New cases come in as predictions do.")
    minutes = max(1, math.ceil((free_at - now).total_seconds() / 60))
    plural = "" if minutes == 1 else "s"
    text = f"Others are working on what is left. The next case is free in {minutes} minute{plural} at the latest."
    return EmptyDesk("leased_by_others", text, free_at)
