"""POST /api/v1/predictions/, to the letter of the contract."""

import gzip
import json
import tracemalloc
import zlib
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from feedback.models import ModelVersion, Prediction
from tests.factories import NOON, make_feature, make_key, make_prediction, make_user, make_version

pytestmark = pytest.mark.django_db
URL = "/api/v1/predictions/"


@pytest.fixture
def version():
    return make_version(make_feature("delay-alert"), "v1")


@pytest.fixture
def service(api):
    return api(make_key(scopes=["ingest"])[1])


def item(id="p1", **fields):
    return {"id": id, "feature": "delay-alert", "version": "v1", "label": "late", "score": 0.8, **fields}


def post(service, body, content_type="application/json", **headers):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return service.post(URL, body, content_type=content_type, headers=headers)


def raw(text):
    """An item with something that json.dumps would not write."""
    return b'{"id": "p1", "feature": "delay-alert", "version": "v1", ' + text + b"}"


def only_refusal(answer):
    assert answer.status_code == 422, answer.content
    (refusal,) = answer.json()["refused"]
    return refusal["code"], refusal["field"]


def test_one_object_is_stored(service, version):
    probabilities = {"late": 0.8, "on_time": 0.2}
    answer = post(service, item(inputs={"km": 12}, segments={"country": "DE"}, probabilities=probabilities))
    assert answer.status_code == 201
    assert answer.json() == {"received": 1, "created": 1, "duplicates": 0, "refused": []}
    stored = Prediction.objects.get()
    assert (stored.external_id, stored.label, stored.score) == ("p1", "late", 0.8)
    assert (stored.inputs, stored.segments, stored.probabilities) == (
        {"km": 12},
        {"country": "DE"},
        probabilities,
    )
    assert stored.occurred_at == stored.received_at


@pytest.mark.parametrize("n", [2, 300])
def test_every_column_comes_back_as_it_was_sent(service, version, n):
    """With 300 by COPY on PostgreSQL: JSON must be stored as JSON, not as a text that holds it."""
    sent = item(
        occurred_at="2026-03-02T12:00:00.123456+01:00",
        probabilities={"late": 0.25, "on_time": 0.75},
        inputs={"text": 'tab\t "quote" \\ back \n line', "deep": {"list": [1, 2.5, None, True]}},
        segments={"country": "DE"},
        actor="u1",
        account="a1",
        latency_ms=12,
        cpu_ms=1.5,
        rss_mb=0,
        trace=[{"name": "model", "ms": 3.5}],
    )
    assert post(service, [{**sent, "id": f"p{i}"} for i in range(n)]).status_code == 201
    stored = Prediction.objects.get(external_id="p1")
    assert stored.occurred_at.isoformat() == "2026-03-02T11:00:00.123456+00:00"
    for field in ("inputs", "segments", "probabilities", "trace", "actor", "account"):
        assert getattr(stored, field) == sent[field], field
    assert (stored.latency_ms, stored.cpu_ms, stored.rss_mb, stored.value) == (12, 1.5, 0, None)
    assert Prediction.objects.filter(inputs__deep__list__0=1).count() == n
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT jsonb_typeof(inputs), jsonb_typeof(trace) FROM feedback_prediction")
            assert cursor.fetchall() == [("object", "array")]


def test_an_array_and_ndjson_and_gzip_are_the_same(service, version):
    items = [item(f"p{i}") for i in range(3)]
    lines = b"\n".join(json.dumps(one).encode() for one in items) + b"\n\n"
    assert post(service, items).json()["created"] == 3
    again = post(service, lines, content_type="application/x-ndjson; charset=utf-8")
    assert (again.status_code, again.json()["duplicates"]) == (200, 3)
    packed = post(service, gzip.compress(lines), "application/x-ndjson", **{"Content-Encoding": "gzip"})
    assert (packed.status_code, packed.json()["duplicates"]) == (200, 3)


def test_gzip_of_two_members_is_read_to_its_end(service, version):
    lines = [json.dumps(item(f"p{i}")).encode() + b"\n" for i in range(2)]
    body = b"".join(gzip.compress(line) for line in lines)
    assert post(service, body, "application/x-ndjson", **{"Content-Encoding": "gzip"}).json()["created"] == 2


