"""What the team says to itself: plain text, seen by members of the feature only."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from feedback.models.decisions import Decision
from feedback.models.features import Feature
from feedback.models.feedback_items import FeedbackItem


class CommentQuerySet(models.QuerySet["Comment"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def on_feature_itself(self) -> Self:
        return self.filter(prediction_external_id="", item=None, decision=None)

    def on_something_else(self) -> Self:
        return self.exclude(prediction_external_id="", item=None, decision=None)


class Comment(models.Model):
    """One target: a prediction, a feedback item, a decision, or, with none of these, the feature itself.

    A prediction is named by its sender's id, as its truth and its events name it: what was said of it outlives
    the raw row.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    prediction_external_id = models.CharField(max_length=200, blank=True, default="")
    item = models.ForeignKey(FeedbackItem, models.CASCADE, null=True, blank=True, related_name="+")
    decision = models.ForeignKey(Decision, models.CASCADE, null=True, blank=True, related_name="+")
    text = models.TextField(max_length=5000, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = CommentQuerySet.as_manager()

    class Meta:
        ordering = ["made_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(prediction_external_id="", item=None)
                | Q(prediction_external_id="", decision=None)
                | Q(item=None, decision=None),
                name="feedback_comment_has_one_target",
                violation_error_message="A comment is about one thing: the feature, or one thing of it.",
            ),
            models.CheckConstraint(
                condition=Q(removed_at=None) & ~Q(text="") | Q(removed_at__isnull=False, text=""),
                name="feedback_comment_says_something_until_removed",
                violation_error_message="Write something first.",
            ),
        ]
        indexes = [
            # A feature's threads.
            models.Index(fields=["feature", "made_at"], name="comment_feature_made"),
        ]

    def __str__(self) -> str:
        return self.text[:60] or "removed"


class CommentRevision(models.Model):
    """What a comment said until an edit."""

    comment = models.ForeignKey(Comment, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    text = models.TextField(max_length=5000)
    replaced_at = models.DateTimeField()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["comment", "number"], name="feedback_commentrevision_number_is_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.comment_id}, text {self.number}"
