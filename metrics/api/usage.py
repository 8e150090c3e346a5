"""REST: usage of a feature, the same figures as its page."""

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
from metrics import usage_reading


class UseFigureShape(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    numerator = serializers.FloatField()
    denominator = serializers.FloatField()
    n_accounts = serializers.IntegerField()
    reason = serializers.CharField()


class FunnelStepShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    n = serializers.IntegerField()
    of_first = serializers.FloatField(allow_null=True)


class AcceptanceWeekShape(serializers.Serializer[Any]):
    from_on = serializers.DateField()
    value = serializers.FloatField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()
    n_accounts = serializers.IntegerField()
    is_partial = serializers.BooleanField()


class ReturnPointShape(serializers.Serializer[Any]):
    after = serializers.IntegerField()
    figure = UseFigureShape()


class LifeCycleStepShape(serializers.Serializer[Any]):
    from_on = serializers.DateField()
    days = serializers.IntegerField()
    new = serializers.IntegerField()
    returning = serializers.IntegerField()
    resurrected = serializers.IntegerField()
    gone = serializers.IntegerField()


class TrustShareShape(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    about = serializers.FloatField(allow_null=True)
    about_low = serializers.FloatField(allow_null=True)
    about_high = serializers.FloatField(allow_null=True)
    n_pairs = serializers.IntegerField()
    n = serializers.IntegerField()
    reason = serializers.CharField()


class TrustWeekShape(serializers.Serializer[Any]):
    week_on = serializers.DateField()
    source = serializers.ChoiceField(["reviewed", "observed"])  # type: ignore[assignment]
    wrong_but_used = TrustShareShape()
    right_but_refused = TrustShareShape()
    is_partial = serializers.BooleanField()


class QualityShape(serializers.Serializer[Any]):
    n_events = serializers.IntegerField()
    n_internal = serializers.IntegerField()
    n_implied = serializers.IntegerField()
    n_early_undos = serializers.IntegerField()
    n_no_account = serializers.IntegerField()
    n_pairs = serializers.IntegerField()


class UsageReportShape(serializers.Serializer[Any]):
    feature = serializers.CharField()
    as_of = serializers.DateTimeField(allow_null=True)
    from_on = serializers.DateField(allow_null=True)
    to_on = serializers.DateField(allow_null=True)
    reason = serializers.CharField()
    cadence = serializers.ChoiceField(["day", "week", "month"])
    horizon = serializers.IntegerField()
    has_roster = serializers.BooleanField()
    n_people = serializers.IntegerField()
    n_people_using = serializers.IntegerField()
    n_opted_out = serializers.IntegerField()
    reach = UseFigureShape()
    acceptance = UseFigureShape()
    retention = UseFigureShape()
    stickiness = UseFigureShape()
    follow_through = UseFigureShape()
    people_funnel = FunnelStepShape(many=True)
    answer_funnel = FunnelStepShape(many=True)
    answers = serializers.DictField(child=serializers.IntegerField())
    also = serializers.DictField(child=serializers.IntegerField())
    weeks = AcceptanceWeekShape(many=True)
    returns = ReturnPointShape(many=True)
    life_cycle = LifeCycleStepShape(many=True)
    trust = TrustWeekShape(many=True)
    quality = QualityShape()
    simulated_note = serializers.CharField()


REACH = {
    "value": 0.787, "low": 0.681, "high": 0.864, "numerator": 48.0, "denominator": 61.0, "n_accounts": 9,
    "reason": "",
}  # fmt: skip
NOT_YET = {
    **dict.fromkeys(["value", "low", "high"]), "numerator": 0.0, "denominator": 0.0, "n_accounts": 0,
    "reason": "no answer was taken 168 hours ago or longer",
}  # fmt: skip
WRONG = {
    "value": 0.08, "low": 0.05, "high": 0.12, "about": 14.4, "about_low": 9.0, "about_high": 21.6, "n_pairs": 180,
    "n": 120, "reason": "",
}  # fmt: skip
USAGE = {
    "feature": "delay-alert",
    "as_of": "2026-11-24T10:42:00Z",
    "from_on": "2026-10-27",
    "to_on": "2026-11-24",
    "reason": "",
    "cadence": "week",
    "horizon": 1,
    "has_roster": True,
    "n_people": 61,
    "n_people_using": 48,
    "n_opted_out": 2,
    "reach": REACH,
    "acceptance": REACH,
    "retention": REACH,
    "stickiness": REACH,
    "follow_through": NOT_YET,
    "people_funnel": [
        {"name": "may use it", "n": 61, "of_first": 1.0},
        {"name": "used one", "n": 48, "of_first": 0.787},
    ],
    "answer_funnel": [{"name": "shown", "n": 400, "of_first": 1.0}],
    "answers": {"accepted": 150, "edited": 30, "auto": 0, "refused": 60, "undone": 1, "ignored": 140},
    "also": {"fallbacks": 3, "escalated": 1, "snoozed": 0},
    "weeks": [
        {"from_on": "2026-11-09", "value": 0.62, "low": 0.55, "high": 0.69, "n": 96, "n_accounts": 9,
         "is_partial": False}
    ],
    "returns": [{"after": 1, "figure": REACH}],
    "life_cycle": [
        {"from_on": "2026-11-17", "days": 7, "new": 3, "returning": 30, "resurrected": 2, "gone": 4}
    ],
    "trust": [
        {"week_on": "2026-11-09", "source": "reviewed", "wrong_but_used": WRONG, "right_but_refused": WRONG,
         "is_partial": False}
    ],
    "quality": {
        "n_events": 1200, "n_internal": 14, "n_implied": 2, "n_early_undos": 0, "n_no_account": 1, "n_pairs": 400,
    },
    "simulated_note": "",
}  # fmt: skip


@allow(Policy("caller", scope="read"))
class Usage(APIView):
    """Whether a feature is used, willingly and again: 28 complete days, and the weeks before."""

    @extend_schema(
        responses=UsageReportShape,
        examples=[OpenApiExample("Of one feature", value=USAGE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        feature = get_object_or_404(features_for(request), slug=slug)
        return Response(asdict(usage_reading.usage_report(feature)))
