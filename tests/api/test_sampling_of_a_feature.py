"""`sampling` of a feature: read, and changed by a new version."""

import pytest

from feedback.models import Feature
from reviews.actions.desk import set_policy
from reviews.models import SamplingPolicy
from tests.factories import NOON, make_feature, make_key, make_membership

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
FEATURES = "/api/v1/features/"


@pytest.fixture
def service(api):
    return api(make_key(scopes=["read", "manage"])[1])


@pytest.fixture
def feature():
    return make_feature("delay-alert")


def patch(service, **sampling):
    return service.patch(f"{FEATURES}delay-alert/", {"sampling": sampling}, **JSON)


def numbers():
    return [policy.number for policy in SamplingPolicy.objects.order_by("number")]


def test_a_feature_that_nobody_samples_says_null(service, feature):
    assert service.get(f"{FEATURES}delay-alert/").json()["sampling"] is None
    assert [each["sampling"] for each in service.get(FEATURES).json()] == [None]


def test_a_change_makes_the_next_version_and_keeps_what_it_does_not_name(service, feature):
    set_policy(feature=feature, user=None, now=NOON, target_count=300, lease_seconds=600)
    answer = patch(service, reviews_per_day=35, blind=True)
    assert answer.status_code == 200
    assert answer.json()["sampling"] == {
        "number": 2,
        "design": "uncertainty",
        "reviews_per_day": 35,
        "overlap_share": 0.0,
        "gold_share": 0.0,
        "blind": True,
        "target_count": 300,
    }
    assert (numbers(), SamplingPolicy.objects.get(number=2).lease_seconds) == ([1, 2], 600)
    assert service.get(f"{FEATURES}delay-alert/").json()["sampling"] == answer.json()["sampling"]


def test_what_holds_already_makes_no_version(service, feature):
    patch(service, reviews_per_day=35)
    assert patch(service, reviews_per_day=35, design="uncertainty").status_code == 200
    assert patch(service).status_code == 200
    assert service.patch(f"{FEATURES}delay-alert/", {"name": "Delays"}, **JSON).status_code == 200
    assert numbers() == [1]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"design": "gut"}, "sampling.design"),
        ({"reviews_per_day": -1}, "sampling.reviews_per_day"),
        ({"overlap_share": 1.5}, "sampling.overlap_share"),
        ({"overlap_share": "NaN"}, "sampling.overlap_share"),
        ({"gold_share": 0.6}, "sampling.gold_share"),
        ({"blind": "perhaps"}, "sampling.blind"),
        ({"target_count": 0}, "sampling.target_count"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_of_the_change_is_made(service, feature, sent, field):
    answer = service.patch(f"{FEATURES}delay-alert/", {"name": "Other", "sampling": sent}, **JSON)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert (numbers(), Feature.objects.get().name) == ([], "Delay alert")


@pytest.mark.parametrize("sent", [[], "uniform"])
def test_a_sampling_is_an_object(service, feature, sent):
    answer = service.patch(f"{FEATURES}delay-alert/", {"sampling": sent}, **JSON)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith("sampling")


def test_a_feature_is_made_with_its_sampling_or_not_at_all(service):
    made = service.post(FEATURES, {"slug": "new", "name": "New", "sampling": {"design": "uniform"}}, **JSON)
    assert (made.status_code, made.json()["sampling"]["design"]) == (201, "uniform")
    assert service.post(FEATURES, {"slug": "bare", "name": "Bare"}, **JSON).json()["sampling"] is None
    again = service.post(FEATURES, {"slug": "third", "name": "T", "sampling": {"gold_share": 2}}, **JSON)
    assert again.status_code == 400
    assert sorted(Feature.objects.values_list("slug", flat=True)) == ["bare", "new"]


def test_a_person_s_change_bears_their_name_and_a_reviewer_may_not(feature, client_for):
    owner = make_membership(feature=feature, role="owner").user
    assert patch(client_for(owner), reviews_per_day=5).status_code == 200
    assert SamplingPolicy.objects.get().created_by == owner
    reviewer = make_membership(feature=feature, role="reviewer").user
    assert patch(client_for(reviewer), reviews_per_day=6).status_code == 403
    assert numbers() == [1]


def test_an_input_field_can_be_kept_from_reviewers(service, feature):
    fields = [{"name": "carrier", "label": "Carrier", "hint": "text"}, {"name": "key", "is_hidden": True}]
    answer = service.patch(f"{FEATURES}delay-alert/", {"input_fields": fields}, **JSON)
    assert answer.json()["input_fields"] == fields


@pytest.mark.parametrize("sent", [None, {}])
def test_null_and_nothing_are_no_change_and_start_no_sampling(service, feature, sent):
    answer = service.patch(f"{FEATURES}delay-alert/", {"sampling": sent, "name": "Delays"}, **JSON)
    assert (answer.status_code, answer.json()["sampling"], answer.json()["name"]) == (200, None, "Delays")
    assert numbers() == []


@pytest.mark.parametrize(
    ("role", "may_steer", "may_all"),
    [("owner", 200, 200), ("product", 200, 403), ("data_science", 200, 403), ("reviewer", 403, 403)],
)
def test_who_may_steer_on_the_page_may_by_rest_and_no_more(client_for, feature, role, may_steer, may_all):
    browser = client_for(make_membership(feature=feature, role=role).user)
    change = {"sampling": {"reviews_per_day": 7}}
    for sent, expected in ((change, may_steer), ({**change, "name": "Mine"}, may_all), ({}, may_all)):
        assert browser.patch(f"{FEATURES}delay-alert/", sent, **JSON).status_code == expected, sent
