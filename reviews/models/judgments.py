from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from feedback.models import Feature
from reviews.models.assignments import Assignment
from reviews.models.constraints import Unchanging
from reviews.models.items import ReviewItem
from reviews.models.policies import Rubric

if TYPE_CHECKING:
    from feedback.models import User


class JudgmentQuerySet(models.QuerySet["Judgment"]):
    def latest_revisions(self) -> Self:
        newer = Judgment.objects.filter(
            assignment=models.OuterRef("assignment"), revision__gt=models.OuterRef("revision")
        )
        return self.exclude(models.Exists(newer))


class Judgment(models.Model):
    """What a reviewer said of an item. Rows are only added: an undo or a correction is the next revision.

    A withdrawn judgment (undo) is a revision with an empty verdict: the assignment is its reviewer's again.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="judgments", db_index=False)
    revision = models.PositiveSmallIntegerField(default=1)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    rubric = models.ForeignKey(Rubric, models.RESTRICT, null=True, related_name="+")
    verdict = models.CharField(max_length=12, choices=ReviewItem.Verdict.choices, default="", blank=True)
    corrected = models.CharField(max_length=200, default="", blank=True)
    # Blind mode: what the reviewer answered before seeing the model's answer.
    own_answer = models.CharField(max_length=200, default="", blank=True)
    reasons = models.JSONField(default=list, blank=True)
    # {question code: answer}, by the rubric of this judgment.
    answers = models.JSONField(default=dict, blank=True)
    comment = models.TextField(default="", blank=True, max_length=5000)
    is_flagged = models.BooleanField(default=False)
    is_simulated = models.BooleanField(default=False, help_text="Made by the demo, not by a person.")
    # From the lease to the answer; active: with the gaps cut out in which nobody was there.
    wall_seconds = models.FloatField(default=0.0)
    active_seconds = models.FloatField(default=0.0)
    idempotency_key = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    objects = JudgmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "revision"], name="reviews_judgment_revision_is_unique"),
            models.UniqueConstraint(
                fields=["assignment", "idempotency_key"], name="reviews_judgment_submitted_once"
            ),
            models.CheckConstraint(
                condition=Q(corrected="") | Q(verdict__in=["wrong", "partly"]),
                name="reviews_judgment_correction_needs_a_fault",
                violation_error_message="A corrected answer goes with wrong or partly.",
            ),
            models.CheckConstraint(
                condition=Q(active_seconds__gte=0, active_seconds__lte=F("wall_seconds")),
                name="reviews_judgment_nobody_is_active_longer_than_it_took",
            ),
            Unchanging(
                fields=["assignment", "revision", "verdict", "corrected", "own_answer"],
                name="reviews_judgment_revisions_never_change",
            ),
        ]
        indexes = [
            # The export of a feature's judgments, in the order of their making.
            models.Index(fields=["feature", "id"], name="judgment_export"),
            # The lead's page: how many a day of late.
            models.Index(fields=["feature", "created_at"], name="judgment_pace"),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.verdict or 'withdrawn'}"


class DraftQuerySet(models.QuerySet["Draft"]):
    def of(self, reviewer: User) -> Self:
        return self.filter(reviewer=reviewer)


class Draft(models.Model):
    """What a reviewer had entered and what is no judgment: not sent, or sent when the case was another's."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    # As the form sent it: verdict, corrected, reasons, comment, answers.
    entered = models.JSONField(default=dict)
    is_lost = models.BooleanField(default=False, help_text="Sent, and not counted: somebody else had the case.")
    saved_at = models.DateTimeField()

    objects = DraftQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "reviewer"], name="reviews_draft_one_per_case"),
        ]
        indexes = [
            # The desk's first page: what of mine was not counted.
            models.Index(fields=["reviewer", "saved_at"], condition=Q(is_lost=True), name="draft_lost"),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer}: draft of {self.assignment_id}"
