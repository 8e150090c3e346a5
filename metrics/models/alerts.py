"""Alerts: something got worse, one person answers for it, and what is known of it is attached."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q, QuerySet
from django.urls import reverse

from feedback.models import Feature, ModelVersion
from reviews.models.constraints import Unchanging


class AlertQuerySet(models.QuerySet["Alert"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def visible_in(self, features: QuerySet[Feature]) -> Self:
        return self.filter(feature__in=features)

    def raised(self) -> Self:
        """Not cleared, snoozed or not."""
        return self.filter(cleared_at=None)

    def loud(self, now: datetime) -> Self:
        """Raised and not snoozed."""
        return self.raised().exclude(snoozed_until__gt=now)

    def snoozed(self, now: datetime) -> Self:
        return self.raised().filter(snoozed_until__gt=now)

    def cleared(self) -> Self:
        return self.filter(cleared_at__isnull=False)

    def falling_due_between(self, start: datetime, end: datetime) -> Self:
        """Whose answer or whose end was to come in [start, end), whether it did or not."""
        is_answer = Q(due_at__gte=start, due_at__lt=end)
        return self.filter(is_answer | Q(close_due_at__gte=start, close_due_at__lt=end))

    def due_first(self) -> Self:
        """Raised ones by when an answer is due, then the cleared ones, newest first."""
        return self.order_by(F("cleared_at").desc(nulls_first=True), "due_at", "pk")


class Alert(models.Model):
    """One thing that got worse. It has an owner, is answered in words, and is cleared with a reason."""

    class Kind(models.TextChoices):
        QUALITY = "quality", "Less often right than before"
        EXPECTATION = "expectation", "An expectation is broken"

    # By kind: answered (taken over, snoozed or cleared, with words) within, cleared within.
    DUE_WITHIN = {
        Kind.QUALITY: (timedelta(days=1), timedelta(days=14)),
        Kind.EXPECTATION: (timedelta(days=3), timedelta(days=30)),
    }

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(ModelVersion, models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    # What it is about, once while it is raised: "quality 7", "expectation 3 12".
    key = models.CharField(max_length=100)
    title = models.CharField(max_length=200)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    raised_at = models.DateTimeField()
    due_at = models.DateTimeField()
    close_due_at = models.DateTimeField()
    # The first time that somebody said something to it.
    answered_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    cleared_at = models.DateTimeField(null=True, blank=True)
    cleared_why = models.TextField(blank=True, max_length=2000)
    # Whether a person cleared it, and with it called the new state normal (metrics.stats.alarm).
    is_cleared_by_person = models.BooleanField(default=False)
    # Of a quality alert: {UTC day of a draw: last queue key counted} when it was raised, or when a person
    # cleared it. Places, not times: a review that is judged anew gets another time and keeps its place.
    counted_to = models.JSONField(default=dict, blank=True)
    # What was known when it was raised (metrics.actions.alerting).
    evidence = models.JSONField(default=dict, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["feature", "key"],
                condition=Q(cleared_at=None),
                name="metrics_alert_raised_once",
                violation_error_message="This is raised already.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["quality", "expectation"]), name="metrics_alert_kind_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(kind="quality") | Q(version__isnull=False),
                name="metrics_alert_quality_is_of_a_version",
            ),
            models.CheckConstraint(condition=~Q(title="") & ~Q(key=""), name="metrics_alert_says_what_it_is"),
            models.CheckConstraint(
                condition=Q(due_at__gt=F("raised_at"), close_due_at__gte=F("due_at")),
                name="metrics_alert_is_due_later",
            ),
            models.CheckConstraint(
                condition=Q(cleared_at=None, cleared_why="", is_cleared_by_person=False)
                | Q(cleared_at__isnull=False, cleared_at__gte=F("raised_at")) & ~Q(cleared_why=""),
                name="metrics_alert_cleared_with_a_reason",
                violation_error_message="Say why it is over.",
            ),
            models.CheckConstraint(
                condition=Q(snoozed_until=None) | Q(snoozed_until__gt=F("raised_at")),
                name="metrics_alert_snoozed_ahead",
                violation_error_message="Choose a time ahead.",
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None) | Q(answered_at__gte=F("raised_at")),
                name="metrics_alert_answered_after_it_was_raised",
            ),
            Unchanging(
                fields=["feature", "version", "kind", "key", "raised_at", "due_at", "close_due_at", "evidence"],
                name="metrics_alert_what_was_raised_never_changes",
            ),
        ]
        indexes = [
            # What is raised, for everybody's list and for the number in the navigation.
            models.Index(fields=["feature", "due_at"], condition=Q(cleared_at=None), name="alert_raised"),
            # A feature's alerts, and those falling due in a score's 28 days.
            models.Index(fields=["feature", "raised_at"], name="alert_feature"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("metrics:alert", args=[self.pk])

    def is_snoozed(self, now: datetime) -> bool:
        return self.cleared_at is None and self.snoozed_until is not None and self.snoozed_until > now

    def is_overdue(self, now: datetime) -> bool:
        """An answer, or its end, should have come by now."""
        is_unanswered = self.answered_at is None and self.due_at <= now
        return self.cleared_at is None and (is_unanswered or self.close_due_at <= now)


class AlertStepQuerySet(models.QuerySet["AlertStep"]):
    def of(self, alert: Alert) -> Self:
        return self.filter(alert=alert)


class AlertStep(models.Model):
    """What happened to an alert. Rows are only added."""

    class Kind(models.TextChoices):
        RAISED = "raised", "Raised"
        TAKEN = "taken", "Taken over"
        HANDED_OVER = "handed_over", "Handed over"
        SNOOZED = "snoozed", "Snoozed"
        CLEARED = "cleared", "Cleared"

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="steps")
    kind = models.CharField(max_length=11, choices=Kind.choices)
    # None: the system.
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    # Who answers for it from then on, where that changed.
    to = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    until = models.DateTimeField(null=True, blank=True)
    words = models.TextField(blank=True, max_length=2000)
    at = models.DateTimeField()

    objects = AlertStepQuerySet.as_manager()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["raised", "taken", "handed_over", "snoozed", "cleared"]),
                name="metrics_alertstep_kind_is_known",
            ),
            models.CheckConstraint(
                condition=Q(kind="raised") | ~Q(words=""),
                name="metrics_alertstep_answered_in_words",
                violation_error_message="Say something to it.",
            ),
            models.CheckConstraint(
                condition=Q(kind="snoozed", until__isnull=False) | ~Q(kind="snoozed") & Q(until=None),
                name="metrics_alertstep_only_a_snooze_has_an_end",
            ),
            Unchanging(fields=["alert", "kind", "until", "words", "at"], name="metrics_alertstep_never_changes"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.alert_id}"


class QualityWatchQuerySet(models.QuerySet["QualityWatch"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)


class QualityWatch(models.Model):
    """Where the quality alarm of one version stands. Computed anew from all its counted reviews at every look."""

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    version = models.OneToOneField(ModelVersion, models.CASCADE, related_name="+")
    as_of = models.DateTimeField()
    # Counted reviews that were decided; how many more until it watches; what is against the threshold.
    n = models.PositiveIntegerField()
    n_to_learn = models.PositiveIntegerField()
    statistic = models.FloatField()
    threshold = models.FloatField()
    # Of the newest reviews, weighted to the traffic: share foretold, share found; None without any.
    n_newest = models.PositiveIntegerField(default=0)
    foretold = models.FloatField(null=True)
    found = models.FloatField(null=True)
    found_low = models.FloatField(null=True)
    found_high = models.FloatField(null=True)

    objects = QualityWatchQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(statistic__gte=0, threshold__gt=1), name="metrics_qualitywatch_statistic_is_a_sum"
            ),
            models.CheckConstraint(
                condition=Q(n_newest=0, foretold=None, found=None)
                | Q(foretold__isnull=False, found__isnull=False, found_low__isnull=False, found_high__isnull=False)
                & Q(foretold__range=(0, 1), found_low__lte=F("found"), found_high__gte=F("found")),
                name="metrics_qualitywatch_interval_holds_its_value",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.statistic:.3g} of {self.threshold:g}"


class AlertLook(models.Model):
    """When a feature was looked at for alerts, and what it was made of: the same mark again, nothing to do."""

    feature = models.OneToOneField(Feature, models.CASCADE, related_name="+")
    mark = models.CharField(max_length=300)
    as_of = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.feature} {self.as_of}"
