"""How expectations stand, checked as the worker does it, on figures that reviews and latencies made."""

import math

import pytest

from feedback.models import Prediction
from metrics.expectation_reading import expectations_page
from metrics.models import Conclusion, DaySummary, EstimateSet, ExpectationStatus
from metrics.stats.intervals import anytime_multiplier
from reviews.actions.desk import set_policy
from tests.factories import NOON, make_feature, make_outcome, make_prediction, make_version
from tests.metrics.agreements import DAY, HOUR, make_agreed, make_score, make_team
from tests.metrics.work import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def lived_in():
    """400 predictions of two labels, all of which came true or not: late is right in 80 %, on_time in 95 %."""
    feature, people = make_team(make_feature("delay-alert", label_names={"late": "Late"}))
    version = make_version(feature, "v1", deployed_at=NOON - 10 * DAY)
    for i in range(400):
        label = "late" if i % 2 else "on_time"
        is_right = i % 10 if label == "late" and i % 5 == 0 else i % 40 != 0
        other = {"late": "on_time", "on_time": "late"}[label]
        at = NOON - DAY + i * HOUR / 60
        prediction = make_prediction(version, f"p{i}", label=label, occurred_at=at, latency_ms=10.0 + i)
        make_outcome(prediction, truth=label if is_right else other)
    work("sum_up", "conclude", now=NOON)
    return feature, people, version


def status_of(expectation):
    return ExpectationStatus.objects.filter(expectation=expectation).order_by("-since", "-pk").first()


def accuracy(feature):
    sets = EstimateSet.objects.filter(feature=feature, window="version", source="observed")
    return sets.get().estimates.get(metric="accuracy", label="")


def test_met_broken_and_not_sure_follow_the_anytime_interval(lived_in):
    feature, people, _ = lived_in
    figure = accuracy(feature)
    targets = {
        "met": figure.anytime_low - 0.001,
        "broken": figure.anytime_high + 0.001,
        "not_sure": (figure.value + figure.anytime_low) / 2,
    }
    row = None
    for status, target in targets.items():
        row = make_agreed(feature, people, target=target, replaces=row, now=NOON)
        assert work("check_expectations", now=NOON + HOUR) == ["1 features to check", "1 expectations changed"]
        found = status_of(row)
        assert found.status == status
        assert (found.value, found.low, found.high) == (figure.value, figure.anytime_low, figure.anytime_high)
        assert (found.source, found.version, found.n) == ("observed", "v1", 400)
    assert found.n_to_go > 0
    assert 0.5 < found.p_met < 0.99


def test_a_second_check_of_the_same_figures_does_nothing(lived_in):
    feature, people, _ = lived_in
    make_agreed(feature, people)
    assert work("check_expectations", now=NOON + HOUR) == ["1 features to check", "1 expectations changed"]
    assert work("check_expectations", now=NOON + 2 * HOUR) == []
    assert ExpectationStatus.objects.get().checked_at == NOON + HOUR


def test_a_status_that_changes_keeps_what_it_was_before(lived_in):
    feature, people, version = lived_in
    agreed = make_agreed(feature, people, target=accuracy(feature).anytime_low - 0.001)
    work("check_expectations", now=NOON + HOUR)
    for i in range(300):
        make_outcome(
            make_prediction(version, f"bad{i}", label="late", occurred_at=NOON, received_at=NOON + 2 * HOUR),
            truth="on_time",
            received_at=NOON + 2 * HOUR,
        )
    work("sum_up", "conclude", "check_expectations", now=NOON + 3 * HOUR)
    history = list(ExpectationStatus.objects.filter(expectation=agreed).order_by("since"))
    assert [row.status for row in history] == ["met", "broken"]
    assert history[0].since == NOON + HOUR
    assert history[0].value > history[1].value
    page = expectations_page(feature, visible=type(feature).objects.all())
    assert [change.status for change in page.in_force[0].history] == ["broken", "met"]


def test_without_any_figure_it_is_unknown_and_says_why():
    feature, people = make_team()
    agreed = make_agreed(feature, people)
    work("check_expectations", now=NOON)
    assert (status_of(agreed).status, status_of(agreed).reason) == ("unknown", "no version is registered yet")


def test_a_part_of_the_traffic_that_nobody_sums_up_is_unknown(lived_in):
    feature, people, _ = lived_in
    agreed = make_agreed(feature, people, segment="origin:JFK")
    work("check_expectations", now=NOON)
    assert status_of(agreed).reason == "nothing is summed up for origin:JFK yet"


