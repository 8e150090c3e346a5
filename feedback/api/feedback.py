"""Reading what customers said, a page at a time."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError as Refused
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feedback.api.doors import features_for
from feedback.api.filters import FeedbackFilter
from feedback.models import FeedbackItem


class FeedbackShape(serializers.ModelSerializer[FeedbackItem]):
    id = serializers.CharField(source="external_id")
    feature = serializers.CharField(source="feature.slug")
    prediction = serializers.CharField(source="prediction_external_id")
    theme = serializers.IntegerField(source="theme_id", allow_null=True)

    class Meta:
        model = FeedbackItem
        fields: ClassVar[list[str]] = [
            "id", "feature", "channel", "rating", "text", "severity", "actor", "account", "prediction",
            "occurred_at", "received_at", "state", "theme", "triage_due_at", "close_due_at", "triaged_at",
            "closed_at", "outcome", "quarantine_reason",
        ]  # fmt: skip
        read_only_fields = fields


class Pages(CursorPagination):
    # By pk alone: a batch has one received_at, and may be larger than the offset that a cursor can hold.
    ordering = "-pk"
    page_size = 100
    max_page_size = 1000
    page_size_query_param = "page_size"


PAGE = inline_serializer(
    "FeedbackPage",
    {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": FeedbackShape(many=True),
    },
)
FILTERS = [
    OpenApiParameter("feature", str),
    OpenApiParameter("state", str, enum=FeedbackItem.State.values),
    OpenApiParameter("channel", str, enum=FeedbackItem.Channel.values),
    OpenApiParameter("severity", str, enum=FeedbackItem.Severity.values),
    OpenApiParameter("theme", int, description="With all that is merged with it."),
    OpenApiParameter("received_after", OpenApiTypes.DATETIME),
    OpenApiParameter("received_before", OpenApiTypes.DATETIME),
    OpenApiParameter("quarantine", bool, description="true: what waits in quarantine, and that alone."),
    OpenApiParameter("page_size", int),
    OpenApiParameter("cursor", str),
]
READ_ONE = OpenApiExample(
    "A page",
    value={
        "next": None,
        "previous": None,
        "results": [
            {
                "id": "f1",
                "feature": "delay-alert",
                "channel": "ticket",
                "rating": None,
                "text": "It was late again and the alert came after the flight.",
                "severity": "high",
                "actor": "",
                "account": "Northwind",
                "prediction": "p1",
                "occurred_at": "2026-05-25T09:00:00Z",
                "received_at": "2026-05-25T09:00:00Z",
                "state": "new",
                "theme": None,
                "triage_due_at": "2026-05-26T09:00:00Z",
                "close_due_at": "2026-06-01T09:00:00Z",
                "triaged_at": None,
                "closed_at": None,
                "outcome": "",
                "quarantine_reason": "",
            }
        ],
    },
    response_only=True,
    status_codes=["200"],
)


def feedback_page(request: Request, view: APIView) -> Response:
    """A page of the feedback that the caller sees. Raises Refused for a filter that is not right."""
    items = FeedbackItem.objects.filter(feature__in=features_for(request)).select_related("feature")
    in_quarantine = request.query_params.get("quarantine", "").lower() in {"true", "1"}
    items = items.quarantined() if in_quarantine else items.trusted()
    chosen = FeedbackFilter(request.query_params, queryset=items)
    if not chosen.is_valid():
        errors: dict[str, Any] = chosen.errors.get_json_data()
        raise Refused({name: [each["message"] for each in found] for name, found in errors.items()})
    pages = Pages()
    found: Any = pages.paginate_queryset(chosen.qs, request, view=view)
    return pages.get_paginated_response(FeedbackShape(found, many=True).data)
