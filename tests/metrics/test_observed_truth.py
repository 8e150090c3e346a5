"""From truth that arrives to stored figures: chances, numbers, lag, segments, pairs; each against the rows."""

import json
import math
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import pytest
from django.db import transaction
from django.template.loader import render_to_string
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from feedback.models import Outcome, Prediction
from metrics.actions.concluding import counted_items, prepare_conclusion
from metrics.actions.estimating import Made
from metrics.actions.gathering import Evidence
from metrics.actions.pairing import due_days, prepare_pairs
from metrics.actions.segmenting import _rest
from metrics.models import Estimate, EstimateSet, PairedDay
from metrics.reading import NONE_IN_SEGMENT, NOT_YET, estimate_report, feature_page
from metrics.stats.reviewed import CountedItem
from reviews.actions.desk import claim_next, set_policy, submit
from reviews.actions.draw import draw_received
from tests.factories import (
    NOON,
    make_feature,
    make_membership,
    make_outcome,
    make_prediction,
    make_version,
)
from tests.metrics.work import work
from tests.stats.brute_force import Item, observed_by_hand, reviewed_by_hand

pytestmark = pytest.mark.django_db
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LABELS = ["on_time", "late"]
ENDS = ("value", "low", "high", "anytime_low", "anytime_high", "n")


def concluded(now=NOON + DAY):
    work("sum_up", "conclude", now=now)


def report(feature, *, version=None, source="observed", segment="", window="version"):
    return estimate_report(feature, window=window, version=version, source=source, segment=segment)


def live(version, n, rng, *, segments=None, at=NOON, reviewed=False):
    """n predictions with truth; those of LGA are worse. Answers with (segment, label, score, truth) of each."""
    rows = []
    for i in range(n):
        origin = ["JFK", "LGA", "EWR"][i % 3]
        score = (rng.integers(500, 1000) + 0.5) / 1000
        label = LABELS[rng.integers(2)]
        is_right = rng.random() < score * (0.45 if origin == "LGA" else 1)
        truth = label if is_right else LABELS[1 - LABELS.index(label)]
        named = segments and {"origin": origin, "day": "monday"}
        when = at + i * MINUTE / 10
        prediction = make_prediction(version, label=label, score=score, segments=named, occurred_at=when)
        make_outcome(prediction, truth=truth, observed_at=when + HOUR * float(rng.exponential(10)))
        rows.append((origin, label, score, truth))
    return rows


# --- chances


def test_the_figures_of_chances_are_those_of_scikit_learn_from_the_rows():
    version = make_version()
    rows = live(version, 300, np.random.default_rng(1))
    concluded()
    metrics = report(version.feature, version=version).metrics
    is_late = np.array([truth == "late" for *_, truth in rows])
    chance = np.array([score if label == "late" else 1 - score for _, label, score, _ in rows])
    assert metrics["auc"].value == pytest.approx(roc_auc_score(is_late, chance), abs=1e-3)
    assert metrics["average_precision"].value == pytest.approx(average_precision_score(is_late, chance), abs=1e-3)
    assert metrics["brier"].value == pytest.approx(brier_score_loss(is_late, chance), abs=1e-9)
    assert metrics["log_loss"].value == pytest.approx(log_loss(is_late, chance), abs=1e-9)
    assert metrics["ece"].low is None
    found = report(version.feature, version=version).reliability
    assert (found.event, len(found.bars), sum(bar.n for bar in found.bars)) == ("late", 20, 300)
    assert sum(bar.right * bar.n for bar in found.bars) == pytest.approx(is_late.sum())


def test_reviews_tell_nothing_of_chances_and_nothing_of_lag():
    version = make_version()
    live(version, 5, np.random.default_rng(1))
    concluded()
    found = report(version.feature, version=version, source="reviewed")
    assert found.metrics.keys() == {"accuracy", "precision", "recall", "f1"}
    assert (found.lag, found.coverage, found.mature_until, found.reliability) == (None, None, None, None)


# --- numbers


def priced(feature, pairs):
    version = make_version(feature)
    for i, (answer, truth) in enumerate(pairs):
        prediction = make_prediction(version, value=answer, occurred_at=NOON + i * MINUTE)
        if truth is not None:
            make_outcome(prediction, truth=truth)
    return version


