"""The answers of metrics as OpenAPI describes them. metrics.reports makes them; a test keeps both the same."""

from typing import Any

from rest_framework import serializers


class FigureShape(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    anytime_low = serializers.FloatField(allow_null=True)
    anytime_high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()
    method = serializers.CharField()
    state = serializers.ChoiceField(["no_data", "collecting", "measured"])
    reason = serializers.CharField()


class WindowShape(serializers.Serializer[Any]):
    to = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python's."""
        return {"from": serializers.DateTimeField(allow_null=True), **super().get_fields()}


class ConfusionShape(serializers.Serializer[Any]):
    labels = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    is_share = serializers.BooleanField()


class CalibrationBinShape(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()
    n = serializers.IntegerField()
    mean_score = serializers.FloatField()
    right = serializers.FloatField()
    right_low = serializers.FloatField()
    right_high = serializers.FloatField()


class EstimateReportShape(serializers.Serializer[Any]):
    feature = serializers.CharField()
    version = serializers.CharField(allow_null=True)
    segment = serializers.CharField()
    window = WindowShape()
    as_of = serializers.DateTimeField(allow_null=True)
    source = serializers.ChoiceField(["reviewed", "observed"])  # type: ignore[assignment]
    population = serializers.IntegerField()
    counted = serializers.IntegerField()
    undecided_share = serializers.FloatField(allow_null=True)
    covered_days = serializers.IntegerField()
    days = serializers.IntegerField()
    metrics = serializers.DictField(child=FigureShape())
    per_label = serializers.DictField(child=serializers.DictField(child=FigureShape()))
    confusion = ConfusionShape(allow_null=True)
    calibration = CalibrationBinShape(many=True)
    reason = serializers.CharField()


class PercentilesShape(serializers.Serializer[Any]):
    p50 = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()


class VersionRuntimeShape(serializers.Serializer[Any]):
    version = serializers.CharField()
    is_baseline = serializers.BooleanField()
    n = serializers.IntegerField()
    latency_ms = PercentilesShape()
    cpu_ms = PercentilesShape()
    rss_mb = PercentilesShape()


class RuntimeReportShape(serializers.Serializer[Any]):
    feature = serializers.CharField()
    window = WindowShape()
    as_of = serializers.DateTimeField(allow_null=True)
    versions = VersionRuntimeShape(many=True)
    simulated_note = serializers.CharField()


FIGURE = {
    "value": 0.897, "low": 0.878, "high": 0.916, "anytime_low": 0.868, "anytime_high": 0.926, "n": 602,
    "method": "greg", "state": "measured", "reason": "",
}  # fmt: skip
NO_FIGURE = {
    **dict.fromkeys(["value", "low", "high", "anytime_low", "anytime_high"]),
    "n": 0, "method": "greg", "state": "no_data", "reason": "none of the reviewed predictions was truly late",
}  # fmt: skip
WINDOW = {"from": "2026-05-25T00:00:00Z", "to": "2026-11-25T00:00:00Z"}
ESTIMATES = {
    "feature": "delay-alert",
    "version": "2-boosted",
    "segment": "",
    "window": WINDOW,
    "as_of": "2026-11-24T10:42:00Z",
    "source": "reviewed",
    "population": 16287,
    "counted": 619,
    "undecided_share": 0.02,
    "covered_days": 180,
    "days": 184,
    "metrics": {"accuracy": FIGURE, "precision": FIGURE, "recall": NO_FIGURE, "f1": NO_FIGURE},
    "per_label": {"late": {"precision": FIGURE, "recall": NO_FIGURE, "f1": NO_FIGURE}},
    "confusion": {"labels": ["on_time", "late"], "rows": [[0.75, 0.08], [0.02, 0.15]], "is_share": True},
    "calibration": [
        {
            "low": 0.9,
            "high": 0.95,
            "n": 80,
            "mean_score": 0.93,
            "right": 0.91,
            "right_low": 0.83,
            "right_high": 0.96,
        }
    ],
    "reason": "",
}
LATENCY = {"p50": 14.3, "p90": 24.1, "p95": 28.2, "p99": 55.7, "n": 16829}
RUNTIME = {
    "feature": "delay-alert",
    "window": {"from": None, "to": "2026-11-24T10:42:00Z"},
    "as_of": "2026-11-24T10:42:00Z",
    "versions": [
        {"version": "2-boosted", "is_baseline": False, "n": 16829, "latency_ms": LATENCY, "cpu_ms": LATENCY,
         "rss_mb": LATENCY}
    ],
    "simulated_note": "",
}  # fmt: skip
