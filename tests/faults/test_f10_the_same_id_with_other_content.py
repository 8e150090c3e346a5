"""F10: whoever was first keeps the id; the other is told so, item by item."""

import json

import pytest

from feedback.models import Outcome
from tests.factories import make_feature, make_key, make_version
from tests.faults.messages import FEATURE, MODELS, VERSION, message

pytestmark = pytest.mark.django_db
OTHER = {
    "predictions": {"label": "on_time"},
    "events": {"kind": "dismissed"},
    "feedback": {"text": "It came in time."},
}


@pytest.fixture
def post(api):
    make_version(make_feature(FEATURE), VERSION)
    service = api(make_key(scopes=["ingest"])[1])
    return lambda endpoint, items: service.post(
        f"/api/v1/{endpoint}/", json.dumps(items), content_type="application/json"
    )


@pytest.mark.parametrize("n", [1, 200])
@pytest.mark.parametrize("endpoint", OTHER)
def test_f10_other_content_is_a_conflict_and_what_is_stored_stays(post, endpoint, n):
    """With 200 by COPY on PostgreSQL."""
    post(endpoint, [message(endpoint, number) for number in range(n)])
    before = list(MODELS[endpoint].objects.order_by("pk").values())
    answer = post(endpoint, [message(endpoint, number, **OTHER[endpoint]) for number in range(n)])
    assert (answer.status_code, answer.json()["created"], answer.json()["duplicates"]) == (422, 0, 0)
    refused = answer.json()["refused"]
    assert [(r["index"], r["id"], r["code"], r["field"]) for r in refused] == [
        (number, f"m{number}", "conflict", "id") for number in range(n)
    ]
    assert list(MODELS[endpoint].objects.order_by("pk").values()) == before


@pytest.mark.parametrize("endpoint", OTHER)
def test_f10_within_one_batch_the_first_keeps_the_id(post, endpoint):
    answer = post(endpoint, [message(endpoint, 1), message(endpoint, 1, **OTHER[endpoint]), message(endpoint, 1)])
    body = answer.json()
    assert (answer.status_code, body["created"], body["duplicates"]) == (207, 1, 1)
    assert [(r["index"], r["code"]) for r in body["refused"]] == [(1, "conflict")]


def test_f10_an_outcome_has_no_id_so_other_content_is_a_correction(post):
    post("outcomes", message("outcomes", 1))
    answer = post("outcomes", message("outcomes", 1, truth="on_time"))
    assert answer.status_code == 201
    assert Outcome.objects.count() == 2
