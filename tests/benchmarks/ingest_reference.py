"""What bench_ingest measures us against in the same stack: DRF as most would write it, and an empty view.

Served by gunicorn as `tests.benchmarks.ingest_reference`: our settings and middleware, another URL configuration.
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.views import APIView

from feedback.api.doors import features_for
from feedback.api.ingest import INGEST
from feedback.models import ModelVersion, Prediction
from feedback.policy import allow

settings.ROOT_URLCONF = "tests.benchmarks.ingest_reference"


class Item(serializers.ModelSerializer):
    id = serializers.CharField(source="external_id", max_length=200)
    feature = serializers.CharField(max_length=100)
    version = serializers.CharField(max_length=100)
    score = serializers.FloatField(min_value=0, max_value=1, required=False)

    class Meta:
        model = Prediction
        fields = [
            "id", "feature", "version", "occurred_at", "label", "score", "probabilities", "inputs", "segments",
            "actor", "account", "latency_ms", "cpu_ms", "rss_mb", "trace",
        ]  # fmt: skip
        extra_kwargs = {"actor": {"required": False}, "account": {"required": False}}


@allow(INGEST)
class Bulk(APIView):
    """ListSerializer, then bulk_create in one transaction; no per-item refusals, no conflicts."""

    def post(self, request):
        items = Item(data=request.data, many=True)
        items.is_valid(raise_exception=True)
        now = timezone.now()
        features = {feature.slug: feature for feature in features_for(request)}
        versions = {(v.feature_id, v.name): v for v in ModelVersion.objects.all()}
        rows = []
        for item in items.validated_data:
            feature = features[item.pop("feature")]
            version = versions[feature.pk, item.pop("version")]
            rows.append(Prediction(feature=feature, version=version, received_at=now, fingerprint=0, **item))
        Prediction.objects.bulk_create(rows, ignore_conflicts=True)
        return JsonResponse({"received": len(rows)}, status=201)


@allow(INGEST)
class Empty(APIView):
    """The same door and middleware, nothing behind."""

    parser_classes = ()

    def post(self, request):
        return JsonResponse({}, status=201)


urlpatterns = [path("bulk/", Bulk.as_view()), path("empty/", Empty.as_view())]
application = get_wsgi_application()
