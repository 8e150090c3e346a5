"""Additive summaries of hours."""

from __future__ import annotations

from typing import Self

from django.db import models

from feedback.models import Feature, ModelVersion


class HourlySummaryQuerySet(models.QuerySet["HourlySummary"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)


class HourlySummary(models.Model):
    """Counts of one version's predictions of one hour. They only add: a day or a version is a sum of them.

    payload: metrics.stats.counts.HourCounts. It is computed whole and replaced whole.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()
    segment = models.CharField(max_length=270, default="", blank=True)
    payload = models.JSONField()
    source_count = models.PositiveIntegerField()
    summed_at = models.DateTimeField()

    objects = HourlySummaryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "segment", "hour"], name="metrics_hourlysummary_once"),
        ]
        indexes = [
            # A feature's counts, whatever the version.
            models.Index(fields=["feature", "segment", "hour"], name="hourlysummary_feature"),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.hour:%Y-%m-%d %H}h"