@pytest.mark.parametrize("n", [3, 300])
def test_the_same_content_again_is_a_duplicate_and_other_content_a_conflict(service, version, n):
    assert post(service, [item(f"p{i}") for i in range(n)]).status_code == 201
    answer = post(service, [item("p0"), item("p1", score=0.7), *(item(f"q{i}") for i in range(n))])
    body = answer.json()
    assert (answer.status_code, body["created"], body["duplicates"]) == (207, n, 1)
    assert [(r["index"], r["id"], r["code"], r["field"]) for r in body["refused"]] == [(1, "p1", "conflict", "id")]
    assert Prediction.objects.get(external_id="p1").score == 0.8


def test_an_id_twice_in_one_batch(service, version):
    answer = post(service, [item(), item(score=0.7), item()])
    body = answer.json()
    assert (answer.status_code, body["created"], body["duplicates"]) == (207, 1, 1)
    assert [(r["index"], r["code"]) for r in body["refused"]] == [(1, "conflict")]


def test_order_of_keys_offsets_and_nulls_are_the_same_content(service, version):
    post(service, item(occurred_at="2026-03-02T12:00:00Z", inputs={"a": 1, "b": 2}))
    other = {"score": 0.8, "label": "late", "inputs": {"b": 2, "a": 1}, "actor": None, "value": None}
    other |= {"version": "v1", "feature": "delay-alert", "id": "p1", "occurred_at": "2026-03-02T13:00:00+01:00"}
    assert post(service, other).json()["duplicates"] == 1


def test_the_same_id_in_another_feature_is_another_prediction(service, version):
    make_version(make_feature("other"), "v1")
    assert post(service, [item(), item(feature="other")]).json()["created"] == 2


FUTURE = (timezone.now() + timedelta(days=1)).isoformat()
BAD = {
    "empty id": ({"id": ""}, "invalid", "id"),
    "long id": ({"id": "x" * 201}, "invalid", "id"),
    "unknown feature": ({"feature": "nowhere"}, "unknown_feature", "feature"),
    "unknown version": ({"version": "v9"}, "unknown_version", "version"),
    "label not declared": ({"label": "maybe"}, "invalid", "label"),
    "no answer": ({"label": None}, "invalid", "label"),
    "two answers": ({"value": 1.0}, "invalid", "label"),
    "another kind": ({"label": None, "value": 1.0}, "invalid", "value"),
    "score over 1": ({"score": 1.01}, "invalid", "score"),
    "score below 0": ({"score": -0.01}, "invalid", "score"),
    "score as text": ({"score": "0.5"}, "invalid", "score"),
    "empty label": ({"label": ""}, "invalid", "label"),
    "probability": ({"probabilities": {"late": 2}}, "invalid", "probabilities"),
    "unknown field": ({"extra": 1}, "invalid", "extra"),
    "long segment key": ({"segments": {"k" * 61: "v"}}, "invalid", "segments"),
    "long segment value": ({"segments": {"k": "v" * 201}}, "invalid", "segments"),
    "negative latency": ({"latency_ms": -1}, "invalid", "latency_ms"),
    "latency of ages": ({"latency_ms": 1e16}, "invalid", "latency_ms"),
    "memory beyond all": ({"rss_mb": 1.7976931348623157e308}, "invalid", "rss_mb"),
    "negative cpu": ({"cpu_ms": -1}, "invalid", "cpu_ms"),
    "negative memory": ({"rss_mb": -1}, "invalid", "rss_mb"),
    "trace": ({"trace": [{"name": "a", "ms": -1}]}, "invalid", "trace"),
    "no offset": ({"occurred_at": "2026-03-02T12:00:00"}, "invalid", "occurred_at"),
    "no time": ({"occurred_at": "yesterday"}, "invalid", "occurred_at"),
    "before year 1": ({"occurred_at": "0001-01-01T00:00:00+05:00"}, "invalid", "occurred_at"),
    "future": ({"occurred_at": FUTURE}, "in_future", "occurred_at"),
    "e-mail": ({"actor": "ann@example.org"}, "looks_personal", "actor"),
    "phone": ({"actor": "+49 170 1234567"}, "looks_personal", "actor"),
    "phone without plus": ({"actor": "(415) 555-2671"}, "looks_personal", "actor"),
    "nul": ({"account": "a\0b"}, "invalid", "account"),
    "nul deep in a key": ({"inputs": {"a": {"\0": 1}}}, "invalid", "inputs"),
    "23 digits": ({"inputs": {"n": 12345678901234567890123}}, "invalid", "inputs"),
    "too large": ({"inputs": {"t": "x" * 66_000}}, "too_large", ""),
}


