"""A reviewer's own page: their figures, and of a case only what is final."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reviews.actions.desk import set_policy
from reviews.actions.leading import make_gold
from reviews.models import Assignment
from reviews.own_reading import own_page
from tests.factories import NOON, make_feature, make_membership, make_outcome, make_prediction, make_user
from tests.reviews.disputes import decided, judged_by_two
from tests.reviews.steps import MINUTE, answer, claim, queue, reviewers

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
RIGHT, LOST = {"verdict": "right"}, {"verdict": "wrong", "corrected": "lost"}
ON_TIME = {"verdict": "wrong", "corrected": "on_time"}
SECRET = {"verdict": "wrong", "corrected": "lost", "comment": "SECRETCOMMENT"}


@pytest.fixture
def feature():
    return make_feature("delay-alert")


@pytest.fixture
def judge(feature):
    return make_membership(make_user("judge@example.org"), feature, "adjudicator").user


def test_counts_are_of_today_the_last_seven_days_and_all_with_active_minutes(feature):
    queue(feature, 4)
    [ann] = reviewers(feature, 1)
    for ago in (10, 6, 5, 0):
        case = claim(feature, ann, now=NOON - ago * DAY)
        answer(case, ann, now=NOON - ago * DAY + MINUTE, key=f"{ago}")
    page = own_page(ann, now=NOON + MINUTE)
    assert (page.n_today, page.n_week, page.n_all, page.minutes) == (1, 3, 4, 4.0)
    [each] = page.features
    assert (each.name, each.n_all) == (feature.name, 4)


def test_agreement_is_told_from_ten_final_cases_on_with_its_interval(feature):
    ann, bob = judged_by_two(feature, [(RIGHT, RIGHT)] * 9, audit_share=0.0)
    told = own_page(ann, now=NOON).agreement
    assert (told.value, told.reason) == (
        None,
        "needs 1 more final case that somebody else judged too",
    )
    judged_by_two(feature, [(LOST, LOST)], raters=(ann, bob), audit_share=0.0)
    told = own_page(ann, now=NOON).agreement
    assert (told.value, told.n, told.low) == (1.0, 10, pytest.approx(0.722, abs=1e-3))


def test_a_case_that_waits_for_a_decision_is_in_no_figure_and_no_list(feature, judge, client_for):
    ann, _ = judged_by_two(feature, [(RIGHT, SECRET)] + [(RIGHT, RIGHT)] * 10, audit_share=0.0)
    before = own_page(ann, now=NOON)
    assert (before.agreement.n, before.agreement.value, before.decided) == (10, 1.0, [])
    assert "SECRETCOMMENT" not in client_for(ann).get("/desk/me/").text
    decided(feature, judge)
    after = own_page(ann, now=NOON)
    assert (after.agreement.n, after.agreement.value) == (11, 10 / 11)


def test_after_a_decision_ones_own_answer_stands_beside_the_final_one_and_why(feature, judge, client_for):
    ann, bob = judged_by_two(feature, [(RIGHT, SECRET)])
    decided(feature, judge, comment="It came <b>at noon</b>.", **ON_TIME)
    for rater, mine in ((ann, "Right"), (bob, "Wrong: lost")):
        page = client_for(rater).get("/desk/me/")
        [case] = page.context["page"].decided
        assert (case.mine, case.final, case.is_same) == (mine, "Wrong: on_time", False)
        assert "It came &lt;b&gt;at noon&lt;/b&gt;." in page.text
        other = {ann: bob, bob: ann}[rater]
        assert [word for word in (other.email, judge.email, "SECRETCOMMENT") if word in page.text] == []


def test_an_audit_says_what_was_seen_again_and_leaves_the_final_answer(feature, judge):
    ann, _ = judged_by_two(feature, [(RIGHT, RIGHT)], audit_share=1.0)
    decided(feature, judge, **LOST)
    [case] = own_page(ann, now=NOON).decided
    assert (case.mine, case.final, case.again, case.is_same) == ("Right", "Right", "Wrong: lost", True)


def golden(feature, reviewer, n, *, n_wrong=0, now=NOON):
    """n gold cases answered by this reviewer; the model said late, and that was right."""
    version = feature.versions.first()
    lead = make_membership(feature=feature, role="owner").user
    for _ in range(n):
        prediction = make_prediction(version, label="late")
        make_outcome(prediction, truth="late")
        make_gold(prediction=prediction, lead=lead, now=now)
    set_policy(feature=feature, user=None, now=now, design="all", gold_share=0.5)
    for place in range(n):
        case = claim(feature, reviewer, now=now, rng=Always())
        assert case.lane == "gold"
        answer(case, reviewer, now=now + MINUTE, key=f"g{case.pk}", **(LOST if place < n_wrong else RIGHT))


class Always:
    """A coin that falls on gold."""

    def random(self):
        return 0.0


def test_gold_is_told_from_thirty_answers_on_and_not_even_their_number_before(feature):
    queue(feature, 1)
    [ann] = reviewers(feature, 1)
    golden(feature, ann, 29, n_wrong=3)
    told = own_page(ann, now=NOON + DAY).gold
    assert (told.value, told.n) == (None, 0)
    assert "needs 30 answers" in told.reason
    golden(feature, ann, 1)
    told = own_page(ann, now=NOON + DAY).gold
    assert (told.value, told.n) == (0.9, 30)
    assert (told.low, told.high) == (pytest.approx(0.744, abs=1e-3), pytest.approx(0.965, abs=1e-3))


def test_a_gold_answer_of_today_shows_in_no_figure_of_today(feature):
    queue(feature, 1)
    [ann] = reviewers(feature, 1)
    golden(feature, ann, 30)
    tomorrow = NOON + DAY
    before = own_page(ann, now=tomorrow).gold
    golden(feature, ann, 1, n_wrong=1, now=tomorrow)
    assert own_page(ann, now=tomorrow + timedelta(hours=11)).gold == before
    assert own_page(ann, now=tomorrow + DAY).gold.n == 31


def test_the_page_tells_nothing_of_a_feature_that_one_reviews_no_longer(feature, judge):
    ann, _ = judged_by_two(feature, [(RIGHT, LOST)])
    decided(feature, judge)
    ann.memberships.all().delete()
    page = own_page(ann, now=NOON)
    assert (page.n_all, page.decided, page.features) == (0, [], [])


def test_everybody_who_is_logged_in_has_a_page_of_their_own(client_for):
    page = client_for(make_user()).get("/desk/me/")
    assert (page.status_code, "No judgment of yours yet" in page.text) == (200, True)
    assert Client().get("/desk/me/").status_code == 302


def test_my_figures_are_a_link_on_the_desk(feature, client_for):
    [ann] = reviewers(feature, 1)
    assert 'href="/desk/me/"' in client_for(ann).get("/desk/").text


def test_the_page_takes_the_same_queries_for_3_and_for_30(feature, judge, client_for):
    counts = []
    raters = judged_by_two(feature, [(RIGHT, LOST)] * 3)
    browser = client_for(raters[0])
    for more in (0, 27):
        if more:
            judged_by_two(feature, [(RIGHT, LOST)] * more, raters=raters)
        while Assignment.objects.to_decide().filter(state="open").exists():
            decided(feature, judge, now=timezone.now())
        with CaptureQueriesContext(connection) as captured:
            assert len(browser.get("/desk/me/").context["page"].decided) == 3 + more
        counts.append(len(captured))
    assert counts[0] == counts[1]
