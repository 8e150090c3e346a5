"""How far a number may lie from the truth: told with the feature, by REST."""

import json

import pytest
from django.db import IntegrityError

from feedback.models import Feature
from tests.factories import make_feature, make_key

pytestmark = pytest.mark.django_db
URL = "/api/v1/features/"


@pytest.fixture
def service(api):
    return api(make_key(scopes=["read", "manage"])[1])


def send(call, url, **fields):
    return call(url, json.dumps(fields), content_type="application/json")


def test_a_feature_of_numbers_is_made_with_a_tolerance(service):
    fields = {"slug": "minutes", "name": "Minutes", "answer_kind": "number", "tolerance": 0.1}
    answer = send(service.post, URL, **fields, tolerance_kind="relative")
    assert answer.status_code == 201, answer.content
    assert (answer.json()["tolerance"], answer.json()["tolerance_kind"]) == (0.1, "relative")
    feature = Feature.objects.get(slug="minutes")
    assert (feature.tolerance, feature.tolerance_kind) == (0.1, "relative")


def test_without_one_there_is_none(service):
    make_feature("minutes", answer_kind="number")
    answer = service.get(f"{URL}minutes/").json()
    assert (answer["tolerance"], answer["tolerance_kind"]) == (None, "absolute")


def test_it_can_be_changed_and_taken_away(service):
    make_feature("minutes", answer_kind="number")
    assert send(service.patch, f"{URL}minutes/", tolerance=0).json()["tolerance"] == 0
    assert send(service.patch, f"{URL}minutes/", tolerance=None).json()["tolerance"] is None


@pytest.mark.parametrize("tolerance", [-1, "NaN", "Infinity", "wide"])
def test_what_is_no_tolerance_is_refused_by_its_name(service, tolerance):
    make_feature("minutes", answer_kind="number")
    answer = send(service.patch, f"{URL}minutes/", tolerance=tolerance)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["tolerance"]


def test_an_unknown_kind_of_tolerance_is_refused(service):
    make_feature("minutes", answer_kind="number")
    assert send(service.patch, f"{URL}minutes/", tolerance_kind="wide").status_code == 400


def test_a_feature_of_labels_has_none_and_the_refusal_says_why(service):
    make_feature("claims")
    answer = send(service.patch, f"{URL}claims/", tolerance=1)
    assert answer.status_code == 400
    assert "answers with a number" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "change", [{"tolerance": -1}, {"tolerance_kind": "wide"}, {"tolerance": 1, "answer_kind": "label"}]
)
def test_the_database_holds_what_must_hold(change):
    with pytest.raises(IntegrityError):
        make_feature("minutes", **{"answer_kind": "number", **change})
