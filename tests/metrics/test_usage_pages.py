"""The usage page and its REST twin: every state in words, the same figures."""

import csv
import json
import re
from dataclasses import asdict, fields
from datetime import timedelta

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.test.utils import CaptureQueriesContext

from metrics import usage_reports
from metrics.api import usage as api_usage
from metrics.models import UsageSummary, UseWeek
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
from tests.metrics.usage_story import DAY, HOUR, make_event, see
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
ADDRESS = "/features/claims/usage/"


@pytest.fixture
def feature():
    return make_feature("claims", name="Claims check", follow_through_hours=24)


@pytest.fixture
def browser(client_for, feature):
    return client_for(make_membership(make_user("ann@example.org"), feature).user)


def summed(now=NOON + 4 * DAY):
    work("sum_usage", now=now)


def page_text(browser, address=ADDRESS):
    html = re.sub(r"<(script|style).*?</\1>", " ", browser.get(address).content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\xa0", " ").replace("&#x27;", "'").split())


def lived(feature, n=12, n_weeks=6):
    """n people of three accounts over some weeks, one in three refusing; half of them with a roster entry each."""
    for number in range(n):
        account = "abc"[number % 3]
        make_event(feature, "eligible", f"u{number}", at=NOON - 100 * DAY, account=account)
        for week in range(n_weeks):
            if (number + week) % 4 == 0:
                continue
            answer = "dismissed" if (number + week) % 3 == 0 else "accepted"
            at = NOON - 7 * week * DAY - number * HOUR
            see(feature, f"u{number}", f"p{number}-{week}", at, answer, "completed", account=account)


# --- empty states


def test_without_an_event_the_page_says_what_to_send(browser):
    text = page_text(browser)
    assert "Nobody can say yet whether Claims check is used. Because no usage event has arrived." in text
    assert "No usage event yet" in text
    assert "POST /api/v1/events/" in text
    assert "as of never" in text


def test_before_the_worker_has_summed_up_the_page_says_so(browser, feature):
    see(feature)
    text = page_text(browser)
    assert "Because the worker has not summed up its usage events yet" in text
    assert "Usage is on its way" in text


def test_without_a_roster_reach_is_of_those_who_saw_it_and_labelled_so(browser, feature):
    see(feature, "u1", "p1", NOON, "accepted", account="a")
    see(feature, "u2", "p1", NOON, account="b")
    summed()
    text = page_text(browser)
    assert "Of 2 people who saw an answer 1 used one in 28 days." in text
    assert "Who may use it is not known, because no roster was sent: this is of those who saw it." in text
    assert "Use it, of those who saw it" in text
    assert "Send eligible for everybody who may use it." in text


def test_with_a_roster_the_verdict_is_of_those_who_may(browser, feature):
    lived(feature)
    summed()
    assert re.search(
        r"Of 12 people who may use it \d+ did in 28 days\. In accounts like these", page_text(browser)
    )


def test_an_account_of_one_says_nothing_of_others(browser, feature):
    see(feature, "u1", "p1", NOON, "accepted", account="a")
    summed()
    text = page_text(browser)
    assert "Of 1 person who saw an answer 1 used one in 28 days." in text
    assert "All are of one account, which says nothing of others." in text
    assert "no interval: one account says nothing of others" in text


def test_a_quiet_month_is_told_and_the_roster_stays(browser, feature):
    make_event(feature, "eligible", account="a")
    summed(NOON + 60 * DAY)
    text = page_text(browser)
    assert "Of 1 person who may use it 0 did in 28 days." in text
    assert "No figure yet, because no answer was shown and settled." in text
    assert "Nothing to draw yet, because no answer was shown and settled in the last 13 weeks." in text
    assert "Nobody can have come back yet" in text
    assert "because nobody has used an answer in a week that is over" in text
    assert "Nobody can tell yet, because no answer was used or refused." in text


def test_nobody_and_nothing_in_the_window(browser, feature):
    see(feature, "u1", "p1", NOON, "accepted", account="a")
    summed(NOON + 60 * DAY)
    assert "It was shown to nobody in the last 28 days." in page_text(browser)


def test_opted_out_people_stay_in_the_denominator_and_are_told(browser, feature):
    lived(feature)
    make_event(feature, "opted_out", "u1", account="b")
    summed()
    text = page_text(browser)
    assert "Of 12 people who may use it" in text
    assert "1 person opted out, and count among those who may." in text
    assert "Opted out 1 person; they still count among those who may use it" in text


def test_what_is_wrong_with_the_events_is_counted_and_told(browser, feature):
    make_event(feature, "accepted", "u1", "p1")
    see(feature, "u2", "p2", NOON, "undone", "accepted", account="a")
    see(feature, "u3", "p3", NOON, "accepted", is_internal=True)
    summed()
    text = page_text(browser)
    assert "Without an exposure 1 answer that somebody reacted to" in text
    assert "Send exposed when it comes into view." in text
    assert "Undone before taken 1; the latest counts." in text
    assert "Of your own staff 2 left out" in text
    assert "Without an account 1 person, each counted as an account of one" in text


def test_what_is_simulated_is_said(browser, feature):
    type(feature).objects.update(simulated_note="Usage is simulated.")
    see(feature, "u1", "p1", NOON, "accepted")
    summed()
    assert "Usage is simulated." in page_text(browser)


# --- figures


def report_of(browser):
    return browser.get(ADDRESS).context["report"]


def test_the_five_signs_and_the_funnel_agree(browser, feature):
    lived(feature)
    summed()
    report = report_of(browser)
    steps = {step.name: step.n for step in [*report.people_funnel, *report.answer_funnel]}
    assert steps["may use it"] == report.reach.denominator == report.n_people == 12
    assert steps["used one"] == report.reach.numerator == report.n_people_using
    assert steps["settled"] == report.acceptance.denominator == sum(report.answers.values())
    assert report.reach.n_accounts == report.acceptance.n_accounts == 3
    assert report.follow_through.value is not None
    assert report.retention.value is not None
    assert 0 < report.stickiness.value <= 1


def test_weeks_that_are_not_settled_are_marked(browser, feature):
    lived(feature)
    summed()
    partial = [week.is_partial for week in report_of(browser).weeks]
    assert partial == [*[False] * (len(partial) - 1), True]
    assert "(not settled)" in page_text(browser)


def test_returns_and_the_strip_are_of_whole_intervals(browser, feature):
    lived(feature)
    summed()
    report = report_of(browser)
    assert [point.after for point in report.returns] == list(range(1, len(report.returns) + 1))
    assert all(step.days == 7 for step in report.life_cycle)
    newcomers = sum(step.new for step in report.life_cycle)
    assert newcomers == 12


@pytest.mark.parametrize(("cadence", "days"), [("day", 1), ("week", 7), ("month", 28)])
def test_the_interval_is_the_features_cadence(browser, feature, cadence, days):
    type(feature).objects.update(cadence=cadence)
    lived(feature)
    summed()
    report = report_of(browser)
    assert {step.days for step in report.life_cycle} == {days}
    assert report.horizon == 1


def test_a_new_day_moves_the_window_without_any_event(browser, feature):
    see(feature, "u1", "p1", NOON, "accepted", "completed", account="a")
    summed(NOON + 10 * DAY)
    first = report_of(browser).to_on
    summed(NOON + 11 * DAY)
    assert report_of(browser).to_on == first + DAY


# --- wrong but used, right but refused


def come_true(feature, n=30, n_wrong=9):
    """n answers shown to one person each; the first are wrong, every second is used, every fourth refused."""
    version = make_version(feature, "v1")
    for number in range(n):
        prediction = make_prediction(version, f"p{number}", label="late", occurred_at=NOON - 14 * DAY)
        make_outcome(prediction, truth="on_time" if number < n_wrong else "late")
        answer = ["accepted", "dismissed", "edited"][number % 4 : number % 4 + 1]
        see(feature, f"u{number}", f"p{number}", NOON - 14 * DAY, *answer, account="abc"[number % 3])


def test_wrong_but_used_is_told_from_the_truth_that_arrived(browser, feature):
    come_true(feature)
    summed()
    week = UseWeek.objects.get(source="observed", n_used_judged__gt=0)
    used = [number for number in range(30) if number % 4 in (0, 2)]
    refused = [number for number in range(30) if number % 4 == 1]
    assert (week.n_used, week.n_used_judged) == (len(used), len(used))
    assert week.wrong_but_used == pytest.approx(sum(number < 9 for number in used) / len(used))
    assert week.right_but_refused == pytest.approx(sum(number >= 9 for number in refused) / len(refused))
    assert 0 < week.wrong_but_used_low < week.wrong_but_used < week.wrong_but_used_high < 1
    text = page_text(browser)
    assert "About 5 (2 to 9) of 15 used answers were wrong in the week of 16 February" in text
    assert "none of the used answers was judged" in text


def test_truth_that_comes_later_is_in_the_next_figures(browser, feature):
    version = make_version(feature, "v1")
    prediction = make_prediction(version, "p1", label="late", occurred_at=NOON - 14 * DAY)
    see(feature, "u1", "p1", NOON - 14 * DAY, "accepted", account="a")
    work("sum_up", "sum_usage", now=NOON)
    assert not UseWeek.objects.filter(n_used_judged__gt=0).exists()
    make_outcome(prediction, truth="on_time", received_at=NOON + HOUR)
    work("sum_up", "sum_usage", now=NOON + 2 * HOUR)
    assert UseWeek.objects.get(source="observed", n_used_judged=1).wrong_but_used == 1.0


# --- REST, CSV, doors, queries


def test_rest_tells_what_the_page_shows(browser, feature, api):
    lived(feature)
    summed()
    told = api(make_key(scopes=["read"])[1]).get("/api/v1/features/claims/usage/").json()
    shown = json.loads(json.dumps(asdict(report_of(browser)), cls=DjangoJSONEncoder))
    assert told == shown
    assert told["reach"]["denominator"] == 12


def test_rest_before_anything_says_why(feature, api):
    told = api(make_key(scopes=["read"])[1]).get("/api/v1/features/claims/usage/").json()
    assert (told["reason"], told["reach"]["value"]) == ("no usage event has arrived", None)


@pytest.mark.parametrize(
    "shape",
    ["UsageReport", "UseFigure", "FunnelStep", "AcceptanceWeek", "ReturnPoint", "LifeCycleStep", "TrustShare",
     "TrustWeek", "Quality"],
)  # fmt: skip
def test_the_shapes_of_the_answer_are_those_of_the_report(shape):
    report = getattr(usage_reports, shape)
    assert [field.name for field in fields(report)] == list(getattr(api_usage, f"{shape}Shape")().get_fields())


def test_the_example_is_of_that_shape():
    assert asdict(usage_reports.report_from(api_usage.USAGE)).keys() == api_usage.USAGE.keys()


@pytest.mark.parametrize("table", ["figures", "weeks", "returns", "life_cycle", "trust"])
def test_every_table_has_a_csv(browser, feature, table):
    lived(feature)
    summed()
    answer = browser.get(ADDRESS, {"format": "csv", "table": table})
    rows = list(csv.reader(answer.content.decode().splitlines()))
    assert len(rows) > 2
    assert {len(row) for row in rows} == {len(rows[0])}


def test_an_unknown_table_is_that_of_the_weeks(browser, feature):
    see(feature, "u1", "p1", NOON, "accepted")
    summed()
    answer = browser.get(ADDRESS, {"format": "csv", "table": "nope"})
    assert answer.content.decode().startswith("from_on,value")


def test_nobody_sees_the_usage_of_a_feature_that_is_not_theirs(client_for, feature):
    make_membership(make_user("bob@example.org"), make_feature("other"))
    bob = make_user("eve@example.org")
    assert client_for(bob).get(ADDRESS).status_code == 404


def test_the_page_takes_the_same_few_queries_with_3_and_with_30_people(browser, feature):
    counted = []
    for n in (3, 30):
        lived(feature, n, n_weeks=2)
        summed(NOON + n * DAY)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(ADDRESS).status_code == 200
        counted.append(len(captured))
    assert counted[0] == counted[1] < 10


def test_figures_that_took_long_are_not_made_again_at_once(feature):
    see(feature, "u1", "p1", NOON, "accepted")
    summed()
    UsageSummary.objects.update(took_s=30)
    make_event(feature, "dismissed", "u1", "p1", NOON + 4 * DAY)
    soon = NOON + 4 * DAY + timedelta(minutes=5)
    summed(soon)
    assert UsageSummary.objects.get().as_of == NOON + 4 * DAY
    assert UsageSummary.objects.get().stale_at == soon
    summed(soon + timedelta(minutes=6))
    assert UsageSummary.objects.get().stale_at is None
    assert UsageSummary.objects.get().figures["answers"]["refused"] == 1
