"""Estimates, percentiles and series made of the hourly summaries and of judgments."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from feedback.models import Feature, ModelVersion


class Conclusion(models.Model):
    """When a feature's estimates were made, and of what: the same mark again means there is nothing to do."""

    feature = models.OneToOneField(Feature, models.CASCADE, related_name="+")
    mark = models.CharField(max_length=300)
    as_of = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.feature} {self.as_of}"


class EstimateSetQuerySet(models.QuerySet["EstimateSet"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)


class EstimateSet(models.Model):
    """What is known of a feature, or of one version, in a window, by one source: the head of its estimates."""

    class Window(models.TextChoices):
        LAST_28_DAYS = "28d", "Last 28 days"
        ALL = "all", "All time"
        VERSION = "version", "The version's life"
        PERIOD = "period", "One, four or thirteen weeks: a point of the chart"

    class Source(models.TextChoices):
        REVIEWED = "reviewed", "Reviewed"
        OBSERVED = "observed", "Observed"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(ModelVersion, models.CASCADE, null=True, related_name="+")
    segment = models.CharField(max_length=275, default="", blank=True)
    window = models.CharField(max_length=8, choices=Window.choices)
    window_from = models.DateTimeField()
    window_to = models.DateTimeField()
    source = models.CharField(max_length=8, choices=Source.choices)
    as_of = models.DateTimeField()
    population = models.PositiveBigIntegerField()
    counted = models.PositiveBigIntegerField()
    covered_days = models.PositiveIntegerField()
    days = models.PositiveIntegerField()
    undecided_share = models.FloatField(null=True)
    undecided_low = models.FloatField(null=True)
    undecided_high = models.FloatField(null=True)
    accuracy_variance = models.FloatField(null=True)
    # All days before it are mature: nearly all of their truth has arrived. Only of observed estimates.
    mature_until = models.DateField(null=True)
    # Each as its dataclass in metrics.reports: Confusion, CalibrationBin, Reliability, Lag, SegmentRow and so on.
    confusion = models.JSONField(null=True)
    calibration = models.JSONField(default=list)
    reliability = models.JSONField(null=True)
    lag = models.JSONField(null=True)
    segments = models.JSONField(default=list)
    segments_reason = models.CharField(max_length=300, default="", blank=True)
    comparisons = models.JSONField(default=list)
    reason = models.CharField(max_length=300, default="", blank=True)

    objects = EstimateSetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["feature", "version", "segment", "window", "window_from", "source"],
                nulls_distinct=False,
                name="metrics_estimateset_once",
            ),
            models.CheckConstraint(
                condition=Q(window_to__gte=models.F("window_from")),
                name="metrics_estimateset_window_is_forward",
            ),
            models.CheckConstraint(
                condition=Q(undecided_low=None, undecided_high=None)
                | Q(undecided_low__lte=models.F("undecided_high"), undecided_low__gte=0, undecided_high__lte=1),
                name="metrics_estimateset_undecided_bounds_are_ordered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.window} {self.source}"


class Estimate(models.Model):
    """One metric with its two intervals, in the metric's unit; label empty for the metric of the whole answer."""

    set = models.ForeignKey(EstimateSet, models.CASCADE, related_name="estimates")
    metric = models.CharField(max_length=20)
    label = models.CharField(max_length=200, default="", blank=True)
    value = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    anytime_low = models.FloatField(null=True)
    anytime_high = models.FloatField(null=True)
    n = models.PositiveBigIntegerField()
    method = models.CharField(max_length=10)
    state = models.CharField(max_length=10)
    reason = models.CharField(max_length=300, default="", blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["set", "metric", "label"], name="metrics_estimate_once"),
            models.CheckConstraint(
                condition=Q(value=None) & ~Q(reason="") | Q(value__isnull=False),
                name="metrics_estimate_without_value_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(value=None) | Q(low__lte=models.F("high"), anytime_low__lte=models.F("anytime_high")),
                name="metrics_estimate_intervals_are_ordered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.label}".strip()


class RuntimePercentiles(models.Model):
    """Latency, CPU or memory of one version over its life, read from the summed log-histograms."""

    class Measure(models.TextChoices):
        LATENCY = "latency_ms", "Latency"
        CPU = "cpu_ms", "CPU"
        MEMORY = "rss_mb", "Memory"

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+")
    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    measure = models.CharField(max_length=10, choices=Measure.choices)
    n_predictions = models.PositiveBigIntegerField()
    n = models.PositiveBigIntegerField()
    p50 = models.FloatField(null=True)
    p90 = models.FloatField(null=True)
    p95 = models.FloatField(null=True)
    p99 = models.FloatField(null=True)
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "measure"], name="metrics_runtimepercentiles_once"),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.measure}"
