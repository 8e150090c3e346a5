from datetime import timedelta

import pytest
from django.utils import timezone

from feedback.models import Prediction
from reviews.actions.desk import claim_next, set_policy, set_rubric
from reviews.actions.draw import draw_received
from reviews.models import Assignment, Exclusion, Judgment, ReviewItem
from tests.factories import make_feature, make_key, make_membership, make_prediction, make_user, make_version

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def feature():
    """Four open cases of three labels; the model said late of each."""
    feature = make_feature(
        "claims",
        label_names={"late": "Late", "on_time": "On time"},
        input_fields=[{"name": "carrier", "label": "Carrier", "hint": "text"}],
    )
    version = make_version(feature, labels=["on_time", "lost", "late"])
    then = timezone.now() - timedelta(minutes=5)
    for i in range(4):
        make_prediction(
            version, f"p{i}", received_at=then, score=0.123, inputs={"weight": 2.5, "carrier": "<b>Acme</b>"}
        )
    set_policy(feature=feature, user=None, now=then, design="all")
    set_rubric(
        feature=feature,
        now=then,
        guideline="**Look** at the date <script>x</script>",
        reasons=[{"code": "date", "label": "Wrong date"}],
    )
    draw_received(now=timezone.now())
    return feature


@pytest.fixture
def ann(feature):
    return make_membership(make_user("ann@example.org"), feature).user


@pytest.fixture
def bob(feature):
    return make_membership(make_user("bob@example.org"), feature).user


@pytest.fixture
def browser(client_for, ann):
    return client_for(ann)


def claimed(browser):
    """The case that this browser gets, as its page has it."""
    return browser.post("/desk/claim/", follow=True).context["case"]


def send(browser, case, action="submit", headers=None, **entered):
    return browser.post(
        f"/desk/{case.assignment_id}/{action}/", {"token": case.token, **entered}, headers=headers or {}
    )


def rows():
    return [list(model.objects.order_by("pk").values()) for model in (Assignment, Judgment, ReviewItem, Exclusion)]


def test_without_scripts_a_reviewer_claims_judges_goes_on_and_undoes(browser, ann):
    assert [(row.slug, row.n_open) for row in browser.get("/desk/").context["queues"]] == [("claims", 4)]
    claim = browser.post("/desk/claim/", {"feature": "claims"})
    first = Assignment.objects.get(state="leased")
    assert (claim.status_code, claim["Location"]) == (303, f"/desk/{first.pk}/")
    case = browser.get(claim["Location"]).context["case"]
    answer = send(browser, case, verdict="wrong", corrected="lost", reasons=["date"], comment="lost it")
    judgment = Judgment.objects.get()
    assert (judgment.reviewer, judgment.corrected, judgment.reasons) == (ann, "lost", ["date"])
    second = Assignment.objects.get(state="leased")
    assert (answer.status_code, answer["Location"]) == (303, f"/desk/{second.pk}/")
    page = browser.get(answer["Location"])
    assert page.context["saved"] == "Saved. Item 2 of about 4"
    assert page.context["undo_id"] == judgment.pk
    undone = browser.post(f"/desk/judgments/{judgment.pk}/undo/")
    assert (undone.status_code, undone["Location"]) == (303, f"/desk/{first.pk}/")
    assert browser.get(undone["Location"]).context["case"].assignment_id == first.pk


def test_with_htmx_the_next_case_comes_with_the_answer(browser):
    case = claimed(browser)
    answer = send(browser, case, headers=HTMX, verdict="right")
    following = answer.context["case"]
    assert answer.status_code == 200
    assert answer["HX-Push-Url"] == f"/desk/{following.assignment_id}/"
    assert answer.context["saved"] == "Saved. Item 2 of about 4"
    assert 'id="desk"' in answer.text
    assert "<html" not in answer.text


def test_the_case_shows_nothing_that_would_sway(browser):
    case = claimed(browser)
    text = browser.get(f"/desk/{case.assignment_id}/").text
    assert "0.123" not in text
    item = ReviewItem.objects.get(assignments=case.assignment_id)
    assert not any(shown in text for shown in ("probability", str(item.weight), str(item.luck)))


