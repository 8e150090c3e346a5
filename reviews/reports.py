"""What the desk's pages and REST show: built once, scoped to one reviewer."""

import json
import math
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from statistics import median
from typing import Any

import nh3
from django.db.models import Count, Min, Q, QuerySet
from markdown_it import MarkdownIt

from feedback.models import Feature, Membership, Prediction, User
from reviews.actions.policies import rubric_of
from reviews.actions.settling import opinions_of
from reviews.desk import (
    Case,
    CaseField,
    Choice,
    EmptyDesk,
    Kept,
    LostAnswer,
    Opinion,
    Progress,
    Question,
    QueueRow,
)
from reviews.models import Assignment, ClaimWalk, Draft, Exclusion, ReviewItem, Rubric, SamplingPolicy

HINTS = {"text", "long_text", "number", "money", "date", "link", "code", "json"}
LONG = 120
VERDICT_KEYS = "1234"
REASON_KEYS = "qwert"
COUNTED_TO = 1_000  # "about 40 left": past this the count costs more than it tells
PACE_OF = 20
USUAL_TARGET = 500


def case_of(assignment: Assignment, *, reviewer: User, now: datetime) -> Case:
    """A leased case as its reviewer sees it: nothing of scores, weights, arms, lanes or others' judgments.

    In blind mode nothing of the model's answer either, until they have given their own. Who decides between
    two raters sees what these said, as A and B. The caller has checked that the reviewer holds it.
    """
    assignment = _with_prediction(assignment)
    item, feature = assignment.item, assignment.feature
    prediction, rubric = item.prediction, rubric_of(feature)
    is_decision = assignment.lane in {Assignment.Lane.ADJUDICATION, Assignment.Lane.AUDIT}
    is_hidden = assignment.is_blind and not assignment.own_answer and not is_decision
    answer = "" if is_hidden else answer_text(prediction)
    return Case(
        assignment_id=assignment.pk,
        token=assignment.lease_token,
        leased_until=assignment.leased_until or now,
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
        fields=_fields(prediction.inputs, feature.input_fields),
        verdicts=_verdicts(rubric),
        labels=_labels(item, feature, is_hidden=is_hidden),
        reasons=_reasons(rubric),
        questions=_questions(rubric),
        opinions=_opinions(item, feature) if is_decision else [],
        guideline_html=guideline_html(rubric.guideline) if rubric else "",
        rubric_number=rubric.number if rubric else 0,
        progress=progress_of(reviewer, [feature], now=now),
    )


def _with_prediction(assignment: Assignment) -> Assignment:
    """A claim brings the assignment alone; what is shown of its prediction takes one more query, not four."""
    if Assignment._meta.get_field("item").is_cached(assignment):
        return assignment
    return Assignment.objects.select_related("feature", "item__prediction", "item__version").get(pk=assignment.pk)


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
    return _text(prediction.output if prediction.value is None else prediction.value)


def _labels(item: ReviewItem, feature: Feature, *, is_hidden: bool) -> list[Choice]:
    """The labels to choose from: all of them while the model's answer is hidden, the others after that."""
    if item.prediction.label is None:
        return []
    others = (label for label in item.version.labels if is_hidden or label != item.prediction.label)
    return [Choice(label, feature.words_for(label), "") for label in others]


def _reasons(rubric: Rubric | None) -> list[Choice]:
    stored = rubric.reasons if rubric else []
    keys = [*REASON_KEYS, *[""] * len(stored)]
    return [
        Choice(str(reason["code"]), str(reason.get("label") or reason["code"]), key)
        for reason, key in zip(stored, keys, strict=False)
    ]


def _fields(inputs: Any, declared: list[dict[str, str]]) -> list[CaseField]:
    """The inputs in the feature's order; those it does not declare come after, in their own."""
    if inputs is None:
        return []
    if not isinstance(inputs, dict):
        return [CaseField("input", "Input", _hint(inputs), _text(inputs))]
    known = {field["name"]: field for field in declared if "name" in field}
    names = [*[name for name in known if name in inputs], *[name for name in inputs if name not in known]]
    return [_field(name, inputs[name], known.get(name, {})) for name in names]


def _field(name: str, value: Any, declared: dict[str, str]) -> CaseField:
    hint = declared.get("hint", "")
    is_amount = hint in {"number", "money"} and isinstance(value, int | float) and not isinstance(value, bool)
    text = f"{value:,}" if is_amount else _text(value)
    if hint not in HINTS or (hint == "link" and not text.startswith(("https://", "http://"))):
        hint = _hint(value)
    return CaseField(name, declared.get("label") or name, hint, text)


