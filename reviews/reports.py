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
from django.db.models import Count, Min, QuerySet
from markdown_it import MarkdownIt

from feedback.models import Feature, Prediction, User
from reviews.actions.desk import rubric_of
from reviews.desk import Case, CaseField, Choice, EmptyDesk, Progress, QueueRow
from reviews.models import Assignment, Exclusion, ReviewItem, Rubric, SamplingPolicy

HINTS = {"text", "long_text", "number", "money", "date", "link", "code", "json"}
LONG = 120
VERDICT_KEYS = "1234"
REASON_KEYS = "qwert"
COUNTED_TO = 1_000  # "about 40 left": past this the count costs more than it tells
PACE_OF = 20
USUAL_TARGET = 500


def case_of(assignment: Assignment, *, reviewer: User, now: datetime) -> Case:
    """A leased case as its reviewer sees it: nothing of scores, weights, arms or others' judgments.

    The caller has checked that the reviewer holds it.
    """
    item, feature = assignment.item, assignment.feature
    prediction, rubric = item.prediction, rubric_of(feature)
    answer = answer_text(prediction)
    return Case(
        assignment_id=assignment.pk,
        token=assignment.lease_token,
        leased_until=assignment.leased_until or now,
        feature_slug=feature.slug,
        feature_name=feature.name,
        version=item.version.name,
        external_id=prediction.external_id,
        occurred_at=prediction.occurred_at,
        answer=answer,
        answer_label=answer if prediction.label is None else feature.words_for(prediction.label),
        fields=_fields(prediction.inputs, feature.input_fields),
        verdicts=[
            Choice(value, label, key)
            for (value, label), key in zip(ReviewItem.Verdict.choices, VERDICT_KEYS, strict=True)
        ],
        labels=_labels(item, feature),
        reasons=_reasons(rubric),
        guideline_html=guideline_html(rubric.guideline) if rubric else "",
        rubric_number=rubric.number if rubric else 0,
        progress=progress_of(reviewer, [feature], now=now),
    )


def answer_text(prediction: Prediction) -> str:
    """What the model answered, as text."""
    if prediction.label is not None:
        return prediction.label
    return _text(prediction.output if prediction.value is None else prediction.value)


def _labels(item: ReviewItem, feature: Feature) -> list[Choice]:
    if item.prediction.label is None:
        return []
    others = (label for label in item.version.labels if label != item.prediction.label)
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
    own = Assignment.objects.filter(feature__in=list(features))
    n_held = own.live(now).held_by(user).count()
    n_left = n_held + own.claimable_by(user, now)[:COUNTED_TO].count()
    pace = _pace_seconds(user)
    return Progress(
        n_today=_today(own, user, now).count(),
        n_left=n_left,
        minutes_left=None if pace is None else math.ceil(n_left * pace / 60),
    )


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
    n_free = _by_feature(own.filter(state=Assignment.State.OPEN)) + _by_feature(own.expired(now))
    n_not_mine = _by_feature(own.free(now).filter(item__in=Exclusion.objects.filter(reviewer=user).values("item")))
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
        )
        for feature in features
    ]


def _by_feature(rows: QuerySet[Any]) -> Counter[int]:
    return Counter(dict(rows.order_by().values_list("feature").annotate(n=Count("pk"))))


def empty_desk(user: User, features: Iterable[Feature], now: datetime) -> EmptyDesk:
    """Why there is nothing to take: in no queue, all leased by others (and until when), or done."""
    features = list(features)
    if not features:
        return EmptyDesk("no_queue", "You are in no review queue. A lead of a feature can add you as a reviewer.")
    others = Assignment.objects.live(now).filter(feature__in=features).exclude(reviewer=user).allowed_to(user)
    free_at = others.aggregate(at=Min("leased_until"))["at"]
    if free_at is None:
        return EmptyDesk("done", "Everything is reviewed. New cases come in as predictions do.")
    minutes = max(1, math.ceil((free_at - now).total_seconds() / 60))
    plural = "" if minutes == 1 else "s"
    text = f"Others are working on what is left. The next case is free in {minutes} minute{plural} at the latest."
    return EmptyDesk("leased_by_others", text, free_at)
