"""What leads do by REST: read the raw judgments, and steer the queue in the few ways there are."""

from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from feedback.api.doors import person_of
from feedback.models import Feature, Membership, Prediction, User
from feedback.policy import Policy, allow
from reviews.actions import leading as actions
from reviews.api.views import ReviewView, entered_of, example
from reviews.exports import csv_lines, judgment_rows
from reviews.models import Assignment

LEAD = Policy("caller", scope=None)
MOST = 1_000


class QueryShape(serializers.Serializer[Any]):
    feature = serializers.SlugField(required=False, max_length=60)
    after = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=2**63 - 1, help_text="Rows with a larger id: next_after."
    )
    limit = serializers.IntegerField(required=False, default=200, min_value=1, max_value=MOST)
    kind = serializers.ChoiceField(choices=["json", "csv"], required=False, default="json")


class JudgmentRowShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    feature = serializers.CharField()
    version = serializers.CharField()
    prediction = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    predicted = serializers.CharField()
    arm = serializers.CharField()
    lane = serializers.CharField()
    weight = serializers.FloatField()
    queue_key = serializers.FloatField()
    inclusion_probability = serializers.FloatField(
        allow_null=True, help_text="The chance that it came to be counted; null: it counts in no estimate."
    )
    cohort_on = serializers.DateField()
    item = serializers.IntegerField()
    item_state = serializers.CharField()
    item_verdict = serializers.CharField()
    item_truth = serializers.CharField()
    assignment = serializers.IntegerField()
    ordinal = serializers.IntegerField()
    assignment_state = serializers.CharField()
    void_reason = serializers.CharField()
    reviewer = serializers.CharField()
    revision = serializers.IntegerField()
    is_latest = serializers.BooleanField()
    rubric = serializers.IntegerField()
    verdict = serializers.CharField()
    corrected = serializers.CharField()
    own_answer = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())
    answers = serializers.DictField()
    comment = serializers.CharField()
    is_flagged = serializers.BooleanField()
    is_simulated = serializers.BooleanField()
    leased_at = serializers.DateTimeField(allow_null=True)
    submitted_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    wall_seconds = serializers.FloatField()
    active_seconds = serializers.FloatField()


A_JUDGMENT = {
    "id": 412,
    "feature": "delay-alert",
    "version": "2-boosted",
    "prediction": "131110-US409-EWR",
    "occurred_at": "2026-11-10T16:05:00Z",
    "predicted": "late",
    "arm": "probability",
    "lane": "opinion",
    "weight": 1.21,
    "queue_key": 0.00489,
    "inclusion_probability": 0.2137,
    "cohort_on": "2026-11-10",
    "item": 97,
    "item_state": "final",
    "item_verdict": "wrong",
    "item_truth": "on_time",
    "assignment": 101,
    "ordinal": 1,
    "assignment_state": "submitted",
    "void_reason": "",
    "reviewer": "mei@example.org",
    "revision": 1,
    "is_latest": True,
    "rubric": 1,
    "verdict": "wrong",
    "corrected": "on_time",
    "own_answer": "",
    "reasons": ["weather"],
    "answers": {},
    "comment": "",
    "is_flagged": False,
    "is_simulated": False,
    "leased_at": "2026-11-11T09:00:00Z",
    "submitted_at": "2026-11-11T09:00:21Z",
    "created_at": "2026-11-11T09:00:21Z",
    "wall_seconds": 21,
    "active_seconds": 20,
}


class JudgmentPageShape(serializers.Serializer[Any]):
    results = JudgmentRowShape(many=True)
    next_after = serializers.IntegerField(allow_null=True)


class ReassignShape(serializers.Serializer[Any]):
    to = serializers.EmailField(required=False, help_text="Who gets the case; left out: the queue.")


class AssignedShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    state = serializers.CharField()


class VoidShape(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)


class PredictionShape(serializers.Serializer[Any]):
    feature = serializers.SlugField(max_length=60)
    prediction = serializers.CharField(max_length=200)


class PickedShape(serializers.Serializer[Any]):
    item = serializers.IntegerField()


class SkillsShape(serializers.Serializer[Any]):
    feature = serializers.SlugField(max_length=60)
    reviewer = serializers.EmailField()
    tags = serializers.ListField(child=serializers.CharField(max_length=200), max_length=100)


def assignments_led_by(person: User) -> Any:
    return Assignment.objects.filter(feature__in=actions.led_by(person))


def feature_led_by(person: User, slug: str) -> Feature:
    return get_object_or_404(Feature, slug=slug, pk__in=[feature.pk for feature in actions.led_by(person)])


def prediction_led_by(person: User, entered: dict[str, Any]) -> Prediction:
    feature = feature_led_by(person, entered["feature"])
    rows = Prediction.objects.select_related("feature", "version")
    return get_object_or_404(rows, feature=feature, external_id=entered["prediction"])


