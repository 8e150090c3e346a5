"""A30: whoever has seen the results changes nothing that was agreed, said or found; they agree anew, visibly."""

import pytest

from metrics.actions.debating import reveal
from metrics.models import DebateRound, Expectation, ExpectationStatus, Placement, PlacementRevision
from tests.factories import NOON, make_feature, make_key, make_user
from tests.metrics.agreements import DAY, HOUR, make_agreed, make_proposal, make_round, make_team, vote
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
ADDRESSES = ["/api/v1/features/delay-alert/expectations/", "/api/v1/debates/"]
METHODS = ["put", "patch", "delete"]
NEW = {
    "target": 0.1,
    "state": "withdrawn",
    "status": "met",
    "x": 1,
    "round": 1,
    "p_product": 0.0,
    "why": "Changed",
}
MODELS = [Expectation, ExpectationStatus, DebateRound, Placement, PlacementRevision]


def everything():
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in MODELS}


@pytest.fixture
def agreed():
    """An agreement that was renegotiated, checked, and a revealed debate with a change of mind."""
    feature, people = make_team(make_feature("delay-alert"))
    first = make_agreed(feature, people, target=0.9)
    make_agreed(feature, people, target=0.8, replaces=first, why="A new region")
    make_proposal(feature, people, metric="recall")
    round_ = make_round(feature, people, quorum=2)
    vote(round_, people, "design", 1, 1)
    vote(round_, people, "design", 2, 2)
    vote(round_, people, "product")
    reveal(round_=round_, user=people["product"], now=NOON + HOUR)
    work("check_expectations", now=NOON + HOUR)
    assert all(rows for rows in everything().values())
    return people


@pytest.mark.parametrize("who", ["product", "data_science", "staff", "service"])
def test_no_method_of_rest_changes_what_is_agreed(agreed, api, who):
    key = {
        "staff": lambda: make_key(person=make_user(is_staff=True)),
        "service": lambda: make_key(scopes=["read", "manage", "ingest"]),
    }.get(who, lambda: make_key(person=agreed[who]))()[1]
    before, caller = everything(), api(key)
    for address in ADDRESSES:
        for method in METHODS:
            answer = getattr(caller, method)(address, NEW, content_type="application/json")
            assert answer.status_code in {403, 405}, (method, address)
    assert caller.post(ADDRESSES[0], NEW, content_type="application/json").status_code in {403, 405}
    assert caller.post(ADDRESSES[1], NEW, content_type="application/json").status_code in {400, 403}
    assert everything() == before


def test_no_form_changes_terms_signatures_or_votes(agreed, client_for):
    before = everything()
    row = Expectation.objects.in_force().get()
    browser = client_for(agreed["product"])
    sent = {**NEW, f"sign-{row.pk}-function": "product", f"sign-{row.pk}-p": "1", "function": "design"}
    base = "/expectations/"
    for address in [
        f"{base}{row.pk}/sign/", f"{base}{row.pk}/withdraw/", f"{base}{row.replaces_id}/sign/",
        f"{base}{row.replaces_id}/withdraw/", f"{base}{row.replaces_id}/renegotiate/",
        f"/debates/{DebateRound.objects.get().pk}/place/", f"/debates/{DebateRound.objects.get().pk}/reveal/",
    ]:  # fmt: skip
        assert browser.post(address, sent).status_code in {302, 422}, address
    assert everything() == before


@pytest.mark.parametrize("model", [each.__name__.lower() for each in MODELS])
def test_the_administration_shows_and_changes_nothing(agreed, client_for, model):
    browser, before = client_for(make_user(is_staff=True)), everything()
    pk = next(each for each in MODELS if each.__name__.lower() == model).objects.first().pk
    assert browser.get(f"/admin/metrics/{model}/").status_code == 200
    assert browser.get(f"/admin/metrics/{model}/{pk}/change/").status_code == 200
    for step in (f"{pk}/change/", f"{pk}/delete/", "add/"):
        assert browser.post(f"/admin/metrics/{model}/{step}", {**NEW, "post": "yes"}).status_code == 403
    assert everything() == before


def test_whoever_renegotiates_after_the_result_leaves_the_old_promise_and_its_status_to_be_read(
    agreed, client_for
):
    row = Expectation.objects.in_force().get()
    ExpectationStatus.objects.create(
        expectation=row, status="broken", since=NOON + DAY, checked_at=NOON + DAY, value=0.7
    )
    make_agreed(row.feature, agreed, target=0.6, replaces=row, why="It was too high", now=NOON + 2 * DAY)
    text = client_for(agreed["design"]).get("/features/delay-alert/expectations/").content.decode()
    assert "Goalpost moved 2 times" in text
    assert "broken when it was replaced: It was too high" in text