def test_precision_speaks_of_the_positive_label_in_the_features_words(lived_in):
    feature, people, _ = lived_in
    make_agreed(feature, people, metric="precision", target=0.5)
    work("check_expectations", now=NOON)
    page = expectations_page(feature, visible=type(feature).objects.all())
    assert page.in_force[0].sentence.startswith("Of 100 times that it says “Late”, about ")


def test_its_own_day_counts_and_the_day_after_it_is_resolved_for_good(lived_in):
    feature, people, _ = lived_in
    agreed = make_agreed(feature, people, target=0.5, by_on=(NOON + DAY).date())
    work("check_expectations", now=NOON + DAY + 11 * HOUR)
    agreed.refresh_from_db()
    assert agreed.resolved_at is None
    work("check_expectations", now=NOON + DAY + 12 * HOUR)
    agreed.refresh_from_db()
    assert agreed.resolved_at == NOON + DAY + 12 * HOUR
    Conclusion.objects.update(as_of=NOON + 2 * DAY)
    assert work("check_expectations", now=NOON + 3 * DAY) == []
    assert status_of(agreed).status == "met"


def test_undecided_on_its_day_it_expires(lived_in):
    feature, people, _ = lived_in
    agreed = make_agreed(feature, people, target=accuracy(feature).value, by_on=(NOON + DAY).date())
    work("check_expectations", now=NOON + 2 * DAY)
    assert (status_of(agreed).status, status_of(agreed).p_met) == ("expired", 0.0)


# --- latency, by sorting


@pytest.mark.parametrize(("target", "status"), [(450.0, "met"), (300.0, "broken"), (390.0, "not_sure")])
def test_latency_is_judged_by_the_order_of_all_answers(lived_in, target, status):
    feature, people, _ = lived_in
    set_policy(feature=feature, user=None, now=NOON, target_count=400)
    agreed = make_agreed(feature, people, metric="latency_p95_ms", direction="at_most", target=target)
    work("check_expectations", now=NOON)
    found = status_of(agreed)
    sorted_ms = sorted(Prediction.objects.values_list("latency_ms", flat=True))
    n = len(sorted_ms)
    reach = anytime_multiplier(n, 400) * math.sqrt(0.95 * 0.05 / n)
    expected = [sorted_ms[math.ceil(q * n) - 1] for q in (0.95, 0.95 - reach, min(1, 0.95 + reach))]
    assert [found.value, found.low, found.high] == pytest.approx(expected, rel=0.021)
    assert (found.status, found.n) == (status, n)


def test_too_few_latencies_bound_nothing():
    feature, people = make_team()
    version = make_version(feature)
    for i in range(150):
        make_prediction(version, f"p{i}", latency_ms=5.0, occurred_at=NOON - HOUR)
    agreed = make_agreed(feature, people, metric="latency_p95_ms", direction="at_most", target=100)
    work("sum_up", "conclude", "check_expectations", now=NOON)
    assert status_of(agreed).status == "not_sure"


# --- adoption


@pytest.mark.parametrize(("target", "status"), [(50.0, "met"), (55.0, "not_sure"), (70.0, "broken")])
def test_adoption_is_decided_by_an_interval_as_wide_as_looking_any_time_needs(target, status):
    feature, people = make_team()
    make_score(feature)
    agreed = make_agreed(feature, people, metric="adoption", target=target)
    work("check_expectations", now=NOON)
    found = status_of(agreed)
    assert found.status == status
    assert found.high - found.value == pytest.approx(anytime_multiplier(500) * 8 / 3.92)


def test_a_provisional_score_decides_nothing_and_a_missing_one_says_why():
    feature, people = make_team()
    agreed = make_agreed(feature, people, metric="adoption", target=1)
    work("check_expectations", now=NOON)
    assert status_of(agreed).reason == "no adoption score has been computed yet"
    make_score(feature, state="provisional")
    work("check_expectations", now=NOON + HOUR)
    assert (status_of(agreed).status, status_of(agreed).reason) == ("not_sure", "the score is provisional")


def test_a_feature_that_cannot_be_checked_stops_no_other(lived_in):
    feature, people, _ = lived_in
    other, others = make_team(make_feature("other"))
    make_agreed(feature, people)
    broken = make_agreed(other, others, metric="latency_p95_ms", target=100.0)
    make_version(other, "v1")
    day = DaySummary.objects.filter(feature=feature).first()
    DaySummary.objects.create(
        feature=other,
        version=other.versions.get(),
        day=day.day,
        payload={"unreadable": 1},
        source_count=1,
        summed_at=NOON,
    )
    with pytest.raises(AssertionError, match="failed"):
        work("check_expectations", now=NOON + HOUR)
    assert ExpectationStatus.objects.get().expectation.feature == feature
    assert status_of(broken) is None
