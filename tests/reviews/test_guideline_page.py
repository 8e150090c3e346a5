"""The guideline's page: who may, rows without scripts, a preview that writes nothing, who was first, versions."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feedback.models import Feature, Membership
from reviews.actions.desk import claim_next, set_policy, set_rubric, submit
from reviews.actions.draw import draw_received
from reviews.models import Rubric, RubricAgreement, SamplingPolicy
from reviews.rubric_agreement import prepare_agreements
from tests.factories import NOON, make_feature, make_membership, make_prediction, make_user, make_version

pytestmark = pytest.mark.django_db
ADDRESS = "/features/claims/guideline/"
PREVIEW = f"{ADDRESS}preview/"
FIELDS = [{"name": "carrier", "label": "Carrier", "hint": "text"}, {"name": "weight", "hint": "number"}]


@pytest.fixture
def feature():
    return make_feature("claims", input_fields=FIELDS)


@pytest.fixture
def rubric(feature):
    return set_rubric(
        feature=feature,
        now=NOON,
        guideline="**Look** at the date.",
        reasons=[{"code": "date", "label": "Wrong date"}, {"code": "place", "label": "Wrong place"}],
        questions=[{"code": "tone", "label": "Tone", "kind": "choice", "options": ["kind", "rude"]}],
    )


@pytest.fixture
def ann(feature):
    return make_membership(make_user("ann@example.org"), feature, "product").user


@pytest.fixture
def browser(client_for, ann):
    return client_for(ann)


def entered(page, **changes):
    """What the form on a page would send, with changes; None takes a key out."""
    editor = page.context["editor"]
    sent = {}
    for form in [editor.main, *(each for rows in editor.lists.values() for each in [rows.management_form, *rows])]:
        for name in form.fields:
            value = form[name].value()
            if value is not None and value is not False:
                sent[form.add_prefix(name)] = "on" if value is True else value
    changed = {**sent, "do": "save", **changes}
    return {name: value for name, value in changed.items() if value is not None}


def open_and_post(browser, **changes):
    return browser.post(ADDRESS, entered(browser.get(ADDRESS), **changes))


def words(answer):
    return " ".join(answer.content.decode().split())


def all_rows():
    """Every row of ours, so that whatever was written shows."""
    ours = [model for app in ("feedback", "reviews", "metrics") for model in apps.get_app_config(app).get_models()]
    return {model.__name__: list(model._base_manager.order_by("pk").values()) for model in ours}


# --- saving


def test_the_editor_begins_with_what_holds_and_saving_it_makes_no_version(browser, rubric):
    answer = open_and_post(browser)
    assert (answer.status_code, answer["Location"]) == (303, ADDRESS)
    assert "Nothing was changed." in words(browser.get(ADDRESS))
    assert (Rubric.objects.count(), Feature.objects.get().input_fields) == (1, FIELDS)


def test_a_change_is_the_next_version_with_its_maker_s_name(browser, ann, rubric):
    open_and_post(browser, guideline="Look twice.", **{"reasons-1-label": "Wrong town"})
    newest = Rubric.objects.get(number=2)
    assert (newest.guideline, newest.created_by) == ("Look twice.", ann)
    assert newest.reasons == [{"code": "date", "label": "Wrong date"}, {"code": "place", "label": "Wrong town"}]
    assert newest.questions[0]["options"] == ["kind", "rude"]
    assert "Saved: guideline 2." in words(browser.get(ADDRESS))


def test_a_feature_without_a_guideline_gets_its_first(browser, feature):
    page = browser.get(ADDRESS)
    assert "There is no version yet" in words(page)
    browser.post(ADDRESS, entered(page, guideline="Look."))
    assert [(row.number, row.guideline) for row in Rubric.objects.all()] == [(1, "Look.")]


def test_a_stored_version_never_changes(rubric):
    with pytest.raises(IntegrityError), transaction.atomic():
        Rubric.objects.filter(pk=rubric.pk).update(guideline="Other")


def test_what_is_shown_of_a_case_is_the_feature_s_own_and_makes_no_guideline(browser, rubric):
    open_and_post(browser, **{"fields-0-hint": "code", "fields-1-is_hidden": "on"})
    assert Feature.objects.get().input_fields == [
        {"name": "carrier", "label": "Carrier", "hint": "code"},
        {"name": "weight", "hint": "number", "is_hidden": True},
    ]
    assert Rubric.objects.count() == 1


def test_blind_or_shown_is_a_version_of_the_sampling(browser, ann, feature, rubric):
    set_policy(feature=feature, user=None, now=NOON, reviews_per_day=7)
    open_and_post(browser, is_blind="on")
    policy = SamplingPolicy.objects.get(number=2)
    assert (policy.is_blind, policy.reviews_per_day, policy.created_by) == (True, 7, ann)


def test_saving_never_starts_the_sampling_of_a_feature(browser, rubric):
    open_and_post(browser, is_blind="on", guideline="Other")
    assert not SamplingPolicy.objects.exists()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"verdicts": ["right", "partly"]}, "Right and wrong must be among the verdicts."),
        ({"verdicts": []}, "Right and wrong must be among the verdicts."),
        ({"reasons-1-code": "date"}, "Each code can be there once."),
        ({"reasons-1-code": "no blanks"}, "A code is made of letters"),
        ({"reasons-0-label": ""}, "This field is required."),
        ({"questions-0-options": "kind"}, "A choice needs two options at least."),
        ({"fields-0-hint": "smell"}, "Select a valid choice."),
        ({"guideline": "x" * 20_001}, "at most 20000 characters"),
        ({"guideline": "a\0b"}, "Null characters are not allowed."),
        ({"reasons-0-label": "a\0b"}, "Null characters are not allowed."),
        ({"stand": ""}, "This field is required."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(browser, rubric, changes, text):
    before = all_rows()
    answer = open_and_post(browser, **changes)
    assert (answer.status_code, text in words(answer)) == (422, True)
    after = all_rows()
    assert after == before


def test_who_comes_second_is_told_and_keeps_the_text(browser, client_for, feature, rubric):
    page = browser.get(ADDRESS)
    bob = client_for(make_membership(make_user("bob@example.org"), feature, "owner").user)
    open_and_post(bob, guideline="Bob was here.")
    answer = browser.post(ADDRESS, entered(page, guideline="Ann was here."))
    assert answer.status_code == 409
    assert "Somebody saved meanwhile (bob@example.org). Yours is not saved" in words(answer)
    assert "Bob was here." in words(answer)
    assert answer.context["editor"].main["guideline"].value() == "Ann was here."
    assert Rubric.objects.count() == 2
    assert browser.post(ADDRESS, entered(answer)).status_code == 303
    assert [row.guideline for row in Rubric.objects.order_by("number")][1:] == ["Bob was here.", "Ann was here."]


def test_sending_the_same_form_again_makes_no_second_version(browser, rubric):
    form = entered(browser.get(ADDRESS), guideline="Once.")
    assert [browser.post(ADDRESS, form).status_code for _ in range(2)] == [303, 409]
    assert Rubric.objects.count() == 2


def test_a_code_is_made_of_the_label_and_stays_when_the_label_changes(browser, feature):
    page = browser.post(ADDRESS, entered(browser.get(ADDRESS), do="reasons.add"))
    browser.post(ADDRESS, entered(page, **{"reasons-0-label": "Wrong Date!"}))
    assert Rubric.objects.get().reasons == [{"code": "wrong_date", "label": "Wrong Date!"}]
    open_and_post(browser, **{"reasons-0-label": "Date is off"})
    assert Rubric.objects.get(number=2).reasons == [{"code": "wrong_date", "label": "Date is off"}]


def test_a_new_row_left_empty_is_no_row(browser, rubric):
    page = browser.post(ADDRESS, entered(browser.get(ADDRESS), do="questions.add"))
    assert browser.post(ADDRESS, entered(page, guideline="Other")).status_code == 303
    assert len(Rubric.objects.get(number=2).questions) == 1


# --- rows without scripts


@pytest.mark.parametrize(
    ("do", "codes"),
    [
        ("reasons.0.down", ["place", "date"]),
        ("reasons.1.up", ["place", "date"]),
        ("reasons.0.up", ["date", "place"]),
        ("reasons.1.down", ["date", "place"]),
        ("reasons.0.remove", ["place"]),
        ("reasons.9.remove", ["date", "place"]),
        ("reasons.add", ["date", "place", None]),
        ("others.add", ["date", "place"]),
    ],
)
def test_rows_come_go_and_move_by_buttons_and_nothing_is_written(browser, rubric, do, codes):
    before = all_rows()
    answer = open_and_post(browser, do=do, guideline="Not saved yet.")
    assert answer.status_code == 200
    assert [row["code"].value() for row in answer.context["editor"].lists["reasons"]] == codes
    assert answer.context["editor"].main["guideline"].value() == "Not saved yet."
    after = all_rows()
    assert after == before


def test_what_was_moved_is_saved_in_its_new_order(browser, rubric):
    page = open_and_post(browser, do="fields.0.down")
    page = browser.post(ADDRESS, entered(page, do="reasons.1.up"))
    browser.post(ADDRESS, entered(page))
    assert [each["code"] for each in Rubric.objects.get(number=2).reasons] == ["place", "date"]
    assert [each["name"] for each in Feature.objects.get().input_fields] == ["weight", "carrier"]


@pytest.mark.parametrize("told", ["", "-1", "x", "99999", "31"])
def test_a_tampered_number_of_rows_breaks_nothing(browser, rubric, told):
    answer = open_and_post(browser, do="reasons.add", **{"reasons-TOTAL_FORMS": told})
    assert answer.status_code == 200
    assert open_and_post(browser, **{"reasons-TOTAL_FORMS": told}).status_code in {303, 422}


# --- the preview


def test_the_preview_shows_the_desk_s_own_case_and_writes_nothing(browser, feature, rubric):
    make_prediction(make_version(feature, "v7"), "seen", received_at=NOON, inputs={"carrier": "Acme", "weight": 3})
    form = entered(
        browser.get(ADDRESS),
        guideline="# Be fair <script>x</script>",
        **{"reasons-0-label": "Off by a day", "fields-0-label": "Line"},
    )
    before = all_rows()
    answer = browser.post(PREVIEW, form)
    after = all_rows()
    assert after == before
    case = answer.context["preview"].case
    assert [(each.label, each.value) for each in case.fields] == [("Line", "Acme"), ("weight", "3")]
    assert (case.rubric_number, case.external_id, [each.label for each in case.reasons]) == (
        2, "seen", ["Off by a day", "Wrong place"],
    )  # fmt: skip
    assert "reviews/_judgment_fields.html" in {template.name for template in answer.templates}
    assert "<script>x" not in words(answer)
    assert "<html" not in words(answer)


def test_without_scripts_the_preview_comes_by_a_button(browser, rubric):
    answer = open_and_post(browser, do="preview", guideline="Only *looked* at.")
    assert answer.status_code == 200
    assert "<em>looked</em>" in words(answer)
    assert Rubric.objects.count() == 1


def test_a_preview_leaves_out_what_is_not_right_yet(browser, rubric):
    answer = browser.post(PREVIEW, entered(browser.get(ADDRESS), **{"reasons-0-label": "", "verdicts": ["right"]}))
    assert answer.status_code == 200
    assert [each.label for each in answer.context["preview"].case.reasons][-1] == "Wrong place"


def test_a_hidden_input_is_not_in_the_case(browser, feature, rubric):
    make_prediction(make_version(feature), received_at=NOON, inputs={"carrier": "Acme", "weight": 3, "key": "s"})
    page = browser.get(ADDRESS)
    assert [row["name"].value() for row in page.context["editor"].lists["fields"]] == ["carrier", "weight", "key"]
    answer = browser.post(PREVIEW, entered(page, **{"fields-2-is_hidden": "on"}))
    assert [each.name for each in answer.context["preview"].case.fields] == ["carrier", "weight"]


def test_a_blind_preview_hides_the_answer_in_its_first_step(browser, feature, rubric):
    set_policy(feature=feature, user=None, now=NOON)
    make_version(feature)
    preview = browser.post(PREVIEW, entered(browser.get(ADDRESS), is_blind="on")).context["preview"]
    assert (preview.first.step, preview.first.answer, preview.case.step) == ("own_answer", "", "verdict")


@pytest.mark.parametrize("kind", ["label", "number", "output"])
def test_without_predictions_the_case_is_made_up_and_says_so(browser, kind):
    feature = make_feature("other", answer_kind=kind, input_fields=FIELDS)
    staff = browser.__class__()
    staff.force_login(make_user(is_staff=True), backend="django.contrib.auth.backends.ModelBackend")
    page = staff.get(f"/features/{feature.slug}/guideline/")
    assert page.context["preview"].is_made_up
    assert "A made-up case" in words(page)


def test_no_case_is_shown_that_somebody_may_still_judge(browser, feature, rubric):
    """What was drawn, and what may be drawn at the next look, is nobody's example."""
    version = make_version(feature)
    make_prediction(version, "drawn", received_at=timezone.now() - timedelta(hours=1))
    set_policy(feature=feature, user=None, now=NOON, design="all")
    draw_received(now=timezone.now())
    make_prediction(version, "fresh", received_at=timezone.now())
    assert browser.get(ADDRESS).context["preview"].is_made_up


