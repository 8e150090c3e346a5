from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from feedback.admin import ReadOnly
from metrics.models import (
    Conclusion,
    DebateRound,
    EstimateSet,
    Expectation,
    ExpectationStatus,
    FitChange,
    Placement,
    PlacementRevision,
    ReadinessItem,
    ScoreGoals,
    ScoreSnapshot,
    ScoreWeights,
)

admin.site.register([Conclusion, EstimateSet, Expectation, ExpectationStatus], ReadOnly)
admin.site.register([FitChange, ReadinessItem, ScoreGoals, ScoreWeights], ReadOnly)


@admin.register(ScoreSnapshot)
class ScoreSnapshots(ReadOnly):
    list_display = ("feature", "kind", "as_of", "is_weekly", "state", "value")
    list_select_related = ("feature",)
    list_filter = ("kind", "is_weekly", "state")


@admin.register(DebateRound)
class DebateRounds(ReadOnly):
    list_display = ("feature", "quadrant", "number", "state", "opened_at")
    list_select_related = ("feature",)
    exclude = ("evidence",)  # the measured point, which nobody reads before the reveal

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """None: ?evidence__x__value__gt=50 would answer what the page hides."""
        return False


@admin.register(Placement, PlacementRevision)
class Placements(ReadOnly):
    """As blind as every other page: whoever looks sees their own, and those of revealed rounds."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        visible: QuerySet[Any] = self.model.objects.visible_to(request.user)
        return visible