@allow(LEAD)
class Judgments(ReviewView):
    """The raw judgments of the features one leads: every revision, by id, as JSON pages or as one CSV file.

    Who leads none gets none. Who also reviews a feature gets none of a prediction that is still asked about there.
    Parquet: POST /exports/.
    """

    @extend_schema(
        parameters=[QueryShape],
        responses=JudgmentPageShape,
        examples=example({"results": [A_JUDGMENT], "next_after": None}, of_answer=True),
    )
    def get(self, request: Request) -> HttpResponseBase:
        person = person_of(request)
        query = QueryShape(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        features = actions.led_by(person)
        if slug := asked.get("feature"):
            features = [feature_led_by(person, slug)]
        ids = [feature.pk for feature in features]
        if asked["kind"] == "csv":
            lines = csv_lines(judgment_rows(ids, reader=person, after=asked["after"]))
            answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
            answer["Content-Disposition"] = 'attachment; filename="judgments.csv"'
            return answer
        rows = list(judgment_rows(ids, reader=person, after=asked["after"], most=asked["limit"]))
        next_after = rows[-1]["id"] if len(rows) == asked["limit"] else None
        return Response({"results": rows, "next_after": next_after})


@allow(LEAD)
class Reassign(ReviewView):
    """Take a case from whoever holds it, for the queue or for somebody else."""

    @extend_schema(
        request=ReassignShape,
        responses=AssignedShape,
        examples=[*example({"to": "mei@example.org"}), *example({"id": 837, "state": "leased"}, of_answer=True)],
    )
    def post(self, request: Request, pk: int) -> Response:
        get_object_or_404(assignments_led_by(person_of(request)), pk=pk)
        entered, to = entered_of(ReassignShape, request), None
        if email := entered.get("to"):
            to = get_object_or_404(User, email__iexact=email, pk__in=self.members_of(pk))
        assignment = actions.reassign(assignment_id=pk, to=to, now=timezone.now())
        return Response({"id": assignment.pk, "state": assignment.state})

    def members_of(self, pk: int) -> Any:
        feature = Assignment.objects.filter(pk=pk).values("feature")
        return Membership.objects.filter(feature__in=feature).values("user")


@allow(LEAD)
class Void(ReviewView):
    """Take an assignment out, with its judgment; a new one opens in its place."""

    @extend_schema(
        request=VoidShape,
        responses={204: None},
        examples=example({"reason": "Judged by the outdated guideline."}),
    )
    def post(self, request: Request, pk: int) -> Response:
        person = person_of(request)
        get_object_or_404(assignments_led_by(person), pk=pk)
        actions.void(assignment_id=pk, lead=person, now=timezone.now(), **entered_of(VoidShape, request))
        return Response(status=204)


@allow(LEAD)
class Targets(ReviewView):
    """Have one prediction judged soon. It counts in no estimate."""

    @extend_schema(
        request=PredictionShape,
        responses=PickedShape,
        examples=[
            *example({"feature": "price-band", "prediction": "parcel-531375130"}),
            *example({"item": 91}, of_answer=True),
        ],
    )
    def post(self, request: Request) -> Response:
        prediction = prediction_led_by(person_of(request), entered_of(PredictionShape, request))
        item, _ = actions.target(prediction=prediction, now=timezone.now())
        return Response({"item": item.pk})


@allow(LEAD)
class Gold(ReviewView):
    """Try reviewers by a prediction whose answer is known: adjudicated, or its truth arrived."""

    @extend_schema(
        request=PredictionShape,
        responses=PickedShape,
        examples=[
            *example({"feature": "price-band", "prediction": "parcel-531375130"}),
            *example({"item": 92}, of_answer=True),
        ],
    )
    def post(self, request: Request) -> Response:
        person = person_of(request)
        prediction = prediction_led_by(person, entered_of(PredictionShape, request))
        reference = actions.make_gold(prediction=prediction, lead=person, now=timezone.now())
        return Response({"item": reference.item_id})


@allow(LEAD)
class Skills(ReviewView):
    """What a reviewer knows: the values of the segment that the sampling policy names."""

    @extend_schema(
        request=SkillsShape,
        responses=SkillsShape,
        examples=example({"feature": "price-band", "reviewer": "mei@example.org", "tags": ["de", "fr"]}),
    )
    def post(self, request: Request) -> Response:
        entered = entered_of(SkillsShape, request)
        feature = feature_led_by(person_of(request), entered["feature"])
        members = Membership.objects.filter(feature=feature).values("user")
        reviewer = get_object_or_404(User, email__iexact=entered["reviewer"], pk__in=members)
        tags = actions.set_skills(feature=feature, reviewer=reviewer, tags=entered["tags"])
        return Response({"feature": feature.slug, "reviewer": reviewer.email, "tags": tags})
