"""What is refused is counted, with examples, and never at the cost of what is stored."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feedback.actions.refusals import clear_refusals, without_secrets
from feedback.models import Prediction, RefusalHour
from tests.factories import NOON, make_feature, make_key, make_version

pytestmark = pytest.mark.django_db
URL = "/api/v1/predictions/"


@pytest.fixture
def version():
    return make_version(make_feature("delay-alert"), "v1")


@pytest.fixture
def service(api, version):
    return api(make_key()[1])


def item(id="p1", **fields):
    return {"id": id, "feature": "delay-alert", "version": "v1", "label": "late", **fields}


def post(service, body, content_type="application/json", url=URL, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return service.post(url, body, content_type=content_type, headers=headers)


def counted():
    rows = RefusalHour.objects.order_by("code", "field")
    return [(row.feature_slug, row.endpoint, row.code, row.field, row.n) for row in rows]


def test_refused_items_are_counted_by_hour_key_feature_endpoint_code_and_field(service):
    post(service, [item("a", score=2), item("b", score=3), item("c", version="v9"), item("d")])
    post(service, [item("e", score=2)])
    assert counted() == [
        ("delay-alert", "predictions", "invalid", "score", 3),
        ("delay-alert", "predictions", "unknown_version", "version", 1),
    ]
    row = RefusalHour.objects.get(code="invalid")
    assert (row.hour.minute, row.hour.second) == (0, 0)
    assert row.examples == [
        {"id": "e", "detail": "Expected `float` <= 1.0.", "sent": '"score": 2'},
    ]


def test_outcomes_are_counted_as_outcomes(service):
    post(service, {"feature": "delay-alert", "prediction": "p1", "truth": 3}, url="/api/v1/outcomes/")
    assert counted() == [("delay-alert", "outcomes", "invalid", "truth", 1)]


def test_a_feature_that_the_key_may_not_see_is_not_named(api, version):
    mine = make_feature("mine")
    post(api(make_key(features=[mine])[1]), [item(), item(feature="nowhere"), item(feature="mine")])
    assert counted() == [
        ("", "predictions", "unknown_feature", "feature", 2),
        ("mine", "predictions", "unknown_version", "version", 1),
    ]


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"{", "application/json", "body_unreadable"),
        (b"{}\n" * 10_001, "application/x-ndjson", "body_too_large"),
        (b"id=p1", "application/x-www-form-urlencoded", "body_unsupported"),
    ],
)
def test_a_body_that_cannot_be_used_is_counted_as_a_request(service, body, content_type, code):
    post(service, body, content_type)
    post(service, body, content_type)
    assert counted() == [("", "predictions", code, "", 2)]
    assert RefusalHour.objects.get().examples[0]["detail"]


def test_a_batch_without_refusals_asks_the_database_nothing_more(service):
    with CaptureQueriesContext(
        connection,
    ) as good:
        assert post(service, [item("a"), item("b")]).status_code == 201
    assert not [query for query in good if "refusalhour" in query["sql"]]
    with CaptureQueriesContext(connection) as bad:
        assert (
            post(service, [item("c"), item("d")] + [item(f"x{i}", score=2) for i in range(2000)]).status_code
            == 207
        )
    statements = [
        query for query in bad if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))
    ]
    assert len(statements) <= len(good) + 2
    assert RefusalHour.objects.get().n == 2000


def test_a_sender_that_makes_up_fields_adds_one_row(service):
    post(service, [item(f"p{i}", **{f"extra_{i}": 1}) for i in range(100)])
    assert counted() == [("delay-alert", "predictions", "invalid", "", 100)]
    assert len(RefusalHour.objects.get().examples) == 3


def test_a_failure_to_count_costs_neither_the_batch_nor_the_answer(service, monkeypatch, caplog):
    """The network is faked: the statement that counts finds the database away."""
    from django.db import OperationalError
    from django.db.backends.utils import CursorWrapper

    execute = CursorWrapper.execute

    def away_for_counts(self, sql, *args, **kwargs):
        if "feedback_refusalhour" in sql:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(self, sql, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(CursorWrapper, "execute", away_for_counts)
        answer = post(service, [item("a"), item("b", score=2)])
        assert post(service, b"{").status_code == 400
    assert (answer.status_code, answer.json()["created"]) == (207, 1)
    assert Prediction.objects.count() == 1
    assert not RefusalHour.objects.exists()
    assert sum("refusals_not_recorded" in str(record.msg) for record in caplog.records) == 2


def test_what_looks_personal_is_kept_nowhere(service):
    post(service, item(actor="ann@example.org"))
    row = RefusalHour.objects.get()
    assert row.code == "looks_personal"
    assert "ann" not in json.dumps(row.examples)


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "a\\u0000b", "feature": "delay-alert", "version": "v1", "label": "late"}',
        b'{"id": "\\ud800", "feature": "x\\u0000", "version": "v1", "label": "late"}',
        b'[{"id": "p", "feature": "delay-alert", "version": "v1", "label": "\xff"}]',
        b'[{"id": "p", "feature": {"a": [1]}, "version": "v1"}]',
        b"[1, null, [[]]]",
        b'[{"id": "p", "feature": "' + b"x" * 5000 + b'"}]',
        b'{"id": "p", "feature": "delay-alert", "feature": "delay-alert", "label": "late"}',
    ],
)
def test_whatever_was_sent_the_refusal_is_counted(service, body):
    n_refused = len(post(service, body).json()["refused"])
    assert n_refused == sum(row.n for row in RefusalHour.objects.all()) > 0


def test_keys_passwords_and_addresses_are_taken_out_of_what_is_kept():
    key = "ts_0123abcd_Vv0k2mQ4h8aZbYcXdWeVfUgThSiRj"
    text = without_secrets(f'{key} Bearer abc.def "password": "hunter2", "api_key":"x1y2", bob@example.org')
    for secret in ("Vv0k", "abc.def", "hunter2", "x1y2", "bob"):
        assert secret not in text
    assert "ts_0123abcd_…" in text


def test_counts_are_kept_for_30_days():
    key = make_key()[0]
    for days in (0, 29, 31):
        RefusalHour.objects.create(
            hour=NOON - timedelta(days=days), key=key, endpoint="events", code="invalid", n=1, last_at=NOON
        )
    assert clear_refusals(now=NOON) == 1
    assert RefusalHour.objects.count() == 2
    assert clear_refusals(now=NOON) == 0
