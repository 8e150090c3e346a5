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


class ReliabilityShape(serializers.Serializer[Any]):
    event = serializers.CharField(help_text="The label whose chance it is; empty: that the answer is right.")
    bars = CalibrationBinShape(many=True)


class LagPointShape(serializers.Serializer[Any]):
    hours = serializers.IntegerField()
    share = serializers.FloatField()


class LagShape(serializers.Serializer[Any]):
    median_hours = serializers.FloatField()
    p90_hours = serializers.FloatField()
    curve = LagPointShape(many=True)
    n = serializers.IntegerField()


class SegmentRowShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    n = serializers.IntegerField()
    population = serializers.IntegerField()
    rest = serializers.FloatField()
    difference = serializers.FloatField()
    difference_low = serializers.FloatField()
    difference_high = serializers.FloatField()
    q = serializers.FloatField()
    is_found = serializers.BooleanField()
    rest_low = serializers.FloatField(allow_null=True)
    rest_high = serializers.FloatField(allow_null=True)
    rest_n = serializers.IntegerField(allow_null=True)


class BoundsShape(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()


class ComparisonShape(serializers.Serializer[Any]):
    version = serializers.CharField()
    against = serializers.CharField()
    against_is_baseline = serializers.BooleanField()
    against_is_previous = serializers.BooleanField()
    method = serializers.ChoiceField(["paired", "newcombe", "unpaired"])
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    anytime_low = serializers.FloatField(allow_null=True)
    anytime_high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()
    n_against = serializers.IntegerField()
    n_to_go = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(["no_data", "collecting", "measured"])
    reason = serializers.CharField()
    sentence = serializers.CharField()


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
    reliability = ReliabilityShape(allow_null=True)
    coverage = serializers.FloatField(allow_null=True)
    lag = LagShape(allow_null=True)
    mature_until = serializers.DateField(allow_null=True)
    segments = SegmentRowShape(many=True)
    segments_reason = serializers.CharField()
    undecided_bounds = BoundsShape(allow_null=True)
    comparison = ComparisonShape(allow_null=True)
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
    "reliability": None,
    "coverage": None,
    "lag": None,
    "mature_until": None,
    "segments": [
        {
            "name": "origin:JFK", "value": 0.84, "low": 0.79, "high": 0.89, "n": 190, "population": 5260,
            "rest": 0.92, "difference": -0.08, "difference_low": -0.13, "difference_high": -0.03, "q": 0.01,
            "is_found": True,
        }
    ],
    "segments_reason": "",
    "undecided_bounds": {"low": 0.879, "high": 0.899},
    "comparison": {
        "version": "2-boosted", "against": "1-rule", "against_is_baseline": True, "against_is_previous": True,
        "method": "unpaired", "value": 0.08, "low": 0.04, "high": 0.12, "anytime_low": 0.02, "anytime_high": 0.14,
        "n": 619, "n_against": 410, "n_to_go": 0, "state": "measured", "reason": "",
        "sentence": "Version 2-boosted is 8 points better than 1-rule (2 to 14).",
    },
    "reason": "",
}  # fmt: skip
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
