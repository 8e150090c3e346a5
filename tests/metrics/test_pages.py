"""Features, Feature and their REST twins: every state in words, the same figures, nobody else's."""

import csv
import json
import re
from dataclasses import asdict
from datetime import timedelta

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from metrics.models import EstimateSet
from reviews.actions.desk import claim_next, set_policy, submit
from reviews.actions.draw import draw_received
from tests.factories import (
    NOON,
    make_feature,
    make_key,
    make_membership,
    make_outcome,
    make_prediction,
    make_user,
    make_version,
)
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
# api.md's, and what we tell besides.
API_FIELDS = {"feature", "window", "as_of", "source", "population", "counted", "metrics", "per_label"}
API_FIELDS |= {"confusion", "calibration"}
MORE_FIELDS = {"version", "segment", "undecided_share", "undecided_bounds", "covered_days", "days", "reason"}
MORE_FIELDS |= {"reliability", "coverage", "lag", "mature_until", "segments", "segments_reason", "comparison"}
OF_CHANCES = {"auc", "average_precision", "brier", "log_loss", "ece"}
API_FIGURE = {"value", "low", "high", "anytime_low", "anytime_high", "n", "method", "state"}


@pytest.fixture
def feature():
    return make_feature("claims", name="Claims check", description="Finds claims that will be late.")


@pytest.fixture
def ann(feature):
    return make_membership(make_user("ann@example.org"), feature).user


@pytest.fixture
def browser(client_for, ann):
    return client_for(ann)


@pytest.fixture
def service(api):
    return api(make_key(scopes=["read"])[1])


def come_true(version, n, *, n_wrong=0, **fields):
    """n predictions of the version whose truth arrived, the first of them wrong ones."""
    for i in range(n):
        prediction = make_prediction(version, label=version.labels[i % 2], latency_ms=20.0 + i, **fields)
        truth = version.labels[(i + 1) % 2] if i < n_wrong else prediction.label
        make_outcome(prediction, truth=truth)


def concluded(now=NOON + DAY):
    work("sum_up", "conclude", now=now)


def judge(feature, reviewer, *verdicts, now=NOON + DAY):
    set_policy(feature=feature, user=None, now=now, design="all")
    draw_received(now=now)
    for number, verdict in enumerate(verdicts):
        case = claim_next(reviewer=reviewer, features=[feature], now=now)
        submit(
            assignment_id=case.pk,
            token=case.lease_token,
            reviewer=reviewer,
            verdict=verdict,
            idempotency_key=f"k{number}",
            now=now,
        )


def text_of(answer):
    """What a person reads: without tags, with single spaces."""
    html = re.sub(r"<(script|style).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\xa0", " ").split())


def page_text(browser, slug="claims"):
    return text_of(browser.get(f"/features/{slug}/"))


def slugs(answer):
    return [row.slug for row, _ in answer.context["rows"]]


def rows_of(answer):
    return list(csv.reader(answer.content.decode().splitlines()))


def estimates(service, slug="claims", **query):
    return service.get(f"/api/v1/features/{slug}/estimates/", query)


# --- the Feature page, state by state


def test_without_a_version_the_page_says_how_to_register_one(browser):
    text = page_text(browser)
    assert "Nobody can say yet how often Claims check is right." in text
    assert "No version yet, because none has been registered (POST /api/v1/features/claims/versions/)." in text
    assert "Nothing is drawn for review, because no sampling policy is set for this feature." in text
    assert "as of never" in text


def test_before_the_worker_has_summed_up_the_page_says_so(browser, feature):
    make_prediction(make_version(feature, "v1"))
    assert "because the worker has summed nothing up yet" in page_text(browser)


def test_without_reviews_and_truth_each_says_what_is_missing(browser, feature):
    make_prediction(make_version(feature, "v1"))
    concluded()
    text = page_text(browser)
    assert "Because no reviews counted yet." in text
    assert "No figure yet, because no reviews counted yet." in text
    assert "No figure yet, because no truth has arrived yet." in text
    assert "not measured, because no prediction came with it" in text
    assert "Nothing to draw yet, because neither reviews nor truth have arrived." in text


