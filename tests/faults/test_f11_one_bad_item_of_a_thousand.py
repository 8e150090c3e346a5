"""F11: whatever is wrong with one item, the other 999 are stored, and the one is named."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import make_feature, make_key, make_version
from tests.faults.messages import FEATURE, MODELS, VERSION, message

pytestmark = pytest.mark.django_db
N, PLACE = 1000, 617
FUTURE = (timezone.now() + timedelta(days=1)).isoformat()
LARGE = {"account": "x" * 66_000}
E_MAIL = {"actor": "ann@example.org"}
BAD = {
    ("predictions", "invalid", "score"): {"score": 2},
    ("predictions", "unknown_feature", "feature"): {"feature": "nowhere"},
    ("predictions", "unknown_version", "version"): {"version": "v9"},
    ("predictions", "conflict", "id"): {"id": "m0", "label": "on_time"},
    ("predictions", "in_future", "occurred_at"): {"occurred_at": FUTURE},
    ("predictions", "too_large", ""): LARGE,
    ("predictions", "looks_personal", "actor"): E_MAIL,
    ("outcomes", "invalid", "truth"): {"truth": 1},
    ("outcomes", "unknown_feature", "feature"): {"feature": "nowhere"},
    ("outcomes", "in_future", "observed_at"): {"observed_at": FUTURE},
    ("outcomes", "too_large", ""): {"truth": "x" * 66_000},
    ("events", "invalid", "kind"): {"kind": "ignored"},
    ("events", "unknown_feature", "feature"): {"feature": "nowhere"},
    ("events", "conflict", "id"): {"id": "m0", "kind": "dismissed"},
    ("events", "in_future", "occurred_at"): {"occurred_at": FUTURE},
    ("events", "too_large", ""): LARGE,
    ("events", "too_large", "props"): {"props": {f"k{i}": "x" * 100 for i in range(20)}},
    ("events", "looks_personal", "actor"): E_MAIL,
    ("feedback", "invalid", "rating"): {"rating": 11},
    ("feedback", "unknown_feature", "feature"): {"feature": "nowhere"},
    ("feedback", "conflict", "id"): {"id": "m0", "text": "It came in time."},
    ("feedback", "in_future", "occurred_at"): {"occurred_at": FUTURE},
    ("feedback", "too_large", ""): LARGE,
    ("feedback", "looks_personal", "actor"): E_MAIL,
}


@pytest.mark.parametrize(("kind", "change"), BAD.items(), ids=[" ".join(kind).strip() for kind in BAD])
def test_f11_999_are_stored_and_the_one_is_named(api, kind, change):
    make_version(make_feature(FEATURE), VERSION)
    endpoint, code, field = kind
    items = [message(endpoint, number, **(change if number == PLACE else {})) for number in range(N)]
    service = api(make_key(scopes=["ingest"])[1])
    answer = service.post(f"/api/v1/{endpoint}/", json.dumps(items), content_type="application/json")
    body = answer.json()
    assert (answer.status_code, body["received"], body["created"], body["duplicates"]) == (207, N, N - 1, 0)
    assert [(r["index"], r["code"], r["field"]) for r in body["refused"]] == [(PLACE, code, field)]
    assert MODELS[endpoint].objects.count() == N - 1
