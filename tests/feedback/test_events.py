"""POST /api/v1/events/: what people did with predictions, in any order, any time later."""

import gzip
import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from feedback.models import UsageEvent
from feedback.models.events import ABOUT_AN_ANSWER
from tests.factories import NOON, make_feature, make_key, make_prediction, make_version

pytestmark = pytest.mark.django_db
URL = "/api/v1/events/"


@pytest.fixture
def feature():
    return make_version(make_feature("delay-alert"), "v1").feature


@pytest.fixture
def service(api):
    return api(make_key(scopes=["ingest"])[1])


def event(id="e1", **fields):
    """One of a prediction; to leave a field out, give None."""
    sent = {"id": id, "kind": "accepted", "feature": "delay-alert", "prediction": "p1", "actor": "u1", **fields}
    return {name: value for name, value in sent.items() if value is not None}


def post(service, body, content_type="application/json", **headers):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return service.post(URL, body, content_type=content_type, headers=headers)


def test_an_event_of_a_prediction_not_seen_yet_is_kept(service, feature):
    answer = post(service, event())
    assert answer.status_code == 201
    assert answer.json() == {"received": 1, "created": 1, "duplicates": 0, "refused": []}
    prediction = make_prediction(feature.versions.get(), "p1")
    kept = UsageEvent.objects.get(feature=feature, prediction_external_id=prediction.external_id)
    assert (kept.kind, kept.actor, kept.is_internal) == ("accepted", "u1", False)
    assert kept.occurred_at == kept.received_at


@pytest.mark.parametrize("n", [2, 300])
def test_every_column_comes_back_as_it_was_sent(service, feature, n):
    """With 300 by COPY on PostgreSQL."""
    sent = event(
        kind="edited",
        prediction=None,
        set="s1",
        rank=3,
        account="Northwind",
        occurred_at="2026-03-02T12:00:00.123456+01:00",
        surface="inbox",
        is_internal=True,
        props={"edit_fraction": 0.25, "keys": 12, "by": "mouse", "late": False, "note": None},
    )
    assert post(service, [{**sent, "id": f"e{i}"} for i in range(n)]).status_code == 201
    stored = UsageEvent.objects.get(external_id="e1")
    assert (stored.kind, stored.set_external_id, stored.rank, stored.prediction_external_id) == (
        "edited",
        "s1",
        3,
        "",
    )
    for name in ("actor", "account", "surface", "is_internal", "props"):
        assert getattr(stored, name) == sent[name], name
    assert stored.occurred_at.isoformat() == "2026-03-02T11:00:00.123456+00:00"
    assert UsageEvent.objects.filter(props__keys=12).count() == n
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT jsonb_typeof(props) FROM feedback_usageevent")
            assert cursor.fetchall() == [("object",)]


def test_an_array_and_ndjson_and_gzip_are_the_same(service, feature):
    lines = b"\n".join(json.dumps(event(f"e{i}")).encode() for i in range(3))
    assert post(service, [event(f"e{i}") for i in range(3)]).json()["created"] == 3
    again = post(service, lines, "application/x-ndjson")
    assert (again.status_code, again.json()["duplicates"]) == (200, 3)
    packed = post(service, gzip.compress(lines), "application/x-ndjson", **{"Content-Encoding": "gzip"})
    assert (packed.status_code, packed.json()["duplicates"]) == (200, 3)


@pytest.mark.parametrize("n", [3, 300])
def test_the_same_content_again_is_a_duplicate_and_other_content_a_conflict(service, feature, n):
    assert post(service, [event(f"e{i}") for i in range(n)]).status_code == 201
    answer = post(service, [event("e0"), event("e1", kind="dismissed"), event("new"), event("new")])
    body = answer.json()
    assert (answer.status_code, body["created"], body["duplicates"]) == (207, 1, 2)
    assert [(r["index"], r["id"], r["code"], r["field"]) for r in body["refused"]] == [(1, "e1", "conflict", "id")]
    assert UsageEvent.objects.get(external_id="e1").kind == "accepted"


def test_what_is_left_out_and_what_is_the_default_are_the_same_content(service, feature):
    post(service, event())
    said = {**event(), "is_internal": False, "account": None, "props": None}
    assert post(service, said).json()["duplicates"] == 1


def test_the_same_id_in_another_feature_and_as_a_prediction_is_another_thing(service, feature):
    make_feature("other")
    make_prediction(feature.versions.get(), "e1")
    assert post(service, [event(), event(feature="other")]).json()["created"] == 2


@pytest.mark.parametrize("kind", UsageEvent.Kind.values)
def test_every_kind_is_stored(service, feature, kind):
    assert post(service, event(kind=kind)).status_code == 201
    assert UsageEvent.objects.get().kind == kind


@pytest.mark.parametrize("kind", UsageEvent.Kind.values)
def test_a_kind_about_an_answer_needs_one_and_the_others_do_not(service, feature, kind):
    answer = post(service, event(kind=kind, prediction=None))
    if kind in ABOUT_AN_ANSWER:
        assert [(r["code"], r["field"]) for r in answer.json()["refused"]] == [("invalid", "prediction")]
    else:
        assert answer.status_code == 201


def test_ignored_is_derived_and_the_refusal_says_so(service, feature):
    (refusal,) = post(service, event(kind="ignored")).json()["refused"]
    assert (refusal["code"], refusal["field"]) == ("invalid", "kind")
    assert "follows from what was exposed" in refusal["detail"]


