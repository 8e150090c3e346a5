"""Files by REST: ask for one, look how far it is, fetch it."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from feedback.api.doors import person_of
from feedback.policy import Policy, allow
from reviews.actions import exporting
from reviews.actions.leading import led_by
from reviews.api.leading import feature_led_by
from reviews.api.views import ReviewView, entered_of, example
from reviews.export_reading import ExportReport, export_of, file_answer
from reviews.exports import COLUMNS
from reviews.models import Export

LEAD = Policy("caller", scope=None)
AN_EXPORT = {
    "id": 7,
    "kind": "judgments",
    "feature": "delay-alert",
    "format": "parquet",
    "state": "writing",
    "n_written": 20_000,
    "n_expected": 48_211,
    "n_bytes": 0,
    "reason": "",
    "created_at": "2026-11-24T10:00:00Z",
    "finished_at": None,
    "kept_until": "2026-11-25T10:00:00Z",
    "file": None,
}


class FiltersShape(serializers.Serializer[Any]):
    feature = serializers.SlugField(max_length=60)


class AskShape(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Export.Kind.choices)
    filters = FiltersShape()
    format = serializers.ChoiceField(choices=Export.Format.choices)


class ExportShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    feature = serializers.CharField()
    format = serializers.CharField()
    state = serializers.ChoiceField(choices=["waiting", "writing", "done", "cancelled", "failed"])
    n_written = serializers.IntegerField()
    n_expected = serializers.IntegerField(help_text="Rows there were when writing began.")
    n_bytes = serializers.IntegerField()
    reason = serializers.CharField(help_text="Why it failed; empty otherwise.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    kept_until = serializers.DateTimeField()
    file = serializers.CharField(allow_null=True, help_text="Where to fetch it, once it is done.")


def shown(report: ExportReport) -> dict[str, Any]:
    return {name: getattr(report, name) for name in AN_EXPORT}


@allow(LEAD)
class Exports(ReviewView):
    """Ask for a file of what one leads, written by a worker: the judgments or predictions of a feature."""

    @extend_schema(
        request=AskShape,
        responses={202: ExportShape},
        examples=[
            *example({"kind": "judgments", "filters": {"feature": "delay-alert"}, "format": "parquet"}),
            *example(AN_EXPORT, of_answer=True),
        ],
    )
    def post(self, request: Request) -> Response:
        person, entered = person_of(request), entered_of(AskShape, request)
        feature = feature_led_by(person, entered["filters"]["feature"])
        export = exporting.ask_export(
            feature=feature,
            person=person,
            kind=entered["kind"],
            format=entered["format"],
            now=timezone.now(),
        )
        return Response(shown(export_of(export)), status=202)


@allow(LEAD)
class OneExport(ReviewView):
    """How far a file is that one has asked for. DELETE stops its writing."""

    @extend_schema(responses=ExportShape, examples=example(AN_EXPORT, of_answer=True))
    def get(self, request: Request, pk: int) -> Response:
        return Response(shown(export_of(own_export(request, pk))))

    @extend_schema(
        responses={200: ExportShape},
        examples=example({**AN_EXPORT, "state": Export.State.CANCELLED}, of_answer=True),
    )
    def delete(self, request: Request, pk: int) -> Response:
        exporting.cancel_export(export_id=own_export(request, pk).pk, now=timezone.now())
        return Response(shown(export_of(own_export(request, pk))))


@allow(LEAD)
class ExportFile(ReviewView):
    """The file itself, in pieces of a mebibyte. 404 until it is done, and a day after it was asked for."""

    @extend_schema(
        responses={
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
        },
        examples=[
            OpenApiExample("The first line", value=",".join(COLUMNS), media_type="text/csv", response_only=True)
        ],
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        return file_answer(get_object_or_404(own_exports(request), pk=pk, state=Export.State.DONE))


def own_exports(request: Request) -> Any:
    """What this person has asked for, of features that they still lead."""
    person = person_of(request)
    led = [feature.pk for feature in led_by(person)]
    return Export.objects.of(person).filter(feature__in=led).select_related("feature")


def own_export(request: Request, pk: int) -> Export:
    export: Export = get_object_or_404(own_exports(request), pk=pk)
    return export
