"""What stands beside quality on the Features and the Feature page."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from feedback.models import Feature, FeedbackItem
from metrics.models import UseWeek
from metrics.overview import agreed_of, overviews, with_facts
from tests.factories import NOON, make_feature, make_membership, make_user

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 3, 2)  # of the running week
NOW = NOON + timedelta(days=3)  # by then what was shown in the week before is settled
WEEK = timedelta(weeks=1)
JUDGED = {"n_used_judged": 20, "n_refused_judged": 10, "n_used": 400, "n_refused": 50}
SHARES = {"wrong_but_used": 0.1, "wrong_but_used_low": 0.05, "wrong_but_used_high": 0.2}


def make_week(feature, on, source="reviewed", **fields):
    return UseWeek.objects.create(
        feature=feature, week_on=on, source=source, as_of=NOON, right_used=0, right_shown=0, wrong_used=0,
        wrong_shown=0, n_right=0, n_wrong=0, **{**JUDGED, **SHARES, **fields},
    )  # fmt: skip


def make_complaint(feature, external_id, *, received_at=NOON, **fields):
    return FeedbackItem.objects.create(
        feature=feature, external_id=external_id, channel="complaint", text="Wrong.", occurred_at=received_at,
        received_at=received_at, fingerprint=1, triage_due_at=received_at + WEEK,
        close_due_at=received_at + 4 * WEEK, **fields,
    )  # fmt: skip


def overview_of(feature, now=NOW):
    (found,) = overviews(read(pk=feature.pk, now=now), rates={}, now=now)
    return found


def read(now=NOW, **which):
    return list(with_facts(Feature.objects.filter(**which).order_by("name"), user=make_user(), now=now))


def test_the_newest_complete_week_is_shown_and_not_the_running_one():
    feature = make_feature()
    make_week(feature, MONDAY - 2 * WEEK, wrong_but_used=0.2)
    make_week(feature, MONDAY - WEEK)
    make_week(feature, MONDAY, wrong_but_used=0.15)
    assert overview_of(feature).wrong_but_used.value == 0.1
    assert overview_of(feature).wrong_but_used.week_on == MONDAY - WEEK


def test_a_week_is_shown_when_the_answers_of_its_last_day_are_settled():
    feature = make_feature()
    make_week(feature, MONDAY - WEEK)
    assert overview_of(feature, now=NOON + timedelta(days=2)).wrong_but_used is None
    assert overview_of(feature, now=NOON + timedelta(days=3)).wrong_but_used is not None


def test_of_two_sources_the_one_that_judged_more_is_shown():
    feature = make_feature()
    make_week(feature, MONDAY - WEEK, n_used_judged=20)
    make_week(feature, MONDAY - WEEK, "observed", wrong_but_used=0.12, n_used_judged=300)
    found = overview_of(feature).wrong_but_used
    assert (found.value, found.n, found.n_pairs) == (0.12, 300, 400)


def test_a_week_in_which_nothing_was_judged_gives_way_to_the_one_before():
    feature = make_feature()
    make_week(feature, MONDAY - 2 * WEEK)
    nothing = dict.fromkeys(SHARES)
    make_week(feature, MONDAY - WEEK, n_used_judged=0, **nothing)
    assert overview_of(feature).wrong_but_used.week_on == MONDAY - 2 * WEEK


def test_what_is_older_than_six_weeks_says_nothing_of_today():
    feature = make_feature()
    make_week(feature, MONDAY - 7 * WEEK)
    assert overview_of(feature).wrong_but_used is None


def test_open_and_overdue_feedback_is_counted_for_its_own_feature_alone():
    feature, other = make_feature(), make_feature()
    make_complaint(feature, "young")
    make_complaint(feature, "old", received_at=NOON - 2 * WEEK)
    make_complaint(other, "others")
    assert (overview_of(feature).n_open, overview_of(feature).n_overdue) == (2, 1)
    assert (overview_of(other).n_open, overview_of(other).n_overdue) == (1, 0)


def test_overviews_come_in_the_order_of_the_features():
    for name in ("Zebra", "Ant", "Mole"):
        make_feature(name=name)
    assert [each.standing.name for each in overviews(read(), rates={}, now=NOW)] == ["Ant", "Mole", "Zebra"]


@pytest.mark.parametrize(("n", "shown"), [(9, "too few judged"), (10, "10 judged")])
def test_a_handful_of_judged_answers_makes_no_headline(client_for, n, shown):
    ann, feature = make_user(), make_feature("claims")
    make_membership(ann, feature)
    week = timezone.now().date() - 2 * WEEK
    make_week(feature, week - timedelta(days=week.weekday()), n_used_judged=n)
    assert shown in client_for(ann).get("/features/").content.decode()
    assert ("too few judged" in client_for(ann).get("/features/claims/").content.decode()) == (n < 10)


def test_without_an_agreement_the_chart_has_no_dashed_line():
    agreed = agreed_of(make_feature(), now=NOON)
    assert (agreed.promises, agreed.target) == ([], None)


def test_the_feature_page_says_what_is_not_known_yet_and_why(client_for):
    ann, feature = make_user(), make_feature("claims")
    make_membership(ann, feature)
    text = client_for(ann).get("/features/claims/").content.decode()
    assert "no used answer of a complete week was judged" in text
    assert "Nothing yet: no expectation is signed by both product and data science." in text
    assert "Not placed in the quadrants yet, because adoption is not known" in text
