"""Additive summaries of hours and days, the segments they are made for, and what inputs are compared with."""

from __future__ import annotations

import json
from typing import Any, Self

import msgspec
from django.db import models
from django.db.models import F, Q

from feedback.models import Feature, ModelVersion

MOST_KEYS, MOST_VALUES = 10, 50  # segments of a feature
OTHER_VALUES = "other values"


class FastJSON(json.JSONEncoder):
    """A payload is mostly numbers: msgspec writes and reads them several times as fast as json does."""

    def encode(self, o: Any) -> str:
        return msgspec.json.encode(o).decode()


class FastJSONReader(json.JSONDecoder):
    def decode(self, s: str, *_: Any) -> Any:
        return msgspec.json.decode(s)


class HourlySummaryQuerySet(models.QuerySet["HourlySummary"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)


class HourlySummary(models.Model):
    """Counts of one version's predictions of one hour. They only add: a day or a version is a sum of them.

    payload: metrics.stats.counts.Counts, computed whole and replaced whole. segment: "" for all predictions,
    else KEY:VALUE (metrics.summaries.segment_name).
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()
    segment = models.CharField(max_length=275, default="", blank=True)
    payload = models.JSONField(encoder=FastJSON, decoder=FastJSONReader)
    source_count = models.PositiveIntegerField()
    summed_at = models.DateTimeField()

    objects = HourlySummaryQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also serves a run of hours that is summed again, and the sum of a day.
            models.UniqueConstraint(fields=["version", "hour", "segment"], name="metrics_hourlysummary_once"),
        ]
        indexes = [
            # When a feature was summed up last, however many hours it has.
            models.Index(fields=["feature", "summed_at"], name="hourlysummary_summed"),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.hour:%Y-%m-%d %H}h"


class DaySummaryQuerySet(models.QuerySet["DaySummary"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)


class DaySummary(models.Model):
    """The sum of a version's hours of one UTC day, written with them: readers never add up hours."""

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    segment = models.CharField(max_length=275, default="", blank=True)
    payload = models.JSONField(encoder=FastJSON, decoder=FastJSONReader)
    source_count = models.PositiveIntegerField()
    summed_at = models.DateTimeField()

    objects = DaySummaryQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also serves the replacing of a day.
            models.UniqueConstraint(fields=["version", "day", "segment"], name="metrics_daysummary_once"),
        ]
        indexes = [
            # All days of a feature, or of one of its segments.
            models.Index(fields=["feature", "segment", "version", "day"], name="daysummary_feature"),
            # When a feature was summed up last.
            models.Index(fields=["feature", "summed_at"], name="daysummary_summed"),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.day}"


class SegmentValueQuerySet(models.QuerySet["SegmentValue"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)


class SegmentValue(models.Model):
    """A segment that is summed up for itself. First come, first registered, for good: the choice never changes.

    Of a key that has no place left, further values are summed up together as KEY:other values.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=60)
    value = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=275)

    objects = SegmentValueQuerySet.as_manager()

    class Meta:
        constraints = [
            # By name: "a:b" and "c" reads like "a" and "b:c". Also serves the list of a feature's segments.
            models.UniqueConstraint(fields=["feature", "name"], name="metrics_segmentvalue_once"),
        ]

    def __str__(self) -> str:
        return self.name


class FieldReference(models.Model):
    """What a version's inputs looked like in its first days: their later counts are of these bins. Made once.

    fields: {name: {"kind": "number", "edges": [19], "low": x, "high": y} or {"kind": "category", "values": [up
    to 30]}}. Days [first_on, last_on], both included.
    """

    version = models.OneToOneField(ModelVersion, models.CASCADE, related_name="+")
    first_on = models.DateField()
    last_on = models.DateField()
    fields = models.JSONField(default=dict)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_on__gte=F("first_on")), name="metrics_fieldreference_days_are_forward"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}, {self.first_on} to {self.last_on}"


class CountedTolerance(models.Model):
    """The tolerance that a feature's numbers were counted with, and the names of the inputs that were looked
    through for missing values; with others its hours are summed again."""

    feature = models.OneToOneField(Feature, models.CASCADE, related_name="+")
    tolerance = models.FloatField(null=True)
    tolerance_kind = models.CharField(max_length=8, choices=Feature.ToleranceKind.choices)
    input_fields = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(tolerance_kind__in=["absolute", "relative"]),
                name="metrics_countedtolerance_kind_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.tolerance}"
