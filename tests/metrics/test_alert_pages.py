"""The alerts' pages and REST, the feature's drift page, and what is included on the feature page."""

import csv
from dataclasses import fields
from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from metrics import alert_reading, drift_reading
from metrics.alert_reading import BUDGET, feature_alerts
from metrics.api import alerts as shapes
from metrics.drift_reading import drift_report
from metrics.models import Alert, AlertStep, QualityWatch
from tests.factories import make_feature, make_key, make_membership, make_user, make_version
from tests.metrics.alert_story import make_alert, make_drift, make_reading

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
WORDS = "The new airports have no history."


@pytest.fixture
def feature():
    return make_feature("delay-alert", owner=make_user("olga@example.org"), label_names={"late": "Late"})


@pytest.fixture
def version(feature):
    return make_version(feature, "v1")


@pytest.fixture
def alert(version):
    return make_alert(version)


@pytest.fixture
def pia(feature):
    return make_membership(make_user("pia@example.org"), feature, "product").user


def text(answer):
    return " ".join(answer.content.decode().split())


# --- the list


def test_the_list_shows_what_is_raised_with_its_owner_and_what_was_found(client_for, alert, pia):
    shown = text(client_for(pia).get("/alerts/"))
    assert "Version v1 is less often right than before" in shown
    assert "Of 100 answers reviewed since 20 November about 80 are right (72 to 86)" in shown
    assert "90 were foretold from the 2,410 reviews before" in shown
    assert "olga@<wbr>example.org" in shown
    assert BUDGET in shown
    assert "Raised 1" in shown


def test_snoozed_and_cleared_ones_have_their_tabs(client_for, version, pia):
    now = timezone.now()
    make_alert(version, key="a", title="Sleeping", snoozed_until=now + DAY)
    make_alert(version, key="b", title="Over", cleared_at=now, cleared_why="It was the airports.")
    browser = client_for(pia)
    assert "Nothing is raised" in text(browser.get("/alerts/"))
    snoozed, cleared = (text(browser.get(f"/alerts/?state={state}")) for state in ("snoozed", "cleared"))
    assert "Sleeping" in snoozed
    assert "Over" not in snoozed
    assert "It was the airports." in cleared
    assert "Sleeping" not in cleared


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/alerts/", "Nothing is raised"),
        ("/alerts/?state=snoozed", "None was ever put here"),
        ("/alerts/?feature=delay-alert", "Nothing matches"),
        ("/alerts/?state=nonsense", "Nothing is raised"),
    ],
)
def test_each_empty_list_says_why(client_for, pia, address, said):
    assert said in text(client_for(pia).get(address))


def test_somebody_without_features_is_told_so(client_for, alert):
    shown = text(client_for(make_user()).get("/alerts/"))
    assert "because no feature is yours to see" in shown
    assert "less often right" not in shown


def test_what_is_overdue_is_said_and_comes_first(client_for, version, pia):
    make_alert(version, key="new", title="Fresh")
    make_alert(version, key="old", title="Forgotten", raised_at=timezone.now() - 3 * DAY)
    shown = text(client_for(pia).get("/alerts/"))
    assert "1 overdue" in shown
    assert shown.index("Forgotten") < shown.index("Fresh")


def test_the_csv_keeps_the_filters(client_for, alert, version, pia):
    make_alert(version, key="b", title="Over", cleared_at=timezone.now(), cleared_why="=1+1")
    browser = client_for(pia)
    rows = list(csv.DictReader(browser.get("/alerts/?format=csv").content.decode().splitlines()))
    assert [row["title"] for row in rows] == [alert.title]
    (over,) = csv.DictReader(browser.get("/alerts/?state=cleared&format=csv").content.decode().splitlines())
    assert over["cleared_why"] == "'=1+1"


# --- one alert


def test_the_page_shows_the_evidence_and_what_happened(client_for, alert, pia):
    shown = text(client_for(pia).get(f"/alerts/{alert.pk}/"))
    for part in ("<strong>10.0</strong> points (4.0 to 16.0)", "Late", "f-2", "rather overrated", "by the system"):
        assert part in shown


def test_a_member_takes_it_over_snoozes_and_clears_it(client_for, alert, pia):
    browser, address = client_for(pia), f"/alerts/{alert.pk}/"
    assert browser.post(address, {"do": "take", "words": WORDS}).status_code == 302
    until = (timezone.now() + 2 * DAY).strftime("%Y-%m-%dT%H:%M")
    assert browser.post(address, {"do": "snooze", "words": WORDS, "until": until}).status_code == 302
    assert "snoozed until" in text(browser.get(address))
    assert browser.post(address, {"do": "clear", "words": "We accept it."}).status_code == 302
    alert.refresh_from_db()
    assert (alert.owner, alert.cleared_why, alert.is_cleared_by_person) == (pia, "We accept it.", True)
    shown = text(browser.get(address))
    assert "We accept it." in shown
    assert '<form method="post" class="stack">' not in shown


