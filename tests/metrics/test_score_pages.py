"""The pages of scores and their REST answer: what they say, to whom, and what they say while there is nothing."""

import re
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feedback.actions.deciding import record_decision
from feedback.models import Feature
from metrics.actions import scoring
from metrics.actions.scoring_due import last_monday
from metrics.api import scores as shapes
from metrics.models import FitChange, ReadinessItem, ScoreGoals, ScoreSnapshot, ScoreWeights
from metrics.score_reports import ScoreComponent, ScoreReport, ScoresReport, Trend
from tests.factories import make_feature, make_key, make_membership, make_user
from tests.metrics.score_story import used
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def text(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def scored(now):
    """A feature with eight weeks of scores, its gate open."""
    feature = used(now=now, feature=make_feature("delay-alert", stage="pilot"), accounts=8, people=5, weeks=12)
    work("score", now=now)
    return feature


def member(client_for, feature, role="product"):
    return client_for(make_membership(feature=feature, role=role).user)


# --- why


def test_it_says_where_the_points_went(client_for, scored):
    answer = member(client_for, scored).get("/features/delay-alert/why/")
    page = text(answer)
    snapshot = ScoreSnapshot.objects.latest_of(scored, "adoption")
    worst = max(snapshot.points_lost, key=lambda name: snapshot.points_lost[name])
    assert f"{worst.replace('_', '-').capitalize()} costs most: {snapshot.points_lost[worst]:.1f} of the" in page
    assert "8 accounts" in page
    assert f"until {snapshot.as_of:%-d %b %Y}" in page
    assert "provisional: " in page
    assert "Follow-through" in page
    assert "shown only" in page, "follow-through has no weight before market fit"


def test_what_changed_adds_up_on_the_page(client_for, scored):
    browser = member(client_for, scored)
    weeks = ScoreSnapshot.objects.of(scored).of_kind("adoption").weekly().newest_first()
    page = browser.get(f"/features/delay-alert/why/?since={weeks[3].pk}").context["page"]
    assert page.since.pk == weeks[3].pk
    assert page.change.total == pytest.approx(page.change.after - page.change.before, abs=1e-9)
    assert sum(line.points for line in page.change.by_cause) == pytest.approx(page.change.total, abs=1e-9)
    assert sum(line.points for line in page.change.by_component) == pytest.approx(page.change.total, abs=1e-9)


def test_without_a_choice_it_compares_with_a_month_before(client_for, scored):
    page = member(client_for, scored).get("/features/delay-alert/why/").context["page"]
    newest = ScoreSnapshot.objects.latest_of(scored, "adoption")
    assert timedelta(days=28) <= newest.as_of - page.since.as_of < timedelta(days=35)


@pytest.mark.parametrize(
    "query", ["?since=x", "?since=999999", "?of=nonsense", "?since=" + "9" * 40, "?of=accountability"]
)
def test_odd_links_still_open(client_for, scored, query):
    assert member(client_for, scored).get(f"/features/delay-alert/why/{query}").status_code == 200


def test_a_feature_without_usage_says_what_to_do(client_for):
    feature = make_feature("new", stage="idea")
    page = text(member(client_for, feature).get("/features/new/why/"))
    assert "no score yet: it is not live yet, and no usage of it has arrived: send usage events" in page
    assert "Nothing to compare with yet" in page
    assert "Not asked yet: no complete week of adoption, opens at 25." in page
    assert "Cannot tell yet: nothing is known of how people come back." in page


def test_a_live_feature_without_usage_and_one_that_collects_say_so(client_for, now):
    quiet = make_feature("quiet", stage="pilot")
    small = used(now=now, feature=make_feature("small", stage="pilot"), accounts=4, people=3, returning=1)
    assert "the worker has not scored it yet" in text(member(client_for, quiet).get("/features/quiet/why/"))
    work("score", now=now)
    assert "no usage of it has arrived in the 28 days" in text(
        member(client_for, quiet).get("/features/quiet/why/")
    )
    page = text(member(client_for, small).get("/features/small/why/"))
    assert "collecting: 4 of 5 accounts, 12 of 20 actors" in page
    assert "Nothing to show yet, because there is no adoption score" in page


def test_no_roster_is_said(client_for, now):
    from feedback.models import UsageEvent
    from metrics.actions.using import prepare_usage
    from tests.metrics.score_story import use

    feature = make_feature("open", stage="pilot")
    use(feature, until=now - 2 * DAY, received_at=now - DAY, accounts=6, people=5, returning=1)
    UsageEvent.objects.filter(kind="eligible").delete()
    prepare_usage(feature=feature, now=now)()
    work("score", now=now)
    assert "Nobody told who may use it" in text(member(client_for, feature).get("/features/open/why/"))


def test_the_components_come_as_csv(client_for, scored):
    answer = member(client_for, scored).get("/features/delay-alert/why/?format=csv")
    lines = answer.content.decode().splitlines()
    assert lines[0].startswith("score,component,value,low,high,part,weight")
    assert [line.split(",")[:2] for line in lines[1:3]] == [["adoption", "reach"], ["adoption", "acceptance"]]
    assert len(lines) == 11


# --- its forms


GOALS = {
    f"{name}_{end}": value
    for name in ("reach", "acceptance", "retention", "stickiness", "follow_through")
    for end, value in (("lo", "5"), ("hi", "55.5"))
}


def test_goals_are_agreed_on_the_page(client_for, scored):
    browser = member(client_for, scored, "data_science")
    sent = {"do": "goals", **GOALS, "half_width": "4", "why": "Half of them is a lot."}
    answer = browser.post("/features/delay-alert/why/", sent, follow=True)
    made = ScoreGoals.objects.get()
    assert (made.goals["reach"], made.half_width) == ({"lo": 0.05, "hi": 0.555}, 0.04)
    assert "Goals version 1" in text(answer)
    assert "Half of them is a lot." in text(answer)


def test_a_wrong_goal_is_told_at_its_field_and_the_words_are_kept(client_for, scored):
    browser = member(client_for, scored)
    sent = {"do": "goals", **GOALS, "reach_hi": "2", "half_width": "4", "why": "A reason to keep"}
    answer = browser.post("/features/delay-alert/why/", sent)
    assert answer.status_code == 422
    assert "It starts under where it is reached" in text(answer)
    assert b'value="A reason to keep"' in answer.content
    answer = browser.post("/features/delay-alert/why/", {**sent, "reach_hi": "x"})
    assert answer.status_code == 422
    assert ScoreGoals.objects.count() == 0


def test_a_placement_and_a_tick_are_noted(client_for, scored):
    browser = member(client_for, scored, "owner")
    browser.post(
        "/features/delay-alert/why/", {"do": "placement", "behaviour": 8, "product": 9, "why": "New habits"}
    )
    assert FitChange.objects.get().behaviour == 8
    browser.post("/features/delay-alert/why/", {"do": "tick", "code": "limits", "is_ticked": "on", "note": "wiki"})
    page = text(browser.get("/features/delay-alert/why/"))
    assert "those of a long haul count" in page
    assert "Ticked by" in page
    browser.post("/features/delay-alert/why/", {"do": "tick", "code": "limits"})
    assert [item.is_ticked for item in ReadinessItem.objects.newest_last()] == [True, False]


def test_market_fit_is_changed_with_a_decision(client_for, scored, now):
    browser = member(client_for, scored)
    assert "record a decision first" in text(browser.get("/features/delay-alert/why/"))
    made = record_decision(
        feature=scored, title="It fits", context="", options=[], chosen="after", why="They stay.", evidence={},
        owner=None, review_on=None, user=make_user(), now=now,
    )  # fmt: skip
    browser.post("/features/delay-alert/why/", {"do": "fit", "decision": made.pk})
    assert Feature.objects.get(pk=scored.pk).market_fit == "after"
    answer = browser.post("/features/delay-alert/why/", {"do": "fit", "decision": ""})
    assert answer.status_code == 422


def test_scoring_now_enters_a_job(client_for, scored, now):
    member(client_for, scored).post("/features/delay-alert/why/", {"do": "score"})
    assert work("score", now=now + timedelta(minutes=1)) == ["2 scores taken"]


def test_who_reads_does_not_agree(client_for, scored):
    browser = member(client_for, scored, "reviewer")
    page = text(browser.get("/features/delay-alert/why/"))
    assert "product or data science agree on this" in page
    assert "It holds" not in page
    assert browser.post("/features/delay-alert/why/", {"do": "tick", "code": "limits"}).status_code == 403
    assert member(client_for, make_feature()).get("/features/delay-alert/why/").status_code == 404
    assert member(client_for, scored).post("/features/delay-alert/why/", {"do": "nonsense"}).status_code == 404


def test_an_account_that_is_markup_stays_text(client_for, scored):
    snapshot = ScoreSnapshot.objects.latest_of(scored, "adoption")
    ScoreSnapshot.objects.filter(pk=snapshot.pk).update(influence=[["<script>alert(1)</script>", 3.0]])
    answer = member(client_for, scored).get("/features/delay-alert/why/")
    assert b"<script>alert" not in answer.content
    assert b"&lt;script&gt;alert(1)" in answer.content


# --- quadrants


def test_a_feature_stands_in_a_cell_with_its_advice(client_for, scored):
    answer = member(client_for, scored).get("/quadrants/")
    (row,) = answer.context["rows"]
    assert row.placement.cell.code in {"borrowed_trust", "explore"}
    assert row.advice in text(answer).replace("&#x27;", "'")
    assert answer.context["chart"]["points"][0]["is_hollow"] is True
    assert "provisional" in text(answer)


def test_a_feature_without_a_score_says_what_it_waits_for(client_for):
    feature = make_feature("new", stage="idea")
    page = text(member(client_for, feature).get("/quadrants/"))
    assert "Nothing to draw yet, because no feature here has both scores" in page
    assert "Not placed yet, because adoption is not known: it is not live yet" in page
    assert "nobody said of any of these features what it asks" in page


def test_nobody_s_features_and_filters_without_a_match_say_so(client_for, scored):
    assert "No features yet" in text(client_for(make_user()).get("/quadrants/"))
    browser = member(client_for, scored)
    assert "Nothing matches" in text(browser.get("/quadrants/?search=zzz"))
    assert "Nothing matches" in text(browser.get("/quadrants/?cell=trusted"))
    cell = browser.get("/quadrants/").context["rows"][0].placement.cell.code
    assert [row.slug for row in browser.get(f"/quadrants/?cell={cell}").context["rows"]] == ["delay-alert"]
    assert browser.get("/quadrants/?cell=nonsense").status_code == 200


def test_the_second_quadrant_shows_what_it_asks_and_gives(client_for, scored, now):
    scoring.place_change(feature=scored, behaviour=2, product=8, why="x", user=make_user(), now=now)
    answer = member(client_for, scored).get("/quadrants/")
    assert "Smash hit" in text(answer)
    assert answer.context["changes"]["points"] == [
        {"name": "Delay alert", "x": 2, "y": 8, "is_hollow": False, "trail": []}
    ]


def test_the_quadrants_come_as_csv_with_their_filters(client_for, scored):
    browser = member(client_for, scored)
    assert browser.get("/quadrants/?stage=pilot").context["csv_url"] == "/quadrants/?stage=pilot&format=csv"
    lines = browser.get("/quadrants/?stage=pilot&format=csv").content.decode().splitlines()
    assert lines[0].startswith("slug,name,stage,adoption")
    assert lines[1].startswith("delay-alert,Delay alert,Pilot,")


@pytest.mark.parametrize("address", ["/quadrants/", "/scores/weights/"])
def test_the_same_queries_for_3_and_for_30_features(client_for, now, address):
    user, counts = make_user(), []
    for n in (3, 27):
        for _ in range(n):
            feature = make_membership(user, make_feature(stage="pilot", is_mandatory=True)).feature
            scoring.prepare_scores(feature=feature, now=now)()
            scoring.place_change(feature=feature, behaviour=2, product=8, why="x", user=user, now=now)
        browser = client_for(user)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(address).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert counts[0] < 12


def test_why_takes_a_number_of_queries_that_does_not_grow_with_the_weeks(client_for, scored, now):
    browser, counts = member(client_for, scored), []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            browser.get("/features/delay-alert/why/")
        counts.append(len(captured))
        ScoreSnapshot.objects.of(scored).filter(is_weekly=True, as_of__lt=now - 30 * DAY).delete()
    assert counts[0] == counts[1]
    assert counts[0] < 25


def test_the_trail_is_the_last_eight_weeks_in_which_both_were_known(client_for, now):
    feature = used(now=now, feature=make_feature("old", stage="pilot"), accounts=8, people=5, weeks=16)
    monday = last_monday(now)
    for back in reversed(range(10)):
        end_on = monday - 7 * back * DAY
        then = datetime.combine(end_on, time(1), UTC)
        scoring.prepare_scores(feature=feature, now=then, end_on=end_on)()
    (row,) = member(client_for, feature).get("/quadrants/").context["rows"]
    weekly = ScoreSnapshot.objects.of(feature).weekly().order_by("as_of")
    of = {kind: [each.value for each in weekly.of_kind(kind)] for kind in ("adoption", "accountability")}
    assert of["accountability"][0] is None, "it was not asked for in its first week"
    assert row.trail == list(zip(of["adoption"], of["accountability"], strict=True))[-8:]


def test_market_fit_is_read_from_how_people_come_back(client_for, now):
    few = used(now=now, feature=make_feature("few", stage="pilot"), accounts=6, people=5)
    many = used(now=now, feature=make_feature("many", stage="pilot"), accounts=26, people=5, weeks=7)
    work("sum_usage", now=now)
    page = text(member(client_for, few).get("/features/few/why/"))
    assert re.search(r"Cannot tell yet: \d+ of about 100 people began long enough ago", page)
    answer = member(client_for, many).get("/features/many/why/")
    fit = answer.context["page"].fit
    assert fit.is_enough
    assert 100 < fit.n <= 130
    assert re.match(r"(Flattening|Still falling): \d+ % come back in interval \d", fit.sentence)
    assert fit.sentence in text(answer)


# --- weights


def test_everyone_reads_the_weights_and_staff_change_them(client_for, scored):
    reader = member(client_for, scored)
    page = text(reader.get("/scores/weights/"))
    assert "These are the defaults" in page
    assert "Staff set the weights" in page
    assert "Delay alert" in page
    staff = client_for(make_user(is_staff=True))
    form = staff.get("/scores/weights/").context["form"]
    sent = {**form.initial, "adoption_before_reach": 40, "adoption_before_acceptance": 20, "why": "Reach counts."}
    assert reader.post("/scores/weights/", sent).status_code == 403
    assert staff.post("/scores/weights/", sent).status_code == 302
    assert ScoreWeights.objects.get().weights["adoption"]["before"]["reach"] == 0.4
    assert "Reach counts." in text(reader.get("/scores/weights/"))
    wrong = staff.post("/scores/weights/", {**sent, "adoption_after_reach": 90})
    assert wrong.status_code == 422
    assert "The weights of adoption after market fit must add up to 100 %" in text(wrong)


def test_sensitivity_is_shown_and_comes_as_csv(client_for, scored):
    browser = member(client_for, scored)
    moves = browser.get("/scores/weights/").context["moves"]
    assert [slug for slug, *_ in moves] == ["delay-alert"]
    assert moves[0][3][4] is None, "follow-through has no weight before market fit"
    line = browser.get("/scores/weights/?format=csv").content.decode().splitlines()[1]
    assert line.startswith(f"delay-alert,{moves[0][2].value}")
    assert "Nothing to show, because no feature is yours" in text(client_for(make_user()).get("/scores/weights/"))


# --- REST


def test_rest_explains_both_scores(api, scored):
    answer = api(make_key(scopes=["read"])[1]).get("/api/v1/features/delay-alert/scores/")
    told = answer.json()
    assert told["adoption"]["state"] == "provisional"
    assert sum(told["adoption"]["points_lost"].values()) == pytest.approx(100 - told["adoption"]["value"])
    assert told["adoption"]["low"] < told["adoption"]["value"] < told["adoption"]["high"]
    assert told["adoption"]["components"].keys() == {
        "reach", "acceptance", "retention", "stickiness", "follow_through"
    }  # fmt: skip
    assert told["gate"]["is_open"] is True


def test_rest_says_why_there_is_no_score(api):
    make_feature("new", stage="idea")
    told = api(make_key(scopes=["read"])[1]).get("/api/v1/features/new/scores/").json()
    for kind in ("adoption", "accountability"):
        assert (told[kind]["value"], told[kind]["state"], told[kind]["as_of"]) == (None, "no_data", None)
        assert "no usage of it has arrived" in told[kind]["reason"]
    assert told["gate"]["sentence"] == "not asked yet: no complete week of adoption, opens at 25"


@pytest.mark.parametrize(
    ("report", "shape"),
    [(ScoreReport, shapes.ScoreReportShape), (ScoresReport, shapes.ScoresReportShape),
     (ScoreComponent, shapes.ScoreComponentShape), (Trend, shapes.TrendShape)],
)  # fmt: skip
def test_the_shapes_are_those_of_the_reports(report, shape):
    from dataclasses import fields

    assert [field.name for field in fields(report)] == list(shape().get_fields())


def test_the_example_is_of_the_shape_it_stands_for():
    for name in ("adoption", "accountability"):
        assert list(shapes.SCORES[name]) == list(shapes.ScoreReportShape().get_fields())
    assert list(shapes.REACH) == list(shapes.ScoreComponentShape().get_fields())
