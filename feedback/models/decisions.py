from __future__ import annotations

from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from feedback.models.features import Feature

SOMEBODY_WHO_LEFT = "somebody who left"


class DecisionQuerySet(models.QuerySet["Decision"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def due_for_review(self, today: date) -> Self:
        """Their day has come, and nobody has said yet what became of them."""
        return self.filter(outcome="", review_on__lte=today)

    def overdue_first(self, today: date) -> Self:
        """What is due for review, longest first; then the newest."""
        is_waiting = Q(outcome="", review_on__lte=today)
        waiting_since = models.Case(models.When(is_waiting, then=F("review_on")))
        return self.order_by(waiting_since.asc(nulls_last=True), "-made_at", "-pk")


class Decision(models.Model):
    """What was chosen, of what, why, on which evidence. It never changes; at its review the outcome is added."""

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    title = models.CharField(max_length=200)
    context = models.TextField(blank=True, max_length=5000)
    # Texts, what was chosen among them.
    options = models.JSONField(default=list, blank=True)
    chosen = models.CharField(max_length=500)
    why = models.TextField(max_length=5000)
    # What was known when it was made: {what: value}, a value a text, a number, or {what: value} once more.
    evidence = models.JSONField(default=dict, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    review_on = models.DateField(null=True, blank=True)
    outcome = models.TextField(blank=True, max_length=5000)
    outcome_at = models.DateTimeField(null=True, blank=True)
    outcome_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    # The name of the service's key that recorded it, where no person did.
    key_name = models.CharField(max_length=100, blank=True, default="")
    made_at = models.DateTimeField()

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(title="") & ~Q(chosen=""),
                name="feedback_decision_says_what_was_chosen",
                violation_error_message="Give the decision a title, and say what was chosen.",
            ),
            models.CheckConstraint(
                condition=~Q(why=""),
                name="feedback_decision_says_why",
                violation_error_message="Say why: at the review nobody will remember.",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", outcome_at=None) | ~Q(outcome="") & Q(outcome_at__isnull=False),
                name="feedback_decision_outcome_has_its_time",
            ),
        ]
        indexes = [
            # A feature's decisions, newest first.
            models.Index(fields=["feature", "made_at"], name="decision_feature_made"),
            # What is due for review.
            models.Index(fields=["review_on"], condition=Q(outcome=""), name="decision_review_due"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("feedback:decision", args=[self.pk])

    def is_due_for_review(self, today: date) -> bool:
        return not self.outcome and self.review_on is not None and self.review_on <= today
