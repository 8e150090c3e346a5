from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery

from feedback.models.decisions import Decision
from feedback.models.features import Feature


class StageChangeQuerySet(models.QuerySet["StageChange"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def latest_of_each(self) -> Self:
        """Of each feature its newest change."""
        newest = StageChange.objects.filter(feature=OuterRef("feature")).order_by("-at", "-pk")
        return self.filter(pk=Subquery(newest.values("pk")[:1]))


class StageChange(models.Model):
    """A feature went from one stage to another. metrics.actions.staging writes it: rules decide, not this row."""

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    from_stage = models.CharField(max_length=20, choices=Feature.Stage.choices)
    to_stage = models.CharField(max_length=20, choices=Feature.Stage.choices)
    reason = models.TextField(max_length=2000, blank=True)
    # What waived the accountability gate, or what the move rests on.
    decision = models.ForeignKey(Decision, models.RESTRICT, null=True, blank=True, related_name="+")
    # [{"rule", "is_met", "said"}]: what was asked then, and what was found.
    checks = models.JSONField(default=list, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    # The name of the service's key that asked for it, where no person did.
    key_name = models.CharField(max_length=100, blank=True, default="")
    at = models.DateTimeField()

    objects = StageChangeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(from_stage__in=Feature.Stage.values) & Q(to_stage__in=Feature.Stage.values),
                name="feedback_stagechange_stages_are_known",
            ),
            models.CheckConstraint(
                condition=~Q(from_stage=F("to_stage")), name="feedback_stagechange_goes_somewhere"
            ),
            models.CheckConstraint(
                condition=~Q(to_stage__in=["parked", "not_used"]) | ~Q(reason=""),
                name="feedback_stagechange_side_exit_has_a_reason",
                violation_error_message="Say why it is parked or not used.",
            ),
        ]
        indexes = [
            # A feature's history, and since when it stands where it stands.
            models.Index(fields=["feature", "at"], name="stagechange_feature_at"),
        ]

    def __str__(self) -> str:
        return f"{self.feature}: {self.from_stage} to {self.to_stage}"