def test_the_case_is_told_in_the_features_words_and_order(browser):
    case = claimed(browser)
    assert (case.answer, case.answer_label) == ("late", "Late")
    assert [(field.name, field.label, field.hint, field.value) for field in case.fields] == [
        ("carrier", "Carrier", "text", "<b>Acme</b>"),
        ("weight", "weight", "number", "2.5"),
    ]
    assert [(label.value, label.label) for label in case.labels] == [("on_time", "On time"), ("lost", "lost")]
    assert [verdict.key for verdict in case.verdicts] == ["1", "2", "3", "4"]
    assert [(reason.value, reason.label, reason.key) for reason in case.reasons] == [("date", "Wrong date", "q")]


def test_neither_inputs_nor_guideline_bring_markup_of_their_own(browser):
    case = claimed(browser)
    text = browser.get(f"/desk/{case.assignment_id}/").text
    assert "<b>Acme</b>" not in text
    assert "<script>x" not in text
    assert "<strong>Look</strong>" in text


def test_a_wrong_form_keeps_what_was_entered(browser):
    case = claimed(browser)
    answer = send(browser, case, verdict="wrong", comment="see the label")
    assert answer.status_code == 422
    assert list(answer.context["errors"]) == ["corrected"]
    assert (answer.context["kept"].verdict, answer.context["kept"].comment) == ("wrong", "see the label")
    assert "see the label" in answer.text
    assert not Judgment.objects.exists()


def test_a_form_without_a_verdict_says_so_in_the_fragment(browser):
    answer = send(browser, claimed(browser), headers=HTMX, comment="see the label")
    assert answer.status_code == 422
    assert answer.context["errors"] == {"verdict": ["Choose a verdict."]}
    assert "<html" not in answer.text


def test_what_was_entered_for_a_case_now_anothers_is_given_back(browser, bob, feature):
    case = claimed(browser)
    Assignment.objects.filter(state="leased").update(leased_until=timezone.now() - timedelta(minutes=1))
    claim_next(reviewer=bob, features=[feature], now=timezone.now())
    answer = send(browser, case, verdict="right", comment="all is well here")
    assert answer.status_code == 409
    assert "all is well here" in answer.text
    assert not Judgment.objects.exists()


def test_an_answer_sent_twice_is_counted_once(browser):
    case = claimed(browser)
    first, again = (send(browser, case, verdict="right") for _ in range(2))
    assert (first.status_code, again.status_code) == (303, 303)
    assert Judgment.objects.count() == 1


def test_skipping_goes_to_the_next_case(browser, ann):
    case = claimed(browser)
    answer = send(browser, case, "skip", reason="I know them")
    assert answer.status_code == 303
    assert Exclusion.objects.get().reviewer == ann
    assert claimed(browser).assignment_id != case.assignment_id


def test_releasing_goes_back_to_the_desk(browser):
    answer = send(browser, claimed(browser), "release")
    assert (answer.status_code, answer["Location"]) == (303, "/desk/")
    assert not Assignment.objects.filter(state="leased").exists()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_after_the_last_case_the_desk_says_that_it_is_empty(browser, headers):
    for _ in range(4):
        answer = send(browser, claimed(browser), headers=headers, verdict="right")
    page = answer if headers else browser.get(answer["Location"])
    assert page.context["empty"].reason == "done"
    assert page.context["saved"] == "Saved."
    assert page.context["undo_id"] == Judgment.objects.latest("pk").pk
    for headers in ({}, HTMX):
        assert browser.post("/desk/claim/", headers=headers).context["empty"].reason == "done"


def test_undoing_too_late_says_so(browser):
    send(browser, claimed(browser), verdict="right")
    Judgment.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    page = browser.post(f"/desk/judgments/{Judgment.objects.get().pk}/undo/", follow=True)
    assert page.context["saved"] == "A judgment can be undone for 10 minutes."


def test_reading_changes_nothing(browser):
    case = claimed(browser)
    before = rows()
    for address in ("/desk/", f"/desk/{case.assignment_id}/"):
        assert browser.get(address).status_code == 200
    for address in (
        "/desk/claim/",
        *(f"/desk/{case.assignment_id}/{do}/" for do in ("submit", "skip", "release")),
    ):
        assert browser.get(address).status_code == 405
    assert rows() == before


@pytest.mark.parametrize("role", ["product", None])
def test_who_does_not_review_the_feature_finds_no_case(client_for, feature, browser, role):
    case = claimed(browser)
    other = make_user()
    if role:
        make_membership(other, feature, role)
    stranger = client_for(other)
    assert stranger.get(f"/desk/{case.assignment_id}/").status_code == 404
    assert stranger.post("/desk/claim/", {"feature": "claims"}).status_code == 404
    for action in ("submit", "skip", "release"):
        assert send(stranger, case, action, verdict="right").status_code == 404
    assert stranger.get("/desk/").context["empty"].reason == "no_queue"


