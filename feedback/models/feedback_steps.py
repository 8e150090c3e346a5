from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from feedback.models.feedback_items import FeedbackItem


class FeedbackStepQuerySet(models.QuerySet["FeedbackStep"]):
    def of(self, item: FeedbackItem) -> Self:
        return self.filter(item=item)


class FeedbackStep(models.Model):
    """What somebody did with a feedback item. Rows are only added."""

    class Kind(models.TextChoices):
        STATE = "state", "State"
        SEVERITY = "severity", "Severity"
        THEME = "theme", "Theme"
        RELEASED = "released", "Let out of quarantine"
        SENT_TO_REVIEW = "sent_to_review", "Sent to review"

    item = models.ForeignKey(FeedbackItem, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    before = models.CharField(max_length=200, default="", blank=True)
    after = models.CharField(max_length=200, default="", blank=True)
    # What the customer was told, or how it ended.
    words = models.TextField(default="", blank=True, max_length=5000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()

    objects = FeedbackStepQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["state", "severity", "theme", "released", "sent_to_review"]),
                name="feedback_feedbackstep_kind_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.before} to {self.after}"
