"""The rate of reviews follows expectations, alerts and drift, on whole days that are not drawn yet."""

from datetime import timedelta

import pytest

from feedback.models import Job
from metrics.models import Alert, DriftReading, Expectation, ExpectationStatus
from reviews.actions.draw import draw_received
from reviews.actions.policies import set_policy
from reviews.actions.rates import share_on
from reviews.models import DrawDay, ReviewRate
from tests.factories import NOON, make_feature, make_prediction, make_version
from tests.metrics.agreements import DAY, make_agreed, make_team
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
TODAY = NOON.date()


@pytest.fixture
def kept():
    """A feature with one agreed expectation, met by its version."""
    feature, people = make_team(make_feature("delay-alert"))
    version = make_version(feature, "v1", deployed_at=NOON - 10 * DAY)
    set_policy(feature=feature, user=None, now=NOON, reviews_per_day=20)
    row = make_agreed(feature, people, target=0.8, now=NOON)
    tell(row, "met", version="v1")
    return feature, version, row, people


def tell(expectation, status, *, version, at=NOON):
    value = {} if status == "unknown" else {"value": 0.9, "low": 0.85, "high": 0.95}
    ExpectationStatus.objects.create(
        expectation=expectation, status=status, since=at, checked_at=at, version=version, **value
    )


def rates(version):
    return list(ReviewRate.objects.of(version).order_by("pk").values_list("from_on", "share"))


def on(version, day):
    return share_on(list(ReviewRate.objects.of(version)), day)


def draw_today(version, at=NOON):
    make_prediction(version, f"p{at}", occurred_at=at, received_at=at)
    draw_received(now=at + timedelta(minutes=1))


def raise_alert(feature, version=None, **fields):
    return Alert.objects.create(
        **{
            "feature": feature,
            "version": version,
            "kind": "quality",
            "key": "quality 1",
            "title": "Right less often",
            "raised_at": NOON,
            "due_at": NOON + DAY,
            "close_due_at": NOON + 14 * DAY,
            **fields,
        }
    )


def drift(version):
    return DriftReading.objects.create(
        feature=version.feature, version=version, kind="field", name="distance", window_from=TODAY - 7 * DAY,
        window_to=TODAY, js_distance=0.3, threshold=0.1, is_drifting=True, n=500, n_reference=2_000, as_of=NOON,
    )  # fmt: skip


def test_all_met_from_tomorrow_a_tenth(kept):
    _, version, *_ = kept
    assert work("watch", now=NOON)[-1:] == ["1 rates of review set"]
    assert [on(version, TODAY + n * DAY) for n in (0, 1, 9)] == [1.0, 0.1, 0.1]
    assert "everything agreed is met" in ReviewRate.objects.get().why
    assert not any(work("watch", now=NOON + timedelta(minutes=1)))


@pytest.mark.parametrize("is_drawn", [False, True])
@pytest.mark.parametrize("cause", ["alert", "snoozed alert", "drift", "broken", "new promise"])
def test_what_goes_wrong_brings_all_reviews_back_from_the_first_day_that_is_not_drawn(kept, cause, is_drawn):
    feature, version, row, people = kept
    work("watch", now=NOON - 2 * DAY)
    assert on(version, TODAY) == 0.1
    if is_drawn:
        draw_today(version)
    if "alert" in cause:
        raise_alert(feature, version, snoozed_until=NOON + DAY if "snoozed" in cause else None)
    elif cause == "drift":
        drift(version)
    elif cause == "broken":
        tell(row, "broken", version="v1", at=NOON + timedelta(seconds=1))
    else:
        tell(make_agreed(feature, people, metric="recall", target=0.9, now=NOON), "not_sure", version="v1")
    assert work("watch", now=NOON + timedelta(minutes=2))[-1:] == ["1 rates of review set"]
    assert on(version, TODAY) == (0.1 if is_drawn else 1.0)
    assert on(version, TODAY + DAY) == 1.0
    if is_drawn:
        assert DrawDay.objects.get().rate_share == 0.1