def test_numbers_are_right_within_the_tolerance_and_their_errors_are_told():
    feature = make_feature("prices", answer_kind="number", tolerance=10.0)
    rng = np.random.default_rng(4)
    truth = rng.uniform(50, 150, 140)
    answer = truth + rng.normal(2, 9, 140)
    version = priced(feature, [*zip(answer.tolist(), truth.tolist(), strict=True), (5.0, None)])
    concluded()
    found = report(feature, version=version)
    error = answer - truth
    assert found.metrics["accuracy"].value == pytest.approx((np.abs(error) <= 10).mean())
    assert found.metrics["mae"].value == pytest.approx(np.abs(error).mean())
    assert found.metrics["bias"].value == pytest.approx(error.mean())
    assert found.metrics["median_ape"].value == pytest.approx(np.median(np.abs(error) / truth), rel=0.03)
    assert found.metrics["bias"].low < error.mean() < found.metrics["bias"].high
    assert (found.population, found.counted) == (141, 140)
    assert found.coverage == pytest.approx(140 / 141)
    assert "figures of labels" in found.metrics["recall"].reason


@pytest.mark.parametrize("kind", ["number", "output"])
def test_reviews_of_numbers_and_of_text_give_their_accuracy(kind):
    feature = make_feature(answer_kind=kind)
    version = make_version(feature)
    for i in range(4):
        make_prediction(version, occurred_at=NOON + i * MINUTE)
    judge(feature, ["right", "right", "right", "wrong"], now=NOON + HOUR)
    concluded()
    found = report(feature, version=version, source="reviewed")
    assert (found.metrics["accuracy"].value, found.metrics["accuracy"].n) == (0.75, 4)
    assert found.metrics["accuracy"].method == "hajek"
    assert (found.per_label, found.confusion) == ({}, None)


def test_free_output_says_that_only_reviews_can_tell():
    feature = make_feature(answer_kind="output")
    version = make_version(feature)
    make_prediction(version)
    concluded()
    assert "only reviews say" in report(feature, version=version).metrics["accuracy"].reason


def judge(feature, verdicts, *, now):
    reviewer = make_membership(feature=feature).user
    set_policy(feature=feature, user=None, now=now, design="all")
    draw_received(now=now)
    for number, verdict in enumerate(verdicts):
        case = claim_next(reviewer=reviewer, features=[feature], now=now)
        held = {"assignment_id": case.pk, "reviewer": reviewer, "token": case.lease_token, "now": now}
        submit(**held, verdict=verdict, idempotency_key=f"k{number}")


# --- lag and maturity


def test_lag_and_the_first_day_that_is_not_mature():
    version = make_version()
    for i in range(20):
        prediction = make_prediction(version, occurred_at=NOON + i * MINUTE)
        make_outcome(prediction, observed_at=prediction.occurred_at + HOUR * (20 if i < 18 else 200))
    concluded(NOON + 30 * DAY)
    found = report(version.feature, version=version)
    assert (found.lag.median_hours, found.lag.p90_hours) == pytest.approx((20, 20), rel=0.021)
    assert [(point.hours, point.share) for point in found.lag.curve][2:5] == [(24, 0.9), (72, 0.9), (168, 0.9)]
    assert found.lag.curve[-1].share == 1
    assert found.mature_until == (NOON + 29 * DAY).date()


# --- segments


@pytest.fixture
def parted():
    """A feature of three origins, one of them worse; half reviewed by what came true."""
    feature = make_feature("parted")
    version = make_version(feature)
    rows = live(version, 360, np.random.default_rng(8), segments=True)
    reviewer = make_membership(feature=feature).user
    set_policy(feature=feature, user=None, now=NOON + DAY, design="uncertainty", reviews_per_day=200)
    draw_received(now=NOON + DAY)
    truths = dict(Outcome.objects.values_list("external_id", "truth_label"))
    now, number = NOON + DAY, 0
    while (case := claim_next(reviewer=reviewer, features=[feature], now=now)) and number < 150:
        prediction = case.item.prediction
        truth = truths[prediction.external_id]
        said = {"verdict": "right"} if truth == prediction.label else {"verdict": "wrong", "corrected": truth}
        held = {"assignment_id": case.pk, "reviewer": reviewer, "token": case.lease_token, "now": now}
        submit(**held, idempotency_key=f"k{number}", **said)
        number += 1
    concluded(NOON + DAY)
    return feature, version, rows


