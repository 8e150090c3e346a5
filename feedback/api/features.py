"""Features and their versions."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.exceptions import ValidationError as Refused
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feedback.actions import features as actions
from feedback.api.doors import features_for
from feedback.models import ApiKey, Feature, ModelVersion
from feedback.policy import Policy, allow

READ = Policy("caller", scope="read")
MANAGE = Policy("caller", scope="manage")
MANAGE_OWN = Policy("caller", roles=frozenset({"owner"}), scope="manage")
A_FEATURE = {
    "slug": "delay-alert",
    "name": "Delay alert",
    "stage": "pilot",
    "answer_kind": "label",
    "input_fields": [{"name": "carrier", "label": "Carrier"}],
    "label_names": {"late": "Late", "on_time": "On time"},
}
A_VERSION = {"name": "2-boosted", "labels": ["on_time", "late"], "positive_label": "late"}
STORED_FEATURE = {
    **A_FEATURE,
    "description": "",
    "automation": "suggest",
    "tolerance": None,
    "tolerance_kind": "absolute",
    "auto_register_versions": False,
    "retention_days": None,
    "created_at": "2026-05-25T09:00:00Z",
}
STORED_VERSION = {
    **A_VERSION,
    "is_baseline": False,
    "deployed_at": "2026-05-25T09:00:00Z",
    "notes": "",
    "created_at": "2026-05-25T09:00:00Z",
}
Made = TypeVar("Made")
NOTHING: Mapping[str, str] = MappingProxyType({})


class InputField(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    label = serializers.CharField(max_length=200, required=False, allow_blank=True)  # type: ignore[assignment]
    hint = serializers.CharField(max_length=500, required=False, allow_blank=True)
    is_hidden = serializers.BooleanField(required=False)

    def validate(self, sent: dict[str, Any]) -> dict[str, Any]:
        if "name" not in sent:  # a PATCH of the feature makes the fields of its parts optional too
            raise serializers.ValidationError({"name": "This field is required."})
        return sent


class LabelNames(serializers.DictField):
    """{label: its words}. DRF checks a dictionary's values by the child; the keys are texts all the same."""

    child = serializers.CharField(max_length=200)

    def to_internal_value(self, sent: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().to_internal_value(sent)
        for label in found:
            serializers.CharField(max_length=200).run_validation(label)
        return found


class FeatureShape(serializers.ModelSerializer[Feature]):
    input_fields = InputField(many=True, required=False)
    label_names = LabelNames(required=False)
    retention_days = serializers.IntegerField(min_value=1, max_value=36_500, allow_null=True, required=False)
    tolerance = serializers.FloatField(min_value=0, allow_null=True, required=False)

    class Meta:
        model = Feature
        fields: ClassVar[list[str]] = [
            "slug", "name", "description", "stage", "answer_kind", "automation", "input_fields", "label_names",
            "auto_register_versions", "tolerance", "tolerance_kind", "retention_days", "created_at",
        ]  # fmt: skip
        read_only_fields: ClassVar[list[str]] = ["created_at"]
        # Whether a slug is taken and whether a tolerance fits is said by the model's constraint.
        extra_kwargs: ClassVar[dict[str, Any]] = {"slug": {"validators": []}}

    def validate_tolerance(self, sent: float | None) -> float | None:
        if sent is not None and not math.isfinite(sent):  # DRF takes the texts "NaN" and "Infinity" for numbers
            raise serializers.ValidationError("This is not a number.")
        return sent


class VersionShape(serializers.ModelSerializer[ModelVersion]):
    labels = serializers.ListField(child=serializers.CharField(max_length=200), max_length=1000, required=False)

    class Meta:
        model = ModelVersion
        fields: ClassVar[list[str]] = [
            "name", "labels", "positive_label", "is_baseline", "deployed_at", "notes", "created_at",
        ]  # fmt: skip
        read_only_fields: ClassVar[list[str]] = ["created_at"]

    def validate(self, sent: dict[str, Any]) -> dict[str, Any]:
        labels, positive = sent.get("labels", []), sent.get("positive_label", "")
        if len(set(labels)) < len(labels):
            raise serializers.ValidationError({"labels": "A label stands twice."})
        if positive and labels and positive not in labels:
            raise serializers.ValidationError({"positive_label": "This is none of the labels."})
        return sent


# /features/ and /features/{slug}/ are served by metrics.api.features, which knows of sampling and stages.


def refuse_keys_for_some(request: Request) -> None:
    """A key for some features only makes no other one."""
    key = request.auth
    if isinstance(key, ApiKey) and key.person is None and not key.is_for_all_features:
        raise PermissionDenied("This key is for some features only; it cannot make another one.")


@allow(READ)
class Versions(APIView):
    """The versions of a feature's model."""

    policy_to_change = MANAGE_OWN

    @extend_schema(
        operation_id="versions_list",
        responses=VersionShape(many=True),
        examples=[OpenApiExample("A version", value=STORED_VERSION, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        feature = get_object_or_404(features_for(request), slug=slug)
        return Response(VersionShape(ModelVersion.objects.of(feature), many=True).data)

    @extend_schema(
        request=VersionShape,
        responses={201: VersionShape},
        examples=[OpenApiExample("A version", value=A_VERSION, request_only=True)],
    )
    def post(self, request: Request, slug: str) -> Response:
        feature = get_object_or_404(features_for(request), slug=slug)
        shape = VersionShape(data=request.data)
        shape.is_valid(raise_exception=True)
        version = told(lambda: actions.create_version(feature=feature, now=timezone.now(), **shape.validated_data))
        return Response(VersionShape(version).data, status=201)


def told(action: Callable[[], Made], *, called: Mapping[str, str] = NOTHING) -> Made:
    """Run an action; what it refuses becomes a 400 in its words. called: {the action's name: the field's}."""
    try:
        return action()
    except ValidationError as error:
        if not hasattr(error, "error_dict"):
            raise Refused(error.messages) from error
        raise Refused({called.get(field, field): texts for field, texts in error.message_dict.items()}) from error
    except IntegrityError as error:  # two at once: the other one was first
        raise Refused("This exists already.") from error
