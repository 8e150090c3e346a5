"""Whatever the order, the splitting and the repetition of what is sent, it ends in the same database."""

import json
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.actions.ingest import record_events, record_feedback, record_outcomes, record_predictions
from feedback.models import Feature, FeedbackItem, ModelVersion, Outcome, Prediction, UsageEvent
from metrics.models import HourlySummary
from tests.factories import NOON, make_feature, make_version
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
NOW = NOON + timedelta(days=3)
RECORD = {
    "predictions": record_predictions,
    "outcomes": record_outcomes,
    "events": record_events,
    "feedback": record_feedback,
}
MODELS = [Prediction, Outcome, UsageEvent, FeedbackItem]

ids = st.sampled_from([f"p{number}" for number in range(6)])
slugs = st.sampled_from(["claims", "minutes"])
instants = st.integers(0, 48).map(lambda hours: (NOON + timedelta(hours=hours)).isoformat())
# Of binary fractions sums are exact, whatever the order in which rows lie in the table.
scores = st.integers(0, 64).map(lambda number: number / 64)


@st.composite
def a_prediction(draw):
    feature = draw(slugs)
    answer = (
        {"label": draw(st.sampled_from(["late", "on_time"]))} if feature == "claims" else {"value": draw(scores)}
    )
    sent = {"id": draw(ids), "feature": feature, "version": "v1", "score": draw(scores), **answer}
    return "predictions", {**sent, "occurred_at": draw(instants)}


@st.composite
def an_outcome(draw):
    """A truth; two of one prediction are a correction, also where both were observed at one instant."""
    feature = draw(slugs)
    truth = draw(st.sampled_from(["late", "on_time"])) if feature == "claims" else draw(scores)
    return "outcomes", {"feature": feature, "prediction": draw(ids), "truth": truth, "observed_at": draw(instants)}


@st.composite
def an_event(draw):
    kind = draw(st.sampled_from(["exposed", "accepted", "edited", "undone"]))
    sent = {"id": draw(ids), "kind": kind, "feature": draw(slugs), "actor": draw(st.sampled_from(["u1", "u2"]))}
    about = draw(st.one_of(ids.map(lambda id: {"prediction": id}), st.just({"set": "s1", "rank": 2})))
    return "events", {**sent, **about, "occurred_at": draw(instants)}


@st.composite
def a_feedback_item(draw):
    said = draw(st.sampled_from([{"channel": "thumb", "rating": 1}, {"channel": "ticket", "text": "Late."}]))
    return "feedback", {"id": draw(ids), "feature": draw(slugs), **said, "occurred_at": draw(instants)}


def named(message):
    """Two of one name and other content would be a conflict: which one holds is a matter of order, and told."""
    endpoint, sent = message
    is_outcome = endpoint == "outcomes"
    return (endpoint, json.dumps(sent)) if is_outcome else (endpoint, sent["feature"], sent["id"])


histories = st.lists(
    st.one_of(a_prediction(), an_outcome(), an_event(), a_feedback_item()), unique_by=named, max_size=20
)


@st.composite
def a_history_and_a_delivery_of_it(draw):
    """All messages in order; and again in any order, some of them several times, cut into batches anywhere."""
    history = draw(histories)
    repeated = draw(st.lists(st.sampled_from(history), max_size=15)) if history else []
    shuffled = draw(st.permutations([*history, *repeated]))
    cuts = draw(st.lists(st.integers(0, len(shuffled)), max_size=6).map(sorted))
    return history, [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]


def deliver(batches, *, between=lambda: None):
    """Post each batch, endpoint by endpoint; the sum of what was created."""
    created = 0
    for batch in batches:
        for endpoint, record in RECORD.items():
            items = [json.dumps(sent).encode() for to, sent in batch if to == endpoint]
            receipt = record(items=items, features=Feature.objects.all(), now=NOW)
            assert not receipt.refused
            assert receipt.created + receipt.duplicates == receipt.received
            created += receipt.created
        if batch:
            between()
    return created


def sum_up():
    work("sum_up", now=NOW + timedelta(minutes=1))


def rows_of(model):
    """Without what the database numbers; PostgreSQL counts on after a rollback, so versions go by their names."""
    fields = [field.name for field in model._meta.fields if field.name != "id"]
    names = ["version__name" if name == "version" else name for name in fields]
    return sorted(map(repr, model.objects.values_list(*names)))


def content():
    """Every row, the truth that holds of each prediction, and the sums."""
    rows = {model.__name__: rows_of(model) for model in [*MODELS, ModelVersion]}
    truths = {
        (outcome.feature_id, outcome.external_id): (outcome.truth_label, outcome.truth_value)
        for outcome in Outcome.objects.oldest_first()
    }
    summed = HourlySummary.objects.order_by("version", "hour").values_list("version__name", "hour", "payload")
    return rows, truths, list(summed)


@pytest.fixture
def features():
    make_version(make_feature("claims"), "v1")
    make_feature("minutes", answer_kind="number", auto_register_versions=True)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a_history_and_a_delivery_of_it())
def test_any_order_splitting_and_repetition_ends_in_the_same_database(features, drawn):
    history, batches = drawn
    ends = []
    for way in ([history], batches):
        with transaction.atomic():
            assert deliver(way, between=sum_up) == len(history)
            ends.append(content())
            transaction.set_rollback(True)
    assert ends[0] == ends[1]
