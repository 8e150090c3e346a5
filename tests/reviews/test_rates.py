"""The share of its reviews a day that a version gets, and the draw that goes by it."""

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from feedback.models import Look
from reviews.actions.draw import draw_received
from reviews.actions.policies import set_policy
from reviews.actions.rates import first_undrawn, set_rate, share_on
from reviews.models import DrawDay, ReviewItem, ReviewRate, SamplingPolicy
from tests.factories import make_feature, make_prediction, make_version

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = MONDAY.date()


@pytest.fixture
def version():
    return make_version(make_feature("claims"))


def arrive(version, day, n=60):
    for i in range(n):
        at = day + DAY * i / n
        make_prediction(version, f"{day.date()}-{i}", occurred_at=at, received_at=at)


def rate(version, share, from_on, why="agreed"):
    return set_rate(version=version, share=share, from_on=from_on, why=why, now=MONDAY)


def share(version, day):
    return share_on(list(ReviewRate.objects.of(version)), day)


def test_a_version_is_reviewed_in_full_until_a_rate_says_otherwise(version):
    rate(version, 0.1, FIRST + DAY)
    rate(version, 1.0, FIRST + 5 * DAY)
    assert [share(version, FIRST + n * DAY) for n in (0, 1, 4, 5, 99)] == [1.0, 0.1, 0.1, 1.0, 1.0]


def test_of_two_rates_for_a_day_the_one_decided_last_holds(version):
    rate(version, 0.1, FIRST + 2 * DAY)
    rate(version, 1.0, FIRST + DAY)
    assert share(version, FIRST + 3 * DAY) == 1.0
    assert rate(version, 0.5, FIRST + 3 * DAY).why == "agreed"
    assert [share(version, FIRST + n * DAY) for n in (1, 2, 3)] == [1.0, 1.0, 0.5]


def test_what_holds_already_is_not_set_again(version):
    assert rate(version, 1.0, FIRST) is None
    assert rate(version, 0.1, FIRST + DAY) is not None
    assert rate(version, 0.1, FIRST + DAY) is None
    assert rate(version, 0.1, FIRST + 9 * DAY) is None
    assert ReviewRate.objects.count() == 1


def test_back_in_full_from_today_overrules_what_was_to_begin_tomorrow(version):
    rate(version, 0.1, FIRST + DAY)
    assert rate(version, 1.0, FIRST) is not None  # today is in full already, tomorrow would not be
    assert share(version, FIRST + DAY) == 1.0


def test_a_drawn_day_keeps_its_rate(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="uniform", reviews_per_day=30)
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    before = list(DrawDay.objects.values()), set(ReviewItem.objects.values_list("pk", "queue_key"))
    with pytest.raises(ValueError, match="drawn on 2026-03-02"):
        rate(version, 0.1, FIRST)
    assert first_undrawn(version, today=FIRST) == FIRST + DAY
    assert first_undrawn(version, today=FIRST + DAY) == FIRST + DAY
    rate(version, 0.1, FIRST + DAY)
    arrive(version, MONDAY + DAY)
    draw_received(now=MONDAY + 2 * DAY)
    first, second = DrawDay.objects.order_by("day")
    assert before[0] == [DrawDay.objects.values().get(pk=first.pk)]
    assert before[1] <= set(ReviewItem.objects.values_list("pk", "queue_key"))
    assert (first.rate_share, second.rate_share) == (1.0, 0.1)
    expected = [60 * -math.expm1(-day.k_cap) for day in (first, second)]
    assert expected == pytest.approx([30, 3])


def test_one_prediction_decides_by_the_same_luck_at_either_rate(version):
    """What a tenth draws is part of what the whole would have drawn."""
    set_policy(feature=version.feature, user=None, now=MONDAY, design="uncertainty", reviews_per_day=30)
    arrive(version, MONDAY)
    found = {}
    for share_ in (0.2, 1.0):
        ReviewItem.objects.all().delete()
        DrawDay.objects.all().delete()
        ReviewRate.objects.all().delete()
        set_policy(feature=version.feature, user=None, now=MONDAY)
        rate(version, share_, FIRST)
        Look.objects.all().delete()
        draw_received(now=MONDAY + DAY)
        found[share_] = set(ReviewItem.objects.values_list("prediction", flat=True))
    assert found[0.2] < found[1.0]


def test_design_all_at_a_share_takes_that_share_of_everything(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="all", reviews_per_day=1)
    rate(version, 0.25, FIRST)
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    assert DrawDay.objects.get().k_cap == pytest.approx(-math.log(0.75))


def test_rates_are_only_added_and_never_stop(version):
    row = rate(version, 0.1, FIRST)
    for change in ({"share": 0.2}, {"from_on": date(2026, 1, 1)}, {"why": "other"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ReviewRate.objects.filter(pk=row.pk).update(**change)
    for wrong in (0.0, -0.1, 1.1):
        with pytest.raises(IntegrityError), transaction.atomic():
            rate(version, wrong, FIRST + DAY)


@pytest.mark.parametrize("wrong", [0.0, -0.5, 1.5])
def test_the_share_while_watching_is_never_none(version, wrong):
    policy = set_policy(feature=version.feature, user=None, now=MONDAY)
    assert policy.watch_share == 0.1
    with pytest.raises(IntegrityError), transaction.atomic():
        SamplingPolicy.objects.create(feature=version.feature, number=9, created_at=MONDAY, watch_share=wrong)
    with pytest.raises(IntegrityError), transaction.atomic():
        SamplingPolicy.objects.filter(pk=policy.pk).update(watch_share=0.5)