def test_a_few_truths_are_shown_and_said_to_be_too_few(browser, feature):
    come_true(make_version(feature, "v1"), 10, n_wrong=2)
    concluded()
    text = page_text(browser)
    assert "Of 100 answers of Claims check about 80 are right (49 to 94)." in text
    assert (
        "Version v1, from 10 predictions whose truth is known. Not sure yet: needs 90 more known truths." in text
    )


def test_a_few_reviews_are_shown_with_what_is_still_needed(browser, feature, ann):
    version = make_version(feature, "v1")
    for _ in range(4):
        make_prediction(version)
    judge(feature, ann, "right", "right", "wrong")
    concluded()
    text = page_text(browser)
    assert "Of 100 answers of Claims check about 67 are right (0 to 100)." in text
    assert "Version v1, from 3 reviews. Not sure yet: needs 97 more reviews." in text
    assert "3 of 4 drawn predictions are judged, 1 wait." in text
    assert re.search(r"About [\d,]+ more reviews to know it to ±5 points", text)
    assert browser.get("/features/claims/").context["page"].progress.n_counted == 3


def test_enough_truths_decide(browser, feature):
    come_true(make_version(feature, "v1"), 120, n_wrong=12)
    concluded()
    text = page_text(browser)
    assert "about 90 are right (83 to 94)." in text
    assert "However often you look, it stays between 77 and 96." in text
    assert "sure enough to decide" in text
    assert "Right 9 of 10 times since version v1" in text


def test_experts_and_truth_stand_side_by_side_with_their_difference(browser, feature, ann):
    come_true(make_version(feature, "v1"), 4)
    judge(feature, ann, "wrong", "wrong", "wrong", "wrong")
    concluded()
    sentence = "Experts' figure is −100.0 points from that of the truth (−100 to −12 at one look)."
    assert sentence in page_text(browser)


def test_numbers_without_a_tolerance_are_off_by_so_much_but_neither_right_nor_wrong(browser, ann):
    prices = make_version(make_feature("prices", answer_kind="number"))
    make_membership(ann, prices.feature)
    make_outcome(make_prediction(prices, latency_ms=20.0), truth=41.0)
    concluded()
    text = page_text(browser, "prices")
    assert "No figure yet, because no tolerance is set for this feature, so no number is right or wrong." in text
    assert "in the number's unit 1 no interval: one truth, or too large ones n 1 not sure yet" in text
    assert "Bias, in the number's unit: + is too high +1" in text
    assert "Share of predictions not known, because no tolerance is set for this feature" in text
    assert "By label" not in text
    assert re.search(r"Latency (19\.\d|20|20\.\d) ms", text)


def test_what_is_simulated_is_said_on_the_page(browser, feature):
    type(feature).objects.update(simulated_note="Reviews are simulated from the recorded truth.")
    come_true(make_version(feature), 2)
    set_policy(feature=feature, user=None, now=NOON)
    concluded()
    assert page_text(browser).count("Reviews are simulated from the recorded truth.") >= 2


def test_the_newest_version_is_the_current_one_and_the_older_ones_stay(browser, feature):
    come_true(make_version(feature, "old", is_baseline=True), 3)
    come_true(make_version(feature, "new", deployed_at=NOON + timedelta(hours=1)), 3, n_wrong=3)
    concluded()
    page = browser.get("/features/claims/").context["page"]
    assert page.current_version == "new"
    assert [(row.name, row.observed.value, row.is_baseline) for row in page.versions] == [
        ("new", 0.0, False),
        ("old", 1.0, True),
    ]


def test_text_of_others_is_shown_as_text(browser, feature):
    type(feature).objects.update(name="<b>x</b>", description="<script>alert(1)</script>")
    come_true(make_version(feature, "<i>v</i>", labels=["<u>", "late"]), 4)
    concluded()
    for address in ("/features/", "/features/claims/"):
        html = browser.get(address).content.decode()
        assert not [tag for tag in ("<b>x", "<script>alert", "<i>v", "<u>") if tag in html]


