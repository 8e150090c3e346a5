"""F15, buckets: hours and days are those of UTC, whatever the clocks of senders and servers do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from metrics.models import DaySummary, HourlySummary
from tests.factories import NOON, make_feature, make_outcome, make_prediction, make_version
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
HOUR, DAY, MICROSECOND = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def version():
    return make_version(make_feature("claims"))


def buckets(version, *instants, now=NOON):
    """Hours and days of predictions of these instants, and how many each has."""
    for at in instants:
        make_prediction(version, occurred_at=at.astimezone(UTC), received_at=now)
    with timezone.override(BERLIN):
        work("sum_up", now=now + HOUR)
    hours = HourlySummary.objects.order_by("hour").values_list("hour", "source_count")
    days = DaySummary.objects.order_by("day").values_list("day", "source_count")
    return dict(hours), dict(days)


def test_f15_the_hour_that_comes_twice_is_two_hours(version):
    twice = [datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1)]
    hours, days = buckets(version, *twice)
    assert hours == {datetime(2026, 10, 25, 0, tzinfo=UTC): 1, datetime(2026, 10, 25, 1, tzinfo=UTC): 1}
    assert days == {date(2026, 10, 25): 2}


def test_f15_the_day_without_an_hour_has_one_hour_less_in_it_and_no_hole(version):
    midnight = datetime(2026, 3, 29, tzinfo=BERLIN).astimezone(UTC)
    hours, days = buckets(version, *(midnight + at * HOUR for at in range(23)))
    assert set(hours.values()) == {1}
    assert days == {date(2026, 3, 28): 1, date(2026, 3, 29): 22}


def test_f15_the_leap_day_and_the_last_day_of_the_year_are_days_of_their_own(version):
    ends = [datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]
    hours, days = buckets(version, *ends, *(end - MICROSECOND for end in ends))
    assert days == {
        date(2026, 12, 31): 1,
        date(2027, 1, 1): 1,
        date(2028, 2, 28): 1,
        date(2028, 2, 29): 2,
        date(2028, 3, 1): 1,
    }
    assert len(hours) == 6


def test_f15_a_sender_whose_clock_is_a_day_off_fills_the_hours_that_it_names(version):
    hours, days = buckets(version, NOON - DAY, NOON, NOON + DAY)
    assert set(hours) == {NOON - DAY, NOON, NOON + DAY}
    assert set(days.values()) == {1}


def test_f15_truth_observed_before_its_prediction_by_a_wrong_clock_has_no_negative_lag(version):
    make_outcome(make_prediction(version), observed_at=NOON - DAY)
    work("sum_up", now=NOON + HOUR)
    payload = HourlySummary.objects.get().payload
    assert payload["lag"] == [[-1_000_000], [1]]  # the bin of nothing


def test_f15_a_server_clock_stepped_back_an_hour_loses_nothing(version):
    make_prediction(version, received_at=NOON)
    work("sum_up", now=NOON + HOUR)
    make_prediction(version, occurred_at=NOON, received_at=NOON + HOUR)
    work("sum_up", now=NOON + 30 * timedelta(minutes=1))
    work("sum_up", now=NOON + 2 * HOUR)
    assert HourlySummary.objects.get().source_count == 2
