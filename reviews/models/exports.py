from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from feedback.models import Feature

if TYPE_CHECKING:
    from feedback.models import User

KEPT = timedelta(days=1)


class ExportQuerySet(models.QuerySet["Export"]):
    def of(self, person: User) -> Self:
        return self.filter(person=person)

    def unfinished(self) -> Self:
        return self.filter(state__in=[Export.State.WAITING, Export.State.WRITING])

    def outdated(self, now: datetime) -> Self:
        return self.filter(created_at__lt=now - KEPT)

    def telling_forgotten(self) -> Self:
        """Finished, and some of the rows in them were erased or purged since."""
        finished = self.filter(kind=Export.Kind.PREDICTIONS, state=Export.State.DONE)
        return finished.exclude(n_forgotten=F("feature__n_forgotten"))


class Export(models.Model):
    """A file that somebody asked for, written by a worker and kept for a day.

    Its bytes are rows (ExportPart), so that the worker that writes and the web that sends need no common disk.
    """

    class Kind(models.TextChoices):
        JUDGMENTS = "judgments", "Judgments"
        PREDICTIONS = "predictions", "Predictions"

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        PARQUET = "parquet", "Parquet"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        WRITING = "writing", "Writing"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Too large"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.JUDGMENTS)
    format = models.CharField(max_length=8, choices=Format.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    # n_expected: rows there were when writing began; more may come while it lasts.
    n_expected = models.PositiveBigIntegerField(default=0)
    n_written = models.PositiveBigIntegerField(default=0)
    # Whose parts are the file: an attempt that was given up leaves others behind until the export is removed.
    run = models.CharField(max_length=32, default="", blank=True)
    n_bytes = models.PositiveBigIntegerField(default=0)
    # The feature's n_forgotten when writing began: another one now, and the file tells what is no longer kept.
    n_forgotten = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "feature", "kind", "format"],
                condition=Q(state__in=["waiting", "writing"]),
                name="reviews_export_once_while_unfinished",
            ),
            models.CheckConstraint(
                condition=Q(state="done", finished_at__isnull=False) & ~Q(run="") | ~Q(state="done"),
                name="reviews_export_done_has_a_file",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["judgments", "predictions"], format__in=["csv", "parquet"]),
                name="reviews_export_kind_and_format_are_known",
            ),
        ]
        indexes = [
            # The hourly clearing.
            models.Index(fields=["created_at"], name="export_created"),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def tells_forgotten(self) -> bool:
        """As ExportQuerySet.telling_forgotten."""
        is_file = self.kind == Export.Kind.PREDICTIONS and self.state == Export.State.DONE
        return is_file and self.n_forgotten != self.feature.n_forgotten

    @property
    def file_name(self) -> str:
        return f"{self.feature.slug}-{self.kind}.{self.format}"


class ExportPart(models.Model):
    """Some of an export's bytes; run: the attempt that wrote them."""

    export = models.ForeignKey(Export, models.CASCADE, related_name="parts", db_index=False)
    run = models.CharField(max_length=32)
    ordinal = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["export", "run", "ordinal"], name="reviews_exportpart_once"),
        ]

    def __str__(self) -> str:
        return f"{self.export_id}: part {self.ordinal}"
