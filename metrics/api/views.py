"""REST for the product team's tools: the same dataclasses as the pages."""

from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feedback.api.doors import features_for
from feedback.models import Feature, ModelVersion
from feedback.policy import Policy, allow
from metrics import reading
from metrics.api import shapes
from metrics.reports import EstimateReport


class EstimateQuery(serializers.Serializer[Any]):
    """Which estimates: the window, one version or all, one source of truth."""

    window = serializers.ChoiceField(["28d", "version", "all"], default="28d")
    version = serializers.CharField(max_length=100, required=False)
    segment = serializers.CharField(max_length=270, required=False)
    source = serializers.ChoiceField(["reviewed", "observed"], default="reviewed")  # type: ignore[assignment]


def _feature(request: Request, slug: str) -> Feature:
    feature: Feature = get_object_or_404(features_for(request), slug=slug)
    return feature


@allow(Policy("caller", scope="read"))
class Estimates(APIView):
    """How good a feature, or one version of it, was in a window."""

    @extend_schema(
        parameters=[EstimateQuery],
        responses=shapes.EstimateReportShape,
        examples=[OpenApiExample("Of one version", value=shapes.ESTIMATES, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        feature = _feature(request, slug)
        query = EstimateQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        version = _version(feature, wanted)
        report = reading.estimate_report(
            feature,
            window=wanted["window"],
            version=version,
            source=wanted["source"],
            segment=wanted.get("segment", ""),
        )
        return Response(as_json(report))


def _version(feature: Feature, wanted: dict[str, Any]) -> ModelVersion | None:
    """The named version; for a version's window without a name the newest one."""
    versions = ModelVersion.objects.of(feature)
    if name := wanted.get("version"):
        return get_object_or_404(versions, name=name)
    return versions.by_deployment().last() if wanted["window"] == "version" else None


def as_json(report: EstimateReport) -> dict[str, Any]:
    """api.md's field names; `from` is a word of Python's."""
    answer = asdict(report)
    answer["window"] = {"from": report.window.from_, "to": report.window.to}
    return answer


@allow(Policy("caller", scope="read"))
class Runtime(APIView):
    """Percentiles of latency, CPU and memory per version."""

    @extend_schema(
        responses=shapes.RuntimeReportShape,
        examples=[OpenApiExample("Of one version", value=shapes.RUNTIME, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        report = reading.runtime_report(_feature(request, slug))
        answer = asdict(report)
        answer["window"] = {"from": report.window.from_, "to": report.window.to}
        return Response(answer)
