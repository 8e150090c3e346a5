from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from feedback.models.features import Feature


class CallNoteQuerySet(models.QuerySet["CallNote"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)


class CallNote(models.Model):
    """What was said in a talk with a customer. Its quotes are feedback items of their own."""

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    account = models.CharField(max_length=200)
    # The pseudonym that the product sends, so that it is known whether they use the feature; may be left out.
    actor = models.CharField(max_length=200, default="", blank=True)
    held_at = models.DateTimeField()
    text = models.TextField(max_length=10_000)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField()
    # The form's own: sent twice, it is one note.
    idempotency_key = models.CharField(max_length=64, unique=True)

    objects = CallNoteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="feedback_callnote_says_something"),
            models.CheckConstraint(condition=~Q(account=""), name="feedback_callnote_has_an_account"),
        ]
        indexes = [
            # Erasing an actor.
            models.Index(fields=["actor"], condition=~Q(actor=""), name="callnote_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.account}, {self.held_at:%Y-%m-%d}"