def test_the_estimates_of_a_segment_are_those_of_its_rows(parted):
    feature, version, rows = parted
    for origin in ("JFK", "LGA"):
        found = report(feature, version=version, segment=f"origin:{origin}")
        mine = [(label, truth) for at, label, _, truth in rows if at == origin]
        expected = observed_by_hand(mine)
        assert (found.population, found.counted) == (120, 120)
        for name in ENDS:
            assert getattr(found.metrics["accuracy"], name) == pytest.approx(expected["accuracy"][name])


def test_the_reviewed_estimates_of_a_segment_are_those_of_brute_force(parted):
    feature, version, rows = parted
    ((_, items),) = counted_items(feature).items()
    for origin in ("JFK", "LGA"):
        name = f"origin:{origin}"
        found = report(feature, version=version, segment=name, source="reviewed")
        population = [(label, score) for at, label, score, _ in rows if at == origin]
        chosen = [
            Item(
                item.label,
                None if item.bin is None else (item.bin + 0.5) / 20,
                item.p,
                item.verdict,
                item.truth,
                "",
            )
            for item in items
            if name in item.segments
        ]
        expected = reviewed_by_hand(population, chosen, labels=LABELS, n_star=500, share_with_actor=0.0)
        assert found.counted == len(chosen) > 20
        for name in ENDS:
            assert getattr(found.metrics["accuracy"], name) == pytest.approx(expected["accuracy"][name]), name


@pytest.mark.parametrize("source", ["reviewed", "observed"])
def test_the_segment_that_is_worse_is_found_and_stands_in_front(parted, source):
    feature, version, rows = parted
    found = report(feature, version=version, source=source)
    assert next(segment.name for segment in found.segments if segment.is_found) == "origin:LGA"
    worst = found.segments[0]
    assert worst.difference_low < worst.difference < worst.difference_high < 0
    if source == "observed":
        rest = [label == truth for at, label, _, truth in rows if at != "LGA"]
        assert (worst.rest, worst.n, worst.population) == (pytest.approx(np.mean(rest)), 120, 120)
        assert worst.rest_n == 240
    assert worst.rest_low < worst.rest < worst.rest_high
    assert "day:monday" not in [segment.name for segment in found.segments]  # there is nothing else to differ from


def test_all_time_has_segments_and_one_without_predictions_says_so(parted):
    feature, _, _ = parted
    whole = report(feature, window="all")
    assert next(segment.name for segment in whole.segments if segment.is_found) == "origin:LGA"
    assert report(feature, window="all", segment="origin:LGA").metrics["accuracy"].n == 120
    nothing = report(feature, window="all", segment="origin:SFO")
    assert nothing.reason == nothing.metrics["accuracy"].reason == nothing.segments_reason == NONE_IN_SEGMENT
    assert report(make_feature(), window="all", segment="origin:SFO").reason == NOT_YET


def test_the_rest_of_a_segment_is_clustered_by_actor_like_the_segment():
    """One actor's hundred answers, half right as a block: alone they would look like a hundred strangers."""
    feature = make_feature()

    def evidence_of(n_with_actor):
        items = [
            CountedItem("", None, 0.5, "right" if at < 50 else "wrong", actor="one" if at < 50 else f"a{at}")
            for at in range(100)
        ]
        head = EstimateSet(feature=feature, source="reviewed", population=200)
        whole = Made(head, {}, {}, {("", None): (200, 0.0)}, items, n_with_actor)
        part = Made(EstimateSet(feature=feature, source="reviewed", population=0), {}, {}, {}, [], 0)
        evidence = Evidence(feature, [], {}, {}, frozenset(), {}, 500)
        return _rest(evidence, whole, part, "origin:JFK").variance

    assert evidence_of(200) > 5 * evidence_of(0)


def test_the_difference_of_both_sources_has_ends_as_wide_as_both_together(parted):
    feature, _, _ = parted
    page = feature_page(feature, may_review=False, as_of=None)
    a, b = page.reviewed.metrics["accuracy"], page.observed.metrics["accuracy"]
    low, high = page.difference_ends
    assert low == pytest.approx(a.value - b.value - math.hypot(a.value - a.low, b.high - b.value))
    assert high == pytest.approx(a.value - b.value + math.hypot(a.high - a.value, b.value - b.low))


