from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from feedback.models.features import Feature

# What somebody, or the product itself, did with an answer: without the answer it says nothing. The other kinds
# are about a person and the feature as a whole, or about a case for which there may have been no answer.
ABOUT_AN_ANSWER = (
    "exposed", "opened", "accepted", "edited", "overridden", "dismissed", "auto_applied", "undone", "completed",
    "reverted",
)  # fmt: skip


class UsageEventQuerySet(models.QuerySet["UsageEvent"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def received_between(self, start: datetime, end: datetime) -> Self:
        return self.filter(received_at__gte=start, received_at__lt=end)

    def occurred_between(self, start: datetime, end: datetime) -> Self:
        return self.filter(occurred_at__gte=start, occurred_at__lt=end)


class UsageEvent(models.Model):
    """What became of a prediction in the hands of one person, or of that person and the feature.

    It names its prediction, or a set of them and the place in it, as the sender does: it may come ahead of them.
    """

    class Kind(models.TextChoices):
        ELIGIBLE = "eligible", "Eligible"
        INELIGIBLE = "ineligible", "Not eligible"
        EXPOSED = "exposed", "Seen"
        OPENED = "opened", "Opened"
        ACCEPTED = "accepted", "Accepted"
        EDITED = "edited", "Edited"
        OVERRIDDEN = "overridden", "Overridden"
        DISMISSED = "dismissed", "Dismissed"
        AUTO_APPLIED = "auto_applied", "Applied by itself"
        UNDONE = "undone", "Undone"
        COMPLETED = "completed", "Completed"
        REVERTED = "reverted", "Reverted"
        OPTED_OUT = "opted_out", "Opted out"
        OPTED_IN = "opted_in", "Opted in"
        FALLBACK_SHOWN = "fallback_shown", "Fallback shown"
        ESCALATED = "escalated", "Escalated"
        SNOOZED = "snoozed", "Snoozed"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    external_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    prediction_external_id = models.CharField(max_length=200, default="")
    set_external_id = models.CharField(max_length=200, default="")
    rank = models.PositiveIntegerField(null=True)
    actor = models.CharField(max_length=200)
    account = models.CharField(max_length=200, default="")
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    surface = models.CharField(max_length=100, default="")
    is_internal = models.BooleanField(default=False)
    props = models.JSONField(null=True)
    # Of the item as sent: tells a harmless repeat from another event under the same id.
    fingerprint = models.BigIntegerField()

    objects = UsageEventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["feature", "external_id"], name="feedback_usageevent_id_is_unique_in_its_feature"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "eligible",
                        "ineligible",
                        "exposed",
                        "opened",
                        "accepted",
                        "edited",
                        "overridden",
                        "dismissed",
                        "auto_applied",
                        "undone",
                        "completed",
                        "reverted",
                        "opted_out",
                        "opted_in",
                        "fallback_shown",
                        "escalated",
                        "snoozed",
                    ]
                ),
                name="feedback_usageevent_kind_is_known",
            ),
            models.CheckConstraint(
                condition=Q(set_external_id="", rank=None)
                | ~Q(set_external_id="") & Q(rank__isnull=False, rank__gte=1),
                name="feedback_usageevent_rank_goes_with_a_set",
                violation_error_message="set and rank go together; rank counts from 1.",
            ),
            models.CheckConstraint(
                condition=Q(prediction_external_id="") | Q(set_external_id=""),
                name="feedback_usageevent_names_a_prediction_or_a_set",
                violation_error_message="An event names a prediction, or a set and a rank: not both.",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=ABOUT_AN_ANSWER) | ~Q(prediction_external_id="") | ~Q(set_external_id=""),
                name="feedback_usageevent_names_the_answer_it_is_about",
                violation_error_message="An event of this kind names a prediction, or a set and a rank.",
            ),
            models.CheckConstraint(condition=~Q(actor=""), name="feedback_usageevent_has_an_actor"),
        ]
        indexes = [
            # The summing up of usage: what came in since its last look.
            models.Index(fields=["received_at"], name="usageevent_received"),
            # A window of a feature; retention: what a feature no longer keeps.
            models.Index(fields=["feature", "occurred_at"], name="usageevent_feature_occurred"),
            # Erasing an actor.
            models.Index(fields=["actor"], name="usageevent_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id}: {self.kind}"
