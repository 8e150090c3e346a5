"""Where a feature stands on its way, and moving it on."""

from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feedback.api.doors import features_for
from feedback.api.features import told
from feedback.api.plans import caller_of
from feedback.models import Decision, Feature
from feedback.policy import Policy, allow
from metrics.actions.staging import change_stage
from metrics.stage_reading import MOVERS, standing_of

ON = {"rule": "expectation", "title": "An agreed expectation", "is_met": True,
      "said": "Data science and product have both signed one whose day lies ahead.",
      "mend_url": "/features/delay-alert/expectations/", "mend_label": "Agree on one"}  # fmt: skip
STANDING = {
    "slug": "delay-alert",
    "name": "Delay alert",
    "stage": "exploring",
    "stage_label": "Exploring",
    "since": "2026-05-25T09:00:00Z",
    "days": 183,
    "next_stage": "committed",
    "next_label": "Committed",
    "checks": [ON],
    "moves": [{"to": "committed", "label": "Committed", "kind": "next", "is_possible": True}],
}


class StageCheckShape(serializers.Serializer[Any]):
    rule = serializers.CharField()
    title = serializers.CharField()
    is_met = serializers.BooleanField()
    said = serializers.CharField()
    mend_url = serializers.CharField()
    mend_label = serializers.CharField()


class StageMoveShape(serializers.Serializer[Any]):
    to = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field's own words everywhere else
    kind = serializers.CharField(help_text="next, back, side or resume")
    is_possible = serializers.BooleanField()


class StandingShape(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    stage = serializers.CharField()
    stage_label = serializers.CharField()
    since = serializers.DateTimeField()
    days = serializers.IntegerField()
    next_stage = serializers.CharField()
    next_label = serializers.CharField()
    checks = StageCheckShape(many=True)
    moves = StageMoveShape(many=True)


class StageMoveRequest(serializers.Serializer[Any]):
    """to: a stage. reason: for everything but the next stage. decision: the number of one of the feature."""

    to = serializers.CharField(max_length=20)
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    decision = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False, allow_null=True)


@allow(Policy("caller", scope="read"))
class Stage(APIView):
    """Where a feature stands, what its next stage asks, and moving it."""

    policy_to_change = Policy("caller", roles=frozenset(MOVERS), scope="manage")

    @extend_schema(
        responses=StandingShape,
        examples=[OpenApiExample("A feature being explored", value=STANDING, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        feature = get_object_or_404(features_for(request).select_related("owner"), slug=slug)
        return Response(asdict(standing_of(feature, now=timezone.now())))

    @extend_schema(
        request=StageMoveRequest,
        responses=StandingShape,
        examples=[
            OpenApiExample("Park it", value={"to": "parked", "reason": "No data before May."}, request_only=True)
        ],
    )
    def post(self, request: Request, slug: str) -> Response:
        feature: Feature = get_object_or_404(features_for(request).select_related("owner"), slug=slug)
        shape = StageMoveRequest(data=request.data)
        shape.is_valid(raise_exception=True)
        asked, (user, key_name), now = shape.validated_data, caller_of(request), timezone.now()
        decision = _decision(feature, asked.get("decision"))
        told(
            lambda: change_stage(
                feature=feature,
                to=asked["to"],
                reason=asked["reason"],
                decision=decision,
                user=user,
                key_name=key_name,
                now=now,
            )
        )
        return Response(asdict(standing_of(feature, now=now)))


def _decision(feature: Feature, pk: int | None) -> Decision | None:
    """The named decision of this feature; one of another feature is as unknown as one that is not there."""
    if pk is None:
        return None
    found = Decision.objects.of(feature).filter(pk=pk).first()
    if found is None:
        raise serializers.ValidationError({"decision": "This feature has no decision with this number."})
    return found