def test_the_rest_shows_its_interval_and_n_and_the_chances_their_time(parted):
    feature, version, _ = parted
    found = report(feature, version=version)
    shown = " ".join(render_to_string("metrics/_feature_segments.html", {"report": found, "title": "t"}).split())
    rest = shown.split('data-label="The rest"')[1].split("</td>")[0]
    assert rest.count("<small>") == 2
    assert "n 240" in rest
    chances = render_to_string("metrics/_feature_chances.html", {"report": found, "chance_data": {}, "names": {}})
    assert "stated and true agree. As of " in chances


def test_why_no_segment_is_ranked_is_said():
    without, few = make_version(), make_version()
    live(without, 6, np.random.default_rng(1))
    live(few, 60, np.random.default_rng(1), segments=True)
    concluded()
    assert report(without.feature, version=without).segments_reason == "no segment is sent with the predictions"
    assert report(without.feature, version=without, source="reviewed").segments_reason == "no reviews counted yet"
    reason = report(few.feature, version=few).segments_reason
    assert reason == "no segment has 30 known truths, with as many outside of it"


# --- the same cases, answered by two versions


@pytest.fixture
def shadowed():
    """60 cases in which both versions answered minutes apart; truth names one of the two, now and then both."""
    feature = make_feature("shadow")
    old, new = (
        make_version(feature, "old", is_baseline=True),
        make_version(feature, "new", deployed_at=NOON + HOUR),
    )
    rng, by_hand = np.random.default_rng(6), [0, 0, 0, 0]
    for i in range(60):
        inputs, truth = {"km": i, "from": {"b": 1, "a": 2}}, LABELS[rng.integers(2)]
        other = LABELS[1 - LABELS.index(truth)]
        is_right = rng.random() < 0.9, rng.random() < 0.7
        at = NOON + 2 * HOUR + i * MINUTE
        made = [
            make_prediction(
                version, label=truth if right else other, inputs=inputs, occurred_at=at + late * MINUTE
            )
            for version, right, late in zip((new, old), is_right, (0, 45), strict=True)
        ]
        if i % 10:
            make_outcome(made[i % 2], truth=truth)
            by_hand[2 * (not is_right[0]) + (not is_right[1])] += 1
    return feature, new, old, by_hand


def test_pairs_are_counted_by_the_truth_of_either_one(shadowed):
    _, new, old, by_hand = shadowed
    make_prediction(new, inputs={"km": 7, "from": {"b": 1, "a": 2}}, occurred_at=NOON + 6 * HOUR)  # too late
    make_prediction(new, occurred_at=NOON + 2 * HOUR)  # of no known case
    work("sum_up", "pair", now=NOON + DAY)
    stored = PairedDay.objects.get()
    assert (stored.new, stored.old, stored.day, stored.n_pairs) == (new, old, NOON.date(), 60)
    counts = (stored.n_both_right, stored.n_only_new, stored.n_only_old, stored.n_neither)
    assert counts == tuple(by_hand)
    assert sum(counts) == 54


def test_a_day_is_paired_again_only_when_something_in_it_has_changed(shadowed):
    feature, new, _, _ = shadowed
    work("sum_up", "pair", now=NOON + DAY)
    assert due_days(feature) == []
    assert prepare_pairs(feature=feature) is None
    told = Outcome.objects.values("external_id")
    without = Prediction.objects.filter(version=new).exclude(external_id__in=told).first()
    make_outcome(without, received_at=NOON + DAY)
    work("sum_up", now=NOON + DAY + HOUR)
    assert len(due_days(feature)) == 1
    work("pair", now=NOON + DAY + HOUR)
    assert due_days(feature) == []


def test_the_comparison_of_the_same_cases_comes_first_and_changes_the_mark(shadowed):
    feature, new, old, by_hand = shadowed
    work("sum_up", "conclude", now=NOON + DAY)
    alone = report(feature, version=new).comparison
    assert (alone.method, alone.against, alone.against_is_baseline) == ("newcombe", "old", True)
    assert prepare_conclusion(feature=feature, now=NOON + DAY) is None
    work("pair", "conclude", now=NOON + DAY)
    found = report(feature, version=new).comparison
    assert (found.method, found.n) == ("paired", 54)
    assert found.value == pytest.approx((by_hand[1] - by_hand[2]) / 54)
    assert found.sentence.startswith("Not sure yet whether version new is better than old: it looks ")
    assert report(feature, version=old).comparison is None