# --- the Features page


def test_each_feature_is_one_line_with_its_figure(browser, feature, ann):
    come_true(make_version(feature, "v1"), 120, n_wrong=12)
    concluded()
    ((row, _),) = browser.get("/features/").context["rows"]
    assert (row.slug, row.stage_label, row.version, row.right.value) == ("claims", "Pilot", "v1", 0.9)
    assert (row.right.state, row.source, row.n_predictions_28d, row.may_review) == (
        "measured",
        "observed",
        120,
        True,
    )
    text = text_of(browser.get("/features/"))
    assert "90 % ±5 120 known truths sure enough to decide" in text


def test_a_line_without_figures_says_why(browser, feature):
    assert "Not known yet because the worker has summed nothing up yet" in text_of(browser.get("/features/"))
    make_prediction(make_version(feature))
    concluded()
    assert "Not known yet because no reviews counted yet" in text_of(browser.get("/features/"))


def test_open_reviews_are_counted_on_the_line(browser, feature, ann):
    come_true(make_version(feature), 5)
    judge(feature, ann, "right", "right")
    ((row, _),) = browser.get("/features/").context["rows"]
    assert row.n_open_reviews == 3


def test_whoever_is_in_no_feature_reads_what_to_do(client_for):
    make_feature()
    text = text_of(client_for(make_user()).get("/features/"))
    assert "No features yet" in text
    assert "because no feature is yours to see" in text


@pytest.fixture
def three(feature, ann):
    """Claims (measured), refunds (collecting, Bob's), parcels (no figures, general)."""
    bob = make_user("bob@example.org")
    refunds = make_feature("refunds", name="Refunds", description="Money back", owner=bob)
    parcels = make_feature("parcels", name="Parcels", stage="general")
    for each in (refunds, parcels):
        make_membership(ann, each)
    come_true(make_version(feature), 100)
    come_true(make_version(refunds), 5)
    concluded()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["claims", "parcels", "refunds"]),
        ({"search": "fund"}, ["refunds"]),
        ({"search": "MONEY"}, ["refunds"]),
        ({"search": "nothing like it"}, []),
        ({"stage": "general"}, ["parcels"]),
        ({"stage": "pilot"}, ["claims", "refunds"]),
        ({"owner": "bob@"}, ["refunds"]),
        ({"state": "measured"}, ["claims"]),
        ({"state": "collecting"}, ["refunds"]),
        ({"state": "none"}, ["parcels"]),
        ({"stage": "pilot", "state": "none"}, []),
    ],
)
def test_filters_leave_what_they_name(three, browser, query, expected):
    answer = browser.get("/features/", query)
    assert slugs(answer) == expected
    assert [row[0] for row in rows_of(browser.get("/features/", {**query, "format": "csv"}))[1:]] == expected
    assert ("No feature fits these filters." in text_of(answer)) == (expected == [])


@pytest.mark.parametrize(
    "query", [{"stage": "nowhere"}, {"state": "x"}, {"search": "a\x00b"}, {"owner": "x" * 101}]
)
def test_a_filter_that_cannot_be_filters_nothing_and_breaks_nothing(three, browser, query):
    answer = browser.get("/features/", query)
    assert answer.status_code == 200
    assert len(slugs(answer)) == 3


def test_htmx_gets_the_table_alone(browser):
    answer = browser.get("/features/", headers={"HX-Request": "true"})
    assert next(template.name for template in answer.templates) == "metrics/_features_table.html"
    assert b"<html" not in answer.content


# --- CSV


