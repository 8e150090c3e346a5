"""What was agreed about a feature, and how it stands. Read only: what is signed, a person signed on its page."""

from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feedback.api.doors import features_for
from feedback.policy import Policy, allow
from metrics.expectation_reading import expectations_page


class SignatureShape(serializers.Serializer[Any]):
    function = serializers.CharField()
    name = serializers.CharField()
    person = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField(allow_null=True)
    p = serializers.FloatField(allow_null=True)


class LinkShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    target = serializers.FloatField()
    target_text = serializers.CharField()
    by_on = serializers.DateField()
    why_moved = serializers.CharField()
    status_label = serializers.CharField()
    agreed_at = serializers.DateTimeField(allow_null=True)


class StatusChangeShape(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["met", "broken", "not_sure", "unknown", "expired"])
    status_label = serializers.CharField()
    since = serializers.DateTimeField()


class ExpectationShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    feature = serializers.CharField()
    metric = serializers.CharField()
    metric_label = serializers.CharField()
    segment = serializers.CharField()
    version = serializers.CharField(allow_null=True)
    direction = serializers.ChoiceField(["at_least", "at_most"])
    baseline = serializers.FloatField(allow_null=True)
    baseline_text = serializers.CharField()
    target = serializers.FloatField()
    target_text = serializers.CharField()
    by_on = serializers.DateField()
    why = serializers.CharField()
    state = serializers.ChoiceField(["proposed", "agreed", "replaced", "withdrawn"])
    status = serializers.ChoiceField(["met", "broken", "not_sure", "unknown", "expired"])
    status_label = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    as_of = serializers.DateTimeField(allow_null=True)
    is_resolved = serializers.BooleanField()
    sentence = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    span_text = serializers.CharField()
    n = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]  # the field's own word
    measured_version = serializers.CharField()
    p_met = serializers.FloatField(allow_null=True)
    n_to_go = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()
    proposed_by = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    signatures = SignatureShape(many=True)
    missing = serializers.ListField(child=serializers.CharField())
    replaces = serializers.IntegerField(allow_null=True)
    n_moved = serializers.IntegerField()
    moved = LinkShape(many=True)
    history = StatusChangeShape(many=True)


class CalibrationRecordShape(serializers.Serializer[Any]):
    function = serializers.CharField()
    name = serializers.CharField()
    n_resolved = serializers.IntegerField()
    n_needed = serializers.IntegerField()
    brier = serializers.FloatField(allow_null=True)
    mean_stated = serializers.FloatField(allow_null=True)
    share_met = serializers.FloatField(allow_null=True)
    sentence = serializers.CharField()


class ExpectationsPageShape(serializers.Serializer[Any]):
    feature = serializers.CharField()
    name = serializers.CharField()
    in_force = ExpectationShape(many=True)
    proposed = ExpectationShape(many=True)
    ended = ExpectationShape(many=True)
    calibration = CalibrationRecordShape(many=True)


AN_EXPECTATION = {
    "id": 7,
    "feature": "delay-alert",
    "metric": "accuracy",
    "metric_label": "Share right (accuracy)",
    "segment": "",
    "version": None,
    "direction": "at_least",
    "baseline": 0.74,
    "baseline_text": "74 %",
    "target": 0.8,
    "target_text": "80 %",
    "by_on": "2026-12-31",
    "why": "Below this, people check every alert themselves.",
    "state": "agreed",
    "status": "not_sure",
    "status_label": "not sure yet",
    "since": "2026-11-03T09:01:00Z",
    "as_of": "2026-11-24T10:42:00Z",
    "is_resolved": False,
    "sentence": "Of 100 answers about 82 (78 to 86) are right; product and data science agreed on 80.",
    "value": 0.82,
    "low": 0.78,
    "high": 0.86,
    "span_text": "78 to 86 %",
    "n": 640,
    "source": "reviewed",
    "measured_version": "2-boosted",
    "p_met": 0.93,
    "n_to_go": 2310,
    "reason": "",
    "proposed_by": "dana@example.org",
    "proposed_at": "2026-11-02T15:00:00Z",
    "signatures": [
        {"function": "data_science", "name": "Data science", "person": "dana@example.org",
         "at": "2026-11-02T15:00:00Z", "p": 0.8},
        {"function": "product", "name": "Product", "person": "paul@example.org",
         "at": "2026-11-03T09:00:00Z", "p": 0.7},
    ],
    "missing": [],
    "replaces": 3,
    "n_moved": 1,
    "moved": [
        {"id": 3, "target": 0.85, "target_text": "85 %", "by_on": "2026-10-31",
         "why_moved": "The new region came without history.", "status_label": "broken",
         "agreed_at": "2026-08-01T09:00:00Z"}
    ],
    "history": [{"status": "not_sure", "status_label": "not sure yet", "since": "2026-11-03T09:01:00Z"}],
}  # fmt: skip
A_RECORD = {
    "function": "product", "name": "Product", "n_resolved": 12, "n_needed": 20, "brier": None,
    "mean_stated": None, "share_met": None, "sentence": "12 of 20 resolved",
}  # fmt: skip
A_PAGE = {
    "feature": "delay-alert",
    "name": "Delay alert",
    "in_force": [AN_EXPECTATION],
    "proposed": [],
    "ended": [],
    "calibration": [A_RECORD],
}


@allow(Policy("caller", scope="read"))
class Expectations(APIView):
    """What data science and product agreed, how it stands, and how often each foretold it."""

    @extend_schema(
        responses=ExpectationsPageShape,
        examples=[OpenApiExample("Of one feature", value=A_PAGE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        features = features_for(request)
        feature = get_object_or_404(features, slug=slug)
        return Response(asdict(expectations_page(feature, visible=features)))
