"""What leads do by REST, and that nobody else does."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from reviews.actions.desk import claim_next, set_policy, set_rubric, submit, undo
from reviews.actions.draw import draw_received
from reviews.models import Assignment, Draft, Judgment, ReviewItem
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


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def feature(now):
    feature = make_feature("claims")
    version = make_version(feature, labels=["on_time", "lost", "late"])
    for i in range(3):
        make_prediction(version, f"p{i}", received_at=now - timedelta(minutes=5))
    set_policy(feature=feature, user=None, now=now, design="all")
    set_rubric(feature=feature, now=now, reasons=[{"code": "date", "label": "Date"}])
    draw_received(now=now)
    return feature


@pytest.fixture
def ann(feature):
    return make_membership(make_user("ann@example.org"), feature).user


@pytest.fixture
def bob(feature):
    return make_membership(make_user("bob@example.org"), feature).user


@pytest.fixture
def lead(feature):
    return make_membership(make_user("lead@example.org"), feature, "owner").user


@pytest.fixture
def rest(api, now):
    return lambda person: api(make_key(person=person, now=now)[1])


def post(client, path, **body):
    return client.post(f"/api/v1/review/{path}", body, content_type="application/json")


def judged(feature, person, now, **said):
    case = claim_next(reviewer=person, features=[feature], now=now)
    said = {"verdict": "right", "idempotency_key": case.lease_token, "now": now, **said}
    return submit(assignment_id=case.pk, token=case.lease_token, reviewer=person, **said)


def test_the_export_tells_each_revision_with_weight_key_times_and_rubric(rest, feature, ann, lead, now):
    said = {"verdict": "wrong", "corrected": "lost", "reasons": ["date"], "comment": "=1+1"}
    first = judged(feature, ann, now, **said)
    undo(judgment_id=first.pk, reviewer=ann, now=now)
    answer = rest(lead).get("/api/v1/review/judgments/?feature=claims").json()
    row, withdrawn = answer["results"]
    item = ReviewItem.objects.get(pk=first.assignment.item_id)
    assert [row[name] for name in ("weight", "queue_key")] == [item.weight, item.queue_key]
    assert "luck" not in row
    assert (row["reviewer"], row["rubric"]) == ("ann@example.org", 1)
    assert (row["verdict"], row["corrected"]) == ("wrong", "lost")
    assert (row["is_latest"], withdrawn["is_latest"], withdrawn["verdict"]) == (False, True, "")
    assert answer["next_after"] is None
    sheet = rest(lead).get("/api/v1/review/judgments/?kind=csv")
    lines = list(csv.DictReader(io.StringIO(b"".join(sheet.streaming_content).decode())))
    assert lines[0].keys() == row.keys()
    assert (lines[0]["reasons"], lines[0]["comment"]) == ('["date"]', "'=1+1")


def test_the_export_is_read_page_by_page(rest, feature, ann, lead, now):
    for _ in range(3):
        judged(feature, ann, now)
    seen, after = [], 0
    while after is not None:
        page = rest(lead).get(f"/api/v1/review/judgments/?limit=1&after={after}").json()
        seen += [row["id"] for row in page["results"]]
        after = page["next_after"]
    assert seen == sorted(Judgment.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "after=-1", "kind=xml", "after=x"])
def test_an_export_asked_for_wrongly_is_refused(rest, lead, query):
    assert rest(lead).get(f"/api/v1/review/judgments/?{query}").status_code == 400


def test_who_leads_nothing_reads_no_judgments_and_steers_nothing(rest, feature, ann, bob, now):
    case = claim_next(reviewer=ann, features=[feature], now=now)
    judged(feature, bob, now)
    other = rest(bob)
    assert other.get("/api/v1/review/judgments/").json()["results"] == []
    assert other.get("/api/v1/review/judgments/?feature=claims").status_code == 404
    for path, body in (
        (f"assignments/{case.pk}/reassign/", {}),
        (f"assignments/{case.pk}/void/", {"reason": "x"}),
        ("targets/", {"feature": "claims", "prediction": "p0"}),
        ("gold/", {"feature": "claims", "prediction": "p0"}),
        ("skills/", {"feature": "claims", "reviewer": "ann@example.org", "tags": ["de"]}),
    ):
        assert post(other, path, **body).status_code == 404, path
    assert Assignment.objects.get(pk=case.pk).state == "leased"


def test_a_lead_of_another_feature_is_a_stranger_here(rest, feature, ann, now):
    judged(feature, ann, now)
    other = make_membership(make_user(), make_feature("other"), "owner").user
    assert rest(other).get("/api/v1/review/judgments/").json()["results"] == []
    pk = Assignment.objects.first().pk
    assert post(rest(other), f"assignments/{pk}/void/", reason="x").status_code == 404


def test_a_lead_reassigns_and_voids(rest, feature, ann, bob, lead, now):
    case = claim_next(reviewer=ann, features=[feature], now=now)
    path = f"assignments/{case.pk}/"
    assert post(rest(lead), f"{path}reassign/", to="bob@example.org").json() == {"id": case.pk, "state": "leased"}
    assert Assignment.objects.get(pk=case.pk).reviewer == bob
    assert post(rest(lead), f"{path}reassign/", to="nobody@example.org").status_code == 404
    assert post(rest(lead), f"{path}void/", reason=" x ").status_code == 204
    assert post(rest(lead), f"{path}reassign/").status_code == 400
    assert Assignment.objects.get(pk=case.pk).void_reason == "x"


def test_a_lead_targets_a_prediction_makes_gold_and_names_skills(rest, feature, ann, lead):
    of = {"feature": "claims", "prediction": "p0"}
    assert post(rest(lead), "gold/", **of).status_code == 400
    prediction = ReviewItem.objects.get(prediction__external_id="p0").prediction
    make_outcome(prediction, truth="lost")
    assert post(rest(lead), "gold/", **of).status_code == 200
    assert post(rest(lead), "targets/", **of).status_code == 200
    assert set(ReviewItem.objects.filter(prediction=prediction).values_list("arm", flat=True)) == {
        "gold",
        "probability",
        "targeted",
    }
    named = post(rest(lead), "skills/", feature="claims", reviewer="ann@example.org", tags=["fr", "de"])
    assert named.json()["tags"] == ["de", "fr"]
    assert post(rest(lead), "targets/", feature="claims", prediction="nowhere").status_code == 404


# --- a reviewer's own, by REST and at the desk


def test_rest_beats_revises_and_undoes(rest, feature, ann):
    mine = rest(ann)
    leased = post(mine, "claim/").json()
    beaten = post(mine, f"assignments/{leased['id']}/beat/", token=leased["token"])
    assert beaten.json()["leased_until"] >= leased["leased_until"]
    assert post(mine, f"assignments/{leased['id']}/beat/", token="0" * 32).status_code == 409
    said = {"verdict": "right", "idempotency_key": "a"}
    saved = post(mine, f"assignments/{leased['id']}/submit/", token=leased["token"], **said).json()["saved"]
    change = {"verdict": "wrong", "corrected": "lost", "idempotency_key": "b"}
    revised = post(mine, f"judgments/{saved['judgment']}/revise/", **change).json()
    assert revised["corrected"] == "lost"
    again = post(mine, f"judgments/{revised['judgment']}/undo/").json()
    assert again["id"] == leased["id"]


def test_nobody_revises_or_undoes_anothers_judgment(rest, feature, ann, bob, now):
    pk = judged(feature, ann, now).pk
    change = {"verdict": "right", "idempotency_key": "b"}
    assert post(rest(bob), f"judgments/{pk}/revise/", **change).status_code == 404
    assert post(rest(bob), f"judgments/{pk}/undo/").status_code == 404


def test_the_pages_beat_keeps_what_is_entered(client_for, feature, ann):
    browser = client_for(ann)
    case = browser.post("/desk/claim/", follow=True).context["case"]
    entered = {"token": case.token, "verdict": "wrong", "comment": "by truck", "reasons": ["date"]}
    assert browser.post(f"/desk/{case.assignment_id}/beat/", entered).status_code == 200
    kept = browser.get(f"/desk/{case.assignment_id}/").context["kept"]
    assert (kept.verdict, kept.comment, kept.reasons) == ("wrong", "by truck", ["date"])
    assert browser.post(f"/desk/{case.assignment_id}/beat/", {**entered, "token": "x"}).status_code == 409
    assert browser.post(f"/desk/{case.assignment_id}/beat/").status_code == 400


def test_an_answer_that_came_too_late_waits_on_the_desk_until_thrown_away(client_for, feature, ann, bob):
    browser = client_for(ann)
    case = browser.post("/desk/claim/", follow=True).context["case"]
    Assignment.objects.filter(state="leased").update(leased_until=timezone.now() - timedelta(minutes=1))
    claim_next(reviewer=bob, features=[feature], now=timezone.now())
    sent = {"token": case.token, "verdict": "right", "comment": "all is well here"}
    lost = browser.post(f"/desk/{case.assignment_id}/submit/", sent)
    assert (lost.status_code, "kept as a draft" in lost.text, "all is well here" in lost.text) == (409, True, True)
    (kept,) = browser.get("/desk/").context["lost"]
    assert kept.kept.comment == "all is well here"
    assert client_for(bob).post(f"/desk/drafts/{kept.draft_id}/discard/").status_code == 404
    assert browser.post(f"/desk/drafts/{kept.draft_id}/discard/").status_code == 303
    assert not Draft.objects.exists()


def test_the_pages_form_asks_what_the_rubric_asks_and_keeps_it(client_for, feature, ann, now):
    damage = {"code": "damage", "label": "Damage <b>", "kind": "choice", "options": ["none", "some"]}
    questions = [{**damage, "is_required": True}, {"code": "euro", "label": "Euro", "kind": "number"}]
    set_rubric(feature=feature, now=now, questions=questions)
    browser = client_for(ann)
    page = browser.post("/desk/claim/", follow=True)
    case = page.context["case"]
    assert "Damage &lt;b&gt;" in page.text
    sent = {"token": case.token, "verdict": "right", "rubric": case.rubric_number, "answers.euro": "12"}
    again = browser.post(f"/desk/{case.assignment_id}/submit/", sent)
    assert (again.status_code, list(again.context["errors"])) == (422, ["answers.damage"])
    assert again.context["kept"].answers == {"euro": "12"}
    assert 'value="12"' in again.text
    set_rubric(feature=feature, now=now, guideline="New.")
    sent["answers.damage"] = "some"
    changed = browser.post(f"/desk/{case.assignment_id}/submit/", sent)
    assert (changed.status_code, "guideline was changed" in changed.text) == (422, True)
    sent["rubric"] = changed.context["case"].rubric_number
    assert browser.post(f"/desk/{case.assignment_id}/submit/", sent).status_code == 303
    assert Judgment.objects.get().answers == {"damage": "some", "euro": 12.0}