# --- versions, and who may


def test_versions_show_how_far_reviewers_agreed_under_each(browser, client_for, feature, rubric):
    version = make_version(feature)
    for i in range(12):
        make_prediction(version, f"p{i}", occurred_at=NOON - timedelta(minutes=1))
    set_policy(feature=feature, user=None, now=NOON, design="all", overlap_share=1.0)
    draw_received(now=NOON)
    for role, wrong in (("reviewer", 3), ("reviewer", 2)):
        person = make_membership(feature=feature, role=role).user
        for i in range(12):
            case = claim_next(reviewer=person, features=[feature], now=NOON)
            said = {"verdict": "wrong", "corrected": "on_time"} if i < wrong else {"verdict": "right"}
            submit(
                assignment_id=case.pk, token=case.lease_token, reviewer=person, idempotency_key=str(i), now=NOON,
                **said,
            )  # fmt: skip
    set_rubric(feature=feature, now=NOON, guideline="Look twice.")
    page = browser.get(ADDRESS)
    assert "the worker has not compared its judgments yet" in words(page)
    prepare_agreements(feature=feature, now=NOON)()
    page = browser.get(ADDRESS)
    second, first = page.context["versions"]
    assert (first.number, first.n_judgments, first.raw.n) == (1, 24, 12)
    assert first.raw.value == pytest.approx(11 / 12)
    assert (second.raw.value, second.raw.reason) == (None, "nobody has judged under it yet")
    assert "nan" not in words(page).lower().split()
    assert RubricAgreement.objects.get().rubric.number == 1


