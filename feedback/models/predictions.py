from __future__ import annotations

from datetime import datetime
from typing import Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from feedback.models.features import Feature, ModelVersion


class PredictionQuerySet(models.QuerySet["Prediction"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def received_between(self, start: datetime, end: datetime) -> Self:
        return self.filter(received_at__gte=start, received_at__lt=end)

    def occurred_between(self, start: datetime, end: datetime) -> Self:
        return self.filter(occurred_at__gte=start, occurred_at__lt=end)


class Prediction(models.Model):
    """What a model answered, once. Rows are never updated: what is learned later stands in rows of its own."""

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)
    external_id = models.CharField(max_length=200)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    label = models.CharField(max_length=200, null=True)  # noqa: DJ001  no label and an empty one differ
    value = models.FloatField(null=True)
    output = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    score = models.FloatField(null=True)
    probabilities = models.JSONField(null=True)
    inputs = models.JSONField(null=True)
    segments = models.JSONField(null=True)
    actor = models.CharField(max_length=200, default="")
    account = models.CharField(max_length=200, default="")
    latency_ms = models.FloatField(null=True)
    cpu_ms = models.FloatField(null=True)
    rss_mb = models.FloatField(null=True)
    trace = models.JSONField(null=True)
    # Of the item as sent: tells a harmless repeat from another prediction under the same id.
    fingerprint = models.BigIntegerField()

    objects = PredictionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["feature", "external_id"], name="feedback_prediction_id_is_unique_in_its_feature"
            ),
            models.CheckConstraint(
                condition=Q(score=None) | Q(score__range=(0, 1)),
                name="feedback_prediction_score_is_probability",
                violation_error_message="score must lie between 0 and 1.",
            ),
            models.CheckConstraint(
                condition=(
                    Q(label__isnull=False, value=None, output=None)
                    | Q(label=None, value__isnull=False, output=None)
                    | Q(label=None, value=None, output__isnull=False)
                ),
                name="feedback_prediction_has_one_answer",
                violation_error_message="A prediction has one answer: label, value or output.",
            ),
            models.CheckConstraint(
                condition=(Q(latency_ms=None) | Q(latency_ms__gte=0))
                & (Q(cpu_ms=None) | Q(cpu_ms__gte=0))
                & (Q(rss_mb=None) | Q(rss_mb__gte=0)),
                name="feedback_prediction_costs_are_not_negative",
            ),
        ]
        indexes = [
            # The draw and the summing up: what came in since their last look.
            models.Index(fields=["received_at"], name="prediction_received"),
            # An hour of a version to be summed up; a day of a version for the draw's rate.
            models.Index(fields=["version", "occurred_at"], name="prediction_version_occurred"),
        ]

    def __str__(self) -> str:
        return self.external_id


class OutcomeQuerySet(models.QuerySet["Outcome"]):
    def received_between(self, start: datetime, end: datetime) -> Self:
        return self.filter(received_at__gte=start, received_at__lt=end)

    def oldest_first(self) -> Self:
        """Truths in the order in which they hold: the last one of a prediction is its truth.

        The two of one instant are told apart by their fingerprint, so that any order of arrival ends the same.
        """
        return self.order_by("observed_at", "fingerprint")


class Outcome(models.Model):
    """The truth of a prediction, as far as known then. Corrections are rows of their own; the newest counts.

    It names its prediction as the sender does, so a truth that comes before its prediction is simply a row
    that joins later.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    external_id = models.CharField(max_length=200)
    truth_label = models.CharField(max_length=200, null=True)  # noqa: DJ001  no label and an empty one differ
    truth_value = models.FloatField(null=True)
    observed_at = models.DateTimeField()
    received_at = models.DateTimeField()
    fingerprint = models.BigIntegerField()

    objects = OutcomeQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also serves the join by the prediction's id.
            models.UniqueConstraint(
                fields=["feature", "external_id", "fingerprint"], name="feedback_outcome_is_stored_once"
            ),
            models.CheckConstraint(
                condition=Q(truth_label__isnull=False, truth_value=None)
                | Q(truth_label=None, truth_value__isnull=False),
                name="feedback_outcome_has_one_truth",
                violation_error_message="truth is a label or a number.",
            ),
        ]
        indexes = [
            # The summing up: whose truth came in since its last look.
            models.Index(fields=["received_at"], name="outcome_received"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id}: {self.truth_label if self.truth_value is None else self.truth_value}"
