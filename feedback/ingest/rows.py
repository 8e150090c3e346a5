"""Checked items as rows: the columns of each table, and an item's values in their order."""

from datetime import datetime

from feedback.ingest.checking import Checked
from feedback.ingest.items import CustomerItem, EventItem, OutcomeItem, PredictionItem
from feedback.ingest.store import Row, as_json
from feedback.models import Feature, ModelVersion
from feedback.models.feedback_items import due_times

PREDICTION_COLUMNS = (
    "feature_id", "version_id", "external_id", "occurred_at", "received_at", "label", "value", "output", "score",
    "probabilities", "inputs", "segments", "actor", "account", "latency_ms", "cpu_ms", "rss_mb", "trace",
    "fingerprint",
)  # fmt: skip
OUTCOME_COLUMNS = (
    "feature_id", "external_id", "truth_label", "truth_value", "observed_at", "received_at", "fingerprint",
)  # fmt: skip
EVENT_COLUMNS = (
    "feature_id", "external_id", "kind", "prediction_external_id", "set_external_id", "rank", "actor", "account",
    "occurred_at", "received_at", "surface", "is_internal", "props", "fingerprint",
)  # fmt: skip
FEEDBACK_COLUMNS = (
    "feature_id", "external_id", "channel", "rating", "text", "severity", "actor", "account",
    "prediction_external_id", "occurred_at", "received_at", "fingerprint", "state", "triage_due_at",
    "close_due_at", "outcome", "quarantine_reason",
)  # fmt: skip


def prediction_row(one: Checked[PredictionItem], version: ModelVersion, now: datetime) -> Row:
    item = one.item
    return (
        version.feature_id, version.id, item.id, item.occurred_at or now, now, item.label, item.value,
        as_json(item.output), item.score, as_json(item.probabilities), as_json(item.inputs),
        as_json(item.segments), item.actor or "", item.account or "", item.latency_ms, item.cpu_ms, item.rss_mb,
        as_json(item.trace), one.fingerprint,
    )  # fmt: skip


def outcome_row(one: Checked[OutcomeItem], feature: Feature, now: datetime) -> Row:
    item = one.item
    label, value = (item.truth, None) if isinstance(item.truth, str) else (None, item.truth)
    return feature.id, item.prediction, label, value, item.observed_at or now, now, one.fingerprint


def event_row(one: Checked[EventItem], feature: Feature, now: datetime) -> Row:
    item = one.item
    return (
        feature.id, item.id, item.kind, item.prediction or "", item.set or "", item.rank, item.actor,
        item.account or "", item.occurred_at or now, now, item.surface or "", item.is_internal,
        as_json(item.props), one.fingerprint,
    )  # fmt: skip


def feedback_row(one: Checked[CustomerItem], feature: Feature, now: datetime) -> Row:
    item = one.item
    text, severity = item.text or "", item.severity or ""
    # Due from when it came: nobody can be late for what was said before they could read it.
    due = due_times(channel=item.channel, severity=severity, text=text, at=now)
    return (
        feature.id, item.id, item.channel, item.rating, text, severity, item.actor or "", item.account or "",
        item.prediction or "", item.occurred_at or now, now, one.fingerprint, "new", *due, "", "",
    )  # fmt: skip