@pytest.mark.parametrize(("change", "code", "field"), BAD.values(), ids=BAD)
def test_each_wrong_item_is_named_and_its_neighbours_are_stored(service, version, change, code, field):
    answer = post(service, [item("a"), item(**change), item("b")])
    body = answer.json()
    assert answer.status_code == 207, body
    (refusal,) = body["refused"]
    assert (refusal["index"], refusal["code"], refusal["field"]) == (1, code, field), refusal
    assert refusal["detail"]
    assert body["created"] == 2
    assert sorted(Prediction.objects.values_list("external_id", flat=True)) == ["a", "b"]


RAW = {
    "1e999": (b'"label": "late", "score": 1e999', "score"),
    "1e999 in inputs": (b'"label": "late", "inputs": {"x": 1e999}', "inputs"),
    "400 digits as a number": (b'"value": ' + b"9" * 400, "value"),
    "400 digits in inputs": (b'"label": "late", "inputs": {"x": ' + b"9" * 400 + b"}", "inputs"),
    "5000 digits in inputs": (b'"label": "late", "inputs": {"x": ' + b"9" * 5000 + b"}", "inputs"),
    "surrogate": (b'"label": "\\ud800"', "label"),
    "surrogate the wrong way round": (b'"label": "late", "account": "\\ude00\\ud83d"', "account"),
    "surrogate in utf-8": (b'"label": "\xed\xa0\x80"', ""),
    "not utf-8": (b'"label": "\xff"', ""),
    "key twice": (b'"label": "late", "label": "on_time"', "label"),
    "key twice, one escaped": (b'"label": "late", "l\\u0061bel": "on_time"', "label"),
    "key twice, one spaced": (b'"label": "late", "label" : "on_time"', "label"),
    "key twice beside a colon": (b'"label": "late", "actor": ":", "actor": ":x"', "actor"),
    "key twice, deep": (b'"label": "late", "inputs": {"a": {"b": 1, "b": 2}}', "b"),
}


@pytest.mark.parametrize(("text", "field"), RAW.values(), ids=RAW)
def test_what_json_allows_and_a_database_does_not(service, version, text, field):
    code, named = only_refusal(post(service, raw(text)))
    assert code == "invalid"
    assert named in {field, "x"}
    assert not Prediction.objects.exists()


def test_half_a_surrogate_pair_leaves_the_neighbours_alone(service, version):
    items = [json.dumps(item("a", account="😀")), json.dumps(item("b", account="\ud83d")), json.dumps(item("c"))]
    answer = post(service, f"[{', '.join(items)}]".encode())
    assert (answer.status_code, answer.json()["created"]) == (207, 2)
    assert [(r["id"], r["code"], r["field"]) for r in answer.json()["refused"]] == [("b", "invalid", "account")]
    assert Prediction.objects.get(external_id="a").account == "😀"


def test_letters_that_only_look_like_half_a_pair_are_kept(service, version):
    assert post(service, item(account="C:\\ud800")).status_code == 201
    assert Prediction.objects.get().account == "C:\\ud800"


def test_letters_that_only_look_like_nul_are_kept(service, version):
    assert post(service, item(account="C:\\u0000")).status_code == 201
    assert Prediction.objects.get().account == "C:\\u0000"


@pytest.mark.parametrize(
    "actor", ["12345678", "user-42", "2026-03-02", "a@b", "0f6c1c2e-4a4b-4c3d-8e9f-000000000000"]
)
def test_a_pseudonym_does_not_look_personal(service, version, actor):
    assert post(service, item(actor=actor)).status_code == 201


@pytest.mark.parametrize(("levels", "status"), [(31, 201), (32, 422), (5000, 400)])
def test_depth_is_limited_to_32_levels(service, version, levels, status):
    """The item is a level itself. What msgspec cannot even skip makes the body unreadable."""
    nested = b"[" * (levels - 1) + b"]" * (levels - 1)
    answer = post(service, b"[" + raw(b'"label": "late", "inputs": {"x": ' + nested + b"}") + b"]")
    assert answer.status_code == status, answer.content
    if status == 422:
        assert only_refusal(answer) == ("too_large", "")


def test_brackets_in_a_text_are_no_levels(service, version):
    assert post(service, item(account="[" * 100 + '"' + "{" * 50)).status_code == 201


