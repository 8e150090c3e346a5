"""POST /api/v1/outcomes/: truths come in any order, any number of times, any time later."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from feedback.models import Outcome
from tests.factories import make_feature, make_key, make_prediction, make_version

pytestmark = pytest.mark.django_db
URL = "/api/v1/outcomes/"


@pytest.fixture
def feature():
    return make_version(make_feature("delay-alert"), "v1").feature


@pytest.fixture
def service(api):
    return api(make_key(scopes=["ingest"])[1])


def truth(prediction="p1", truth="late", **fields):
    return {"feature": "delay-alert", "prediction": prediction, "truth": truth, **fields}


def post(service, body):
    return service.post(URL, json.dumps(body), content_type="application/json")


def test_the_truth_of_a_prediction_not_seen_yet_is_kept(service, feature):
    answer = post(service, truth())
    assert answer.status_code == 201
    assert answer.json() == {"received": 1, "created": 1, "duplicates": 0, "refused": []}
    prediction = make_prediction(feature.versions.get(), "p1")
    kept = Outcome.objects.get(feature=prediction.feature, external_id=prediction.external_id)
    assert kept.truth_label == "late"


@pytest.mark.parametrize("n", [2, 300])
def test_the_same_truth_again_is_a_duplicate(service, feature, n):
    batch = [truth(f"p{i}", observed_at="2026-03-02T12:00:00Z") for i in range(n)]
    assert post(service, batch).json()["created"] == n
    again = post(service, [*batch, batch[0]])
    assert (again.status_code, again.json()["duplicates"]) == (200, n + 1)
    assert Outcome.objects.count() == n


def test_a_correction_is_a_row_of_its_own_and_the_newest_holds(service, feature):
    post(service, truth(truth="late", observed_at="2026-03-02T12:00:00Z"))
    corrected = post(service, truth(truth="on_time", observed_at="2026-03-03T12:00:00Z"))
    assert corrected.status_code == 201
    assert [o.truth_label for o in Outcome.objects.oldest_first()] == ["late", "on_time"]


def test_a_number_is_the_truth_of_a_number(service):
    make_feature("minutes", answer_kind="number")
    answer = post(service, [truth(feature="minutes", truth=12), truth(feature="minutes", truth="late")])
    assert answer.json()["created"] == 1
    assert [(r["code"], r["field"]) for r in answer.json()["refused"]] == [("invalid", "truth")]
    assert Outcome.objects.get().truth_value == 12.0


FUTURE = (timezone.now() + timedelta(days=1)).isoformat()
BAD = {
    "unknown feature": ({"feature": "nowhere"}, "unknown_feature", "feature"),
    "number for a label": ({"truth": 1}, "invalid", "truth"),
    "no truth": ({"truth": None}, "invalid", "truth"),
    "long truth": ({"truth": "x" * 201}, "invalid", "truth"),
    "no prediction": ({"prediction": ""}, "invalid", "prediction"),
    "future": ({"observed_at": FUTURE}, "in_future", "observed_at"),
    "no offset": ({"observed_at": "2026-03-02T12:00:00"}, "invalid", "observed_at"),
    "unknown field": ({"label": "late"}, "invalid", "label"),
    "nul": ({"truth": "a\0"}, "invalid", "truth"),
}


@pytest.mark.parametrize(("change", "code", "field"), BAD.values(), ids=BAD)
def test_each_wrong_item_is_named_and_its_neighbours_are_stored(service, feature, change, code, field):
    answer = post(service, [truth("a"), truth(**change), truth("b")])
    body = answer.json()
    assert (answer.status_code, body["created"]) == (207, 2), body
    assert [(r["index"], r["code"], r["field"]) for r in body["refused"]] == [(1, code, field)]


def test_all_refused_is_422(service, feature):
    assert post(service, [truth(feature="nowhere")]).status_code == 422


def test_another_ones_feature_is_unknown(api, feature):
    answer = post(api(make_key(features=[make_feature()])[1]), truth())
    assert [r["code"] for r in answer.json()["refused"]] == ["unknown_feature"]
    assert not Outcome.objects.exists()


def test_without_the_scope_403(api, feature):
    assert post(api(make_key(scopes=["read"])[1]), truth()).status_code == 403
