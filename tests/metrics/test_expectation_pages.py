"""The pages and the REST of expectations: proposing, signing, renegotiating by forms; one object for both."""

from dataclasses import fields
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from metrics import expectation_reading as reading
from metrics.api import expectations as api_shapes
from metrics.models import Expectation, ExpectationStatus
from tests.factories import NOON, make_feature, make_key, make_membership, make_version
from tests.metrics.agreements import make_agreed, make_proposal, make_team

pytestmark = pytest.mark.django_db
ADDRESS = "/features/delay-alert/expectations/"


@pytest.fixture
def team():
    return make_team(make_feature("delay-alert"))


def form(**changed):
    return {
        "function": "data_science", "metric": "accuracy", "direction": "at_least", "target": "88.5",
        "baseline": "74", "by_on": (timezone.now() + timedelta(days=30)).date(), "version": "", "segment": "",
        "why": "Below this people check each one", "p": "80", **changed,
    }  # fmt: skip


def test_what_is_proposed_signed_and_renegotiated_by_forms_shows_with_its_chain(team, client_for):
    _, people = team
    science, product = client_for(people["data_science"]), client_for(people["product"])
    assert "Nothing is agreed yet" in science.get(ADDRESS).content.decode()
    assert science.post(ADDRESS, form()).status_code == 302
    row = Expectation.objects.get()
    assert (row.target, row.baseline, row.p_data_science) == (0.885, 0.74, 0.8)
    assert "waits for a signature of product" in science.get(ADDRESS).content.decode()
    signed = product.post(
        f"/expectations/{row.pk}/sign/", {f"sign-{row.pk}-function": "product", f"sign-{row.pk}-p": 60}
    )
    assert signed.status_code == 302
    assert "product and data science agreed on 88.5" in product.get(ADDRESS).content.decode()
    prefilled = product.get(f"/expectations/{row.pk}/renegotiate/").content.decode()
    assert 'value="88.5"' in prefilled
    product.post(f"/expectations/{row.pk}/renegotiate/", form(function="product", target="85", why="A new region"))
    new = Expectation.objects.get(replaces=row)
    science.post(
        f"/expectations/{new.pk}/sign/", {f"sign-{new.pk}-function": "data_science", f"sign-{new.pk}-p": 70}
    )
    text = science.get(ADDRESS).content.decode()
    assert "Goalpost moved 1 time" in text
    assert "A new region" in text


def test_the_same_person_signing_for_both_is_refused_in_words_and_what_was_entered_stays(team, client_for):
    feature, people = team
    make_membership(people["data_science"], feature, "product")
    row = make_proposal(feature, people, now=timezone.now())
    answer = client_for(people["data_science"]).post(
        f"/expectations/{row.pk}/sign/", {f"sign-{row.pk}-function": "product", f"sign-{row.pk}-p": "73"}
    )
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "You have signed for data science: a second person must sign for product." in text
    assert 'value="73"' in text
    assert Expectation.objects.get().state == "proposed"


def test_whoever_is_of_neither_function_sees_why_there_is_no_form(team, client_for):
    feature, people = team
    row = make_agreed(feature, people)
    browser = client_for(people["design"])
    text = browser.get(ADDRESS).content.decode()
    assert "You are of neither" in text
    assert "Renegotiate" not in text
    sent = browser.post(ADDRESS, form(function="product", metric="recall"))
    assert sent.status_code == 422
    assert "You are of neither" in sent.content.decode()
    assert browser.post(f"/expectations/{row.pk}/renegotiate/", form(target="50")).status_code == 422
    assert Expectation.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"target": "120"}, "between 0 and 100"),
        ({"target": "nan"}, "Enter a number"),
        ({"p": "101"}, "less than or equal to 100"),
        ({"by_on": "2020-01-01"}, "lies ahead"),
        ({"segment": "JFK"}, "NAME:VALUE"),
        ({"why": ""}, "This field is required"),
        ({"version": "of another"}, "Select a valid choice"),
        ({"metric": "latency_p95_ms", "target": "0"}, "a time over 0"),
    ],
)
def test_what_does_not_fit_is_said_and_the_words_are_kept(team, client_for, changed, said):
    _, people = team
    make_version(name="of another")
    answer = client_for(people["data_science"]).post(ADDRESS, form(**{"why": "Keep these words", **changed}))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert said in text
    assert changed.get("why", "Keep these words") in text
    assert not Expectation.objects.exists()


