"""A14: hostile values in the forms, filters and bodies of plans are refused in words, never with an error."""

import json

import pytest

from feedback.models import Comment, Decision, Exploration, StageChange
from tests.factories import make_feature, make_key, make_membership, make_user
from tests.feedback.test_explorations import make_exploration

pytestmark = pytest.mark.django_db
HOSTILE = ["a\x00b", "9" * 40, "-1", "1e400", "NaN", "x" * 20_000, "0001-01-01", "\ud800", "<!--", "' or 1=1 --"]
DECISION = {"feature": "mine", "title": "A", "chosen": "a", "why": "because"}
EXPLORATION = {
    "question": "Can we?", "decides": "Ann", "baseline": "71", "from_on": "2026-03-01", "until_on": "2026-03-09",
    "owner": "ann@example.org", "feature": "mine",
}  # fmt: skip


@pytest.fixture
def ann(client_for):
    person = make_user("ann@example.org")
    make_membership(person, make_feature("mine", stage="idea"), "product")
    return client_for(person)


@pytest.mark.parametrize("value", HOSTILE)
def test_filters_and_addresses(ann, value):
    value = value.encode(errors="replace").decode()
    for address, names in {
        "/explorations/": ("feature", "state", "page"),
        "/explorations/new/": ("feature",),
        "/decisions/": ("feature", "owner", "review", "page"),
        "/features/mine/discuss/": ("prediction", "item", "decision"),
        "/features/mine/decide/": ("title", "exploration"),
    }.items():
        for name in names:
            assert ann.get(address, {name: value}).status_code in {200, 404}, (address, name)


@pytest.mark.parametrize("value", HOSTILE)
def test_forms(ann, value):
    value = value.encode(errors="replace").decode()
    exploration = make_exploration(owner=make_user(), user=None)
    Exploration.objects.filter(pk=exploration.pk).update(owner=ann.session["_auth_user_id"])
    for address, names in {
        "/explorations/new/": ("question", "feature", "owner", "from_on", "need_due_on"),
        "/features/mine/discuss/": ("prediction", "item", "decision"),
        "/features/mine/decide/": ("title", "owner", "review_on"),
    }.items():
        for name in names:
            answer = ann.post(address, {name: value, "text": "words"})
            assert answer.status_code in {302, 404, 422}, (address, name)
    for do, name in [("need", "owner"), ("collected", "need"), ("result", "effort_days"), ("use", "became"),
                     ("inform", "decision"), ("attach", "feature"), (value, "x")]:  # fmt: skip
        assert ann.post(exploration.get_absolute_url(), {"do": do, name: value}).status_code in {404, 422}
    for name in ("to", "decision", "reason"):
        assert ann.post("/features/mine/stage/", {"do": "move", name: value}).status_code == 422
    assert not StageChange.objects.exists()
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    "value", [*HOSTILE, None, [], {}, [None], {"a\x00": "b"}, {"a": "b\x00"}, 1e308, 10**40, True]
)
def test_bodies(api, ann, value):
    service, kind = api(make_key(scopes=["read", "manage"])[1]), "application/json"
    for address, whole in {
        "/api/v1/decisions/": {
            **DECISION, "evidence": {}, "options": [], "owner": None, "review_on": None, "context": "",
        },
        "/api/v1/explorations/": {**EXPLORATION, "needs": []},
        "/api/v1/features/mine/stage/": {"to": "general", "reason": "", "decision": None},
    }.items():  # fmt: skip
        for name in whole:
            answer = service.post(address, {**whole, name: value}, kind)
            assert answer.status_code in {200, 201, 400}, (address, name, answer.content)
        assert service.post(address, json.dumps(value), kind).status_code == 400
    for row in [*service.get("/api/v1/decisions/").json(), *service.get("/api/v1/explorations/").json()]:
        assert row["id"]
    assert not Comment.objects.exists()
