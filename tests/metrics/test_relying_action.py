"""Wrong but used and reliance from reviews: weighted by the chance of being judged, refused answers included."""

from datetime import timedelta

import pytest

from feedback.models import Prediction
from metrics.actions.relying import prepare_weeks, reliance
from metrics.models import UseWeek
from reviews.actions.desk import claim_next, set_policy, submit
from reviews.actions.draw import draw_received
from reviews.models import ReviewItem
from tests.factories import NOON, make_feature, make_membership, make_outcome, make_prediction, make_version
from tests.metrics.usage_story import DAY, HOUR, see
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
MONDAY = NOON.date()


@pytest.fixture
def feature():
    return make_feature("claims")


def shown(feature, n, answers):
    """n predictions of NOON, each shown to a person of its own, who does answers[number]."""
    version = make_version(feature, "v1")
    for number in range(n):
        make_prediction(version, f"p{number:02d}", label="late", occurred_at=NOON)
        see(feature, f"u{number}", f"p{number:02d}", NOON, *answers[number : number + 1], account="a")


def judge_all(feature, wrong, *, n=None, design="all"):
    """An expert finds these predictions wrong, the others right; n: only the first of the queue."""
    set_policy(feature=feature, user=None, now=NOON, design=design, reviews_per_day=40)
    draw_received(now=NOON + DAY)
    ann = make_membership(feature=feature).user
    for number in range(n or ReviewItem.objects.count()):
        case = claim_next(reviewer=ann, features=[feature], now=NOON + DAY)
        verdict = "wrong" if case.item.prediction.external_id in wrong else "right"
        submit(
            assignment_id=case.pk, token=case.lease_token, reviewer=ann, verdict=verdict,
            idempotency_key=f"k{number}", now=NOON + DAY,
        )  # fmt: skip


def weeks_at(feature, now=NOON + 5 * DAY):
    work("sum_usage", now=now)
    return {week.source: week for week in UseWeek.objects.filter(feature=feature, week_on=MONDAY)}


def test_reviews_tell_what_was_wrong_but_used_and_right_but_refused(feature):
    shown(feature, 20, ["accepted"] * 12 + ["dismissed"] * 8)
    judge_all(feature, wrong={"p00", "p01", "p02", "p12", "p13"})
    week = weeks_at(feature)["reviewed"]
    assert (week.n_used, week.n_used_judged, week.n_refused, week.n_refused_judged) == (12, 12, 8, 8)
    assert week.wrong_but_used == pytest.approx(3 / 12)
    assert week.right_but_refused == pytest.approx(6 / 8)
    assert week.wrong_but_used_low < 0.25 < week.wrong_but_used_high


def test_the_two_sources_stand_side_by_side(feature):
    shown(feature, 20, ["accepted"] * 20)
    judge_all(feature, wrong={"p00", "p01"})
    for number, prediction in enumerate(Prediction.objects.order_by("external_id")[:10]):
        make_outcome(prediction, truth="late" if number < 6 else "on_time")
    found = weeks_at(feature)
    assert found["reviewed"].wrong_but_used == pytest.approx(0.1)
    assert (found["observed"].wrong_but_used, found["observed"].n_used_judged) == (pytest.approx(0.4), 10)


def test_reviews_behind_a_gap_do_not_count(feature):
    shown(feature, 20, ["accepted"] * 20)
    judge_all(feature, wrong=set(), n=8)
    assert weeks_at(feature)["reviewed"].n_used_judged == 8


def test_a_pair_nobody_has_settled_is_in_no_share(feature):
    shown(feature, 4, ["accepted", "dismissed"])
    judge_all(feature, wrong=set())
    week = weeks_at(feature, NOON + 2 * DAY)["reviewed"]
    assert week.right_shown == 2
    assert weeks_at(feature, NOON + 5 * DAY)["reviewed"].right_shown == 4


def test_reliance_is_of_right_and_of_wrong_answers(feature):
    answers = ["accepted"] * 15 + ["dismissed"] * 5 + ["accepted"] * 3 + ["overridden"] * 7
    shown(feature, 30, answers)
    judge_all(feature, wrong={f"p{number}" for number in range(20, 30)})
    weeks_at(feature)
    found = reliance(feature, start=NOON - 10 * DAY, end=NOON + 5 * DAY)
    assert (found.used_given_right, found.not_used_given_wrong) == (pytest.approx(15 / 20), pytest.approx(7 / 10))
    assert (found.n_right, found.n_wrong, found.reason) == (20, 10, "")


def test_too_few_are_no_reliance_and_it_is_said_what_is_missing(feature):
    shown(feature, 12, ["accepted"] * 12)
    judge_all(feature, wrong={"p00", "p01"})
    weeks_at(feature)
    found = reliance(feature, start=NOON - DAY, end=NOON + DAY)
    assert (found.used_given_right, found.not_used_given_wrong) == (None, None)
    assert found.reason == "needs 8 more wrong answers that were shown to somebody and judged"


def test_where_reviews_are_few_the_truth_that_arrived_tells(feature):
    shown(feature, 24, ["accepted"] * 12 + ["dismissed"] * 12)
    for number, prediction in enumerate(Prediction.objects.order_by("external_id")):
        make_outcome(prediction, truth="late" if number % 2 else "on_time")
    weeks_at(feature)
    found = reliance(feature, start=NOON - DAY, end=NOON + DAY)
    assert (found.n_right, found.n_wrong) == (12, 12)
    assert found.used_given_right == pytest.approx(0.5)


def test_without_anything_there_is_no_reliance(feature):
    found = reliance(feature, start=NOON - DAY, end=NOON)
    assert found.reason == (
        "needs 10 more right answers that were shown to somebody and judged"
        " and 10 more wrong answers that were shown to somebody and judged"
    )


def test_a_number_is_right_within_its_tolerance():
    prices = make_feature("prices", answer_kind="number", tolerance=0.1, tolerance_kind="relative")
    version = make_version(prices)
    for number, truth in enumerate((100.0, 109.0, 90.0, 130.0)):
        prediction = make_prediction(version, f"p{number}", value=100.0, occurred_at=NOON)
        make_outcome(prediction, truth=truth)
        see(prices, f"u{number}", f"p{number}", NOON, "accepted", account="a")
    assert weeks_at(prices)["observed"].wrong_but_used == pytest.approx(0.5)


def test_a_set_cannot_be_joined_and_says_nothing(feature):
    see(feature, "u1", "", NOON, "accepted", account="a", set_external_id="s1", rank=1)
    week = weeks_at(feature)["observed"]
    assert (week.n_used, week.n_used_judged) == (1, 0)


def test_weeks_older_than_a_quarter_stay_as_they_were(feature):
    shown(feature, 3, ["accepted"] * 3)
    judge_all(feature, wrong={"p00"})
    weeks_at(feature)
    before = list(UseWeek.objects.values())
    _, write = prepare_weeks(feature=feature, now=NOON + timedelta(weeks=20) + HOUR)
    write()
    assert list(UseWeek.objects.values()) == before