UNREADABLE = {
    "nothing": (b" ", "application/json", 400),
    "no json": (b"{", "application/json", 400),
    "nan": (b'[{"score": NaN}]', "application/json", 400),
    "a text": (b'"p1"', "application/json", 400),
    "empty array": (b"[]", "application/json", 400),
    "only blank lines": (b"\n\n", "application/x-ndjson", 400),
    "bom": (b"\xef\xbb\xbf{}", "application/json", 400),
    "deep": (b"[" * 100_000, "application/json", 400),
    "form": (b"id=p1", "application/x-www-form-urlencoded", 415),
    "charset": (b"{}", "application/json; charset=latin-1", 415),
    "many items": (b"[" + b"{}," * 10_000 + b"{}]", "application/json", 413),
    "many lines": (b"{}\n" * 10_001, "application/x-ndjson", 413),
    "many bytes": (b" " * (16 * 1024 * 1024 + 1), "application/json", 413),
}


@pytest.mark.parametrize(("body", "content_type", "status"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_cannot_be_used_is_a_problem(service, version, body, content_type, status):
    answer = post(service, body, content_type)
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_nan_and_broken_lines_of_ndjson_leave_the_others_alone(service, version):
    body = json.dumps(item()).encode() + b'\n{"id": "n", "score": NaN}\n{\n'
    answer = post(service, body, "application/x-ndjson")
    assert (answer.status_code, answer.json()["created"]) == (207, 1)
    assert [r["code"] for r in answer.json()["refused"]] == ["invalid", "invalid"]


def test_broken_lines_that_would_be_items_when_joined_are_refused(service, version):
    whole = json.dumps(item()).encode()
    body = b"\n".join([whole + b"," + json.dumps(item("p2")).encode(), whole[:-1], whole[1:]])
    answer = post(service, body, "application/x-ndjson")
    assert (answer.status_code, Prediction.objects.count()) == (422, 0)


def test_a_key_that_stands_twice_is_found_among_many_items(service, version):
    items = [json.dumps(item(f"p{i}")) for i in range(40)]
    items[7] = items[7][:-1] + ', "label": "on_time"}'
    answer = post(service, f"[{', '.join(items)}]".encode(), "application/json")
    assert (answer.status_code, answer.json()["created"]) == (207, 39)
    assert [(r["index"], r["field"]) for r in answer.json()["refused"]] == [(7, "label")]


def test_an_item_counts_for_itself_whatever_stands_beside_it(service, version):
    """Decoded together or one by one: the same fingerprint."""
    assert post(service, [item("p0"), item("p1", inputs={"a": 1})]).status_code == 201
    beside = item("p2", inputs={"text": "a\\b", "n": 12345678901234567890123})
    answer = post(service, [item("p0"), beside, item("p1", inputs={"a": 1})])
    assert (answer.json()["duplicates"], answer.json()["refused"][0]["field"]) == (2, "inputs")


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"no gzip", "gzip", 400),
        (gzip.compress(b'{"id": "p1"}', mtime=0)[:-6], "gzip", 400),
        (gzip.compress(b"{}", mtime=0) + b"rest", "gzip", 400),
        (zlib.compress(b"{}"), "deflate", 415),
        (b"{}", "br", 415),
    ],
)
def test_encodings_that_cannot_be_used(service, version, body, encoding, status):
    assert post(service, body, **{"Content-Encoding": encoding}).status_code == status


def peak_mb(act):
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_is_stopped_while_it_unpacks(service, version):
    bomb = gzip.compress(b" " * 200_000_000, compresslevel=1)
    assert peak_mb(lambda: post(service, bomb, **{"Content-Encoding": "gzip"})) < 50
    assert post(service, bomb, **{"Content-Encoding": "gzip"}).status_code == 413


def test_millions_of_tiny_items_take_no_memory(service, version):
    body = b"[" + b"1," * 8_000_000 + b"1]"
    assert peak_mb(lambda: post(service, body)) < 50
    assert post(service, body).status_code == 413


def test_exactly_10_000_items_are_taken(service, version):
    answer = post(service, [item(f"p{i}") for i in range(10_000)])
    assert (answer.status_code, answer.json()["created"]) == (201, 10_000)