def _hint(value: Any) -> str:
    if isinstance(value, dict | list):
        return "json"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return "long_text" if isinstance(value, str) and (len(value) > LONG or "\n" in value) else "text"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return format(value, ".15g") if isinstance(value, float) else str(value)


@lru_cache(maxsize=64)
def guideline_html(markdown: str) -> str:
    """Markdown as safe HTML: raw HTML is shown as text, and what is left is cleaned again."""
    return nh3.clean(
        MarkdownIt("commonmark", {"html": False}).render(markdown),
        attributes={"a": {"href", "title"}, "code": {"class"}, "ol": {"start"}},
    )


def progress_of(user: User, features: Iterable[Feature], *, now: datetime) -> Progress:
    """How far this reviewer is in these features today, and how long what is left takes at their pace.

    n_left counts what they hold and what is free for them, up to 1,000. minutes_left: None before they have
    judged anything.
    """
    features = list(features)
    own = Assignment.objects.filter(feature__in=features)
    n_held = own.live(now).held_by(user).count()
    n_left = n_held + _n_free(user, features, now)
    pace = _pace_seconds(user)
    return Progress(
        n_today=_today(own, user, now).count(),
        n_left=n_left,
        minutes_left=None if pace is None else math.ceil(n_left * pace / 60),
    )


def _n_free(user: User, features: list[Feature], now: datetime) -> int:
    """What is free for them from where their walk has come to: all before that is not theirs to take."""
    walks = dict(ClaimWalk.objects.filter(reviewer=user, feature__in=features).values_list("feature", "queue_key"))
    is_ahead = Q(lane=Assignment.Lane.TARGETED)
    for feature in features:
        is_ahead |= Q(feature=feature, queue_key__gte=walks.get(feature.pk, 0.0))
    own = Assignment.objects.filter(feature__in=features).to_judge()
    ahead = own.filter(is_ahead, state=Assignment.State.OPEN).allowed_to(user)
    return ahead[:COUNTED_TO].count() + own.expired(now).allowed_to(user).count()


def _today(own: QuerySet[Assignment], user: User, now: datetime) -> QuerySet[Assignment]:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return own.filter(state=Assignment.State.SUBMITTED, reviewer=user, submitted_at__gte=midnight)


def _pace_seconds(user: User) -> float | None:
    """Half of the last 20 took this reviewer no longer."""
    latest = Assignment.objects.submitted_by(user).order_by("-submitted_at")
    times = latest.values_list("leased_at", "submitted_at")[:PACE_OF]
    took = [(end - start).total_seconds() for start, end in times if start and end]
    return median(took) if took else None


def queues_of(user: User, now: datetime) -> list[QueueRow]:
    """The features that this person reviews, with what is open in each. The same queries for 3 and for 30.

    What is open is counted in the index, and what this person may not take of it from their exclusions: with
    150,000 open cases, asking of each whether they may take it took a second.
    """
    features = list(Feature.objects.reviewed_by(user).order_by("name"))
    own = Assignment.objects.filter(feature__in=features)
    to_judge = own.to_judge().known_to(user)
    free = to_judge.filter(state=Assignment.State.OPEN)
    n_free = _by_feature(free) + _by_feature(to_judge.expired(now))
    mine = Assignment.objects.filter(reviewer=user, item__n_opinions__gt=1).values("item")
    n_not_mine = _by_feature(
        to_judge.free(now).filter(item__in=Exclusion.objects.filter(reviewer=user).values("item"))
    ) + _by_feature(free.filter(item__in=mine))
    n_to_decide = _by_feature(own.to_decide().free(now).filter(feature__in=_adjudicated(user)).allowed_to(user))
    n_held = _by_feature(own.live(now).held_by(user))
    n_today = _by_feature(_today(own, user, now))
    n_final = _by_feature(ReviewItem.objects.in_probability_sample().final().filter(feature__in=features))
    targets = dict(
        SamplingPolicy.objects.current().filter(feature__in=features).values_list("feature", "target_count")
    )
    return [
        QueueRow(
            slug=feature.slug,
            name=feature.name,
            n_open=n_free[feature.pk] - n_not_mine[feature.pk] + n_held[feature.pk],
            n_mine_today=n_today[feature.pk],
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
    """The last ten answers of this person that were not counted, newest first."""
    drafts = Draft.objects.of(user).filter(is_lost=True).order_by("-saved_at")
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
