from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q


class JobQuerySet(models.QuerySet["Job"]):
    def due(self, now: datetime) -> Self:
        """Ready and its time has come, or leased by somebody who has not been heard of since."""
        return self.filter(
            Q(state=Job.State.READY, run_after__lte=now) | Q(state=Job.State.LEASED, lease_until__lt=now)
        )

    def unfinished(self) -> Self:
        return self.filter(state__in=[Job.State.READY, Job.State.LEASED])

    def held_with(self, token: str) -> Self:
        """The fence: whoever lost the lease matches no row."""
        return self.filter(state=Job.State.LEASED, token=token)


class Job(models.Model):
    """A piece of work in the background. The row is the truth; Celery only carries it out."""

    class State(models.TextChoices):
        READY = "ready", "Ready"
        LEASED = "leased", "Leased"
        DONE = "done", "Done"
        DEAD = "dead", "Given up"

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=200, default="")
    state = models.CharField(max_length=8, choices=State.choices, default=State.READY)
    run_after = models.DateTimeField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    token = models.CharField(max_length=32, default="")
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(default="")

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=Q(state__in=["ready", "leased"]),
                name="feedback_job_once_while_unfinished",
            ),
            models.CheckConstraint(
                condition=Q(state="leased", lease_until__isnull=False) & ~Q(token="")
                | ~Q(state="leased") & Q(lease_until=None, token=""),
                name="feedback_job_lease_goes_with_a_token",
            ),
        ]
        indexes = [
            # The dispatcher: what is due.
            models.Index(fields=["run_after"], condition=Q(state="ready"), name="job_ready"),
            models.Index(fields=["lease_until"], condition=Q(state="leased"), name="job_leased"),
            # The daily clearing of finished jobs.
            models.Index(fields=["finished_at"], condition=Q(state="done"), name="job_done"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}".strip()


class Schedule(models.Model):
    """The last slot for which a recurring job was entered: two dispatchers never enter one slot twice."""

    name = models.CharField(max_length=40, unique=True)
    last_slot = models.BigIntegerField(default=-1)

    def __str__(self) -> str:
        return self.name
