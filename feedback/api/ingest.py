"""Bulk posting. msgspec decodes straight from bytes: no DRF parser or serializer on this path."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import msgspec
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from feedback.actions.ingest import (
    Receipt,
    record_events,
    record_feedback,
    record_outcomes,
    record_predictions,
)
from feedback.actions.refusals import record_refusals, record_unreadable
from feedback.api.doors import features_for
from feedback.api.feedback import FILTERS, PAGE, READ_ONE, feedback_page
from feedback.api.limits import KeyLimit, charge
from feedback.api.problems import problem_answer
from feedback.api.schema import bodies
from feedback.ingest.decode import MOST_BYTES, TOO_MUCH, RawItem, Unreadable, raw_items, read_body
from feedback.ingest.items import CustomerItem, EventItem, OutcomeItem, PredictionItem
from feedback.models import ApiKey
from feedback.policy import Policy, allow

INGEST = Policy("caller", scope="ingest")
READ = Policy("caller", scope="read")
RECEIPT = inline_serializer(
    "Receipt",
    {
        "received": serializers.IntegerField(),
        "created": serializers.IntegerField(),
        "duplicates": serializers.IntegerField(),
        "refused": inline_serializer(
            "Refusal",
            {
                "index": serializers.IntegerField(),
                "id": serializers.CharField(),
                "code": serializers.CharField(),
                "field": serializers.CharField(),
                "detail": serializers.CharField(),
            },
            many=True,
        ),
    },
)
ANSWERS: dict[int, Any] = dict.fromkeys((200, 201, 207, 422), RECEIPT)
PREDICTION = {"id": "p1", "feature": "delay-alert", "version": "2-boosted", "label": "late", "score": 0.82}
OUTCOME = {"feature": "delay-alert", "prediction": "p1", "truth": "late"}
EVENT = {
    "id": "e1",
    "kind": "edited",
    "feature": "delay-alert",
    "prediction": "p1",
    "actor": "u-6f1c",
    "account": "Northwind",
    "surface": "inbox",
    "props": {"edit_fraction": 0.2},
}
PLACED_EVENT = {
    "id": "e2",
    "kind": "exposed",
    "feature": "delay-alert",
    "set": "s1",
    "rank": 3,
    "actor": "u-6f1c",
}
FEEDBACK = {
    "id": "f1",
    "feature": "delay-alert",
    "channel": "ticket",
    "text": "It was late again and the alert came after the flight.",
    "severity": "high",
    "account": "Northwind",
    "prediction": "p1",
}
THUMB = {"id": "f2", "feature": "delay-alert", "channel": "thumb", "rating": -1, "actor": "u-6f1c"}
SENT_TOO_MUCH = "This key has sent all it may in a minute. Nothing of this request was read; send it again."
STORED = OpenApiExample(
    "All stored",
    value={"received": 1, "created": 1, "duplicates": 0, "refused": []},
    response_only=True,
    status_codes=["201"],
)


def answer(receipt: Receipt) -> HttpResponse:
    if receipt.refused:
        status = 422 if len(receipt.refused) == receipt.received else 207
    else:
        status = 201 if receipt.created else 200
    return HttpResponse(msgspec.json.encode(receipt), content_type="application/json", status=status)


class Sending(APIView):
    """What the sending endpoints have in common: no parser reads the body, and a key sends no more than it may."""

    parser_classes = ()
    throttle_classes = (KeyLimit,)

    def throttled(self, request: Request, wait: float) -> NoReturn:
        raise exceptions.Throttled(wait, SENT_TOO_MUCH)


@allow(INGEST)
class Predictions(Sending):
    """Post predictions: one object, an array, or NDJSON; gzip allowed. Sending a batch again is always safe."""

    @extend_schema(
        request=bodies(PredictionItem),
        responses=ANSWERS,
        examples=[OpenApiExample("One prediction", value=PREDICTION, request_only=True), STORED],
    )
    def post(self, request: Request) -> HttpResponse:
        return _record(request, "predictions", record_predictions)


@allow(INGEST)
class Outcomes(Sending):
    """Post the truth of predictions, in any order, any time later; the newest observed_at holds."""

    @extend_schema(
        request=bodies(OutcomeItem),
        responses=ANSWERS,
        examples=[OpenApiExample("One outcome", value=OUTCOME, request_only=True), STORED],
    )
    def post(self, request: Request) -> HttpResponse:
        return _record(request, "outcomes", record_outcomes)


@allow(INGEST)
class Events(Sending):
    """Post what people did with predictions, in any order, any time later; the same id again is a duplicate."""

    @extend_schema(
        request=bodies(EventItem),
        responses=ANSWERS,
        examples=[
            OpenApiExample("Of a prediction", value=EVENT, request_only=True),
            OpenApiExample("Of a place in a set", value=PLACED_EVENT, request_only=True),
            STORED,
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        return _record(request, "events", record_events)


@allow(READ)
class Feedback(Sending):
    """Post what customers said, about a prediction or the feature; the same id again is a duplicate.

    And read it, newest first: what waits in quarantine only where asked for.
    """

    policy_to_change = INGEST

    def get_throttles(self) -> list[BaseThrottle]:
        return [] if self.request.method == "GET" else super().get_throttles()

    @extend_schema(operation_id="feedback_list", responses=PAGE, parameters=FILTERS, examples=[READ_ONE])
    def get(self, request: Request) -> Response:
        return feedback_page(request, self)

    @extend_schema(
        request=bodies(CustomerItem),
        responses=ANSWERS,
        examples=[
            OpenApiExample("A ticket", value=FEEDBACK, request_only=True),
            OpenApiExample("A thumb", value=THUMB, request_only=True),
            STORED,
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        return _record(request, "feedback", record_feedback)


def _record(request: Request, endpoint: str, record: Callable[..., Receipt]) -> HttpResponse:
    key, features = request.auth, features_for(request)
    assert isinstance(key, ApiKey)  # noqa: S101  for the type checker: nobody else has the scope
    try:
        items = _items(request._request)
    except Unreadable as error:
        record_unreadable(key=key, endpoint=endpoint, status=error.status, detail=str(error), now=timezone.now())
        return problem_answer(error.status, str(error))
    charge(key, n_items=len(items))
    # Received is when all of it is here: a slow sender must not fall behind the two minutes of the look back.
    now = timezone.now()
    receipt = record(items=items, features=features, now=now)
    record_refusals(key=key, endpoint=endpoint, items=items, refused=receipt.refused, features=features, now=now)
    return answer(receipt)


def _items(request: HttpRequest) -> Sequence[RawItem]:
    """The items in bytes. Reads the stream itself: Django's own limit is for forms."""
    if "Transfer-Encoding" in request.headers:  # Django reads as much as Content-Length says, here nothing
        raise Unreadable(400, "Send Content-Length: a body in chunks is not read.")
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise Unreadable(413, TOO_MUCH)
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    try:
        body = read_body(request, encoding=encoding)
    except UnreadablePostError as error:
        raise Unreadable(400, "The body ended too early.") from error
    return raw_items(body, content_type=request.headers.get("Content-Type", ""))
