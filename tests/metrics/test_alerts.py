"""Alerts raised and cleared by the worker, and what people do with them."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from feedback.models import Feature
from metrics.actions import alerting, answering
from metrics.models import Alert, AlertStep, Expectation, ExpectationStatus, QualityWatch
from metrics.stats.alarm import LEARNED_FROM
from reviews.models import ReviewItem
from tests.factories import NOON, make_feature, make_membership, make_user, make_version
from tests.metrics.agreements import make_agreed, make_team
from tests.metrics.alert_story import bad_days, good_days, review
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WORDS = "The new airports have no history."


@pytest.fixture
def version():
    feature = make_feature("delay-alert", owner=make_user("olga@example.org"))
    return make_version(feature, "v1", deployed_at=NOON - 20 * DAY)


@pytest.fixture
def dropped(version):
    """Four days at 90 % right, one at 55 %, watched."""
    good_days(version)
    bad_days(version)
    work("sum_up", "watch_quality", now=NOON)
    return Alert.objects.get()


def watch(now):
    return work("sum_up", "watch_quality", now=now)


# --- the quality alarm


def test_a_drop_raises_one_alert_with_an_owner_and_its_evidence(dropped, version):
    assert (dropped.kind, dropped.version, dropped.key) == ("quality", version, f"quality {version.pk}")
    assert dropped.owner.email == "olga@example.org"
    assert dropped.due_at == NOON + DAY
    assert dropped.close_due_at == NOON + 14 * DAY
    assert "less often right than before" in dropped.title
    found = dropped.evidence
    assert 780 < found["n_before"] < 820
    assert found["drop_low"] < found["drop"] < found["drop_high"]
    assert found["foretold"] == pytest.approx(0.9, abs=0.04)
    assert found["found"] < 0.75
    assert {row["label"] for row in found["labels"]} == {"on_time", "late"}
    assert sum(row["n"] for row in found["labels"]) == found["n"]
    assert 1 <= len(found["wrong"]) <= 10
    assert [step.kind for step in AlertStep.objects.of(dropped)] == ["raised"]


def test_without_a_drop_nothing_is_raised_and_the_watch_says_how_it_stands(version):
    good_days(version)
    watch(NOON)
    assert not Alert.objects.exists()
    state = QualityWatch.objects.get()
    assert (state.n, state.n_to_learn, state.n_newest) == (800, 0, 200)
    assert 0 < state.statistic < state.threshold == 10_000
    assert state.found_low < state.found < state.found_high


def test_before_it_has_learned_it_says_how_many_reviews_it_needs(version):
    review(version, 40, right=0.9, at=NOON - DAY)
    watch(NOON)
    assert QualityWatch.objects.get().n_to_learn == LEARNED_FROM - 40


def test_looking_again_does_nothing_and_a_replay_raises_nothing_more(dropped, version):
    assert watch(NOON + HOUR) == []
    write = alerting.prepare_alerts(feature=version.feature, now=NOON + DAY)  # another day: another mark
    assert write() == (0, 0)
    assert write() == (0, 0)
    assert Alert.objects.count() == 1


def test_two_looks_at_once_end_with_one_alert(version):
    good_days(version)
    bad_days(version)
    work("sum_up", now=NOON)
    looks = [alerting.prepare_alerts(feature=version.feature, now=NOON) for _ in range(2)]
    assert [write() for write in looks] == [(1, 0), (0, 0)]


def test_it_clears_itself_when_the_reviews_are_back(dropped, version):
    for day in range(4):
        review(version, 200, right=0.93, at=NOON + day * DAY, seed=90 + day)
    watch(NOON + 5 * DAY)
    dropped.refresh_from_db()
    assert dropped.cleared_at == NOON + 5 * DAY
    assert "back" in dropped.cleared_why
    assert not dropped.is_cleared_by_person
    last = AlertStep.objects.of(dropped).last()
    assert (last.kind, last.by, last.words) == ("cleared", None, dropped.cleared_why)


def test_it_clears_itself_when_another_version_has_taken_over(dropped, version):
    second = make_version(version.feature, "v2", deployed_at=NOON)
    review(second, 20, right=0.9, at=NOON + 15 * DAY)
    watch(NOON + 16 * DAY)
    dropped.refresh_from_db()
    assert "another one has taken its place" in dropped.cleared_why
    assert [each.version for each in QualityWatch.objects.all()] == [second]


def test_a_corrected_judgment_takes_the_alert_back(dropped):
    ReviewItem.objects.filter(verdict="wrong").update(verdict="right", final_at=NOON)
    watch(NOON + HOUR)
    dropped.refresh_from_db()
    assert "corrected" in dropped.cleared_why


def test_whoever_clears_it_calls_the_new_state_normal(dropped, version):
    user = make_membership(make_user(), version.feature, "owner").user
    answering.clear(alert_id=dropped.pk, words=WORDS, user=user, now=NOON + HOUR)
    for day in range(4):
        review(version, 200, right=0.6, at=NOON + day * DAY, seed=70 + day)
    watch(NOON + 5 * DAY)
    assert not Alert.objects.raised().exists()
    assert QualityWatch.objects.get().n_to_learn == 0


def test_a_review_judged_anew_does_not_bring_back_what_a_person_cleared(dropped, version):
    user = make_membership(make_user(), version.feature, "owner").user
    answering.clear(alert_id=dropped.pk, words=WORDS, user=user, now=NOON + HOUR)
    watch(NOON + 2 * HOUR)
    first_bad(version).update(final_at=NOON + 3 * HOUR)
    watch(NOON + 4 * HOUR)
    assert Alert.objects.count() == 1


def test_a_void_neither_ends_an_alert_nor_raises_it_twice(dropped, version):
    item = first_bad(version)
    verdict, truth = item.values_list("verdict", "truth").get()
    item.update(state="open", verdict="", truth="", final_at=None)
    watch(NOON + 4 * HOUR)
    assert Alert.objects.raised().get() == dropped
    item.update(state="final", verdict=verdict, truth=truth, final_at=NOON + 5 * HOUR)
    watch(NOON + 6 * HOUR)
    assert Alert.objects.get().cleared_at is None


def first_bad(version):
    """The first review of the day that dropped, as a query set."""
    drawn = ReviewItem.objects.filter(version=version, cohort_on=(NOON - 5 * DAY).date())
    return ReviewItem.objects.filter(pk=drawn.order_by("queue_key")[0].pk)


def test_what_is_cleared_while_a_worker_looks_is_not_raised_anew(dropped, version):
    review(version, 10, right=0.6, at=NOON)
    look = alerting.prepare_alerts(feature=version.feature, now=NOON + DAY)
    user = make_membership(make_user(), version.feature, "owner").user
    answering.clear(alert_id=dropped.pk, words=WORDS, user=user, now=NOON + DAY)
    assert look() == (0, 0)
    watch(NOON + DAY)
    assert not Alert.objects.raised().exists()


def test_reviews_count_in_the_order_in_which_the_gap_before_them_closed(version):
    items = review(version, 30, right=0.9, at=NOON - DAY)
    late = items[3]  # answered last: all behind it waited for it
    ReviewItem.objects.filter(pk=late.pk).update(final_at=NOON)
    found = alerting.counted_in_order(version)
    assert [each.key for each in found] == [item.queue_key for item in items]
    assert {each.at for each in found[3:]} == {NOON}
    assert found[2].at < NOON
    ReviewItem.objects.filter(pk=late.pk).update(state="open", verdict="", truth="", final_at=None)
    assert len(alerting.counted_in_order(version)) == 3


def test_a_day_that_is_reviewed_later_comes_later_whatever_its_date(version):
    review(version, 10, right=0.9, at=NOON - DAY)
    before = [each.external_id for each in alerting.counted_in_order(version)]
    ReviewItem.objects.update(final_at=NOON - HOUR)
    for item in review(version, 10, right=0.9, at=NOON - 3 * DAY):
        ReviewItem.objects.filter(pk=item.pk).update(final_at=NOON)
    assert [each.external_id for each in alerting.counted_in_order(version)][:10] == before


# --- expectations


@pytest.fixture
def broken():
    """An expectation and its team; the statuses are told, not measured."""
    feature, people = make_team(make_feature("prices"))
    row = make_agreed(feature, people)
    return row, people, lambda status, at: tell(row, status, at)


def tell(row, status, at):
    return ExpectationStatus.objects.create(
        expectation=row, status=status, since=at, checked_at=at, value=0.6, low=0.5, high=0.7, n=400
    )


def test_a_broken_expectation_raises_one_alert_until_it_is_no_longer_broken(broken):
    row, _, say = broken
    say("not_sure", NOON)
    assert watch(NOON) == ["1 features to watch", "0 alerts raised, 0 cleared"]
    say("broken", NOON + HOUR)
    watch(NOON + 2 * HOUR)
    alert = Alert.objects.get()
    assert (alert.kind, alert.owner) == ("expectation", None)
    assert alert.title == "Broken: Share right (accuracy), agreed at least 80\u00a0%"
    assert alert.evidence["expectation"] == row.pk
    assert "product and data science agreed on 80" in alert.evidence["sentence"]
    say("not_sure", NOON + 3 * HOUR)
    watch(NOON + 4 * HOUR)
    alert.refresh_from_db()
    assert alert.cleared_at is None  # not sure is no end
    say("met", NOON + 5 * HOUR)
    watch(NOON + 6 * HOUR)
    alert.refresh_from_db()
    assert alert.cleared_why == "The expectation is met now."


def test_crossing_the_edge_again_and_again_is_one_alert(broken):
    _, people, say = broken
    for n in range(3):
        say("broken", NOON + 2 * n * HOUR)
        watch(NOON + 2 * n * HOUR)
        say("not_sure", NOON + (2 * n + 1) * HOUR)
        watch(NOON + (2 * n + 1) * HOUR)
    alert = Alert.objects.get()
    answering.clear(alert_id=alert.pk, words=WORDS, user=people["product"], now=NOON + 7 * HOUR)
    say("broken", NOON + 8 * HOUR)
    watch(NOON + 8 * HOUR)
    assert Alert.objects.count() == 1


def test_an_expectation_whose_day_has_passed_raises_nothing_and_clears_its_alert(broken):
    row, _, say = broken
    say("broken", NOON)
    watch(NOON)
    Expectation.objects.filter(pk=row.pk).update(resolved_at=NOON + HOUR)
    watch(NOON + HOUR)
    assert Alert.objects.get().cleared_why == "The expectation's day has passed."


def test_it_is_raised_anew_when_it_breaks_again_and_not_before(broken):
    _, people, say = broken
    say("broken", NOON)
    watch(NOON)
    alert = Alert.objects.get()
    answering.clear(alert_id=alert.pk, words=WORDS, user=people["product"], now=NOON + HOUR)
    watch(NOON + DAY)
    assert Alert.objects.count() == 1
    say("met", NOON + 2 * DAY)
    say("broken", NOON + 3 * DAY)
    watch(NOON + 3 * DAY)
    assert Alert.objects.raised().count() == 1
    assert Alert.objects.count() == 2


def test_renegotiating_clears_it(broken):
    row, people, say = broken
    say("broken", NOON)
    watch(NOON)
    make_agreed(row.feature, people, target=0.5, replaces=row, now=NOON + HOUR)
    watch(NOON + HOUR)
    assert "renegotiated" in Alert.objects.get().cleared_why


# --- people


@pytest.fixture
def alert(broken):
    broken[2]("broken", NOON)
    watch(NOON)
    return Alert.objects.get()


@pytest.fixture
def pia(alert):
    return make_membership(make_user("pia@example.org"), alert.feature, "product").user


def test_taking_it_over_is_an_answer(alert, pia):
    found = answering.take_over(alert_id=alert.pk, words=WORDS, user=pia, now=NOON + HOUR)
    assert (found.owner, found.answered_at) == (pia, NOON + HOUR)
    answering.take_over(alert_id=alert.pk, words=WORDS, user=pia, now=NOON + 2 * HOUR)  # a replay
    assert [step.kind for step in AlertStep.objects.of(alert)] == ["raised", "taken"]


def test_handing_it_over_is_no_answer_and_goes_to_those_who_answer_only(alert, pia):
    dan = make_membership(make_user("dan@example.org"), alert.feature, "data_science").user
    found = answering.hand_over(alert_id=alert.pk, to=dan, words=WORDS, user=pia, now=NOON + HOUR)
    assert (found.owner, found.answered_at) == (dan, None)
    reviewer = make_membership(make_user(), alert.feature, "reviewer").user
    for other in (reviewer, make_user()):
        with pytest.raises(ValidationError, match="no member of this feature"):
            answering.hand_over(alert_id=alert.pk, to=other, words=WORDS, user=pia, now=NOON + HOUR)


def test_a_snoozed_alert_is_quiet_until_its_time_and_raised_all_the_while(alert, pia):
    answering.snooze(alert_id=alert.pk, until=NOON + 2 * DAY, words=WORDS, user=pia, now=NOON + HOUR)
    assert not Alert.objects.loud(NOON + DAY).exists()
    assert Alert.objects.snoozed(NOON + DAY).get() == Alert.objects.raised().get() == alert
    assert Alert.objects.loud(NOON + 2 * DAY).get() == alert
    alert.refresh_from_db()
    assert alert.answered_at == NOON + HOUR


@pytest.mark.parametrize("until", [NOON - DAY, NOON, NOON + 31 * DAY])
def test_a_snooze_ends_ahead_and_within_thirty_days(alert, pia, until):
    with pytest.raises(ValidationError, match="within 30 days"):
        answering.snooze(alert_id=alert.pk, until=until, words=WORDS, user=pia, now=NOON)


def test_nothing_is_done_without_words_nor_after_the_end(alert, pia):
    with pytest.raises(ValidationError, match="Say in a sentence"):
        answering.clear(alert_id=alert.pk, words="  ", user=pia, now=NOON)
    answering.clear(alert_id=alert.pk, words=WORDS, user=pia, now=NOON)
    with pytest.raises(ValidationError, match="cleared already"):
        answering.clear(alert_id=alert.pk, words="Me too.", user=pia, now=NOON)


def test_who_may_answer(alert, pia):
    reviewer = make_membership(make_user(), alert.feature, "reviewer").user
    assert answering.answered_by(pia).get() == alert.feature
    assert not answering.answered_by(reviewer).exists()
    assert answering.answered_by(make_user(is_staff=True)).count() == Feature.objects.count()


# --- what the database holds


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "rumour"},
        {"kind": "quality"},  # of no version
        {"title": ""},
        {"due_at": NOON},
        {"cleared_at": NOON + DAY},  # without a reason
        {"cleared_why": "over"},  # without a time
        {"cleared_at": NOON - DAY, "cleared_why": "over"},
        {"snoozed_until": NOON - HOUR},
        {"answered_at": NOON - HOUR},
        {"key": "taken"},
    ],
)
def test_the_database_refuses_an_alert_that_cannot_be(wrong):
    feature = make_feature()
    honest = {
        "feature": feature, "kind": "expectation", "key": "k", "title": "Broken", "raised_at": NOON,
        "due_at": NOON + DAY, "close_due_at": NOON + 2 * DAY,
    }  # fmt: skip
    Alert.objects.create(**{**honest, "key": "taken"})
    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.create(**{**honest, **wrong})


def test_what_was_raised_and_what_was_done_never_change(alert, pia):
    answering.take_over(alert_id=alert.pk, words=WORDS, user=pia, now=NOON + HOUR)
    for rows, change in (
        (Alert.objects.all(), {"raised_at": NOON - DAY, "answered_at": NOON - HOUR}),
        (Alert.objects.all(), {"evidence": {"found": 1}}),
        (AlertStep.objects.filter(kind="taken"), {"words": "Nothing."}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**change)


def test_the_same_reviews_in_any_order_of_reading_make_the_same_watch(version):
    good_days(version, 3)
    bad_days(version)
    counted = alerting.counted_in_order(version)
    shuffled = random.Random(2).sample(counted, len(counted))
    assert sorted(shuffled, key=alerting.in_order) == counted
    assert replace(counted[0]) == counted[0]