@pytest.mark.parametrize("role", sorted(set(Membership.Role.values) - {"owner", "product", "data_science"}))
def test_others_of_the_feature_read_it_and_see_no_case(client_for, feature, rubric, role):
    browser = client_for(make_membership(feature=feature, role=role).user)
    page = browser.get(ADDRESS)
    assert "<strong>Look</strong> at the date." in words(page)
    assert "Wrong place" in words(page)
    assert "Right, Wrong, Partly, Cannot judge" in words(page)
    assert "preview" not in page.context
    assert browser.post(ADDRESS, {"do": "save"}).status_code == 403
    assert browser.post(PREVIEW, {}).status_code == 403


def test_nobody_else_sees_it(client, client_for, feature, rubric):
    outsider = client_for(make_membership(role="owner").user)
    for address in (ADDRESS, PREVIEW):
        assert client.post(address).status_code == 302
        assert outsider.post(address).status_code == 404
    assert outsider.get(ADDRESS).status_code == 404
    assert client_for(make_user(is_staff=True)).get(ADDRESS).context["editor"] is not None


def test_thirty_versions_take_as_many_queries_as_three(browser, feature):
    def queries_with(n):
        for number in range(n):
            set_rubric(feature=feature, now=NOON, guideline=str(number))
        with CaptureQueriesContext(connection) as sent:
            browser.get(ADDRESS)
        return len(sent)

    browser.get(ADDRESS)
    assert queries_with(3) == queries_with(27) < 30