def test_an_alert_of_the_whole_feature_counts_and_one_of_an_older_version_does_not(kept):
    feature, *_ = kept
    old = make_version(feature, "v0", deployed_at=NOON - 90 * DAY)
    work("watch", now=NOON - 2 * DAY)
    alert = raise_alert(feature, old)
    assert not any(work("watch", now=NOON))
    Alert.objects.filter(pk=alert.pk).update(cleared_at=NOON, cleared_why="over")
    raise_alert(feature, key="expectation 2", kind="expectation")
    assert work("watch", now=NOON)[-1:] == ["1 rates of review set"]


def test_a_new_version_starts_in_full_and_leaves_the_older_one_as_it_is(kept):
    feature, version, row, _ = kept
    work("watch", now=NOON)
    newer = make_version(feature, "v2", deployed_at=NOON + DAY)
    assert not any(work("watch", now=NOON + DAY))  # in full already: no word needed
    assert rates(newer) == []
    tell(row, "not_sure", version="v2", at=NOON + DAY)
    assert not any(work("watch", now=NOON + DAY))
    tell(row, "met", version="v2", at=NOON + 2 * DAY)
    assert work("watch", now=NOON + 2 * DAY)[-1:] == ["1 rates of review set"]
    assert rates(newer) == [(TODAY + 3 * DAY, 0.1)]
    assert rates(version) == [(TODAY + DAY, 0.1)]


def test_not_sure_again_leaves_the_rate(kept):
    _, _, row, _ = kept
    work("watch", now=NOON)
    tell(row, "not_sure", version="v1", at=NOON + timedelta(seconds=1))
    assert not any(work("watch", now=NOON + DAY))


def test_the_policy_says_how_few(kept):
    feature, version, *_ = kept
    set_policy(feature=feature, user=None, now=NOON, watch_share=0.25)
    work("watch", now=NOON)
    assert rates(version) == [(TODAY + DAY, 0.25)]


def test_without_a_policy_or_a_version_there_is_nothing_to_set():
    make_version()
    set_policy(feature=make_feature(), user=None, now=NOON)
    assert not any(work("watch", now=NOON))


def test_a_promise_whose_day_has_passed_decides_nothing_any_more(kept):
    feature, version, row, people = kept
    make_agreed(feature, people, metric="recall", target=0.9, now=NOON - 60 * DAY)
    old = Expectation.objects.get(metric="recall")
    tell(old, "broken", version="v1", at=NOON - 40 * DAY)
    Expectation.objects.filter(pk=old.pk).update(resolved_at=NOON - 29 * DAY)
    work("watch", now=NOON)
    assert on(version, TODAY + DAY) == 0.1
    Expectation.objects.filter(pk=row.pk).update(resolved_at=NOON)
    work("watch", now=NOON + DAY)
    assert on(version, TODAY + 2 * DAY) == 1.0
    assert "nothing is agreed" in ReviewRate.objects.of(version).first().why


def test_every_version_that_answers_is_watched_not_only_the_newest(kept):
    feature, version, *_ = kept
    work("watch", now=NOON - 5 * DAY)
    make_version(feature, "v2", deployed_at=NOON - 4 * DAY)
    make_prediction(version, "p1", occurred_at=NOON, received_at=NOON)
    raise_alert(feature, version)
    work("sum_up", "watch", now=NOON + timedelta(hours=1))
    assert on(version, TODAY + DAY) == 1.0


def test_fewer_reviews_are_enough_again_after_seven_days_without_drift_only(kept):
    _, version, *_ = kept
    reading = drift(version)
    DriftReading.objects.filter(pk=reading.pk).update(is_drifting=False, last_drifted_on=TODAY)
    assert not any(work("watch", now=NOON + 7 * DAY))  # in full, as it is
    work("watch", now=NOON + 8 * DAY)
    assert on(version, TODAY + 9 * DAY) == 0.1


def test_each_feature_has_a_job_of_its_own_where_a_rate_would_change(kept):
    _, version, *_ = kept
    other = make_feature("in-full-already")
    make_version(other, "v1", deployed_at=NOON)
    set_policy(feature=other, user=None, now=NOON)
    work("watch", now=NOON)
    assert on(version, TODAY + DAY) == 0.1
    assert set(Job.objects.filter(kind="set_rates").values_list("key", flat=True)) == {str(version.feature_id)}
