"""F13: truth ahead of its prediction, 90 days late, revised twice. The API has no way to retract a truth."""

import json
from datetime import timedelta

import pytest

from feedback.actions.ingest import record_outcomes, record_predictions
from feedback.models import Feature, Look
from metrics.models import DaySummary, HourlySummary
from metrics.stats.counts import Counts, total
from metrics.summaries import counts_by_day
from tests.factories import NOON, make_feature, make_version
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def version():
    return make_version(make_feature("delay-alert"), "v1")


def predict(id, at, *, now, label="late", score=0.8):
    sent = {
        "id": id,
        "feature": "delay-alert",
        "version": "v1",
        "label": label,
        "score": score,
        "latency_ms": 12.5,
    }
    store(record_predictions, {**sent, "occurred_at": at.isoformat()}, now)


def tell(id, truth, at, *, now):
    sent = {"feature": "delay-alert", "prediction": id, "truth": truth, "observed_at": at.isoformat()}
    store(record_outcomes, sent, now)


def store(record, sent, now):
    receipt = record(items=[json.dumps(sent).encode()], features=Feature.objects.all(), now=now)
    assert (receipt.created, receipt.refused) == (1, [])
    work("sum_up", now=now + HOUR / 60)  # after each message: nothing may hide behind what comes later


def summaries():
    stored = HourlySummary.objects.order_by("version", "hour").values_list(
        "version", "hour", "payload", "source_count"
    )
    return {(version, hour): (payload, n) for version, hour, payload, n in stored}


def days():
    stored = DaySummary.objects.order_by("version", "day").values_list("version", "day", "payload", "source_count")
    return {(version, day): (payload, n) for version, day, payload, n in stored}


def from_scratch(now):
    HourlySummary.objects.all().delete()
    DaySummary.objects.all().delete()
    Look.objects.all().delete()
    work("sum_up", now=now)
    return summaries()


def assert_same(one, other):
    """Equal to 1e-12, whatever lies in it."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            assert_same(one[name], other[name])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for each, its_twin in zip(one, other, strict=True):
            assert_same(each, its_twin)
    else:
        assert one == (pytest.approx(other, abs=1e-12) if isinstance(other, float) else other)


def confusion():
    return total(Counts.from_json(payload) for payload, _ in summaries().values()).confusion()


def test_f13_a_truth_ahead_of_its_prediction_counts_as_soon_as_that_comes(version):
    tell("p1", "on_time", NOON + HOUR, now=NOON + HOUR)
    assert summaries() == {}
    predict("p1", NOON, now=NOON + 2 * HOUR)
    assert confusion() == {("late", "on_time"): 1}


def test_f13_a_truth_90_days_late_reaches_the_hour_of_its_prediction(version):
    predict("p1", NOON, now=NOON + HOUR)
    assert confusion() == {}
    tell("p1", "late", NOON + 90 * DAY, now=NOON + 90 * DAY)
    assert confusion() == {("late", "late"): 1}
    assert [hour for _, hour in summaries()] == [NOON]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_f13_of_a_truth_revised_twice_the_newest_observation_holds_in_any_order(version, order):
    predict("p1", NOON, now=NOON + HOUR)
    told = ["late", "on_time", "late"]
    for step, place in enumerate(order):
        tell("p1", told[place], NOON + (place + 1) * DAY, now=NOON + (10 + step) * DAY)
    assert confusion() == {("late", "late"): 1}
    tell("p1", "on_time", NOON + 5 * DAY, now=NOON + 20 * DAY)
    assert confusion() == {("late", "on_time"): 1}


def test_f13_what_was_summed_up_on_the_way_equals_a_recomputation_from_scratch(version):
    for number in range(8):
        tell(f"early{number}", "late", NOON + HOUR, now=NOON + (number + 2) * HOUR)
    for number in range(8):
        at, now = NOON + number * HOUR / 3, NOON + (number + 12) * HOUR
        predict(f"early{number}", at, now=now, score=0.1 * number, label="late" if number % 2 else "on_time")
        predict(f"late{number}", at, now=now, score=1 - 0.1 * number)
    for number in range(0, 8, 2):
        tell(f"late{number}", "on_time", NOON + 89 * DAY, now=NOON + (90 + number) * DAY)
        tell(f"early{number}", "on_time", NOON + 2 * HOUR, now=NOON + (91 + number) * DAY)
    tell("early0", "late", NOON + 3 * HOUR, now=NOON + 120 * DAY)
    on_the_way = summaries()
    assert sum(n for _, n in on_the_way.values()) == 16
    assert confusion() == {
        ("on_time", "late"): 1,  # early0, revised twice
        ("on_time", "on_time"): 3,
        ("late", "late"): 4,
        ("late", "on_time"): 4,
    }
    days_on_the_way = days()
    assert_same(on_the_way, from_scratch(now=NOON + 121 * DAY))
    assert_same(days_on_the_way, days())
    assert_same(total(counts_by_day(version.feature).values()).confusion(), confusion())