FUTURE = (timezone.now() + timedelta(days=1)).isoformat()
IN_A_SET = {"prediction": None, "set": "s1", "rank": 1}
BAD = {
    "no id": ({"id": None}, "invalid", "id"),
    "empty id": ({"id": ""}, "invalid", "id"),
    "unknown feature": ({"feature": "nowhere"}, "unknown_feature", "feature"),
    "unknown kind": ({"kind": "liked"}, "invalid", "kind"),
    "no kind": ({"kind": None}, "invalid", "kind"),
    "no actor": ({"actor": None}, "invalid", "actor"),
    "empty actor": ({"actor": ""}, "invalid", "actor"),
    "e-mail": ({"actor": "ann@example.org"}, "looks_personal", "actor"),
    "phone": ({"actor": "+49 170 1234567"}, "looks_personal", "actor"),
    "set without rank": ({"prediction": None, "set": "s1"}, "invalid", "rank"),
    "rank without set": ({"rank": 1}, "invalid", "rank"),
    "rank 0": ({**IN_A_SET, "rank": 0}, "invalid", "rank"),
    "rank of 20 digits": ({**IN_A_SET, "rank": 10**20}, "invalid", "rank"),
    "rank as text": ({**IN_A_SET, "rank": "1"}, "invalid", "rank"),
    "prediction and set": ({"set": "s1", "rank": 1}, "invalid", "set"),
    "empty prediction": ({"prediction": ""}, "invalid", "prediction"),
    "long surface": ({"surface": "x" * 101}, "invalid", "surface"),
    "is_internal as text": ({"is_internal": "yes"}, "invalid", "is_internal"),
    "props nested": ({"props": {"a": {"b": 1}}}, "invalid", "props"),
    "props a list": ({"props": [1]}, "invalid", "props"),
    "props too large": ({"props": {f"k{i}": "x" * 100 for i in range(20)}}, "too_large", "props"),
    "props of 23 digits": ({"props": {"n": 12345678901234567890123}}, "invalid", "props"),
    "edit_fraction over 1": ({"props": {"edit_fraction": 1.01}}, "invalid", "props"),
    "edit_fraction below 0": ({"props": {"edit_fraction": -0.01}}, "invalid", "props"),
    "edit_fraction as text": ({"props": {"edit_fraction": "0.5"}}, "invalid", "props"),
    "edit_fraction true": ({"props": {"edit_fraction": True}}, "invalid", "props"),
    "future": ({"occurred_at": FUTURE}, "in_future", "occurred_at"),
    "no offset": ({"occurred_at": "2026-03-02T12:00:00"}, "invalid", "occurred_at"),
    "unknown field": ({"label": "late"}, "invalid", "label"),
    "nul": ({"account": "a\0"}, "invalid", "account"),
    "nul in props": ({"props": {"a": "\0"}}, "invalid", "props"),
    "too large": ({"account": "x" * 66_000}, "too_large", ""),
}


@pytest.mark.parametrize(("change", "code", "field"), BAD.values(), ids=BAD)
def test_each_wrong_item_is_named_and_its_neighbours_are_stored(service, feature, change, code, field):
    bad = event(**{"id": "bad", **change})
    answer = post(service, [event("a"), bad, event("b")])
    body = answer.json()
    assert (answer.status_code, body["created"]) == (207, 2), body
    (refusal,) = body["refused"]
    assert (refusal["index"], refusal["code"], refusal["field"]) == (1, code, field), refusal
    assert refusal["id"] == bad.get("id", "")
    assert refusal["detail"]


def test_a_key_that_stands_twice_is_refused(service, feature):
    body = json.dumps(event()).replace('"actor": "u1"', '"actor": "u1", "actor": "u2"').encode()
    assert [(r["code"], r["field"]) for r in post(service, body).json()["refused"]] == [("invalid", "actor")]


@pytest.mark.parametrize("share", [0, 1, 0.5, None])
def test_an_edit_fraction_between_0_and_1_or_unknown_is_taken(service, feature, share):
    assert post(service, event(kind="edited", props={"edit_fraction": share})).status_code == 201


def test_props_of_2_kb_are_taken(service, feature):
    assert post(service, event(props={"text": "x" * (2048 - len('{"text":""}'))})).status_code == 201


def test_another_ones_feature_is_unknown(api, feature):
    answer = post(api(make_key(features=[make_feature()])[1]), event())
    assert [r["code"] for r in answer.json()["refused"]] == ["unknown_feature"]
    assert not UsageEvent.objects.exists()


def test_without_the_scope_403_and_without_a_key_401(api, client, feature):
    assert post(api(make_key(scopes=["read", "manage"])[1]), event()).status_code == 403
    assert client.post(URL, b"{}", content_type="application/json").status_code == 401


def test_the_queries_of_a_batch_do_not_grow_with_it(service, feature, django_assert_max_num_queries):
    post(service, event("first"))
    with django_assert_max_num_queries(12):
        assert post(service, [event(f"e{i}") for i in range(400)]).status_code == 201


ROW = {"external_id": "e1", "kind": "accepted", "prediction_external_id": "p1", "actor": "u1", "fingerprint": 1}
BROKEN = {
    "kind_is_known": {"kind": "ignored"},
    "rank_goes_with_a_set": {"rank": 1},
    "rank_goes_with_a_set, the other way": {"prediction_external_id": "", "set_external_id": "s1"},
    "rank_goes_with_a_set, from 1": {"prediction_external_id": "", "set_external_id": "s1", "rank": 0},
    "names_a_prediction_or_a_set": {"set_external_id": "s1", "rank": 1},
    "names_the_answer_it_is_about": {"prediction_external_id": ""},
    "has_an_actor": {"actor": ""},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_the_database_holds_what_must_hold(feature, change):
    times = {"occurred_at": NOON, "received_at": NOON}
    UsageEvent.objects.create(feature=feature, **{**ROW, **times, "external_id": "good"})
    with pytest.raises(IntegrityError), transaction.atomic():
        UsageEvent.objects.create(feature=feature, **{**ROW, **times, **change})
