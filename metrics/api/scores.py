"""GET /api/v1/features/SLUG/scores/: both scores, and where their points went."""

from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feedback.api.doors import features_for
from feedback.models import Feature
from feedback.policy import Policy, allow
from metrics.score_reading import scores_report

SCORE_STATES = ["collecting", "provisional", "measured", "not_asked", "no_data"]


class ScoreComponentShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    meaning = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    part = serializers.FloatField(allow_null=True)
    weight = serializers.FloatField()
    lo = serializers.FloatField(allow_null=True)
    hi = serializers.FloatField(allow_null=True)
    n = serializers.FloatField()
    points_lost = serializers.FloatField(allow_null=True)
    reason = serializers.CharField()


class TrendShape(serializers.Serializer[Any]):
    since = serializers.DateField()
    difference = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class ScoreReportShape(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    state = serializers.ChoiceField(SCORE_STATES)
    reason = serializers.CharField()
    as_of = serializers.DateTimeField(allow_null=True)
    taken_at = serializers.DateTimeField(allow_null=True)
    formula_version = serializers.CharField()
    market_fit = serializers.ChoiceField(["before", "after"])
    n = serializers.IntegerField()
    components = serializers.DictField(child=ScoreComponentShape())
    points_lost = serializers.DictField(child=serializers.FloatField())
    trend = TrendShape(allow_null=True)


class GateShape(serializers.Serializer[Any]):
    is_open = serializers.BooleanField()
    sentence = serializers.CharField()


class ScoresReportShape(serializers.Serializer[Any]):
    feature = serializers.CharField()
    adoption = ScoreReportShape()
    accountability = ScoreReportShape()
    gate = GateShape()


REACH = {
    "name": "reach", "label": "Reach", "meaning": "of those who may use it, had something of value from it",
    "value": 0.386, "low": 0.351, "high": 0.422, "part": 0.643, "weight": 0.2, "lo": 0.0, "hi": 0.6, "n": 1240.0,
    "points_lost": 7.262, "reason": "",
}  # fmt: skip
SCORES = {
    "feature": "delay-alert",
    "adoption": {
        "value": 66.695, "low": 61.2, "high": 71.8, "state": "measured", "reason": "",
        "as_of": "2026-11-23T00:00:00Z", "taken_at": "2026-11-23T00:04:00Z", "formula_version": "1",
        "market_fit": "after", "n": 84, "components": {"reach": REACH}, "points_lost": {"reach": 7.262},
        "trend": {"since": "2026-10-26", "difference": 4.1, "low": 0.8, "high": 7.4},
    },
    "accountability": {
        "value": None, "low": None, "high": None, "state": "not_asked",
        "reason": "not asked yet: adoption 67 in one week, opens after two running at 25",
        "as_of": "2026-11-23T00:00:00Z", "taken_at": "2026-11-23T00:04:00Z", "formula_version": "1",
        "market_fit": "after", "n": 0, "components": {}, "points_lost": {}, "trend": None,
    },
    "gate": {
        "is_open": False, "sentence": "not asked yet: adoption 67 in one week, opens after two running at 25",
    },
}  # fmt: skip


@allow(Policy("caller", scope="read"))
class Scores(APIView):
    """Adoption and accountability as they were last taken. A value is null unless provisional or measured."""

    @extend_schema(
        responses=ScoresReportShape,
        examples=[OpenApiExample("Of one feature", value=SCORES, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        feature: Feature = get_object_or_404(features_for(request), slug=slug)
        return Response(asdict(scores_report(feature)))
