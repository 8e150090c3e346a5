"""The pages and the REST of debates: what a person is told, and that nothing they wrote is lost."""

from dataclasses import fields
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feedback.models import Decision
from metrics import debate_reading
from metrics.actions.debating import reveal
from metrics.api import debates as api_shapes
from metrics.functions import FUNCTIONS
from metrics.models import DebateRound, Placement
from tests.factories import make_feature, make_key, make_membership, make_user
from tests.metrics.agreements import make_round, make_team, vote
from tests.metrics.test_debates import AGREED, CONTESTED

pytestmark = pytest.mark.django_db
PLACEMENT = {"x": 7, "y": 3, "confidence": 2, "reason": "Used daily, and nobody reviews it"}


@pytest.fixture
def debate():
    feature, people = make_team(make_feature("delay-alert"))
    return make_round(feature, people, now=timezone.now()), people


def fill(round_, people, places=AGREED):
    for function, (x, y) in zip(FUNCTIONS, places, strict=False):
        vote(round_, people, function, x, y, now=timezone.now())
    return round_


def test_a_round_is_opened_voted_in_revealed_and_decided_by_forms_alone(client_for):
    _, people = make_team(make_feature("delay-alert"))
    lead = client_for(people["product"])
    assert "No debate yet" in lead.get("/features/delay-alert/debates/").content.decode()
    opened = lead.post(
        "/features/delay-alert/debates/",
        {
            "quadrant": "behaviour_product", "functions": list(FUNCTIONS), "quorum": 2,
            "deadline": f"{timezone.now() + timedelta(days=2):%Y-%m-%dT%H:%M}",
        },
    )  # fmt: skip
    address = opened["Location"]
    for function in ("product", "design"):
        sent = {**PLACEMENT, "function": function}
        assert client_for(people[function]).post(f"{address}place/", sent).status_code == 302
    assert "2 of 6: enough to reveal" in lead.get(address).content.decode()
    lead.post(f"{address}reveal/")
    shown = lead.get(address).content.decode()
    assert "Behaviour change: agreed, high" in shown
    assert PLACEMENT["reason"] in shown
    ended = lead.post(f"{address}decide/", {"is_agreed": "yes", "chosen": "sure_failure", "why": "Asks too much"})
    assert ended.status_code == 302
    assert Decision.objects.get().chosen == "Sure failure"
    assert "Debate: Sure failure" in lead.get(address).content.decode()
    assert "Debate: Sure failure" in lead.get("/features/delay-alert/debates/").content.decode()


def test_a_vote_that_comes_after_the_reveal_is_refused_and_its_words_are_kept(debate, client_for):
    round_, people = debate
    fill(round_, people, AGREED[:4])
    reveal(round_=round_, user=people["product"], now=timezone.now())
    answer = client_for(people["operations"]).post(
        f"/debates/{round_.pk}/place/", {**PLACEMENT, "function": "operations"}
    )
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "This round was revealed" in text
    assert PLACEMENT["reason"] in text
    assert not Placement.objects.filter(function="operations").exists()


