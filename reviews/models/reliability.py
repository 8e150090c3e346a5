from __future__ import annotations

from django.db import models
from django.db.models import Q

from feedback.models import Feature, ModelVersion


class Reliability(models.Model):
    """What a feature's judgments say of its reviewers; of a version: its accuracy without their errors.

    Made by a job, because it takes numpy; reviews.reliability_store reads it.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    # None: of the feature's reviewers.
    version = models.ForeignKey(ModelVersion, models.CASCADE, null=True, related_name="+", db_index=False)
    # What it was made of: the same again means there is nothing to do.
    mark = models.CharField(max_length=100)
    as_of = models.DateTimeField()
    figures = models.JSONField()

    class Meta:
        constraints = [
            # Two, because a unique key takes two rows without a version for different ones.
            models.UniqueConstraint(
                fields=["feature"], condition=Q(version=None), name="reviews_reliability_one_of_a_feature"
            ),
            models.UniqueConstraint(
                fields=["version"],
                condition=Q(version__isnull=False),
                name="reviews_reliability_one_of_a_version",
            ),
        ]

    def __str__(self) -> str:
        return f"reliability of {self.version or self.feature}"
