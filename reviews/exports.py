"""Raw judgments, row by row: what was said, by whom, of what, with what chance of being asked."""

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import date
from types import MappingProxyType
from typing import Any, TypeAlias

from django.db.models import Exists, Min, OuterRef, QuerySet

from feedback.exports import cell
from feedback.models import Feature, User
from reviews.draw import inclusion_probability, is_counted, threshold
from reviews.models import Assignment, DrawDay, Judgment, ReviewItem

JOINS = ("feature", "assignment__item__prediction", "assignment__item__version", "reviewer", "rubric")
CHUNK = 1_000
# A version's predictions of one day.
Cohort: TypeAlias = tuple[int, date]
# What each row tells, in this order, and of what type. luck and salt stay in the house.
COLUMNS = MappingProxyType(
    {
        "id": "whole",
        "feature": "text",
        "version": "text",
        "prediction": "text",
        "occurred_at": "time",
        "predicted": "text",
        "arm": "text",
        "lane": "text",
        "weight": "number",
        "queue_key": "number",
        "inclusion_probability": "number",
        "cohort_on": "day",
        "item": "whole",
        "item_state": "text",
        "item_verdict": "text",
        "item_truth": "text",
        "assignment": "whole",
        "ordinal": "whole",
        "assignment_state": "text",
        "void_reason": "text",
        "reviewer": "text",
        "revision": "whole",
        "is_latest": "yes_no",
        "rubric": "whole",
        "verdict": "text",
        "corrected": "text",
        "own_answer": "text",
        "reasons": "list",
        "answers": "json",
        "comment": "text",
        "is_flagged": "yes_no",
        "is_simulated": "yes_no",
        "leased_at": "time",
        "submitted_at": "time",
        "created_at": "time",
        "wall_seconds": "number",
        "active_seconds": "number",
    }
)


def judgment_rows(
    feature_ids: list[int], *, reader: User | None = None, after: int = 0, most: int | None = None
) -> Iterator[dict[str, Any]]:
    """Judgments of these features with a larger id than `after`, by id; at most so many. Every revision is a row.

    reader: whoever also reviews one of the features gets, of that one, no judgment of a prediction that somebody
    is still asked about: it could be them. inclusion_probability: None for what counts in no estimate.
    Read in chunks: memory does not grow with their number.
    """
    reviewed = Feature.objects.reviewed_by(reader).filter(pk__in=feature_ids) if reader else Feature.objects.none()
    told = _told(feature_ids, set(reviewed.values_list("pk", flat=True)))
    ends: dict[Cohort, float | None] = {}
    left = most
    while left is None or left > 0:
        size = CHUNK if left is None else min(CHUNK, left)
        page = list(told.filter(pk__gt=after).order_by("pk").select_related(*JOINS)[:size])
        newest = _newest({judgment.assignment_id for judgment in page})
        ends |= _thresholds({_cohort(judgment.assignment.item) for judgment in page} - ends.keys())
        yield from (_row(judgment, newest, ends) for judgment in page)
        if len(page) < size:
            return
        after = page[-1].pk
        left = None if left is None else left - size


class Line:
    """A file of which only the last line written is kept."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterator[dict[str, Any]], *, has_head: bool = True) -> Iterator[str]:
    """Rows as CSV, a line at a time; lists and objects as JSON, formulas made harmless. No row: no line."""
    writer = csv.writer(Line())
    for n, row in enumerate(rows):
        if n == 0 and has_head:
            yield writer.writerow(row)
        yield writer.writerow([_text(value) for value in row.values()])


def _text(value: Any) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if hasattr(value, "isoformat") else cell(value)


def _told(feature_ids: list[int], reviewed: set[int]) -> QuerySet[Judgment]:
    rows = Judgment.objects.filter(feature__in=feature_ids)
    if not reviewed:
        return rows
    unfinished = Assignment.objects.filter(
        item__prediction=OuterRef("assignment__item__prediction"),
        state__in=[Assignment.State.OPEN, Assignment.State.LEASED],
    )
    return rows.exclude(Exists(unfinished), feature__in=reviewed)


def _newest(assignments: set[int]) -> dict[int, int]:
    """The last revision of each."""
    rows = Judgment.objects.latest_revisions().filter(assignment__in=assignments)
    return dict(rows.values_list("assignment", "revision"))


def _cohort(item: ReviewItem) -> Cohort:
    return item.version_id, item.cohort_on


def _thresholds(cohorts: Iterable[Cohort]) -> dict[Cohort, float | None]:
    """How far each cohort is reviewed without a gap."""
    of = set(cohorts)
    versions, days = {version for version, _ in of}, {day for _, day in of}
    items = ReviewItem.objects.in_probability_sample().filter(version__in=versions, cohort_on__in=days)
    waiting = items.exclude(state=ReviewItem.State.FINAL).order_by().values_list("version", "cohort_on")
    heads = {(version, day): key for version, day, key in waiting.annotate(head=Min("queue_key"))}
    drawn = DrawDay.objects.filter(version__in=versions, day__in=days)
    caps = {(version, day): cap for version, day, cap in drawn.values_list("version", "day", "k_cap")}
    return {cohort: threshold([heads[cohort]] if cohort in heads else [], caps.get(cohort)) for cohort in of}


def _inclusion(item: ReviewItem, ends: dict[Cohort, float | None]) -> float | None:
    end = ends[_cohort(item)]
    is_final = item.arm == ReviewItem.Arm.PROBABILITY and item.state == ReviewItem.State.FINAL
    return inclusion_probability(end, item.weight) if is_final and is_counted(item.queue_key, end) else None


def _row(judgment: Judgment, newest: dict[int, int], ends: dict[Cohort, float | None]) -> dict[str, Any]:
    assignment, item = judgment.assignment, judgment.assignment.item
    predicted = item.prediction.label
    return {
        "id": judgment.pk,
        "feature": judgment.feature.slug,
        "version": item.version.name,
        "prediction": item.prediction.external_id,
        "occurred_at": item.prediction.occurred_at,
        "predicted": "" if predicted is None else predicted,
        "arm": item.arm,
        "lane": assignment.lane,
        "weight": item.weight,
        "queue_key": item.queue_key,
        "inclusion_probability": _inclusion(item, ends),
        "cohort_on": item.cohort_on,
        "item": item.pk,
        "item_state": item.state,
        "item_verdict": item.verdict,
        "item_truth": item.truth,
        "assignment": assignment.pk,
        "ordinal": assignment.ordinal,
        "assignment_state": assignment.state,
        "void_reason": assignment.void_reason,
        "reviewer": judgment.reviewer.email if judgment.reviewer else "",
        "revision": judgment.revision,
        "is_latest": newest.get(judgment.assignment_id) == judgment.revision,
        "rubric": judgment.rubric.number if judgment.rubric else 0,
        "verdict": judgment.verdict,
        "corrected": judgment.corrected,
        "own_answer": judgment.own_answer,
        "reasons": judgment.reasons,
        "answers": judgment.answers,
        "comment": judgment.comment,
        "is_flagged": judgment.is_flagged,
        "is_simulated": judgment.is_simulated,
        "leased_at": assignment.leased_at,
        "submitted_at": assignment.submitted_at,
        "created_at": judgment.created_at,
        "wall_seconds": judgment.wall_seconds,
        "active_seconds": judgment.active_seconds,
    }
