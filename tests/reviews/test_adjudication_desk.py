"""The adjudication desk: what waits, as A and B, for whoever was no rater of it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reviews.actions.desk import claim_decision
from reviews.adjudication_reading import adjudication_desk
from reviews.models import ReviewItem
from tests.factories import NOON, make_feature, make_membership, make_user
from tests.reviews.disputes import decided, judged_by_two

pytestmark = pytest.mark.django_db
ADDRESS = "/features/delay-alert/adjudication/"
RIGHT, LOST = {"verdict": "right"}, {"verdict": "wrong", "corrected": "lost", "comment": "SECRETCOMMENT"}


@pytest.fixture
def feature():
    return make_feature("delay-alert")


@pytest.fixture
def judge(feature):
    return make_membership(make_user("judge@example.org"), feature, "adjudicator").user


def desk_of(feature, person, now=NOON):
    return adjudication_desk(feature, person=person, may_decide=True, now=now)


def test_what_two_see_differently_is_listed_as_a_and_b_without_names(feature, judge, client_for):
    ann, bob = judged_by_two(feature, [(RIGHT, LOST), (RIGHT, RIGHT)], audit_share=0.0)
    page = client_for(judge).get(ADDRESS)
    [case] = page.context["desk"].cases
    assert (case.first, case.second, case.answer, case.is_audit) == ("Right", "Wrong: lost", "late", False)
    hidden = (ann.email, bob.email, "SECRETCOMMENT", "score", "weight", "luck")
    assert [word for word in hidden if word in page.text] == []


def test_an_audit_is_listed_after_what_is_disputed_and_says_that_they_agree(feature, judge):
    judged_by_two(feature, [(RIGHT, RIGHT), (RIGHT, LOST)], audit_share=1.0)
    desk = desk_of(feature, judge)
    assert [(case.is_audit, case.first) for case in desk.cases] == [(False, "Right"), (True, "Right")]


def test_a_rater_sees_nothing_of_their_own_case_not_even_its_number(feature, client_for):
    ann = make_membership(make_user("ann@example.org"), feature, "adjudicator").user
    bob = make_membership(feature=feature).user
    judged_by_two(feature, [(RIGHT, LOST)], raters=(ann, bob))
    page = client_for(ann).get(ADDRESS)
    assert page.context["desk"].n == 0
    assert "Nothing to decide" in page.text


def test_the_first_is_decided_by_the_desks_own_flow_with_a_third_answer_and_a_why(feature, judge, client_for):
    judged_by_two(feature, [(RIGHT, LOST)])
    browser = client_for(judge)
    assert 'name="work" value="decide"' in browser.get(ADDRESS).text
    held = browser.post("/desk/claim/", {"feature": "delay-alert", "work": "decide"}, follow=True).context["case"]
    third = {"token": held.token, "verdict": "wrong", "corrected": "on_time"}
    address = f"/desk/{held.assignment_id}/submit/"
    assert list(browser.post(address, third).context["errors"]) == ["comment"]
    assert browser.post(address, {**third, "comment": "It came at noon."}).status_code == 303
    item = ReviewItem.objects.get()
    assert (item.state, item.verdict, item.truth) == ("final", "wrong", "on_time")
    assert browser.get(ADDRESS).context["desk"].n == 0


def test_what_another_adjudicator_has_is_listed_and_not_free(feature, judge):
    judged_by_two(feature, [(RIGHT, LOST), (LOST, RIGHT)])
    other = make_membership(feature=feature, role="adjudicator").user
    claim_decision(adjudicator=other, features=[feature], now=NOON)
    desk = desk_of(feature, judge)
    assert (desk.n, desk.n_free, [case.is_held for case in desk.cases]) == (2, 1, [True, False])


def test_a_decided_case_is_gone(feature, judge):
    judged_by_two(feature, [(RIGHT, LOST)])
    decided(feature, judge)
    assert desk_of(feature, judge).n == 0


def test_staff_see_what_waits_and_cannot_decide_it(feature, client_for):
    judged_by_two(feature, [(RIGHT, LOST)])
    page = client_for(make_user(is_staff=True)).get(ADDRESS)
    assert (page.status_code, "Decide the first" in page.text) == (200, False)


@pytest.mark.parametrize(
    ("role", "of", "status"),
    [
        ("adjudicator", "delay-alert", 200),
        ("reviewer", "delay-alert", 403),
        ("owner", "delay-alert", 403),
        ("adjudicator", "another", 404),
    ],
)
def test_only_the_features_adjudicators_come_in(feature, client_for, role, of, status):
    where = feature if of == feature.slug else make_feature(of)
    person = make_membership(feature=where, role=role).user
    assert client_for(person).get(ADDRESS).status_code == status


def test_nobody_comes_in_unknown(feature):
    assert Client().get(ADDRESS).status_code == 302


def test_the_desk_takes_the_same_queries_for_3_and_for_30(judge, feature, client_for):
    browser, counts = client_for(judge), []
    raters = judged_by_two(feature, [(RIGHT, LOST)] * 3)
    for more in (0, 27):
        if more:
            judged_by_two(feature, [(RIGHT, LOST)] * more, raters=raters)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(ADDRESS).context["desk"].n == 3 + more
        counts.append(len(captured))
    assert counts[0] == counts[1]
