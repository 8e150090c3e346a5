"""The review desk for programs that act as a person: the same actions as its pages."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

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
from reviews.desk_pages import assignments_for, judgments_of
from reviews.errors import LeaseLost, Refused
from reviews.models import Assignment

REVIEWER = Policy("caller", scope=None)


class Conflict(exceptions.APIException):
    status_code = 409
    default_detail = "Somebody else has this case now."
    default_code = "conflict"


class ClaimShape(serializers.Serializer[Any]):
    feature = serializers.SlugField(required=False, max_length=60)
    work = serializers.ChoiceField(
        choices=["judge", "decide"],
        required=False,
        help_text="decide: as an adjudicator, between two reviewers.",
    )


class TokenShape(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=64)


class SkipShape(TokenShape):
    reason = serializers.CharField(max_length=40)


class SubmitShape(TokenShape):
    verdict = serializers.CharField(max_length=12)
    corrected = serializers.CharField(max_length=200, required=False, allow_blank=True)
    reasons = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=50)
    comment = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    answers = serializers.DictField(
        child=serializers.CharField(max_length=2000, allow_blank=True),
        required=False,
        help_text="Question code -> answer, of the questions that form.questions names.",
    )
    is_flagged = serializers.BooleanField(required=False)
    rubric = serializers.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1, help_text="form.rubric: refused if it is an older one."
    )
    idempotency_key = serializers.CharField(max_length=64)


class OwnAnswerShape(TokenShape):
    own_answer = serializers.CharField(max_length=200)


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
    answer = serializers.CharField(help_text="Empty while form.step is own_answer.")
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    own_answer = serializers.CharField()
    inputs = InputShape(many=True)


class QuestionShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.ChoiceField(choices=["choice", "number", "text"])
    options = serializers.ListField(child=serializers.CharField())
    is_required = serializers.BooleanField()


class OpinionShape(serializers.Serializer[Any]):
    rater = serializers.CharField()
    verdict = serializers.CharField()
    corrected = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())
    comment = serializers.CharField()


class FormShape(serializers.Serializer[Any]):
    step = serializers.ChoiceField(
        choices=["own_answer", "verdict"], help_text="own_answer: send that first; the model's answer comes then."
    )
    verdicts = ChoiceShape(many=True)
    corrected = ChoiceShape(many=True)
    reasons = ChoiceShape(many=True)
    questions = QuestionShape(many=True)
    opinions = OpinionShape(many=True, help_text="Of two reviewers, to who decides between them.")
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
        "own_answer": "",
        "inputs": [{"name": "built", "label": "Built", "hint": "text", "value": "2003"}],
    },
    "form": {
        "step": "verdict",
        "verdicts": [{"value": "right", "label": "Right"}, {"value": "wrong", "label": "Wrong"}],
        "corrected": [{"value": "under_130k", "label": "under 130k"}],
        "reasons": [{"value": "price", "label": "Price level"}],
        "questions": [],
        "opinions": [],
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
            "label": case.label,
            "own_answer": case.own_answer,
            "inputs": [asdict(field) for field in case.fields],
        },
        "form": {
            "step": case.step,
            "verdicts": [_choice(choice) for choice in case.verdicts],
            "corrected": [_choice(choice) for choice in case.labels],
            "reasons": [_choice(choice) for choice in case.reasons],
            "questions": [asdict(question) for question in case.questions],
            "opinions": [asdict(opinion) for opinion in case.opinions],
            "rubric": case.rubric_number,
            "guideline_html": case.guideline_html,
        },
    }


def _choice(choice: Any) -> dict[str, str]:
    return {"value": choice.value, "label": choice.label}


def entered_of(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
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
        entered = entered_of(ClaimShape, request)
        if slug := entered.get("feature"):
            features = features.filter(pk=get_object_or_404(features, slug=slug).pk)
        if entered.get("work") == "decide":
            decided = [feature for feature in actions.adjudicated_by(person) if feature in features]
            assignment = actions.claim_decision(adjudicator=person, features=decided, now=now)
        else:
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
        get_object_or_404(assignments_for(person), pk=pk)
        judgment, following = actions.submit_and_claim(
            assignment_id=pk, reviewer=person, now=now, **entered_of(SubmitShape, request)
        )
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
        entered = entered_of(SkipShape, request)
        actions.skip(assignment_id=pk, reviewer=person, now=timezone.now(), **entered)
        return Response(status=204)


@allow(REVIEWER)
class Release(ReviewView):
    @extend_schema(request=TokenShape, responses={204: None}, examples=example({"token": LEASED["token"]}))
    def post(self, request: Request, pk: int) -> Response:
        person = person_of(request)
        get_object_or_404(assignments_for(person), pk=pk)
        actions.release(assignment_id=pk, reviewer=person, **entered_of(TokenShape, request))
        return Response(status=204)


@allow(REVIEWER)
class OwnAnswer(ReviewView):
    """Blind mode's first step: what the reviewer answers by themselves; then the case shows the model's answer."""

    @extend_schema(
        request=OwnAnswerShape,
        responses=LeasedShape,
        examples=[
            *example({"token": LEASED["token"], "own_answer": "under_130k"}),
            *example(LEASED, of_answer=True),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        person = person_of(request)
        get_object_or_404(assignments_for(person), pk=pk)
        assignment = actions.give_own_answer(
            assignment_id=pk, reviewer=person, **entered_of(OwnAnswerShape, request)
        )
        return Response(leased(assignment, reviewer=person, now=timezone.now()))


class BeatenShape(serializers.Serializer[Any]):
    leased_until = serializers.DateTimeField()


@allow(REVIEWER)
class Beat(ReviewView):
    """Once a minute while somebody works on the case: the lease lasts on, and the active time is counted."""

    @extend_schema(
        request=TokenShape,
        responses=BeatenShape,
        examples=[
            *example({"token": LEASED["token"]}),
            *example({"leased_until": LEASED["leased_until"]}, of_answer=True),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        person = person_of(request)
        get_object_or_404(assignments_for(person), pk=pk)
        until = actions.beat(
            assignment_id=pk, reviewer=person, now=timezone.now(), **entered_of(TokenShape, request)
        )
        return Response({"leased_until": until})


class ReviseShape(SubmitShape):
    token = None  # type: ignore[assignment]  # the case is not leased any more


@allow(REVIEWER)
class Revise(ReviewView):
    """Another answer in the place of one's own of the last 10 minutes; the old one stays as a revision."""

    @extend_schema(
        request=ReviseShape,
        responses=SavedShape,
        examples=[
            *example({name: value for name, value in ANSWER.items() if name != "token"}),
            *example({"judgment": 413, "verdict": "wrong", "corrected": "under_130k"}, of_answer=True),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        person = person_of(request)
        get_object_or_404(judgments_of(person), pk=pk)
        judgment = actions.revise(
            judgment_id=pk, reviewer=person, now=timezone.now(), **entered_of(ReviseShape, request)
        )
        return Response({"judgment": judgment.pk, "verdict": judgment.verdict, "corrected": judgment.corrected})


@allow(REVIEWER)
class Undo(ReviewView):
    """Withdraw one's own judgment of the last 10 minutes: the case comes back."""

    @extend_schema(request=None, responses=LeasedShape, examples=example(LEASED, of_answer=True))
    def post(self, request: Request, pk: int) -> Response:
        person, now = person_of(request), timezone.now()
        get_object_or_404(judgments_of(person), pk=pk)
        assignment = actions.undo(judgment_id=pk, reviewer=person, now=now)
        return Response(leased(assignment, reviewer=person, now=now))
