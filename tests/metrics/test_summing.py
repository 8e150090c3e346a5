"""From rows to hourly counts, through the jobs that do it."""

import math
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from feedback.actions import jobs
from feedback.models import Job, Look, Outcome, Prediction
from metrics import tasks
from metrics.actions import loading
from metrics.actions.summing import changed_hours, prepare_summaries, runs
from metrics.models import DaySummary, Estimate, EstimateSet, HourlySummary
from metrics.stats.counts import Counts, total
from metrics.stats.histograms import ZERO_BIN
from metrics.summaries import counts_by_day, segments_of
from tests.factories import NOON, make_feature, make_outcome, make_prediction, make_version
from tests.metrics.work import work
from tests.stats.test_counts import assert_close

pytestmark = pytest.mark.django_db
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
LATER = NOON + timedelta(days=2)
FIELDS = [{"name": "carrier"}, {"name": "km"}]


@pytest.fixture
def version():
    return make_version(make_feature("claims", input_fields=FIELDS))


def summed(now=LATER):
    return work("sum_up", now=now)


def counts_of(version, hour=NOON):
    return Counts.from_json(HourlySummary.objects.get(version=version, hour=hour, segment="").payload)


def stored():
    return list(HourlySummary.objects.order_by("version", "hour").values())


def truth_by_hand(prediction):
    """The last of its truths in order of observation, or None."""
    told = [each for each in Outcome.objects.all() if each.external_id == prediction.external_id]
    return max(told, key=lambda each: (each.observed_at, each.fingerprint), default=None)


def bin_by_hand(x):
    return math.ceil(math.log(x) / math.log(1.02 / 0.98))


def hour_by_hand(version, hour):
    """The counts of one hour, row by row."""
    n = n_with_actor = 0
    joint, missing, lag = defaultdict(lambda: [0, 0.0, 0.0, 0.0]), Counter(), Counter()
    measures = {"latency_ms": Counter(), "cpu_ms": Counter(), "rss_mb": Counter()}
    for each in Prediction.objects.filter(version=version):
        if not hour <= each.occurred_at < hour + HOUR:
            continue
        n += 1
        n_with_actor += each.actor != ""
        truth = truth_by_hand(each)
        fine = None if each.score is None else min(999, int(each.score * 1000))
        cell = joint[each.label, fine, truth.truth_label if truth else None]
        cell[0] += 1
        cell[1] += each.score or 0.0
        cell[2] += (each.score or 0.0) ** 2
        if truth and each.score is not None:
            chance = each.score if each.label == truth.truth_label else 1 - each.score
            cell[3] -= math.log(min(max(chance, 1e-15), 1 - 1e-15))
        for name, bins in measures.items():
            if getattr(each, name) is not None:
                bins[bin_by_hand(getattr(each, name))] += 1
        for field in ("carrier", "km"):
            missing[field] += (each.inputs or {}).get(field) is None
        if truth:
            lag[bin_by_hand((truth.observed_at - each.occurred_at) / HOUR)] += 1
    return n, n_with_actor, {key: tuple(cell) for key, cell in joint.items()}, measures, +missing, lag


