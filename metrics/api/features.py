"""A change of a feature: its stage moves by the rules, everything else as it is sent."""

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from feedback.actions.features import change_feature
from feedback.api import features
from feedback.api.doors import features_for
from feedback.api.plans import caller_of
from feedback.models import Feature
from feedback.policy import allow
from metrics.actions.staging import change_stage


@allow(features.READ)
class OneFeature(features.OneFeature):
    """One feature. Its slug and its kind of answer are for good; its stage moves by the rules of /stage/."""

    policy_to_change = features.MANAGE_OWN

    @extend_schema(
        request=features.FeatureChange,
        responses=features.FeatureShape,
        examples=[OpenApiExample("Another stage", value={"stage": "general"}, request_only=True)],
    )
    def patch(self, request: Request, slug: str) -> Response:
        feature = get_object_or_404(features_for(request), slug=slug)
        shape = features.FeatureChange(feature, data=request.data, partial=True)
        shape.is_valid(raise_exception=True)
        fields = dict(shape.validated_data)
        to = fields.pop("stage", feature.stage)
        changed = features.told(lambda: self._change(request, feature, fields, to), called={"to": "stage"})
        return Response(features.FeatureShape(changed).data)

    @staticmethod
    @transaction.atomic
    def _change(request: Request, feature: Feature, fields: dict[str, object], to: str) -> Feature:
        """All of it or nothing. The stage it is at already is no change."""
        change_feature(feature=feature, **fields)
        if to != feature.stage:
            user, key_name = caller_of(request)
            change_stage(feature=feature, to=to, user=user, key_name=key_name, now=timezone.now())
        return feature
