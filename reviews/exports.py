"""Raw judgments, row by row: what was said, by whom, of what, with what chance of being asked."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from feedback.exports import cell
from reviews.models import Judgment

JOINS = ("feature", "assignment__item__prediction", "assignment__item__version", "reviewer", "rubric")
CHUNK = 1_000


def judgment_rows(feature_ids: list[int], *, after: int = 0, most: int | None = None) -> Iterator[dict[str, Any]]:
    """Judgments of these features with a larger id than `after`, by id; at most so many. Every revision is a row.

    Read in chunks: memory does not grow with their number.
    """
    left = most
    while left is None or left > 0:
        size = CHUNK if left is None else min(CHUNK, left)
        page = list(_page(feature_ids, after, size))
        newest = _newest({judgment.assignment_id for judgment in page})
        yield from (_row(judgment, newest) for judgment in page)
        if len(page) < size:
            return
        after = page[-1].pk
        left = None if left is None else left - size


class Line:
    """A file of which only the last line written is kept."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    """The rows as CSV, a line at a time; lists and objects as JSON, formulas made harmless. No row: no line."""
    writer = csv.writer(Line())
    for n, row in enumerate(rows):
        if n == 0:
            yield writer.writerow(row)
        yield writer.writerow([_text(value) for value in row.values()])


def _text(value: Any) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if hasattr(value, "isoformat") else cell(value)


def _page(feature_ids: list[int], after: int, size: int) -> QuerySet[Judgment]:
    rows = Judgment.objects.filter(feature__in=feature_ids, pk__gt=after).order_by("pk")
    return rows.select_related(*JOINS)[:size]


def _newest(assignments: set[int]) -> dict[int, int]:
    """The last revision of each."""
    rows = Judgment.objects.latest_revisions().filter(assignment__in=assignments)
    return dict(rows.values_list("assignment", "revision"))


def _row(judgment: Judgment, newest: dict[int, int]) -> dict[str, Any]:
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
        "luck": item.luck,
        "queue_key": item.queue_key,
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