def test_a_version_without_truth_cannot_be_compared_and_says_why():
    feature = make_feature()
    old, new = make_version(feature, "1"), make_version(feature, "2", deployed_at=NOON + HOUR)
    make_prediction(old)
    make_outcome(make_prediction(new))
    concluded()
    found = report(feature, version=new).comparison
    assert (found.state, found.value) == ("no_data", None)
    assert found.sentence == (
        "Version 2 cannot be compared with 1 yet, because nothing is known of version 1: no truth has arrived yet."
    )


# --- any history at all

LABEL = st.sampled_from(["on_time", "late", "never seen", ""])
PREDICTED = st.fixed_dictionaries(
    {
        "label": LABEL,
        "score": st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)),
        "truth": st.one_of(st.none(), LABEL),
        "day": st.integers(0, 40),
        "verdict": st.sampled_from(["right", "wrong", "partly", "cannot_judge", ""]),
        "segments": st.sampled_from([None, {}, {"a": "x"}, {"a": ""}, {"a": "x", "b": "y" * 200}]),
        "version": st.integers(0, 1),
    }
)
NUMBER = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1e308, -1e308, 5e-324]))


@contextmanager
def undone():
    """Each history begins with nothing: what was looked at, too."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def check_all(feature):
    """Every stored figure has its ends in order or a reason, and every report can be sent."""
    for estimate in Estimate.objects.filter(set__feature=feature):
        assert (estimate.value is None) == (estimate.state == "no_data")
        assert estimate.value is None or math.isfinite(estimate.value)
        assert (estimate.reason == "") == (estimate.state == "measured")
    for head in EstimateSet.objects.of(feature).exclude(window="period"):
        found = estimate_report(
            feature, window=head.window, version=head.version, source=head.source, segment=head.segment
        )
        json.dumps([str(found), found.segments_reason], allow_nan=False)
        assert "nan" not in repr(found).replace("never", "")
        assert found.segments or found.segments_reason or head.segment or head.window == "all"


def store_and_judge(feature, versions, history):
    start = NOON - 40 * DAY
    said = {}
    for row in history:
        version = versions[row.pop("version")]
        truth, verdict = row.pop("truth"), row.pop("verdict")
        prediction = make_prediction(version, occurred_at=start + row.pop("day") * DAY, **row)
        said[prediction.pk] = verdict
        if truth is not None:
            make_outcome(prediction, truth=truth)
    reviewer = make_membership(feature=feature).user
    set_policy(feature=feature, user=None, now=NOON, design="all")
    draw_received(now=NOON)
    number = 0
    while case := claim_next(reviewer=reviewer, features=[feature], now=NOON):
        if not (verdict := said[case.item.prediction_id]):
            return
        held = {"assignment_id": case.pk, "reviewer": reviewer, "token": case.lease_token, "now": NOON}
        other = next(label for label in ("late", "on_time") if label != case.item.prediction.label)
        corrected = {"corrected": other} if verdict in ("wrong", "partly") else {}
        submit(**held, verdict=verdict, idempotency_key=f"k{(number := number + 1)}", **corrected)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(PREDICTED, max_size=12), labels=st.sampled_from([[], LABELS, [*LABELS, "lost"]]))
def test_any_small_history_of_labels_gives_figures_or_reasons(history, labels):
    with undone():
        feature = make_feature()
        positive = "late" if labels else ""
        versions = [make_version(feature, f"v{n}", labels=labels, positive_label=positive) for n in (1, 2)]
        store_and_judge(feature, versions, [dict(row) for row in history])
        work("sum_up", "pair", "conclude", now=NOON + DAY)
        check_all(feature)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(NUMBER, st.one_of(st.none(), NUMBER)), max_size=8), has_tolerance=st.booleans())
def test_any_small_history_of_numbers_gives_figures_or_reasons(pairs, has_tolerance):
    with undone():
        feature = make_feature(answer_kind="number", tolerance=1.0 if has_tolerance else None)
        priced(feature, pairs)
        work("sum_up", "conclude", now=NOON + DAY)
        check_all(feature)