def test_the_second_person_of_a_function_is_told_who_voted_and_keeps_the_words(debate, client_for):
    round_, people = debate
    vote(round_, people, "design", 2, 2, now=timezone.now())
    second = make_membership(make_user(), round_.feature, "design").user
    answer = client_for(second).post(f"/debates/{round_.pk}/place/", {**PLACEMENT, "function": "design"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert f"{people['design']} has voted for design already" in text
    assert f'value="{PLACEMENT["reason"]}"' in text
    assert Placement.objects.get().x == 2


def test_a_voter_without_the_functions_role_is_told_so(debate, client_for):
    round_, people = debate
    answer = client_for(people["product"]).post(
        f"/debates/{round_.pk}/place/", {**PLACEMENT, "function": "design"}
    )
    assert answer.status_code == 422
    assert "You cannot vote for design" in answer.content.decode()
    onlooker = make_membership(make_user(), round_.feature, "reviewer").user
    assert "so you cannot vote" in client_for(onlooker).get(f"/debates/{round_.pk}/").content.decode()


@pytest.mark.parametrize("wrong", [{"x": ""}, {"x": 10}, {"y": "high"}, {"reason": ""}, {"confidence": 0}])
def test_what_is_missing_is_said_at_its_field(debate, client_for, wrong):
    round_, people = debate
    answer = client_for(people["design"]).post(
        f"/debates/{round_.pk}/place/", {**PLACEMENT, "function": "design", **wrong}
    )
    assert answer.status_code == 422
    assert answer.content.decode().count('class="field-error"') == 1


def test_a_reveal_without_a_quorum_says_what_is_missing(debate, client_for):
    round_, people = debate
    fill(round_, people, AGREED[:2])
    answer = client_for(people["product"]).post(f"/debates/{round_.pk}/reveal/", follow=True)
    assert "2 of the 4 functions that are needed have voted: 2 more of" in answer.content.decode()


def test_a_contested_round_asks_at_each_field_for_what_it_needs(debate, client_for):
    round_, people = debate
    reveal(round_=fill(round_, people, CONTESTED), user=people["product"], now=timezone.now())
    lead = client_for(people["product"])
    answer = lead.post(f"/debates/{round_.pk}/decide/", {"is_agreed": "no", "why": "We differ on use"})
    text = answer.content.decode()
    assert answer.status_code == 422
    for said in ("Somebody must own", "Say when you will look", "Say what evidence", "We differ on use"):
        assert said in text
    ended = lead.post(
        f"/debates/{round_.pk}/decide/",
        {
            "is_agreed": "no", "why": "We differ on use", "owner": people["design"].pk,
            "review_on": (timezone.now() + timedelta(days=30)).date(), "would_move": "Use in two regions",
        },
    )  # fmt: skip
    assert ended.status_code == 302
    assert Decision.objects.get().evidence["What evidence would move us"] == "Use in two regions"


def test_a_second_round_is_opened_from_the_first_and_links_back(debate, client_for):
    round_, people = debate
    reveal(round_=fill(round_, people, CONTESTED), user=people["product"], now=timezone.now())
    lead = client_for(people["product"])
    deadline = f"{timezone.now() + timedelta(days=2):%Y-%m-%dT%H:%M}"
    second = lead.post(f"/debates/{round_.pk}/second/", {"deadline": deadline})["Location"]
    assert "second round, after the" in lead.get(second).content.decode()
    assert "A <a" in lead.get(f"/debates/{round_.pk}/").content.decode()
    late = lead.post(f"/debates/{round_.pk}/second/", {"deadline": "2020-01-01T00:00"})
    assert late.status_code == 422


# --- REST


@pytest.mark.parametrize(
    ("report", "shape"),
    [
        (debate_reading.DebateReport, api_shapes.DebateReportShape),
        (debate_reading.PlacementView, api_shapes.PlacementViewShape),
        (debate_reading.AxisView, api_shapes.AxisViewShape),
        (debate_reading.MeasuredView, api_shapes.MeasuredViewShape),
    ],
)
def test_the_shapes_of_answers_are_those_of_the_reports(report, shape):
    assert [field.name for field in fields(report)] == list(shape().get_fields())


def test_a_person_votes_by_rest_and_is_answered_with_the_round_as_they_may_see_it(debate, api):
    round_, people = debate
    vote(round_, people, "product", 1, 1, now=timezone.now())
    mine = api(make_key(person=people["design"])[1])
    sent = {**PLACEMENT, "round": round_.pk, "function": "design"}
    answer = mine.post("/api/v1/debates/", sent, content_type="application/json")
    assert answer.status_code == 201
    assert (answer.json()["own"]["x"], answer.json()["placements"]) == (7, [])
    assert answer.json()["has_voted"] == ["product", "design"]
    (listed,) = mine.get("/api/v1/debates/?feature=delay-alert&state=open").json()
    assert listed == answer.json()
    assert mine.get("/api/v1/debates/?state=decided").json() == []
    refused = mine.post("/api/v1/debates/", {**sent, "function": "product"}, content_type="application/json")
    assert refused.status_code == 400
    assert "You cannot vote for product" in refused.json()["errors"][0]["detail"]


# --- queries


def queries(browser, address):
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)


def test_three_rounds_and_thirty_take_the_same_number_of_queries(client_for):
    counts = []
    for n in (3, 30):
        feature, people = make_team()
        now = timezone.now()
        for i in range(n):
            round_ = fill(make_round(feature, people, now=now), people, AGREED if i % 2 else CONTESTED)
            reveal(round_=round_, user=people["product"], now=now)
        browser = client_for(people["product"])
        counts.append([
            queries(browser, f"/features/{feature.slug}/debates/"),
            queries(browser, f"/api/v1/debates/?feature={feature.slug}"),
        ])  # fmt: skip
    assert counts[0] == counts[1]
    assert max(counts[0]) < 15
    assert DebateRound.objects.count() == 33
