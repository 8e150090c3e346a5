"""Predictions of a feature, row by row, each with the truth that arrived. Whom they were for is left out."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from feedback.models import Feature, Outcome, Prediction, User
from reviews.models import Assignment

CHUNK = 1_000
SETTLED = timedelta(minutes=3)  # the draw has looked at what came before
COLUMNS = MappingProxyType(
    {
        "id": "text",
        "feature": "text",
        "version": "text",
        "occurred_at": "time",
        "received_at": "time",
        "label": "text",
        "value": "number",
        "output": "json",
        "score": "number",
        "probabilities": "json",
        "inputs": "json",
        "segments": "json",
        "latency_ms": "number",
        "cpu_ms": "number",
        "rss_mb": "number",
        "trace": "json",
        "truth_label": "text",
        "truth_value": "number",
        "observed_at": "time",
    }
)
NOT_SENT = {"id", "feature", "version", "truth_label", "truth_value", "observed_at"}
SENT = [name for name in COLUMNS if name not in NOT_SENT]


def prediction_rows(feature: Feature, *, reader: User | None = None) -> Iterator[dict[str, Any]]:
    """The predictions of a feature by their id, with the newest truth of each, or None.

    Actors and accounts are not told: a file must not outlive an erasure. reader: whoever reviews the feature gets
    none of what somebody is still asked about, because its score would show, nor of the last minutes, which may
    still be drawn. Read in chunks.
    """
    told = _told(feature, reader)
    after: str | None = None
    while True:
        ahead = told if after is None else told.filter(external_id__gt=after)
        page = list(ahead.order_by("external_id").select_related("version")[:CHUNK])
        truths = _truths(feature, [prediction.external_id for prediction in page])
        yield from (_row(prediction, feature, truths.get(prediction.external_id)) for prediction in page)
        if len(page) < CHUNK:
            return
        after = page[-1].external_id


def _told(feature: Feature, reader: User | None) -> QuerySet[Prediction]:
    rows = Prediction.objects.of(feature)
    if reader is None or not Feature.objects.reviewed_by(reader).filter(pk=feature.pk).exists():
        return rows
    waiting = [Assignment.State.OPEN, Assignment.State.LEASED]
    rows = rows.filter(received_at__lt=timezone.now() - SETTLED)
    return rows.exclude(Exists(Assignment.objects.filter(item__prediction=OuterRef("pk"), state__in=waiting)))


def _truths(feature: Feature, ids: list[str]) -> dict[str, Outcome]:
    """The last one of each holds."""
    outcomes = Outcome.objects.filter(feature=feature, external_id__in=ids).oldest_first()
    return {outcome.external_id: outcome for outcome in outcomes}


def _row(prediction: Prediction, feature: Feature, truth: Outcome | None) -> dict[str, Any]:
    sent: dict[str, Any] = {name: getattr(prediction, name) for name in SENT}
    observed_at: datetime | None = truth.observed_at if truth else None
    return {
        "id": prediction.external_id,
        "feature": feature.slug,
        "version": prediction.version.name,
        **sent,
        "truth_label": truth.truth_label if truth else None,
        "truth_value": truth.truth_value if truth else None,
        "observed_at": observed_at,
    }
