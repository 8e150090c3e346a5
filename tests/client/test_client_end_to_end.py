"""Against the server itself."""

from datetime import UTC, datetime

import pytest
from touchstone_client import Client

from feedback.models import FeedbackItem, Outcome, Prediction, UsageEvent
from tests.factories import make_feature, make_key, make_version

QUICK = {"flush_interval_s": 0.05, "timeout_s": 10.0}


@pytest.fixture
def version(transactional_db):
    return make_version(make_feature("delay-alert"), "v1")


@pytest.fixture
def key(transactional_db):
    return make_key(scopes=["ingest"])[1]


def test_predictions_and_outcomes_arrive_at_the_server(live_server, version, key):
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    with Client(live_server.url, key, **QUICK) as client:
        with client.predicting("delay-alert", "v1", inputs={"km": 12}, segments={"country": "DE"}) as p:
            with p.stage("model"):
                p.label = "late"
            p.score, p.probabilities = 0.8, {"late": 0.8, "on_time": 0.2}
        for number in range(1200):
            client.prediction("delay-alert", "v1", id=f"p{number}", label="on_time", occurred_at=at)
        client.outcome("delay-alert", p.id, "late")
        assert client.flush(20)
        stats = client.stats()
    assert (stats.created, stats.duplicates, stats.refused, stats.dropped) == (1202, 0, {}, {})
    assert Prediction.objects.count() == 1201
    stored = Prediction.objects.get(external_id=p.id)
    assert (stored.label, stored.score, stored.inputs, stored.segments) == (
        "late",
        0.8,
        {"km": 12},
        {"country": "DE"},
    )
    assert stored.latency_ms > 0
    assert stored.rss_mb > 0
    assert stored.trace[0]["name"] == "model"
    assert Outcome.objects.get().external_id == p.id


def test_events_and_feedback_arrive_at_the_server(live_server, version, key):
    with Client(live_server.url, key, **QUICK) as client:
        id = client.prediction("delay-alert", "v1", label="late")
        client.event("exposed", "delay-alert", prediction=id, actor="u1", account="a1", surface="list")
        client.event("accepted", "delay-alert", set="s1", rank=1, actor="u1", is_internal=True, props={"n": 2})
        client.feedback("delay-alert", "thumb", rating=-1, prediction=id, actor="u1")
        client.feedback("delay-alert", "ticket", text="It was on time.", severity="high", account="a1")
        assert client.flush(10)
        stats = client.stats()
    assert (stats.created, stats.refused, stats.dropped) == (5, {}, {})
    assert UsageEvent.objects.count() == FeedbackItem.objects.count() == 2


def test_the_same_item_again_is_a_duplicate_and_another_content_a_conflict(live_server, version, key):
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    with Client(live_server.url, key, **QUICK) as client:
        for label in ("late", "late", "on_time"):
            client.prediction("delay-alert", "v1", id="p1", label=label, occurred_at=at)
            assert client.flush(10)
        stats = client.stats()
    assert (stats.created, stats.duplicates, stats.refused) == (1, 1, {"conflict": 1})


def test_what_the_server_refuses_is_named(live_server, version, key):
    with Client(live_server.url, key, **QUICK) as client:
        client.prediction("delay-alert", "v2", id="p1", label="late")
        client.prediction("delay-alert", "v1", id="p2", label="late", value=1.0)
        client.prediction("delay-alert", "v1", id="p3", label="late")
        assert client.flush(10)
        stats = client.stats()
    assert (stats.created, stats.refused) == (1, {"unknown_version": 1, "invalid": 1})
    assert {refusal.id for refusal in stats.last_refused} == {"p1", "p2"}


def test_a_wrong_key_keeps_everything(live_server, version, tmp_path):
    with Client(live_server.url, "ts_wrong", spool_dir=tmp_path, **QUICK) as client:
        client.prediction("delay-alert", "v1", label="late")
        assert client.flush(0.5) is False
        assert (client.stats().waiting, client.stats().dropped) == (1, {})
        assert client.stats().last_errors == ("predictions: HTTP 401",)
    assert len(list(tmp_path.glob("*.gz"))) == 1
