"""How far a version's newest week lies from its first days."""

from __future__ import annotations

from datetime import date
from typing import Self

from django.db import models
from django.db.models import F, Q

from feedback.models import Feature, ModelVersion


class DriftReadingQuerySet(models.QuerySet["DriftReading"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def drifting(self) -> Self:
        return self.filter(is_drifting=True)

    def drifted_since(self, day: date) -> Self:
        """What drifts, and what did when it was looked at on this day or later."""
        return self.filter(Q(is_drifting=True) | Q(last_drifted_on__gte=day))


class DriftReading(models.Model):
    """One input, the predicted label, or the confidence of a version: its newest week against its first days.

    Replaced whole at every look (metrics.actions.drifting). Drift raises no alarm: it brings more reviews.
    """

    class Kind(models.TextChoices):
        FIELD = "field", "Input"
        LABEL = "label", "Answers"
        CONFIDENCE = "confidence", "Confidence"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=200, blank=True, help_text="Of the input field; empty otherwise.")
    # The week: half-open days. The reference: both ends included; None while there is none.
    window_from = models.DateField()
    window_to = models.DateField()
    reference_from = models.DateField(null=True)
    reference_to = models.DateField(null=True)
    js_distance = models.FloatField(null=True)
    psi = models.FloatField(null=True)
    threshold = models.FloatField(null=True)
    is_drifting = models.BooleanField(default=False)
    # The UTC day of the last look at which it drifted, carried from reading to reading; None: never yet.
    last_drifted_on = models.DateField(null=True)
    n = models.PositiveBigIntegerField()
    n_reference = models.PositiveBigIntegerField()
    # Of the confidence: share right expected from the week's scores, with its interval, and in the first days.
    value = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    reference_value = models.FloatField(null=True)
    reference_low = models.FloatField(null=True)
    reference_high = models.FloatField(null=True)
    # Of an input: {"missing", "unseen", "out_of_type": [predictions of the week, of the first days]}.
    quality = models.JSONField(default=dict, blank=True)
    # What the scores were checked against: reviews, truth that arrived, or nothing.
    source = models.CharField(max_length=8, blank=True)
    # [first day, distance or None, n] of the weeks before and of this one, oldest first.
    weeks = models.JSONField(default=list, blank=True)
    as_of = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)

    objects = DriftReadingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "kind", "name"], name="metrics_driftreading_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["field", "label", "confidence"]), name="metrics_driftreading_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(js_distance=None, threshold=None, is_drifting=False) & ~Q(reason="")
                | Q(js_distance__isnull=False, js_distance__range=(0, 1))
                & Q(threshold__isnull=False, threshold__range=(0, 1)),
                name="metrics_driftreading_distance_or_reason",
            ),
            models.CheckConstraint(
                condition=Q(is_drifting=False) | Q(js_distance__isnull=False, js_distance__gt=F("threshold")),
                name="metrics_driftreading_drifts_over_its_threshold",
            ),
            models.CheckConstraint(
                condition=Q(window_to__gt=F("window_from")), name="metrics_driftreading_window_is_forward"
            ),
            models.CheckConstraint(
                condition=Q(value=None, low=None, high=None)
                | Q(value__isnull=False, low__isnull=False, high__isnull=False)
                & Q(value__range=(0, 1), low__lte=F("value"), high__gte=F("value")),
                name="metrics_driftreading_interval_holds_its_value",
            ),
            models.CheckConstraint(
                condition=Q(reference_value=None, reference_low=None, reference_high=None)
                | Q(reference_value__isnull=False, reference_low__isnull=False, reference_high__isnull=False)
                & Q(reference_low__lte=F("reference_value"), reference_high__gte=F("reference_value")),
                name="metrics_driftreading_reference_interval",
            ),
        ]
        indexes = [
            # A feature's readings, for its page and for the rate of reviews.
            models.Index(fields=["feature", "kind"], name="driftreading_feature"),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.name or self.get_kind_display()}"


class DriftLook(models.Model):
    """When a feature's readings were made, and of what: the same mark again means there is nothing to do."""

    feature = models.OneToOneField(Feature, models.CASCADE, related_name="+")
    mark = models.CharField(max_length=200)
    as_of = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.feature} {self.as_of}"
