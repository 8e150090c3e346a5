"""Files that were asked for, as pages and REST show them, and their bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.http import Http404, StreamingHttpResponse
from django.urls import reverse

from feedback.models import Feature, Job, User
from reviews.models import Export, ExportPart
from reviews.models.exports import KEPT

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
MOST_SHOWN = 10
GIVEN_UP = "the worker gave it up after several attempts: ask for it again, or see the operations page"

TOO_LARGE = "it grew beyond a gibibyte: read it by REST instead, page by page"
FORGOTTEN = "some of what it told was erased or is no longer kept: ask for it again"


@dataclass(frozen=True, slots=True)
class ExportReport:
    """state: waiting, writing, done, cancelled or failed (then reason says why). file: an address once done.

    n_expected: rows there were when writing began; n_written never shows more than that while it lasts.
    """

    id: int
    kind: str
    feature: str
    format: str
    format_label: str
    state: str
    n_written: int
    n_expected: int
    n_bytes: int
    reason: str
    created_at: datetime
    finished_at: datetime | None
    kept_until: datetime
    file: str | None

    @property
    def is_under_way(self) -> bool:
        return self.state in {"waiting", "writing"}


def exports_of(person: User, *, feature: Feature) -> list[ExportReport]:
    """What this person has asked for of a feature, newest first, ten at most. Three queries at most."""
    asked = Export.objects.of(person).filter(feature=feature).select_related("feature")
    newest = list(asked.order_by("-created_at", "-pk")[:MOST_SHOWN])
    given_up = _given_up(newest)
    return [_report(export, is_given_up=str(export.pk) in given_up) for export in newest]


def export_of(export: Export) -> ExportReport:
    return _report(export, is_given_up=bool(_given_up([export])))


def _given_up(asked: list[Export]) -> set[str]:
    """Of which the job is dead, and nobody has asked again since."""
    jobs = Job.objects.filter(kind="export", key__in=[str(export.pk) for export in asked])
    dead = set(jobs.filter(state=Job.State.DEAD).values_list("key", flat=True))
    return dead - set(jobs.unfinished().values_list("key", flat=True)) if dead else set()


def _report(export: Export, *, is_given_up: bool) -> ExportReport:
    is_done = export.state == Export.State.DONE
    reason = _why_failed(export, is_given_up=is_given_up)
    return ExportReport(
        id=export.pk,
        kind=export.kind,
        feature=export.feature.slug,
        format=export.format,
        format_label=export.get_format_display(),
        state="failed" if reason else export.state,
        n_written=export.n_written if is_done else min(export.n_written, export.n_expected),
        n_expected=export.n_expected,
        n_bytes=export.n_bytes,
        reason=reason,
        created_at=export.created_at,
        finished_at=export.finished_at,
        kept_until=export.created_at + KEPT,
        file=reverse("reviews:api-export-file", args=[export.pk]) if is_done and not reason else None,
    )


def _why_failed(export: Export, *, is_given_up: bool) -> str:
    if export.state == Export.State.FAILED:
        return TOO_LARGE
    if export.tells_forgotten:
        return FORGOTTEN
    return GIVEN_UP if is_given_up and export.state in {Export.State.WAITING, Export.State.WRITING} else ""


def file_answer(export: Export) -> StreamingHttpResponse:
    """The bytes of a finished export, a part at a time. Raises Http404 where some was erased since."""
    if export.tells_forgotten:
        raise Http404(FORGOTTEN)
    answer = StreamingHttpResponse(_parts(export), content_type=CONTENT_TYPES[export.format])
    answer["Content-Disposition"] = f'attachment; filename="{export.file_name}"'
    answer["Content-Length"] = str(export.n_bytes)
    return answer


def _parts(export: Export) -> Iterator[bytes]:
    rows = ExportPart.objects.filter(export=export, run=export.run)
    for ordinal in range(rows.count()):
        yield bytes(rows.values_list("content", flat=True).get(ordinal=ordinal))