def test_the_list_as_csv_has_the_figures_of_the_page(browser, feature):
    come_true(make_version(feature, "v1"), 120, n_wrong=12)
    concluded()
    answer = browser.get("/features/?format=csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="features.csv"'
    (line,) = csv.DictReader(answer.content.decode().splitlines())
    ((row, _),) = browser.get("/features/").context["rows"]
    assert (line["slug"], float(line["right"]), float(line["low"]), line["n"]) == (
        "claims",
        0.9,
        row.right.low,
        "120",
    )


def test_the_figures_as_csv_are_those_of_the_chart(browser, feature):
    come_true(make_version(feature, "v1"), 4, n_wrong=1)
    come_true(make_version(feature, "v2"), 4, received_at=NOON + 7 * DAY)
    concluded(NOON + 8 * DAY)
    header, *lines = rows_of(browser.get("/features/claims/?format=csv"))
    assert header == [
        "from_on",
        "days",
        "version",
        "source",
        "value",
        "low",
        "high",
        "n",
        "is_partial",
        "is_mature",
    ]
    assert [(line[0], line[1], line[2], line[4], line[8]) for line in lines] == [
        ("2026-03-02", "7", "v1", "0.75", "False"),
        ("2026-03-09", "7", "v2", "1.0", "True"),
    ]
    assert len(browser.get("/features/claims/").context["chart_data"]) == 2


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_becomes_a_formula(browser, feature, name):
    type(feature).objects.update(name=name)
    version = make_version(feature, name)
    come_true(version, 2)
    concluded()
    for address in ("/features/?format=csv", "/features/claims/?format=csv"):
        cells = [cell for row in csv.reader(browser.get(address).content.decode().split("\r\n")) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert f"'{name}".encode() in browser.get("/features/?format=csv").content


# --- whose it is


@pytest.mark.parametrize("address", ["/features/", "/features/claims/", "/features/claims/?format=csv"])
def test_who_is_not_logged_in_is_sent_to_the_login(client, feature, address):
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=/features/")


def test_another_peoples_feature_is_not_found_and_not_in_the_list(client_for, feature):
    stranger = client_for(make_membership().user)
    for address in ("/features/claims/", "/features/claims/?format=csv", "/features/nowhere/"):
        assert stranger.get(address).status_code == 404
    assert "claims" not in slugs(stranger.get("/features/"))
    assert b"claims" not in stranger.get("/features/?format=csv&search=claims").content


def test_staff_sees_every_feature(client_for, feature):
    staff = client_for(make_user(is_staff=True))
    assert slugs(staff.get("/features/")) == ["claims"]
    assert staff.get("/features/claims/").status_code == 200


# --- REST


@pytest.mark.parametrize("source", ["reviewed", "observed"])
def test_rest_and_the_page_show_the_same_figures(browser, service, feature, ann, source):
    come_true(make_version(feature, "v1"), 40, n_wrong=6)
    judge(feature, ann, *["right", "wrong", "partly", "cannot_judge"] * 8)
    concluded()
    shown = asdict(getattr(browser.get("/features/claims/").context["page"], source))
    shown["window"] = {"from": shown["window"]["from_"], "to": shown["window"]["to"]}
    answered = estimates(service, window="version", version="v1", source=source).json()
    assert answered["metrics"]["accuracy"]["value"] is not None
    assert answered == json.loads(json.dumps(shown, cls=DjangoJSONEncoder))


def test_rest_and_the_page_show_the_same_runtime(browser, service, feature):
    come_true(make_version(feature, "v1"), 40)
    concluded()
    shown = asdict(browser.get("/features/claims/").context["page"].runtime)
    shown["window"] = {"from": shown["window"]["from_"], "to": shown["window"]["to"]}
    answered = service.get("/api/v1/features/claims/runtime/").json()
    assert answered["versions"][0]["latency_ms"]["n"] == 40
    assert answered == json.loads(json.dumps(shown, cls=DjangoJSONEncoder))


def test_estimates_have_the_fields_of_the_contract(service, feature):
    come_true(make_version(feature), 40, n_wrong=6)
    concluded()
    found = estimates(service, source="observed").json()
    assert found.keys() == API_FIELDS | MORE_FIELDS
    assert found["window"].keys() == {"from", "to"}
    assert found["metrics"].keys() == {"accuracy", "precision", "recall", "f1", *OF_CHANCES}
    for figures in (found["metrics"], *found["per_label"].values()):
        assert {frozenset(figure) for figure in figures.values()} == {frozenset(API_FIGURE | {"reason"})}
    assert found["per_label"].keys() == {"on_time", "late"}
    assert found["confusion"].keys() == {"labels", "rows", "is_share"}
    assert sum(map(sum, found["confusion"]["rows"])) == 40
    assert found["calibration"][0].keys() >= {"low", "high", "n", "mean_score", "right"}


def test_runtime_has_the_fields_of_the_contract(service, feature):
    come_true(make_version(feature, "v1"), 40)
    concluded()
    (version,) = service.get("/api/v1/features/claims/runtime/").json()["versions"]
    assert (version["version"], version["n"], version["cpu_ms"]["n"]) == ("v1", 40, 0)
    for measure in ("latency_ms", "cpu_ms", "rss_mb"):
        assert version[measure].keys() == {"p50", "p90", "p95", "p99", "n"}
    assert version["latency_ms"]["p50"] == pytest.approx(39, rel=0.02)
    assert version["cpu_ms"]["p50"] is None


def test_windows_and_versions_are_told_apart(service, feature):
    come_true(make_version(feature, "v1"), 6, received_at=NOON - 40 * DAY)
    come_true(make_version(feature, "v2"), 4)
    concluded()
    for query, population in (
        ({}, 4),
        ({"window": "28d", "version": "v1"}, 0),
        ({"window": "28d", "version": "v2"}, 4),
        ({"window": "all"}, 10),
        ({"window": "version"}, 4),
        ({"window": "version", "version": "v1"}, 6),
        ({"window": "all", "version": "v1"}, 6),
    ):
        assert estimates(service, source="observed", **query).json()["population"] == population, query


def test_what_is_left_empty_is_not_asked_for(service, feature):
    come_true(make_version(feature, "v1"), 6)
    concluded()
    found = estimates(service, window="", version="", segment="", source="observed").json()
    assert (found["version"], found["population"]) == (None, 6)


def test_before_anything_is_concluded_figures_are_null_with_a_reason(service, feature):
    found = estimates(service).json()
    assert found.keys() == API_FIELDS | MORE_FIELDS
    assert (found["as_of"], found["population"], found["confusion"]) == (None, 0, None)
    for figure in found["metrics"].values():
        assert (figure["value"], figure["state"]) == (None, "no_data")
        assert figure["reason"]
    assert service.get("/api/v1/features/claims/runtime/").json()["versions"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"window": "yesterday"}, "window"),
        ({"source": "guessed"}, "source"),
        ({"version": "x" * 101}, "version"),
        ({"version": "a\x00b"}, "version"),
        ({"segment": "a\x00b"}, "segment"),
    ],
)
def test_a_query_that_cannot_be_is_a_problem_that_names_its_field(service, feature, query, field):
    answer = estimates(service, **query)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_an_unknown_version_or_feature_is_not_found(service, feature):
    make_version(make_feature("other"), "v1")
    for answer in (
        estimates(service, version="v1"),
        estimates(service, "nowhere"),
        service.get("/api/v1/features/nowhere/runtime/"),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def refuse_constant(name):
    raise AssertionError(f"{name} in the answer")


def test_nothing_is_ever_not_a_number(browser, service, feature, ann):
    """Figures of nothing, of one prediction, of certainty and of cells without a review."""
    version = make_version(feature, "v1", labels=["on_time", "late", "never"])
    addresses = [
        f"/api/v1/features/claims/estimates/?window={window}&source={source}"
        for window in ("28d", "version", "all")
        for source in ("reviewed", "observed")
    ]
    for n in (0, 1, 30):
        at = NOON + n * DAY
        come_true(version, n, score=1.0, received_at=at)
        judge(feature, ann, *["right"] * (n // 3), now=at + DAY)
        concluded(at + DAY)
        for address in [*addresses, "/api/v1/features/claims/runtime/"]:
            json.loads(service.get(address).content, parse_constant=refuse_constant)
        for address in (
            "/features/",
            "/features/claims/",
            "/features/?format=csv",
            "/features/claims/?format=csv",
        ):
            assert not re.search(r"\b(nan|inf|None|NaN|Infinity)\b", text_of(browser.get(address))), address
    assert EstimateSet.objects.filter(counted__gt=0).exists()
