"""Cases that two versions of a feature answered, counted by who was right."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q

from feedback.models import Feature, ModelVersion


class PairedDayQuerySet(models.QuerySet["PairedDay"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)


class PairedDay(models.Model):
    """A UTC day of two versions: predictions with equal inputs within an hour, and the truth of either one.

    Also written without any pair, so that the day is not looked at again before something in it changes.
    summed_until: the newest day's sum that it was counted after.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    new = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)
    old = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+")
    day = models.DateField()
    n_pairs = models.PositiveBigIntegerField(help_text="Known truth or not.")
    n_both_right = models.PositiveBigIntegerField()
    n_only_new = models.PositiveBigIntegerField()
    n_only_old = models.PositiveBigIntegerField()
    n_neither = models.PositiveBigIntegerField()
    summed_until = models.DateTimeField()

    objects = PairedDayQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["new", "old", "day"], name="metrics_pairedday_once"),
            models.CheckConstraint(condition=~Q(new=F("old")), name="metrics_pairedday_of_two_versions"),
            models.CheckConstraint(
                condition=Q(n_pairs__gte=F("n_both_right") + F("n_only_new") + F("n_only_old") + F("n_neither")),
                name="metrics_pairedday_known_pairs_are_pairs",
            ),
        ]
        indexes = [
            # A feature's pairs, and the newest sum that they were counted after.
            models.Index(fields=["feature", "summed_until"], name="pairedday_feature"),
        ]

    def __str__(self) -> str:
        return f"{self.new} and {self.old}, {self.day}"
