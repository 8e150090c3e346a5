"""Debates for programs that act as a person: the same blindness, the same actions as the pages."""

from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feedback.api.doors import features_for, person_of
from feedback.models import User
from feedback.policy import Policy, allow
from metrics.actions import debating
from metrics.debate_reading import debate_reports
from metrics.functions import FUNCTIONS
from metrics.models import DebateRound


class PlacementShape(serializers.Serializer[Any]):
    round = serializers.IntegerField()
    function = serializers.ChoiceField(FUNCTIONS)
    x = serializers.IntegerField(min_value=1, max_value=9)
    y = serializers.IntegerField(min_value=1, max_value=9)
    confidence = serializers.IntegerField(min_value=1, max_value=3)
    reason = serializers.CharField(max_length=200)


class DebateQuery(serializers.Serializer[Any]):
    feature = serializers.SlugField(max_length=60, required=False)
    state = serializers.ChoiceField(DebateRound.State.choices, required=False)


class PlacementViewShape(serializers.Serializer[Any]):
    function = serializers.CharField()
    name = serializers.CharField()
    person = serializers.CharField()
    x = serializers.IntegerField()
    y = serializers.IntegerField()
    confidence = serializers.IntegerField()
    confidence_label = serializers.CharField()
    reason = serializers.CharField()
    placed_at = serializers.DateTimeField()
    n_revised = serializers.IntegerField()


class AxisViewShape(serializers.Serializer[Any]):
    axis = serializers.ChoiceField(["x", "y"])
    name = serializers.CharField()
    verdict = serializers.ChoiceField(["agreed", "mixed", "contested"])
    median = serializers.FloatField()
    spread = serializers.FloatField()
    lowest = serializers.IntegerField()
    highest = serializers.IntegerField()
    n = serializers.IntegerField()
    sentence = serializers.CharField()


class MeasuredViewShape(serializers.Serializer[Any]):
    axis = serializers.ChoiceField(["x", "y"])
    name = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    place = serializers.FloatField(allow_null=True)
    place_low = serializers.FloatField(allow_null=True)
    place_high = serializers.FloatField(allow_null=True)
    state = serializers.CharField()
    reason = serializers.CharField()


class DebateReportShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    feature = serializers.CharField()
    feature_name = serializers.CharField()
    quadrant = serializers.CharField()
    quadrant_label = serializers.CharField()
    number = serializers.IntegerField()
    previous = serializers.IntegerField(allow_null=True)
    following = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(["open", "revealed", "decided"])
    state_label = serializers.CharField()
    facilitator = serializers.CharField()
    functions = serializers.ListField(child=serializers.CharField())
    has_voted = serializers.ListField(child=serializers.CharField())
    waiting_for = serializers.ListField(child=serializers.CharField())
    quorum = serializers.IntegerField()
    has_quorum = serializers.BooleanField()
    deadline = serializers.DateTimeField()
    opened_at = serializers.DateTimeField()
    revealed_at = serializers.DateTimeField(allow_null=True)
    own = PlacementViewShape(allow_null=True)
    placements = PlacementViewShape(many=True)
    axes = AxisViewShape(many=True)
    cell = serializers.CharField()
    is_contested = serializers.BooleanField()
    measured = MeasuredViewShape(many=True)
    decision = serializers.IntegerField(allow_null=True)
    decision_title = serializers.CharField()


A_PLACEMENT = {
    "round": 4, "function": "design", "x": 7, "y": 3, "confidence": 2, "reason": "Used daily, not reviewed",
}  # fmt: skip
A_DEBATE = {
    "id": 4,
    "feature": "delay-alert",
    "feature_name": "Delay alert",
    "quadrant": "adoption_accountability",
    "quadrant_label": "Adoption and accountability",
    "number": 1,
    "previous": None,
    "following": None,
    "state": "open",
    "state_label": "Open",
    "facilitator": "ada@example.org",
    "functions": list(FUNCTIONS),
    "has_voted": ["design"],
    "waiting_for": [function for function in FUNCTIONS if function != "design"],
    "quorum": 4,
    "has_quorum": False,
    "deadline": "2026-11-27T12:00:00Z",
    "opened_at": "2026-11-24T12:00:00Z",
    "revealed_at": None,
    "own": {
        "function": "design", "name": "Design", "person": "dora@example.org", "x": 7, "y": 3, "confidence": 2,
        "confidence_label": "Fairly sure", "reason": "Used daily, not reviewed",
        "placed_at": "2026-11-24T12:10:00Z", "n_revised": 0,
    },
    "placements": [],
    "axes": [],
    "cell": "",
    "is_contested": False,
    "measured": [],
    "decision": None,
    "decision_title": "",
}  # fmt: skip


@allow(Policy("caller", scope="read"))
class Debates(APIView):
    """Rounds, newest first. Before a reveal everybody, staff and services included, sees only who has voted."""

    policy_to_change = Policy("caller", scope=None)

    @extend_schema(
        parameters=[DebateQuery],
        responses=DebateReportShape(many=True),
        examples=[OpenApiExample("Still blind", value=[A_DEBATE], response_only=True)],
    )
    def get(self, request: Request) -> Response:
        query = DebateQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted, rounds = query.validated_data, DebateRound.objects.all()
        features = features_for(request)
        if "feature" in wanted:
            rounds = rounds.filter(feature=get_object_or_404(features, slug=wanted["feature"]))
        if "state" in wanted:
            rounds = rounds.filter(state=wanted["state"])
        reader = request.user if isinstance(request.user, User) else None
        return Response([asdict(report) for report in debate_reports(rounds, user=reader, features=features)])

    @extend_schema(
        request=PlacementShape,
        responses={201: DebateReportShape},
        examples=[
            OpenApiExample("A placement", value=A_PLACEMENT, request_only=True),
            OpenApiExample("The round, as you may see it", value=A_DEBATE, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """Place a feature for one's own function, or change one's mind before the reveal."""
        person, features = person_of(request), features_for(request)
        body = PlacementShape(data=request.data)
        body.is_valid(raise_exception=True)
        sent = dict(body.validated_data)
        rounds = DebateRound.objects.visible_in(features).select_related("feature")
        round_ = get_object_or_404(rounds, pk=sent.pop("round"))
        function = sent.pop("function")
        try:
            debating.place(
                round_=round_, function=function, user=person, at=debating.Place(**sent), now=timezone.now()
            )
        except ValidationError as error:
            raise exceptions.ValidationError({"detail": error.messages}) from error
        reports = debate_reports(DebateRound.objects.filter(pk=round_.pk), user=person, features=features)
        return Response(asdict(reports[0]), status=201)
