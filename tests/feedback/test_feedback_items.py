"""POST /api/v1/feedback/: what customers said, in any order, any time later."""

import gzip
import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from feedback.models import FeedbackItem
from tests.factories import NOON, make_feature, make_key, make_prediction, make_version

pytestmark = pytest.mark.django_db
URL = "/api/v1/feedback/"


@pytest.fixture
def feature():
    return make_version(make_feature("delay-alert"), "v1").feature


@pytest.fixture
def service(api):
    return api(make_key(scopes=["ingest"])[1])


def said(id="f1", **fields):
    """A ticket; to leave a field out, give None."""
    sent = {"id": id, "feature": "delay-alert", "channel": "ticket", "text": "It came too late.", **fields}
    return {name: value for name, value in sent.items() if value is not None}


def post(service, body, content_type="application/json", **headers):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return service.post(URL, body, content_type=content_type, headers=headers)


def test_feedback_about_a_prediction_not_seen_yet_is_kept(service, feature):
    answer = post(service, said(prediction="p1"))
    assert answer.status_code == 201
    assert answer.json() == {"received": 1, "created": 1, "duplicates": 0, "refused": []}
    prediction = make_prediction(feature.versions.get(), "p1")
    kept = FeedbackItem.objects.get(feature=feature, prediction_external_id=prediction.external_id)
    assert (kept.channel, kept.text, kept.rating) == ("ticket", "It came too late.", None)
    assert kept.occurred_at == kept.received_at


@pytest.mark.parametrize("n", [2, 300])
def test_every_column_comes_back_as_it_was_sent(service, feature, n):
    """With 300 by COPY on PostgreSQL."""
    sent = said(
        channel="survey",
        rating=7.5,
        text='tab\t "quote" \\ back \n line 😀',
        severity="high",
        actor="u1",
        account="Northwind",
        prediction="p1",
        occurred_at="2026-03-02T12:00:00.123456+01:00",
    )
    assert post(service, [{**sent, "id": f"f{i}"} for i in range(n)]).status_code == 201
    stored = FeedbackItem.objects.get(external_id="f1")
    for name in ("channel", "rating", "text", "severity", "actor", "account"):
        assert getattr(stored, name) == sent[name], name
    assert stored.prediction_external_id == "p1"
    assert stored.occurred_at.isoformat() == "2026-03-02T11:00:00.123456+00:00"
    assert FeedbackItem.objects.count() == n


@pytest.mark.parametrize("n", [2, 300])
def test_what_is_sent_falls_due_by_its_severity_from_when_it_came(service, feature, n):
    """With 300 by COPY on PostgreSQL, where some fall due and others do not."""
    bad = said(severity="critical", occurred_at="2026-03-02T12:00:00Z")
    thumb = said(channel="thumb", rating=-1, text=None)
    sent = [{**(thumb if i % 2 else bad), "id": f"f{i}"} for i in range(n)]
    assert post(service, sent).status_code == 201
    for item in FeedbackItem.objects.filter(channel="ticket"):
        assert item.triage_due_at == item.received_at + timedelta(hours=4)
        assert item.close_due_at == item.received_at + timedelta(days=2)
    thumbs = FeedbackItem.objects.filter(channel="thumb")
    assert thumbs.filter(triage_due_at=None, close_due_at=None, state="new").count() == n // 2


def test_an_array_and_ndjson_and_gzip_are_the_same(service, feature):
    lines = b"\n".join(json.dumps(said(f"f{i}")).encode() for i in range(3))
    assert post(service, [said(f"f{i}") for i in range(3)]).json()["created"] == 3
    again = post(service, lines, "application/x-ndjson")
    assert (again.status_code, again.json()["duplicates"]) == (200, 3)
    packed = post(service, gzip.compress(lines), "application/x-ndjson", **{"Content-Encoding": "gzip"})
    assert (packed.status_code, packed.json()["duplicates"]) == (200, 3)


@pytest.mark.parametrize("n", [3, 300])
def test_the_same_content_again_is_a_duplicate_and_other_content_a_conflict(service, feature, n):
    assert post(service, [said(f"f{i}") for i in range(n)]).status_code == 201
    answer = post(service, [said("f0"), said("f1", text="It came in time."), said("new"), said("new")])
    body = answer.json()
    assert (answer.status_code, body["created"], body["duplicates"]) == (207, 1, 2)
    assert [(r["index"], r["id"], r["code"], r["field"]) for r in body["refused"]] == [(1, "f1", "conflict", "id")]
    assert FeedbackItem.objects.get(external_id="f1").text == "It came too late."


@pytest.mark.parametrize("channel", FeedbackItem.Channel.values)
def test_every_channel_is_stored(service, feature, channel):
    assert post(service, said(channel=channel, rating=1)).status_code == 201
    assert FeedbackItem.objects.get().channel == channel


@pytest.mark.parametrize("severity", FeedbackItem.Severity.values)
def test_every_severity_is_stored(service, feature, severity):
    assert post(service, said(severity=severity)).status_code == 201
    assert FeedbackItem.objects.get().severity == severity