def test_expectations_of_another_feature_are_not_there(team, client_for):
    _, people = team
    other, others = make_team()
    row = make_proposal(other, others)
    browser = client_for(people["product"])
    for step in ("sign", "withdraw", "renegotiate"):
        assert browser.post(f"/expectations/{row.pk}/{step}/", form()).status_code == 404
    row.refresh_from_db()
    assert (row.state, Expectation.objects.count()) == ("proposed", 1)


def test_withdrawing_is_said(team, client_for):
    feature, people = team
    row = make_proposal(feature, people)
    answer = client_for(people["product"]).post(f"/expectations/{row.pk}/withdraw/", follow=True)
    assert "Withdrawn (1)" in answer.content.decode()


# --- REST


@pytest.mark.parametrize(
    ("report", "shape"),
    [
        (reading.ExpectationsPage, api_shapes.ExpectationsPageShape),
        (reading.ExpectationReport, api_shapes.ExpectationShape),
        (reading.Signature, api_shapes.SignatureShape),
        (reading.Link, api_shapes.LinkShape),
        (reading.StatusChange, api_shapes.StatusChangeShape),
        (reading.CalibrationRecord, api_shapes.CalibrationRecordShape),
    ],
)
def test_the_shapes_of_answers_are_those_of_the_reports(report, shape):
    assert [field.name for field in fields(report)] == list(shape().get_fields())


def test_rest_answers_with_what_the_page_shows(team, client_for, api):
    feature, people = team
    row = make_agreed(feature, people)
    ExpectationStatus.objects.create(
        expectation=row, status="not_sure", since=NOON, checked_at=NOON, value=0.82, low=0.78, high=0.86, n=640,
        p_met=0.9, n_to_go=2310, source="reviewed", version="2-boosted",
    )  # fmt: skip
    told = api(make_key(scopes=["read"])[1]).get(f"/api/v1{ADDRESS}").json()
    (report,) = told["in_force"]
    page = client_for(people["design"]).get(ADDRESS).content.decode()
    assert report["sentence"] in page
    assert "About 2,310 more reviews" in page
    assert "not sure yet since 2 Mar 2026" in page
    assert (report["value"], report["n_to_go"], report["signatures"][1]["p"]) == (0.82, 2310, 0.7)
    assert "12 of 20" not in page
    assert "0 of 20 resolved" in page


def test_the_csv_has_a_line_for_each(team, client_for):
    feature, people = team
    make_agreed(feature, people, why="=1+1")
    make_proposal(feature, people, metric="recall")
    text = client_for(people["design"]).get(f"{ADDRESS}?format=csv").content.decode()
    assert text.count("\n") == 3
    assert "'=1+1" in text


# --- queries


def queries(browser, address):
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)


def test_three_expectations_and_thirty_take_the_same_number_of_queries(client_for, api):
    service, counts = api(make_key(scopes=["read"])[1]), []
    service.get("/api/v1/features/")  # notes the use of the key
    for n in (3, 30):
        feature, people = make_team()
        row = None
        for i in range(n):
            make_agreed(feature, people, segment=f"part:{i}")
            row = make_agreed(feature, people, replaces=row)
            ExpectationStatus.objects.create(expectation=row, status="unknown", since=NOON, checked_at=NOON)
            make_proposal(feature, people, metric="recall")
        address = f"/features/{feature.slug}/expectations/"
        counts.append([queries(client_for(people["product"]), address), queries(service, f"/api/v1{address}")])
    assert counts[0] == counts[1]
    assert max(counts[0]) < 15
