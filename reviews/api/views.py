"""The review desk for programs that act as a person: the same actions as its pages."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feedback.api.doors import person_of
from feedback.models import Feature, User
from feedback.policy import Policy, allow
from reviews import reports
from reviews.actions import desk as actions
from reviews.errors import LeaseLost, Refused
from reviews.models import Assignment
from reviews.views import assignments_for, claim_after

REVIEWER = Policy("caller", scope=None)


class Conflict(exceptions.APIException):
    status_code = 409
    default_detail = "Somebody else has this case now."
    default_code = "conflict"


class ClaimShape(serializers.Serializer[Any]):
    feature = serializers.SlugField(required=False, max_length=60)


class TokenShape(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=64)


class SkipShape(TokenShape):
    reason = serializers.CharField(max_length=40)


class SubmitShape(TokenShape):
    verdict = serializers.CharField(max_length=12)
    corrected = serializers.CharField(max_length=200, required=False, allow_blank=True)
    reasons = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=50)
    comment = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    is_flagged = serializers.BooleanField(required=False)
    idempotency_key = serializers.CharField(max_length=64)


class InputShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the field's own words, as the page shows them
    hint = serializers.CharField()
    value = serializers.CharField()


class ChoiceShape(serializers.Serializer[Any]):
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class CaseShape(serializers.Serializer[Any]):
    prediction = serializers.CharField()
    feature = serializers.CharField()
    version = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    answer = serializers.CharField()
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    inputs = InputShape(many=True)


class FormShape(serializers.Serializer[Any]):
    verdicts = ChoiceShape(many=True)
    corrected = ChoiceShape(many=True)
    reasons = ChoiceShape(many=True)
    rubric = serializers.IntegerField()
    guideline_html = serializers.CharField()


class LeasedShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    token = serializers.CharField()
    leased_until = serializers.DateTimeField()
    case = CaseShape()
    form = FormShape()


class SavedShape(serializers.Serializer[Any]):
    judgment = serializers.IntegerField()
    verdict = serializers.CharField()
    corrected = serializers.CharField()


class SubmittedShape(serializers.Serializer[Any]):
    saved = SavedShape()
    next = LeasedShape(allow_null=True)


LEASED = {
    "id": 837,
    "token": "3cc4907b52184d440d71c6ffc74529b8",
    "leased_until": "2026-11-24T10:57:00Z",
    "case": {
        "prediction": "parcel-531375130",
        "feature": "price-band",
        "version": "2-features",
        "occurred_at": "2026-10-13T15:00:00Z",
        "answer": "130k_to_200k",
        "label": "130k_to_200k",
        "inputs": [{"name": "built", "label": "Built", "hint": "text", "value": "2003"}],
    },
    "form": {
        "verdicts": [{"value": "right", "label": "Right"}, {"value": "wrong", "label": "Wrong"}],
        "corrected": [{"value": "under_130k", "label": "under 130k"}],
        "reasons": [{"value": "price", "label": "Price level"}],
        "rubric": 1,
        "guideline_html": "<p>Compare with sales nearby.</p>",
    },
}
ANSWER = {
    "token": "3cc4907b52184d440d71c6ffc74529b8",
    "verdict": "wrong",
    "corrected": "under_130k",
    "reasons": ["price"],
    "idempotency_key": "3cc4907b",
}
SUBMITTED = {"saved": {"judgment": 412, "verdict": "wrong", "corrected": "under_130k"}, "next": None}


def example(value: dict[str, Any], *, of_answer: bool = False) -> list[OpenApiExample]:
    return [OpenApiExample("A case", value=value, request_only=not of_answer, response_only=of_answer)]


def leased(assignment: Assignment, *, reviewer: User, now: datetime) -> dict[str, Any]:
    """A leased case as REST tells it: built from the same Case as the page."""
    case = reports.case_of(assignment, reviewer=reviewer, now=now)
    return {
        "id": case.assignment_id,
        "token": case.token,
        "leased_until": case.leased_until,
        "case": {
            "prediction": case.external_id,
            "feature": case.feature_slug,
            "version": case.version,
            "occurred_at": case.occurred_at,
            "answer": case.answer,
            "label": assignment.item.prediction.label,
            "inputs": [asdict(field) for field in case.fields],
        },
        "form": {
            "verdicts": [_choice(choice) for choice in case.verdicts],
            "corrected": [_choice(choice) for choice in case.labels],
            "reasons": [_choice(choice) for choice in case.reasons],
            "rubric": case.rubric_number,
            "guideline_html": case.guideline_html,
        },
    }


def _choice(choice: Any) -> dict[str, str]:
    return {"value": choice.value, "label": choice.label}


def _entered(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    checked = shape(data=request.data)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


class ReviewView(APIView):
    def handle_exception(self, exc: Exception) -> Response:
        """What the desk's actions refuse, in REST's words: 409 and 400."""
        if isinstance(exc, LeaseLost):
            return super().handle_exception(Conflict(str(exc)))
        if isinstance(exc, Refused):
            return super().handle_exception(exceptions.ValidationError(exc.errors))
        return super().handle_exception(exc)


@allow(REVIEWER)
class Claim(ReviewView):
    @extend_schema(
        request=ClaimShape,
        responses={
            200: LeasedShape,
            204: OpenApiResponse(description="Nothing to take: X-Empty-Reason says why."),
        },
        examples=[*example({"feature": "price-band"}), *example(LEASED, of_answer=True)],
    )
    def post(self, request: Request) -> Response:
        person, now = person_of(request), timezone.now()
        features = Feature.objects.reviewed_by(person)
        if slug := _entered(ClaimShape, request).get("feature"):
            features = features.filter(pk=get_object_or_404(features, slug=slug).pk)
        assignment = actions.claim_next(reviewer=person, features=features, now=now)
        if assignment is None:
            empty = reports.empty_desk(person, features, now)
            return Response(status=204, headers={"X-Empty-Reason": empty.reason})
        return Response(leased(assignment, reviewer=person, now=now))


@allow(REVIEWER)
class Submit(ReviewView):
    @extend_schema(
        request=SubmitShape,
        responses=SubmittedShape,
        examples=[*example(ANSWER), *example(SUBMITTED, of_answer=True)],
    )
    def post(self, request: Request, pk: int) -> Response:
        person, now = person_of(request), timezone.now()
        assignment = get_object_or_404(assignments_for(person), pk=pk)
        entered = _entered(SubmitShape, request)
        with transaction.atomic():
            judgment = actions.submit(assignment_id=pk, reviewer=person, now=now, **entered)
            following = claim_after(person, assignment.feature, now)
        saved = {"judgment": judgment.pk, "verdict": judgment.verdict, "corrected": judgment.corrected}
        next_ = leased(following, reviewer=person, now=now) if following else None
        return Response({"saved": saved, "next": next_})


@allow(REVIEWER)
class Skip(ReviewView):
    @extend_schema(
        request=SkipShape,
        responses={204: None},
        examples=example({"token": LEASED["token"], "reason": "not_my_field"}),
    )
    def post(self, request: Request, pk: int) -> Response:
        person = person_of(request)
        get_object_or_404(assignments_for(person), pk=pk)
        entered = _entered(SkipShape, request)
        actions.skip(assignment_id=pk, reviewer=person, now=timezone.now(), **entered)
        return Response(status=204)


@allow(REVIEWER)
class Release(ReviewView):
    @extend_schema(request=TokenShape, responses={204: None}, examples=example({"token": LEASED["token"]}))
    def post(self, request: Request, pk: int) -> Response:
        person = person_of(request)
        get_object_or_404(assignments_for(person), pk=pk)
        actions.release(assignment_id=pk, reviewer=person, **_entered(TokenShape, request))
        return Response(status=204)