def test_handing_over_offers_those_who_answer(client_for, alert, pia):
    make_membership(make_user("rita@example.org"), alert.feature, "reviewer")
    dan = make_membership(make_user("dan@example.org"), alert.feature, "data_science").user
    browser, address = client_for(pia), f"/alerts/{alert.pk}/"
    shown = text(browser.get(address))
    assert "dan@example.org" in shown
    assert "rita@example.org" not in shown
    assert browser.post(address, {"do": "hand_over", "words": WORDS, "to": dan.pk}).status_code == 302
    alert.refresh_from_db()
    assert alert.owner == dan


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"do": "take", "words": ""}, "This field is required"),
        ({"do": "snooze", "words": WORDS, "until": "2020-01-01T00:00"}, "within 30 days"),
        ({"do": "hand_over", "words": WORDS, "to": 999_999}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_done_is_said_at_its_form(client_for, alert, pia, sent, said):
    answer = client_for(pia).post(f"/alerts/{alert.pk}/", sent)
    assert answer.status_code == 422
    assert said in text(answer)
    assert AlertStep.objects.of(alert).count() == 1


def test_a_form_sent_to_a_cleared_alert_is_told_so(client_for, alert, pia):
    Alert.objects.update(cleared_at=timezone.now(), cleared_why="over")
    answer = client_for(pia).post(f"/alerts/{alert.pk}/", {"do": "take", "words": WORDS})
    assert answer.status_code == 422
    assert "This is cleared already" in text(answer)


def test_reviewers_read_and_do_not_answer_and_others_see_nothing(client_for, client, alert):
    address, said = f"/alerts/{alert.pk}/", {"do": "take", "words": WORDS}
    reviewer = client_for(make_membership(make_user(), alert.feature, "reviewer").user)
    assert "reviewers read it" in text(reviewer.get(address))
    assert reviewer.post(address, said).status_code == 403
    assert client_for(make_user()).get(address).status_code == 404
    assert client.get(address).status_code == 302
    assert client_for(make_user(is_staff=True)).post(address, said).status_code == 302
    assert client_for(make_user(is_staff=True)).post(address, {"do": "shout"}).status_code == 404


# --- REST


def test_a_service_reads_alerts_of_its_features_alone(api, client, alert, version):
    other = make_alert(make_version(make_feature("other")), title="Not yours")
    service = api(make_key(scopes=["read"], features=[alert.feature])[1])
    (found,) = service.get("/api/v1/alerts/").json()
    assert (found["id"], found["state"], found["drop"]) == (alert.pk, "raised", 0.1)
    assert service.get("/api/v1/alerts/?state=cleared").json() == []
    assert service.get("/api/v1/alerts/?feature=other").status_code == 404
    assert service.get("/api/v1/alerts/?state=lost").status_code == 400
    assert service.get(f"/api/v1/alerts/{other.pk}/").status_code == 404
    assert service.get(f"/api/v1/alerts/{alert.pk}/").json()["labels"][0]["label"] == "Late"
    assert service.post(f"/api/v1/alerts/{alert.pk}/", {"do": "clear", "words": WORDS}).status_code == 403
    assert api(make_key(scopes=["ingest"])[1]).get("/api/v1/alerts/").status_code == 403
    assert client.get("/api/v1/alerts/").status_code == 401


def test_people_answer_by_rest_too(client_for, alert, pia):
    browser, address, kind = client_for(pia), f"/api/v1/alerts/{alert.pk}/", {"content_type": "application/json"}
    assert browser.post(address, {"do": "snooze", "words": WORDS}, **kind).json()["errors"]
    until = (timezone.now() + DAY).isoformat()
    snooze = {"do": "snooze", "words": WORDS, "until": until}
    assert browser.post(address, snooze, **kind).json()["state"] == "snoozed"
    assert browser.post(address, {"do": "take", "words": WORDS}, **kind).json()["owner"] == "pia@example.org"
    assert browser.post(address, {"do": "clear", "words": "Over."}, **kind).json()["state"] == "cleared"
    assert browser.post(address, {"do": "clear", "words": "Over."}, **kind).status_code == 400
    outsider = client_for(make_membership(make_user(), make_feature(), "product").user)
    assert outsider.post(address, {"do": "clear", "words": "Over."}, **kind).status_code == 404


# --- drift


@pytest.fixture
def drifted(version):
    make_drift(version)
    return version


def test_the_drift_page_says_it_in_a_sentence_and_ranks_the_inputs(client_for, drifted, pia):
    shown = text(client_for(pia).get("/features/delay-alert/drift/"))
    assert "1 of 2 inputs looks different from the first days; the answers do not." in shown
    assert "Drift alone raises no alarm; it brings more reviews." in shown
    assert shown.index(">km") < shown.index(">sky") < shown.index(">gate")
    assert "Not compared, because of 9 predictions" in shown
    assert "an estimate, not measured" in shown
    assert "7,000 predictions" in shown  # what the scores promised in the first days, with its own number
    assert "Distance in 2 weeks, 0.10, 0.30" in shown


def test_drift_as_csv_and_by_rest_says_the_same(client_for, api, drifted, pia):
    browser = client_for(pia)
    found = browser.get("/features/delay-alert/drift/?format=csv").content.decode()
    lines = list(csv.DictReader(found.splitlines()))
    assert [line["name"] for line in lines] == ["km", "sky", "gate", "", ""]
    (version,) = api(make_key(scopes=["read"])[1]).get("/api/v1/features/delay-alert/drift/").json()["versions"]
    assert [row["name"] for row in version["inputs"]] == ["km", "sky", "gate"]
    assert version["inputs"][0]["weeks"][1]["distance"] is None
    assert (version["n_drifting"], version["expected_right"]["value"]) == (1, 0.88)


def test_an_empty_drift_page_says_why(client_for, feature, pia):
    shown = text(client_for(pia).get("/features/delay-alert/drift/"))
    assert "because no prediction of it is summed up yet" in shown


def test_without_a_reference_the_sentence_says_why(client_for, version, pia):
    nothing = {"js_distance": None, "psi": None, "threshold": None, "reason": "no reference yet, because new"}
    make_reading(version, kind="label", name="", **nothing, **dict.fromkeys(["reference_from", "reference_to"]))
    no_score = {**nothing, "reason": "no prediction of the week came with a score"}
    make_reading(version, kind="confidence", name="", **no_score)
    shown = text(client_for(pia).get("/features/delay-alert/drift/"))
    assert "Nobody can say yet whether anything looks different, because no reference yet" in shown
    assert "No estimate, because no prediction of the week came with a score" in shown


def test_answers_that_drift_are_in_the_sentence(version):
    make_reading(version, kind="label", name="", js_distance=0.4, is_drifting=True)
    assert "the answers look different" in drift_report(version.feature).versions[0].sentence
    make_reading(version)
    told = "None of 1 inputs look different from the first days; the answers look different."
    assert told in drift_report(version.feature).versions[0].sentence


# --- on the feature page


def included(name, feature):
    alerts = feature_alerts(feature, now=timezone.now())
    context = {"slug": feature.slug, "alerts": alerts, "budget": BUDGET, "drift": drift_report(feature)}
    return " ".join(render_to_string(f"metrics/_feature_{name}.html", context).split())


def test_the_parts_of_the_feature_page_say_why_they_are_empty(feature):
    assert "Not watched yet, because no prediction of it is summed up yet." in included("alerts", feature)
    assert "Nobody can say yet, because no prediction of it is summed up yet." in included("drift", feature)


def test_the_feature_page_shows_what_is_raised_and_what_is_watched(alert, drifted):
    watch = {"feature": alert.feature, "as_of": timezone.now(), "threshold": 10_000}
    QualityWatch.objects.create(version=alert.version, n=2_530, n_to_learn=0, statistic=3.0, **watch)
    other = make_version(alert.feature, "v2")
    QualityWatch.objects.create(
        version=other, n=60, n_to_learn=440, statistic=0, n_newest=60, foretold=0.9, found=0.88, found_low=0.8,
        found_high=0.93, **watch,
    )  # fmt: skip
    shown = included("alerts", alert.feature)
    assert "■ raised" in shown
    assert "under 1 %</span> of an alarm" in shown
    assert "it needs 440 more counted reviews" in shown
    assert "an estimate, not measured" in included("drift", alert.feature)


@pytest.mark.parametrize("n", [3, 12])
def test_the_list_takes_as_many_queries_for_3_as_for_12(client_for, version, pia, n, django_assert_num_queries):
    for i in range(n):
        make_alert(version, key=str(i))
    browser = client_for(pia)
    with django_assert_num_queries(9):
        browser.get("/alerts/")


@pytest.mark.parametrize(
    ("report", "shape"),
    [
        (alert_reading.AlertReport, shapes.AlertShape),
        (alert_reading.LabelEvidence, shapes.LabelEvidenceShape),
        (alert_reading.StepRow, shapes.AlertStepShape),
        (drift_reading.DriftReport, shapes.DriftReportShape),
        (drift_reading.VersionDrift, shapes.VersionDriftShape),
        (drift_reading.DriftRow, shapes.DriftRowShape),
        (drift_reading.ExpectedRight, shapes.ExpectedRightShape),
        (drift_reading.WeekDistance, shapes.WeekDistanceShape),
    ],
)
def test_the_shapes_of_rest_are_those_of_the_reports(report, shape):
    assert [field.name for field in fields(report)] == list(shape().get_fields())