GOOD = {
    "thumb down": {"channel": "thumb", "rating": -1, "text": None},
    "thumb up with a word": {"channel": "thumb", "rating": 1.0},
    "rating 0 alone": {"channel": "survey", "rating": 0, "text": None},
    "rating 10": {"channel": "widget", "rating": 10},
    "10,000 characters": {"text": "é" * 10_000},
}


@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD)
def test_a_rating_or_a_text_is_enough(service, feature, change):
    assert post(service, said(**change)).status_code == 201


FUTURE = (timezone.now() + timedelta(days=1)).isoformat()
BAD = {
    "no id": ({"id": None}, "invalid", "id"),
    "unknown feature": ({"feature": "nowhere"}, "unknown_feature", "feature"),
    "unknown channel": ({"channel": "fax"}, "invalid", "channel"),
    "no channel": ({"channel": None}, "invalid", "channel"),
    "neither rating nor text": ({"text": None}, "invalid", "rating"),
    "a text of blanks": ({"text": " \n"}, "invalid", "rating"),
    "thumb without rating": ({"channel": "thumb"}, "invalid", "rating"),
    "half a thumb": ({"channel": "thumb", "rating": 0}, "invalid", "rating"),
    "thumb of 5": ({"channel": "thumb", "rating": 5}, "invalid", "rating"),
    "rating over 10": ({"channel": "survey", "rating": 10.5}, "invalid", "rating"),
    "rating below 0": ({"channel": "survey", "rating": -1}, "invalid", "rating"),
    "rating as text": ({"channel": "survey", "rating": "5"}, "invalid", "rating"),
    "unknown severity": ({"severity": "urgent"}, "invalid", "severity"),
    "long text": ({"text": "x" * 10_001}, "invalid", "text"),
    "e-mail": ({"actor": "ann@example.org"}, "looks_personal", "actor"),
    "phone": ({"actor": "(415) 555-2671"}, "looks_personal", "actor"),
    "empty prediction": ({"prediction": ""}, "invalid", "prediction"),
    "future": ({"occurred_at": FUTURE}, "in_future", "occurred_at"),
    "unknown field": ({"score": 1}, "invalid", "score"),
    "nul": ({"text": "a\0"}, "invalid", "text"),
    "too large": ({"text": "x" * 66_000}, "too_large", ""),
}


@pytest.mark.parametrize(("change", "code", "field"), BAD.values(), ids=BAD)
def test_each_wrong_item_is_named_and_its_neighbours_are_stored(service, feature, change, code, field):
    bad = said(**{"id": "bad", **change})
    answer = post(service, [said("a"), bad, said("b")])
    body = answer.json()
    assert (answer.status_code, body["created"]) == (207, 2), body
    (refusal,) = body["refused"]
    assert (refusal["index"], refusal["code"], refusal["field"]) == (1, code, field), refusal
    assert refusal["id"] == bad.get("id", "")
    assert refusal["detail"]


def test_an_item_without_an_id_is_not_named_by_its_prediction(service, feature):
    (refusal,) = post(service, said(id=None, prediction="p1")).json()["refused"]
    assert (refusal["id"], refusal["field"]) == ("", "id")


def test_another_ones_feature_is_unknown(api, feature):
    answer = post(api(make_key(features=[make_feature()])[1]), said())
    assert [r["code"] for r in answer.json()["refused"]] == ["unknown_feature"]
    assert not FeedbackItem.objects.exists()


def test_without_the_scope_403_and_without_a_key_401(api, client, feature):
    assert post(api(make_key(scopes=["read", "manage"])[1]), said()).status_code == 403
    assert client.post(URL, b"{}", content_type="application/json").status_code == 401


def test_the_queries_of_a_batch_do_not_grow_with_it(service, feature, django_assert_max_num_queries):
    post(service, said("first"))
    with django_assert_max_num_queries(12):
        assert post(service, [said(f"f{i}") for i in range(400)]).status_code == 201


ROW = {"external_id": "f1", "channel": "ticket", "text": "Late.", "fingerprint": 1}
BROKEN = {
    "channel_is_known": {"channel": "fax"},
    "severity_is_known": {"severity": "urgent"},
    "rating_fits_its_channel, over": {"rating": 11},
    "rating_fits_its_channel, below": {"rating": -1},
    "rating_fits_its_channel, a thumb": {"channel": "thumb", "rating": 5},
    "rating_fits_its_channel, none": {"channel": "thumb"},
    "says_something": {"text": ""},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_the_database_holds_what_must_hold(feature, change):
    times = {"occurred_at": NOON, "received_at": NOON}
    FeedbackItem.objects.create(feature=feature, **{**ROW, **times, "external_id": "good"})
    with pytest.raises(IntegrityError), transaction.atomic():
        FeedbackItem.objects.create(feature=feature, **{**ROW, **times, **change})
