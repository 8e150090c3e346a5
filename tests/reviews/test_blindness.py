"""A4: before their own answer nobody reads another's, nor gold, arm, weight, score; in no form of any answer."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from reviews.actions.desk import claim_next, set_policy, set_rubric, submit
from reviews.actions.draw import draw_received
from reviews.actions.leading import make_gold
from reviews.models import Assignment, ReviewItem
from tests.factories import (
    make_feature,
    make_key,
    make_membership,
    make_outcome,
    make_prediction,
    make_user,
    make_version,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
SECRET = "SECRETCOMMENT"
ANSWER = "zebra"  # what the model said; no page may hold it in blind mode before the own answer


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def feature(now):
    """One prediction that ann has judged as the first of two; the model said zebra, sure by 0.4321."""
    feature = make_feature("animals", owner=make_user("owner@example.org"))
    version = make_version(feature, labels=["ape", "bear", ANSWER], positive_label=ANSWER)
    made = {"received_at": now - timedelta(minutes=5), "score": 0.4321, "label": ANSWER}
    make_prediction(version, "p1", inputs={"legs": 4}, **made)
    set_rubric(feature=feature, now=now, guideline="Look at the legs.")
    set_policy(feature=feature, user=None, now=now, design="all", overlap_share=0.99999)
    draw_received(now=now)
    return feature


@pytest.fixture
def ann(feature, now):
    ann = make_membership(make_user("ann@example.org"), feature).user
    case = claim_next(reviewer=ann, features=[feature], now=now)
    said = {"verdict": "wrong", "corrected": "bear", "comment": SECRET, "idempotency_key": "k", "now": now}
    submit(assignment_id=case.pk, token=case.lease_token, reviewer=ann, **said)
    return ann


@pytest.fixture
def bob(feature, ann):
    return make_membership(make_user("bob@example.org"), feature).user


def post(client, path, **body):
    return client.post(f"/api/v1/review/{path}", body, content_type="application/json")


def everything_told(client_for, api, person):
    """All that a reviewer can get at: pages, fragments, REST, exports; as one text."""
    browser = client_for(person)
    _, presented = make_key(person=person, now=timezone.now())
    rest = api(presented)
    told = [browser.get("/desk/").text, browser.post("/desk/claim/", headers=HTMX).text]
    case = Assignment.objects.held_by(person).get()
    told += [
        browser.get(f"/desk/{case.pk}/").text,
        browser.get(f"/desk/{case.pk}/", headers=HTMX).text,
        post(rest, "claim/").text,
        post(rest, f"assignments/{case.pk}/beat/", token=case.lease_token).text,
        rest.get("/api/v1/review/judgments/").text,
        b"".join(rest.get("/api/v1/review/judgments/?kind=csv").streaming_content).decode(),
        rest.get("/api/v1/features/").text,
        rest.get("/api/v1/features/animals/").text,
    ]
    return "\n".join(told)


def test_a_second_reviewer_is_told_nothing_of_the_first(client_for, api, feature, ann, bob):
    told = everything_told(client_for, api, bob)
    assert ANSWER in told
    item = ReviewItem.objects.get()
    hidden = (SECRET, "ann@example.org", "0.4321", str(item.weight), str(item.luck), str(item.queue_key))
    assert [word for word in (*hidden, "probability", "n_opinions", '"lane"') if word in told] == []


def test_in_blind_mode_the_models_answer_is_nowhere_before_ones_own(client_for, api, feature, ann, bob, now):
    set_policy(feature=feature, user=None, now=now, is_blind=True)
    browser = client_for(bob)
    case = browser.post("/desk/claim/", follow=True).context["case"]
    assert (case.step, case.answer, case.answer_label, case.label) == ("own_answer", "", "", None)
    page = browser.get(f"/desk/{case.assignment_id}/").text
    # Among the labels to choose from it stands as every other; nowhere else.
    assert page.count(ANSWER) == page.count("bear") == page.count('ape"') + page.count(">ape<")
    shown = post(api(make_key(person=bob, now=now)[1]), "claim/").json()
    assert shown["form"]["step"] == "own_answer"
    assert ANSWER not in json.dumps(shown["case"])
    assert [choice["value"] for choice in shown["form"]["corrected"]] == ["ape", "bear", ANSWER]


def test_blind_without_scripts_and_by_htmx_the_answer_comes_after_ones_own(client_for, feature, ann, bob, now):
    set_policy(feature=feature, user=None, now=now, is_blind=True)
    browser = client_for(bob)
    case = browser.post("/desk/claim/", follow=True).context["case"]
    address = f"/desk/{case.assignment_id}/"
    early = browser.post(f"{address}submit/", {"token": case.token, "verdict": "right"})
    assert (early.status_code, early.context["case"].answer) == (422, "")
    wrong = browser.post(f"{address}answer/", {"token": case.token, "own_answer": "cow"}, headers=HTMX)
    assert (wrong.status_code, wrong.context["case"].answer) == (422, "")
    given = browser.post(f"{address}answer/", {"token": case.token, "own_answer": "ape"})
    assert (given.status_code, given["Location"]) == (303, address)
    shown = browser.get(address).context["case"]
    assert (shown.step, shown.own_answer, shown.answer) == ("verdict", "ape", ANSWER)
    browser.post(f"{address}submit/", {"token": case.token, "verdict": "wrong", "corrected": "ape"})
    assert Assignment.objects.get(pk=case.assignment_id).own_answer == "ape"


def shape_of(value):
    if isinstance(value, dict):
        return {key: shape_of(inner) for key, inner in value.items()}
    return [shape_of(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def test_a_gold_item_looks_and_lives_like_every_other(client_for, api, feature, ann, bob, now, monkeypatch):
    gold = make_prediction(
        feature.versions.get(), "g1", received_at=now - timedelta(minutes=4), label=ANSWER, inputs={"legs": 4}
    )
    make_outcome(gold, truth="bear")
    make_gold(prediction=gold, lead=ann, now=now)
    set_policy(feature=feature, user=None, now=now, gold_share=0.5)
    rest = api(make_key(person=bob, now=now)[1])
    seen = {}
    for side in (0.0, 0.99):
        monkeypatch.setattr("reviews.actions.claims.CHANCE.random", lambda side=side: side)
        leased = post(rest, "claim/").json()
        case = Assignment.objects.get(pk=leased["id"])
        path = f"assignments/{case.pk}/"
        released = post(rest, f"{path}release/", token=leased["token"])
        late = post(rest, f"{path}submit/", token=leased["token"], verdict="right", idempotency_key="k")
        saved = shape_of(late.json()["saved"])
        seen[case.lane] = (shape_of(leased), released.status_code, late.status_code, saved)
        held = Assignment.objects.held_by(bob).first()
        if held:
            post(rest, f"assignments/{held.pk}/release/", token=held.lease_token)
    assert seen["gold"] == seen["opinion"]


def test_who_decides_sees_the_raters_as_a_and_b(client_for, api, feature, ann, bob, now):
    case = claim_next(reviewer=bob, features=[feature], now=now)
    said = {"verdict": "right", "idempotency_key": "k", "now": now}
    submit(assignment_id=case.pk, token=case.lease_token, reviewer=bob, **said)
    judge = make_membership(make_user("judge@example.org"), feature, "adjudicator").user
    browser = client_for(judge)
    assert browser.get("/desk/").context["queues"][0].n_to_decide == 1
    shown = browser.post("/desk/claim/", {"feature": "animals", "work": "decide"}, follow=True)
    opinions = shown.context["case"].opinions
    said = [(one.rater, one.verdict, one.comment) for one in opinions]
    assert said == [("A", "Wrong", SECRET), ("B", "Right", "")]
    assert not any(name in shown.text for name in ("ann@example.org", "bob@example.org", "0.4321"))
    held = shown.context["case"]
    sent = {"token": held.token, "verdict": "wrong", "corrected": "bear"}
    address = f"/desk/{held.assignment_id}/submit/"
    assert list(browser.post(address, sent).context["errors"]) == ["comment"]
    assert browser.post(address, {**sent, "comment": "four legs"}).status_code == 303
    assert ReviewItem.objects.get().truth == "bear"
    for rater in (ann, bob):
        refused = client_for(rater).post("/desk/claim/", {"feature": "animals", "work": "decide"})
        assert refused.context["empty"].reason == "done"


def test_a_judgment_is_the_logins_whatever_the_payload_says(api, feature, ann, bob, now):
    rest = api(make_key(person=bob, now=now)[1])
    leased = post(rest, "claim/").json()
    extra = {"reviewer": ann.pk, "feature": 999, "is_gold": True, "lane": "gold", "is_simulated": True}
    said = {"token": leased["token"], "verdict": "right", "idempotency_key": "k", **extra}
    assert post(rest, f"assignments/{leased['id']}/submit/", **said).status_code == 200
    stored = Assignment.objects.get(pk=leased["id"])
    judgment = stored.judgments.get()
    assert (judgment.reviewer, judgment.feature, judgment.is_simulated) == (bob, feature, False)
    assert stored.lane == "opinion"