def some_traffic(version, n=120, hours=5):
    """Predictions of all sorts over some hours; half of them with a truth, some of those corrected."""
    chance = random.Random(3)
    for i in range(n):
        prediction = make_prediction(
            version,
            occurred_at=NOON + chance.random() * hours * HOUR,
            label=chance.choice(["on_time", "late"]),
            score=chance.choice([None, 0.0, 1.0, chance.random(), 0.29]),
            actor=chance.choice(["", "a1", "a2"]),
            inputs=chance.choice([None, {"carrier": "X", "km": 0}, {"carrier": None}, {"km": 3, "other": 1}]),
            latency_ms=chance.choice([None, chance.lognormvariate(3, 1)]),
            cpu_ms=chance.lognormvariate(2, 1),
            rss_mb=chance.choice([None, 512.0]),
        )
        for told in range(i % 4 // 2 + i % 8 // 7):
            make_outcome(
                prediction,
                truth=chance.choice(["on_time", "late", "lost"]),
                observed_at=prediction.occurred_at + (told + chance.random()) * HOUR,
            )


def test_an_hours_summary_equals_counting_by_hand(version):
    some_traffic(version)
    summed()
    hours = [NOON + i * HOUR for i in range(5)]
    assert list(HourlySummary.objects.order_by("hour").values_list("hour", flat=True)) == hours
    for hour in hours:
        counts = counts_of(version, hour)
        n, n_with_actor, joint, measures, missing, lag = hour_by_hand(version, hour)
        assert (counts.n, counts.n_with_actor, counts.missing) == (n, n_with_actor, missing)
        assert (counts.measures, counts.lag) == (measures, lag)
        assert counts.joint.keys() == joint.keys()
        for key, cell in joint.items():
            assert counts.joint[key] == pytest.approx(cell, abs=1e-12)


def test_the_head_of_a_summary_says_how_many_it_counted_and_when(version):
    for _ in range(3):
        make_prediction(version)
    assert summed() == ["1 runs of hours to sum", "summed 1 hours"]
    summary = HourlySummary.objects.get()
    assert (summary.source_count, summary.summed_at, summary.segment) == (3, LATER, "")
    assert summary.feature == version.feature


def test_summing_again_changes_nothing(version):
    some_traffic(version, n=30)
    summed()
    before = stored()
    assert summed(LATER + HOUR) == []
    assert stored() == before
    Look.objects.all().delete()
    assert summed(LATER + HOUR) == ["1 runs of hours to sum", "summed 5 hours"]
    assert stored() == [{**row, "summed_at": LATER + HOUR} for row in before]


def test_versions_are_counted_apart(version):
    other = make_version(version.feature)
    make_prediction(version)
    for _ in range(2):
        make_prediction(other)
    summed()
    assert (counts_of(version).n, counts_of(other).n) == (1, 2)


def test_a_late_prediction_is_added_to_its_old_hour(version):
    make_prediction(version)
    summed()
    make_prediction(version, occurred_at=NOON + MICROSECOND, received_at=LATER + HOUR)
    summed(LATER + 2 * HOUR)
    assert counts_of(version).n == 2


def test_late_truth_touches_only_its_hours(version):
    make_prediction(version)
    late = make_prediction(version, occurred_at=NOON + 2 * HOUR)
    summed()
    untouched = HourlySummary.objects.values().get(hour=NOON)
    make_outcome(late, truth="on_time", received_at=LATER + HOUR)
    hours, _ = changed_hours(now=LATER + 2 * HOUR)
    assert hours == {(version.pk, NOON + 2 * HOUR)}
    summed(LATER + 2 * HOUR)
    assert HourlySummary.objects.values().get(hour=NOON) == untouched
    assert counts_of(version, NOON + 2 * HOUR).confusion() == {("late", "on_time"): 1}
    assert counts_of(version).confusion() == {}


def test_a_truth_that_came_before_its_prediction_is_joined(version):
    Outcome.objects.create(
        feature=version.feature,
        external_id="p1",
        truth_label="late",
        observed_at=NOON - HOUR,
        received_at=NOON - HOUR,
        fingerprint=1,
    )
    assert summed(NOON) == []
    make_prediction(version, "p1", label="late")
    summed()
    assert counts_of(version).confusion() == {("late", "late"): 1}
    assert sum(counts_of(version).lag.values()) == 1


def test_a_truth_of_another_features_prediction_of_the_same_id_is_not_joined(version):
    make_prediction(version, "p1")
    make_outcome(make_prediction(make_version(), "p1"))
    summed()
    assert counts_of(version).confusion() == {}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_newest_observed_truth_holds_whatever_came_first(version, order):
    prediction = make_prediction(version)
    for hours in order:
        truth = "late" if hours == 2 else "on_time"
        make_outcome(prediction, truth=truth, observed_at=NOON + hours * HOUR, received_at=NOON + HOUR)
    summed()
    assert counts_of(version).confusion() == {("late", "late"): 1}
    assert counts_of(version).lag == {bin_by_hand(2): 1}


def test_a_correction_takes_the_place_of_the_truth_that_was_summed(version):
    prediction = make_prediction(version)
    make_outcome(prediction, truth="late")
    summed()
    make_outcome(prediction, truth="on_time", observed_at=NOON + 3 * HOUR, received_at=LATER + HOUR)
    assert summed(LATER + 2 * HOUR) == ["1 runs of hours to sum", "summed 1 hours"]
    assert counts_of(version).confusion() == {("late", "on_time"): 1}
    assert counts_of(version).n == 1


def test_an_hour_begins_with_its_first_microsecond(version):
    for at in (NOON - MICROSECOND, NOON, NOON + HOUR - MICROSECOND, NOON + HOUR):
        make_prediction(version, occurred_at=at)
    summed()
    found = dict(HourlySummary.objects.values_list("hour", "source_count"))
    assert found == {NOON - HOUR: 1, NOON: 2, NOON + HOUR: 1}


def test_hours_are_those_of_utc_when_clocks_change_and_where_they_stand_half_an_hour_off(version):
    berlin, kolkata = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
    twice = [datetime(2025, 10, 26, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1)]
    for at in (*twice, datetime(2025, 10, 26, 6, 10, tzinfo=kolkata)):
        make_prediction(version, occurred_at=at.astimezone(UTC))
    with timezone.override(kolkata):
        summed()
    found = dict(HourlySummary.objects.values_list("hour", "source_count"))
    midnight = datetime(2025, 10, 26, tzinfo=UTC)
    assert found == {midnight: 2, midnight + HOUR: 1}


def test_a_score_of_exactly_one_falls_in_the_last_bin(version):
    make_prediction(version, score=1.0)
    make_prediction(version, score=0.0)
    summed()
    assert counts_of(version).joint == {("late", 999, None): (1, 1, 1, 0), ("late", 0, None): (1, 0, 0, 0)}
    assert set(counts_of(version).population()) == {("late", 19), ("late", 0)}


def test_a_prediction_without_a_score_has_a_cell_of_its_own(version):
    make_prediction(version, label="late", score=None)
    summed()
    assert counts_of(version).joint == {("late", None, None): (1, 0, 0, 0)}


@pytest.mark.parametrize("kind", ["number", "output"])
def test_numbers_and_free_output_are_counted_without_a_label(kind):
    version = make_version(make_feature(answer_kind=kind))
    prediction = make_prediction(version, latency_ms=20.0)
    make_outcome(prediction, truth=41.0 if kind == "number" else "hello")
    summed()
    counts = counts_of(version)
    assert (counts.n, counts.joint) == (1, {})
    assert counts.measures["latency_ms"] == {bin_by_hand(20.0): 1}
    assert sum(counts.lag.values()) == 1


def test_an_input_is_missing_when_it_is_not_there_or_null(version):
    for inputs in (None, {}, {"carrier": None}, {"carrier": "", "km": 0}, {"carrier": "X", "km": False}):
        make_prediction(version, inputs=inputs)
    summed()
    assert counts_of(version).missing == {"carrier": 3, "km": 3}


def test_a_cost_of_zero_is_counted_and_one_that_was_not_sent_is_not(version):
    make_prediction(version, latency_ms=0.0, cpu_ms=None)
    summed()
    payload = HourlySummary.objects.get().payload
    assert payload["measures"] == {"latency_ms": [[ZERO_BIN], [1]], "cpu_ms": [[], []], "rss_mb": [[], []]}


def test_what_arrives_while_its_hour_is_being_summed_is_summed_after_it(version):
    make_prediction(version)
    jobs.enter_job("sum_up", run_after=LATER, now=LATER)
    (look,) = jobs.claim_due(now=LATER, limit=1)
    jobs.run(look.id, look.token, now=LATER)
    (claimed,) = jobs.claim_due(now=LATER, limit=1)
    write = tasks.sum_hours(Job.objects.get(pk=claimed.id).key, LATER)
    make_prediction(version, received_at=LATER + SECOND, occurred_at=NOON)
    work("sum_up", now=LATER + 30 * SECOND)
    write()
    Job.objects.filter(pk=claimed.id).update(state="done", token="", lease_until=None)
    work("sum_up", now=LATER + 60 * SECOND)
    assert counts_of(version).n == 2


def test_a_job_that_was_overtaken_does_not_write_older_counts(version):
    make_prediction(version)
    hour = {"version_id": version.pk, "start": NOON, "end": NOON + HOUR}
    slow = prepare_summaries(**hour, now=LATER)
    make_prediction(version, occurred_at=NOON + SECOND)
    fast = prepare_summaries(**hour, now=LATER + SECOND)
    assert (fast(), slow()) == (1, 1)
    assert counts_of(version).n == 2


def test_a_run_joins_hours_up_to_three_apart_and_no_further():
    near, more = 3 * HOUR, 4 * HOUR
    assert list(runs({(1, NOON), (1, NOON + near)})) == [(1, NOON, NOON + near + HOUR)]
    assert list(runs({(1, NOON), (1, NOON + more)})) == [
        (1, NOON, NOON + HOUR),
        (1, NOON + more, NOON + more + HOUR),
    ]


def test_a_run_is_of_seven_whole_days_at_most():
    found = list(runs({(1, NOON + i * HOUR) for i in range(400)}))
    assert [(end - start) / HOUR for _, start, end in found] == [6.5 * 24, 7 * 24, 76]
    assert [start.hour for _, start, _ in found] == [12, 0, 0]
    assert [start for _, start, _ in found[1:]] == [end for *_, end in found[:-1]]


def test_a_run_is_of_one_version():
    assert list(runs({(2, NOON), (1, NOON)})) == [(1, NOON, NOON + HOUR), (2, NOON, NOON + HOUR)]
    assert list(runs(set())) == []


def test_many_runs_sum_what_one_would(version):
    for days in (0, 3, 6):
        make_prediction(version, occurred_at=NOON - timedelta(days=days))
    assert summed() == ["3 runs of hours to sum", *["summed 1 hours"] * 3]
    assert sum(HourlySummary.objects.values_list("source_count", flat=True)) == 3


# --- segments


def segments_on(version, hour=NOON):
    found = HourlySummary.objects.filter(version=version, hour=hour).exclude(segment="")
    return dict(found.order_by("segment").values_list("segment", "source_count"))


def test_each_segment_of_an_hour_is_summed_for_itself(version):
    for origin, cls in (("JFK", "first"), ("JFK", None), ("EWR", None)):
        make_prediction(version, segments={"origin": origin} | ({"class": cls} if cls else {}), score=0.29)
    make_prediction(version)
    summed()
    assert segments_on(version) == {"class:first": 1, "origin:EWR": 1, "origin:JFK": 2}
    assert counts_of(version).n == 4
    found = HourlySummary.objects.get(segment="origin:JFK")
    assert Counts.from_json(found.payload).joint == {("late", 250, None): pytest.approx((2, 0.58, 0.1682, 0))}


def test_values_beyond_the_fifty_of_a_key_are_summed_together_and_stay_so(version):
    for at in range(60):
        for _ in range(1 + (at >= 55)):
            make_prediction(version, segments={"shop": f"s{at:02}"})
    summed()
    assert len(segments_on(version)) == 51
    # The most frequent first, then by name: 55 to 59, then 0 to 44.
    assert segments_on(version)["shop:other values"] == 10
    assert segments_on(version)["shop:s59"] == 2
    assert "shop:s45" not in segments_on(version)
    for _ in range(20):
        make_prediction(version, occurred_at=NOON + HOUR, segments={"shop": "s45"}, received_at=LATER)
    summed(LATER + HOUR)
    assert segments_on(version, NOON + HOUR) == {"shop:other values": 20}
    assert "shop:other values" not in segments_of(version.feature)
    assert len(segments_of(version.feature)) == 50


def test_of_more_than_ten_keys_the_most_frequent_are_summed(version):
    make_prediction(version, segments={f"k{at:02}": "x" for at in range(12)})
    make_prediction(version, segments={"k11": "x"})
    summed()
    assert sorted(segments_on(version)) == [*(f"k{at:02}:x" for at in range(9)), "k11:x"]


def test_two_segments_that_read_the_same_are_not_summed_as_one(version):
    make_prediction(version, segments={"a:b": "c", "a": "b:c"})
    make_prediction(version, segments={"a": "other values", "a:x": "other values"})
    summed()
    assert segments_on(version) == {"a:b:c": 1, "a:other values": 1}


def test_a_segment_that_is_gone_from_an_hour_loses_its_row(version):
    kept = make_prediction(version, segments={"origin": "JFK"})
    gone = make_prediction(version, segments={"origin": "EWR"})
    summed()
    gone.delete()
    make_outcome(kept, received_at=LATER)
    summed(LATER + HOUR)
    assert segments_on(version) == {"origin:JFK": 1}
    assert set(counts_by_day(version.feature, segment="origin:JFK")) == {(version.pk, NOON.date())}
    assert counts_by_day(version.feature, segment="origin:EWR") == {}
    assert segments_of(version.feature) == ["origin:JFK"]


def test_segments_are_listed_with_the_largest_first(version):
    for origin, n in (("EWR", 1), ("JFK", 3), ("LGA", 3)):
        for _ in range(n):
            make_prediction(version, segments={"origin": origin})
    summed()
    assert segments_of(version.feature) == ["origin:JFK", "origin:LGA", "origin:EWR"]


# --- days


def test_a_day_is_the_sum_of_its_hours_whichever_of_them_was_summed_last(version):
    some_traffic(version, n=60, hours=30)
    summed()
    make_prediction(version, occurred_at=NOON + 3 * HOUR, received_at=LATER)
    summed(LATER + HOUR)
    days = counts_by_day(version.feature)
    assert [day for _, day in days] == [NOON.date(), (NOON + 24 * HOUR).date()]
    for (_, day), counts in days.items():
        hours = HourlySummary.objects.filter(hour__date=day, segment="").order_by("hour")
        assert counts == total(Counts.from_json(each.payload) for each in hours)
    assert sum(counts.n for counts in days.values()) == 61
    assert sum(DaySummary.objects.values_list("source_count", flat=True)) == 61


def test_days_whose_hours_did_not_change_are_left_alone(version):
    make_prediction(version)
    make_prediction(version, occurred_at=NOON + 48 * HOUR, received_at=NOON)
    summed()
    first = DaySummary.objects.values().get(day=NOON.date())
    make_prediction(version, occurred_at=NOON + 48 * HOUR, received_at=LATER)
    summed(LATER + HOUR)
    assert DaySummary.objects.values().get(day=NOON.date()) == first
    assert DaySummary.objects.get(day=(NOON + 48 * HOUR).date()).source_count == 2


# --- many rows, and a new tolerance


def test_hours_are_read_in_parts_and_the_sum_is_the_same(version, monkeypatch):
    some_traffic(version, n=80)
    summed()
    before = {row["hour"]: row["payload"] for row in stored()}
    monkeypatch.setattr(loading, "MOST_ROWS", 7)  # less than an hour has: hours are cut too
    parts = list(loading.stretches(version, NOON, NOON + 5 * HOUR))
    assert len(parts) > 10
    assert [start for start, _ in parts[1:]] == [end for _, end in parts[:-1]]
    Look.objects.all().delete()
    summed(LATER + HOUR)
    for hour, payload in before.items():
        assert_close(counts_of(version, hour), Counts.from_json(payload))


def test_with_a_new_tolerance_every_hour_is_judged_anew():
    version = make_version(make_feature(answer_kind="number", tolerance=1.0))
    for truth in (41.0, 44.0):
        make_outcome(make_prediction(version, value=42.0), truth=truth)
    summed()
    assert counts_of(version).numbers.n_right == {"absolute 1.0": 1}
    version.feature.tolerance = 2.0
    version.feature.save()
    assert summed(LATER + HOUR) == ["1 runs of hours to sum", "summed 1 hours"]
    assert counts_of(version).numbers.n_right == {"absolute 2.0": 2}
    assert summed(LATER + 2 * HOUR) == []


def test_a_job_that_began_under_another_tolerance_judges_by_the_one_of_now():
    version = make_version(make_feature(answer_kind="number", tolerance=1.0))
    make_outcome(make_prediction(version, value=42.0), truth=47.0)
    summed()
    slow = prepare_summaries(version_id=version.pk, start=NOON, end=NOON + HOUR, now=LATER)
    type(version.feature).objects.filter(pk=version.feature_id).update(tolerance=10.0)
    slow()
    assert counts_of(version).numbers.n_right == {"absolute 10.0": 1}


def test_what_a_purged_hour_was_judged_by_is_not_taken_for_the_tolerance_of_now():
    """Of the hours whose rows are gone nobody can say what lies within another tolerance."""
    feature = make_feature(answer_kind="number", tolerance=None, retention_days=5)
    version = make_version(feature)
    for day in range(10):
        at = NOON - timedelta(days=day)
        for _ in range(4):
            make_outcome(make_prediction(version, value=42.0, occurred_at=at, received_at=at), truth=42.0)
    work("draw", "sum_up", now=NOON + 5 * HOUR)
    work("purge", now=NOON + 6 * HOUR)
    type(feature).objects.filter(pk=feature.pk).update(tolerance=1.0)
    work("sum_up", "conclude", now=NOON + 8 * HOUR)
    sets = EstimateSet.objects.filter(feature=feature, window="version", source="observed", segment="")
    accuracy = Estimate.objects.get(set=sets.get(), metric="accuracy", label="")
    assert (accuracy.value, accuracy.n) == (1.0, 24)  # of 40


def test_with_another_input_field_every_hour_is_looked_through_for_it(version):
    make_prediction(version, inputs={"a": 1})
    summed()
    assert "b" not in counts_of(version).missing
    version.feature.input_fields = [{"name": "b"}]
    version.feature.save()
    assert summed(LATER + HOUR) == ["1 runs of hours to sum", "summed 1 hours"]
    assert counts_of(version).missing == {"b": 1}


def test_a_key_sent_once_and_never_again_does_not_grow_what_is_read(version):
    for at in range(40):
        make_prediction(version, segments={f"request {at}": "x", "origin": "JFK"})
    summed()
    assert len(segments_on(version)) == 10
    assert segments_on(version)["origin:JFK"] == 40