def test_who_does_not_hold_the_case_cannot_see_or_answer_it(client_for, browser, bob):
    case = claimed(browser)
    other = client_for(bob)
    assert other.get(f"/desk/{case.assignment_id}/").status_code == 404
    assert send(other, case, verdict="right").status_code == 409
    send(browser, case, verdict="right")
    assert other.post(f"/desk/judgments/{Judgment.objects.get().pk}/undo/").status_code == 404


def test_who_is_not_logged_in_is_sent_to_the_login(client, feature):
    for answer in (client.get("/desk/"), client.post("/desk/claim/")):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")


def test_a_feature_that_cannot_be_is_not_found(browser):
    for slug in ("nowhere", "a b", "a\x00b", "a" * 61):
        assert browser.post("/desk/claim/", {"feature": slug}).status_code == 404


def test_strange_entries_are_refused_and_shown_again(browser):
    case = claimed(browser)
    for entered in ({"verdict": "maybe"}, {"verdict": "right", "comment": "a\x00b"}, {"verdict": "wrong" * 9}):
        assert send(browser, case, **entered).status_code == 422
    assert not Judgment.objects.exists()


# --- REST


@pytest.fixture
def rest(api, ann):
    _, presented = make_key(person=ann, now=timezone.now())
    return api(presented)


def post(client, path, **body):
    return client.post(f"/api/v1/review/{path}", body, content_type="application/json")


def test_a_reviewers_key_claims_and_submits_until_nothing_is_left(rest):
    leased = post(rest, "claim/", feature="claims").json()
    for n in range(4):
        assert leased["case"]["label"] == "late"
        assert {choice["value"] for choice in leased["form"]["corrected"]} == {"on_time", "lost"}
        answer = post(
            rest,
            f"assignments/{leased['id']}/submit/",
            token=leased["token"],
            verdict="wrong",
            corrected="lost",
            idempotency_key=f"k{n}",
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["saved"]["corrected"] == "lost"
        leased = answer.json()["next"]
    assert leased is None
    empty = post(rest, "claim/")
    assert (empty.status_code, empty["X-Empty-Reason"]) == (204, "done")


def test_rest_tells_no_score_weight_or_arm(rest):
    assert Prediction.objects.filter(score=0.123).exists()
    text = post(rest, "claim/").text
    assert not any(word in text for word in ("0.123", 'weight": 0', "luck", "queue_key", "probabilit"))


def test_rest_refuses_in_problems(rest, bob, feature):
    leased = post(rest, "claim/").json()
    path = f"assignments/{leased['id']}/submit/"
    wrong = post(rest, path, token=leased["token"], verdict="wrong", idempotency_key="k")
    assert wrong.status_code == 400
    assert [error["field"] for error in wrong.json()["errors"]] == ["corrected"]
    Assignment.objects.filter(state="leased").update(leased_until=timezone.now() - timedelta(minutes=1))
    claim_next(reviewer=bob, features=[feature], now=timezone.now())
    lost = post(rest, path, token=leased["token"], verdict="right", idempotency_key="k")
    assert (lost.status_code, lost["Content-Type"]) == (409, "application/problem+json")


def test_rest_skips_and_releases(rest):
    leased = post(rest, "claim/").json()
    assert (
        post(rest, f"assignments/{leased['id']}/skip/", token=leased["token"], reason="unclear").status_code == 204
    )
    other = post(rest, "claim/").json()
    assert other["id"] != leased["id"]
    assert post(rest, f"assignments/{other['id']}/release/", token=other["token"]).status_code == 204
    assert not Assignment.objects.filter(state="leased").exists()


def test_a_services_key_and_a_stranger_judge_nothing(api, feature, client):
    _, service = make_key(scopes=("ingest", "read", "manage"), now=timezone.now())
    _, stranger = make_key(person=make_user(), now=timezone.now())
    assert post(api(service), "claim/").status_code == 403
    assert post(client, "claim/").status_code == 401
    assert post(api(stranger), "claim/", feature="claims").status_code == 404
    assert post(api(stranger), "claim/")["X-Empty-Reason"] == "no_queue"
    pk = Assignment.objects.first().pk
    answer = post(api(stranger), f"assignments/{pk}/submit/", token="x", verdict="right", idempotency_key="k")
    assert answer.status_code == 404
