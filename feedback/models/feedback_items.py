from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from feedback.models.features import Feature


class FeedbackItemQuerySet(models.QuerySet["FeedbackItem"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def received_between(self, start: datetime, end: datetime) -> Self:
        return self.filter(received_at__gte=start, received_at__lt=end)

    def occurred_between(self, start: datetime, end: datetime) -> Self:
        return self.filter(occurred_at__gte=start, occurred_at__lt=end)


class FeedbackItem(models.Model):
    """What a customer said about a feature, in numbers or words. It may come ahead of the prediction it names."""

    class Channel(models.TextChoices):
        THUMB = "thumb", "Thumb"
        WIDGET = "widget", "Widget"
        SURVEY = "survey", "Survey"
        CALL_NOTE = "call_note", "Call note"
        TICKET = "ticket", "Ticket"
        SALES = "sales", "Sales"
        COMPLAINT = "complaint", "Complaint"

    class Severity(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    external_id = models.CharField(max_length=200)
    channel = models.CharField(max_length=12, choices=Channel.choices)
    rating = models.FloatField(null=True)
    text = models.TextField(default="", max_length=10_000)
    severity = models.CharField(max_length=8, choices=Severity.choices, default="")
    actor = models.CharField(max_length=200, default="")
    account = models.CharField(max_length=200, default="")
    prediction_external_id = models.CharField(max_length=200, default="")
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    # Of the item as sent: tells a harmless repeat from another item under the same id.
    fingerprint = models.BigIntegerField()

    objects = FeedbackItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["feature", "external_id"], name="feedback_feedbackitem_id_is_unique_in_its_feature"
            ),
            models.CheckConstraint(
                condition=Q(
                    channel__in=["thumb", "widget", "survey", "call_note", "ticket", "sales", "complaint"]
                ),
                name="feedback_feedbackitem_channel_is_known",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=["", "low", "medium", "high", "critical"]),
                name="feedback_feedbackitem_severity_is_known",
            ),
            models.CheckConstraint(
                condition=Q(channel="thumb", rating__isnull=False, rating__in=[-1, 1])
                | ~Q(channel="thumb") & (Q(rating=None) | Q(rating__range=(0, 10))),
                name="feedback_feedbackitem_rating_fits_its_channel",
                violation_error_message="A thumb is -1 or 1, any other rating 0 to 10.",
            ),
            models.CheckConstraint(
                condition=Q(rating__isnull=False) | ~Q(text=""),
                name="feedback_feedbackitem_says_something",
                violation_error_message="Feedback has a rating, a text, or both.",
            ),
        ]
        indexes = [
            # The inbox and what follows: what came in since its last look.
            models.Index(fields=["received_at"], name="feedbackitem_received"),
            # A window of a feature; retention: what a feature no longer keeps.
            models.Index(fields=["feature", "occurred_at"], name="feedbackitem_feature_occurred"),
            # Erasing an actor.
            models.Index(fields=["actor"], condition=~Q(actor=""), name="feedbackitem_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id}: {self.channel}"
