"""REST: alerts and drift, the same as their pages."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
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
from metrics.actions import answering
from metrics.alert_filters import in_state
from metrics.alert_reading import report_of, with_context
from metrics.drift_reading import drift_report
from metrics.models import Alert

MOST = 200


class AlertQuery(serializers.Serializer[Any]):
    """Which alerts; without a state all of them. raised: without the snoozed ones."""

    feature = serializers.SlugField(max_length=60, required=False)
    state = serializers.ChoiceField(["raised", "snoozed", "cleared"], required=False)


class LabelEvidenceShape(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]  # a prediction's, not the field's
    n = serializers.IntegerField()
    foretold = serializers.FloatField()
    found = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class AlertStepShape(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["raised", "taken", "handed_over", "snoozed", "cleared"])
    kind_label = serializers.CharField()
    by = serializers.CharField()
    to = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)
    words = serializers.CharField()
    at = serializers.DateTimeField()


class AlertShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    address = serializers.CharField()
    feature = serializers.CharField()
    feature_name = serializers.CharField()
    version = serializers.CharField()
    kind = serializers.ChoiceField(["quality", "expectation"])
    kind_label = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(["raised", "snoozed", "cleared"])
    owner = serializers.CharField()
    raised_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    close_due_at = serializers.DateTimeField()
    is_overdue = serializers.BooleanField()
    answered_at = serializers.DateTimeField(allow_null=True)
    snoozed_until = serializers.DateTimeField(allow_null=True)
    cleared_at = serializers.DateTimeField(allow_null=True)
    cleared_why = serializers.CharField()
    sentence = serializers.CharField()
    n = serializers.IntegerField()
    drop = serializers.FloatField(allow_null=True)
    drop_low = serializers.FloatField(allow_null=True)
    drop_high = serializers.FloatField(allow_null=True)
    labels = LabelEvidenceShape(many=True)
    wrong = serializers.ListField(child=serializers.CharField())
    steps = AlertStepShape(many=True)


class AlertAnswer(serializers.Serializer[Any]):
    """do: take (over), snooze (with until), clear. words: always, in a sentence."""

    do = serializers.ChoiceField(["take", "snooze", "clear"])
    words = serializers.CharField(max_length=2000)
    until = serializers.DateTimeField(required=False, allow_null=True)


AN_ALERT = {
    "id": 7,
    "address": "/alerts/7/",
    "feature": "delay-alert",
    "feature_name": "Delay alert",
    "version": "2-boosted",
    "kind": "quality",
    "kind_label": "Less often right than before",
    "title": "Version 2-boosted is less often right than before",
    "state": "raised",
    "owner": "ana@example.org",
    "raised_at": "2026-11-24T10:42:00Z",
    "due_at": "2026-11-25T10:42:00Z",
    "close_due_at": "2026-12-08T10:42:00Z",
    "is_overdue": False,
    "answered_at": None,
    "snoozed_until": None,
    "cleared_at": None,
    "cleared_why": "",
    "sentence": "Of 100 answers reviewed since 21 November about 81 are right (76 to 85); "
    "90 were foretold from the 2,410 reviews before.",
    "n": 312,
    "drop": 0.09,
    "drop_low": 0.05,
    "drop_high": 0.13,
    "labels": [{"label": "Late", "n": 140, "foretold": 0.86, "found": 0.71, "low": 0.63, "high": 0.78}],
    "wrong": ["f-20261124-0042"],
    "steps": [
        {"kind": "raised", "kind_label": "Raised", "by": "", "to": "ana@example.org", "until": None, "words": "",
         "at": "2026-11-24T10:42:00Z"}
    ],
}  # fmt: skip


@allow(Policy("caller", scope="read"))
class Alerts(APIView):
    """What got worse, what is due first in front; the 200 first."""

    @extend_schema(
        parameters=[AlertQuery],
        responses=AlertShape(many=True),
        examples=[OpenApiExample("One is raised", value=[AN_ALERT], response_only=True)],
    )
    def get(self, request: Request) -> Response:
        query = AlertQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted, now, features = query.validated_data, timezone.now(), features_for(request)
        if "feature" in wanted:
            features = features.filter(pk=get_object_or_404(features, slug=wanted["feature"]).pk)
        found = in_state(Alert.objects.visible_in(features), wanted.get("state", ""), now=now)
        return Response([asdict(report_of(each, now=now)) for each in with_context(found).due_first()[:MOST]])


@allow(Policy("caller", scope="read"))
class OneAlert(APIView):
    """One alert; people who answer for its feature take it over, snooze it or clear it."""

    policy_to_change = Policy("caller", roles=answering.ANSWERING, scope=None)

    @extend_schema(
        responses=AlertShape,
        examples=[OpenApiExample("Less often right", value=AN_ALERT, response_only=True)],
    )
    def get(self, request: Request, pk: int) -> Response:
        return Response(self._report(request, pk))

    @extend_schema(
        request=AlertAnswer,
        responses=AlertShape,
        examples=[
            OpenApiExample("Take it over", value={"do": "take", "words": "Looking at the new airports."},
                           request_only=True),
            OpenApiExample("The alert then", value=AN_ALERT, response_only=True),
        ],
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        person = person_of(request)
        seen = Alert.objects.visible_in(features_for(request) & answering.answered_by(person))
        alert = get_object_or_404(seen, pk=pk)
        body = AlertAnswer(data=request.data)
        body.is_valid(raise_exception=True)
        sent = dict(body.validated_data)
        try:
            DOES[sent.pop("do")](alert, sent, person, timezone.now())
        except ValidationError as error:
            told = error.message_dict if hasattr(error, "error_dict") else {"detail": error.messages}
            raise exceptions.ValidationError(told) from error
        return Response(self._report(request, pk))

    def _report(self, request: Request, pk: int) -> dict[str, Any]:
        found = with_context(Alert.objects.visible_in(features_for(request)))
        return asdict(report_of(get_object_or_404(found, pk=pk), now=timezone.now()))


def _snooze(alert: Alert, sent: dict[str, Any], user: User, now: datetime) -> Alert:
    until = sent.get("until")
    if until is None:
        raise ValidationError({"until": "Say until when."})
    return answering.snooze(alert_id=alert.pk, until=until, words=sent["words"], user=user, now=now)


DOES: dict[str, Callable[[Alert, dict[str, Any], User, datetime], Alert]] = {
    "take": lambda alert, sent, user, now: answering.take_over(
        alert_id=alert.pk, words=sent["words"], user=user, now=now
    ),
    "snooze": _snooze,
    "clear": lambda alert, sent, user, now: answering.clear(
        alert_id=alert.pk, words=sent["words"], user=user, now=now
    ),
}


# --- drift


class WeekDistanceShape(serializers.Serializer[Any]):
    from_on = serializers.DateField()
    distance = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()


class QualityRowShape(serializers.Serializer[Any]):
    what = serializers.ChoiceField(["missing", "unseen", "out_of_type"])
    n = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    reference_share = serializers.FloatField(allow_null=True)


class DriftRowShape(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["field", "label", "confidence"])
    name = serializers.CharField()
    distance = serializers.FloatField(allow_null=True)
    psi = serializers.FloatField(allow_null=True)
    threshold = serializers.FloatField(allow_null=True)
    is_drifting = serializers.BooleanField()
    n = serializers.IntegerField()
    n_reference = serializers.IntegerField()
    reason = serializers.CharField()
    weeks = WeekDistanceShape(many=True)
    quality = QualityRowShape(many=True)


class ExpectedRightShape(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    reference_value = serializers.FloatField(allow_null=True)
    reference_low = serializers.FloatField(allow_null=True)
    reference_high = serializers.FloatField(allow_null=True)
    n_reference = serializers.IntegerField()
    n = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]  # the field's own word
    reason = serializers.CharField()


class VersionDriftShape(serializers.Serializer[Any]):
    version = serializers.CharField()
    window_from = serializers.DateField()
    window_to = serializers.DateField()
    reference_from = serializers.DateField(allow_null=True)
    reference_to = serializers.DateField(allow_null=True)
    as_of = serializers.DateTimeField()
    sentence = serializers.CharField()
    n_drifting = serializers.IntegerField()
    inputs = DriftRowShape(many=True)
    label = DriftRowShape(allow_null=True)  # type: ignore[assignment]  # the answers', not the field's
    confidence = DriftRowShape(allow_null=True)
    expected_right = ExpectedRightShape(allow_null=True)


class DriftReportShape(serializers.Serializer[Any]):
    feature = serializers.CharField()
    name = serializers.CharField()
    as_of = serializers.DateTimeField(allow_null=True)
    versions = VersionDriftShape(many=True)
    reason = serializers.CharField()


A_ROW = {
    "kind": "field", "name": "origin", "distance": 0.23, "psi": 0.31, "threshold": 0.12, "is_drifting": True,
    "n": 2_400, "n_reference": 7_100, "reason": "",
    "weeks": [{"from_on": "2026-11-10", "distance": 0.08, "n": 2_380},
              {"from_on": "2026-11-17", "distance": 0.23, "n": 2_400}],
    "quality": [{"what": "missing", "n": 24, "share": 0.01, "reference_share": 0.004}],
}  # fmt: skip
A_DRIFT = {
    "feature": "delay-alert",
    "name": "Delay alert",
    "as_of": "2026-11-24T10:42:00Z",
    "versions": [
        {
            "version": "2-boosted",
            "window_from": "2026-11-17",
            "window_to": "2026-11-24",
            "reference_from": "2026-07-01",
            "reference_to": "2026-07-07",
            "as_of": "2026-11-24T10:42:00Z",
            "sentence": "1 of 7 inputs looks different from the first days; the answers do not. "
            "Drift alone raises no alarm; it brings more reviews.",
            "n_drifting": 1,
            "inputs": [A_ROW],
            "label": {**A_ROW, "quality": [], "kind": "label", "name": "", "distance": 0.04, "is_drifting": False},
            "confidence": {**A_ROW, "quality": [], "kind": "confidence", "name": "", "distance": 0.05,
                           "is_drifting": False},
            "expected_right": {"value": 0.88, "low": 0.86, "high": 0.9, "reference_value": 0.9,
                               "reference_low": 0.88, "reference_high": 0.92, "n_reference": 7_100, "n": 2_400,
                               "source": "reviewed", "reason": ""},
        }
    ],
    "reason": "",
}  # fmt: skip


@allow(Policy("caller", scope="read"))
class Drift(APIView):
    """What looks different from a version's first days. It raises no alarm; it brings more reviews."""

    @extend_schema(
        responses=DriftReportShape,
        examples=[OpenApiExample("One input drifts", value=A_DRIFT, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        feature = get_object_or_404(features_for(request), slug=slug)
        return Response(asdict(drift_report(feature)))