@pytest.mark.parametrize("sent", ["", "Bearer ts_00000000_unknownunknownunknown", "Bearer x", "Basic eDp5"])
def test_without_a_known_key_401(client, version, sent):
    headers = {"Authorization": sent} if sent else {}
    answer = client.post(URL, b"{}", content_type="application/json", headers=headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("scope", ["read", "manage"])
def test_a_key_without_the_scope_403(api, version, scope):
    answer = post(api(make_key(scopes=[scope])[1]), item())
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"


def test_people_do_not_ingest(api, client_for, version):
    staff = make_user(is_staff=True)
    assert post(client_for(staff), item()).status_code == 403
    assert post(api(make_key(person=staff)[1]), item()).status_code == 403


def test_a_feature_that_the_key_may_not_see_is_unknown(api, version):
    mine = make_version(make_feature("mine"), "v1").feature
    answer = post(api(make_key(features=[mine])[1]), [item(), item(feature="mine"), item(feature="nowhere")])
    hidden, missing = answer.json()["refused"]
    assert hidden["code"] == missing["code"] == "unknown_feature"
    assert hidden["detail"].replace("delay-alert", "") == missing["detail"].replace("nowhere", "")
    assert answer.json()["created"] == 1


def test_numbers_and_outputs(service):
    make_version(make_feature("minutes", answer_kind="number"), "v1")
    make_version(make_feature("words", answer_kind="output"), "v1")
    answer = post(
        service,
        [
            {"id": "a", "feature": "minutes", "version": "v1", "value": 12},
            {"id": "b", "feature": "words", "version": "v1", "output": {"text": "hello"}},
            {"id": "c", "feature": "words", "version": "v1", "output": False},
        ],
    )
    assert answer.json()["created"] == 3, answer.json()
    stored = {p.external_id: p for p in Prediction.objects.all()}
    assert (stored["a"].value, stored["b"].output, stored["c"].output) == (12, {"text": "hello"}, False)


def test_versions_are_registered_on_first_sight_where_allowed(service):
    make_feature("delay-alert", auto_register_versions=True)
    wrong = {"id": "z", "feature": "delay-alert", "version": "v3", "value": 1}
    answer = post(service, [item("a", version="v2"), item("b"), item("c", version="v2"), wrong])
    assert answer.json()["created"] == 3
    assert sorted(ModelVersion.objects.values_list("name", flat=True)) == ["v1", "v2"]


def test_a_version_made_on_first_sight_is_there_since_the_earliest_prediction_that_came(service):
    make_version(make_feature("delay-alert", auto_register_versions=True), "v1", deployed_at=NOON)
    for day in (3, 2, 4):
        at = f"2026-01-0{day}T12:00:00Z"
        post(service, [item(f"a{day}", version="v2", occurred_at=at), item(f"b{day}", occurred_at=at)])
    assert ModelVersion.objects.get(name="v2").deployed_at.day == 2
    assert ModelVersion.objects.get(name="v1").deployed_at == NOON


def test_two_features_of_one_batch_keep_their_versions_apart(service):
    """Each has a version that only the other one's items name here."""
    for slug, name in (("delay-alert", "v2"), ("other", "v1")):
        make_version(make_feature(slug, auto_register_versions=True), name)
    answer = post(service, [item("a", version="v1"), item("b", feature="other", version="v2")])
    assert answer.json()["created"] == 2
    assert ModelVersion.objects.count() == 4


def test_what_is_stored_is_never_changed_by_a_conflict(service, version):
    stored = make_prediction(version, "p1", score=0.3)
    assert only_refusal(post(service, item(score=0.9))) == ("conflict", "id")
    stored.refresh_from_db()
    assert stored.score == 0.3


def test_a_thousand_with_one_bad(service, version):
    answer = post(service, [item(f"p{i}", **({"score": 2} if i == 500 else {})) for i in range(1000)])
    assert (answer.status_code, answer.json()["created"]) == (207, 999)
    assert [r["index"] for r in answer.json()["refused"]] == [500]


def test_the_queries_of_a_batch_do_not_grow_with_it(service, version, django_assert_max_num_queries):
    post(service, item("first"))
    with django_assert_max_num_queries(12):
        assert post(service, [item(f"p{i}") for i in range(400)]).status_code == 201


def test_a_database_that_is_away_is_503_and_nothing_is_stored(service, version, monkeypatch):
    """The network is faked: the connection that Django would use fails."""
    from django.db import OperationalError
    from django.db.backends.utils import CursorWrapper

    def away(self, *args, **kwargs):
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr(CursorWrapper, "execute", away)
        answer = post(service, item())
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert answer["Content-Type"] == "application/problem+json"
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_405_problems(service, version, method):
    answer = getattr(service, method)(URL)
    assert answer.status_code in {403, 405}
    assert answer["Content-Type"] == "application/problem+json"
