"""Drift as the worker reads it: summed days against the version's first days."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from metrics.actions import drifting
from metrics.drift_reading import drift_report
from metrics.models import DriftLook, DriftReading
from tests.factories import NOON, make_feature, make_outcome, make_user, make_version
from tests.metrics.alert_story import answer, review
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
START = NOON.replace(hour=0) - 14 * DAY
A_DAY = 150


def live(version, first, days, *, km=lambda i: i % 100, **fields):
    """A week of traffic: km as told, the sky among two, labels in turn."""
    for day in range(days):
        made = answer(version, A_DAY, START + (first + day) * DAY, inputs=inputs(km), **fields)
    return made


def inputs(km):
    return lambda i: {"km": km(i), "sky": "clear" if i % 2 else "fog"}


@pytest.fixture
def version():
    feature = make_feature("delay-alert", input_fields=[{"name": "km"}, {"name": "sky"}])
    return make_version(feature, "v1", deployed_at=START)


def look(now=NOON):
    return work("sum_up", "fix_references", "sum_up", "look_for_drift", now=now)


def reading(kind, name=""):
    return DriftReading.objects.get(kind=kind, name=name)


def test_a_field_that_looks_different_drifts_and_the_others_do_not(version):
    live(version, 0, 7)
    live(version, 7, 7, km=lambda i: i % 30)
    look()
    km, sky = reading("field", "km"), reading("field", "sky")
    assert km.is_drifting
    assert km.js_distance > 0.4 > km.threshold >= 0.1
    assert (km.n, km.n_reference) == (7 * A_DAY, 7 * A_DAY)
    assert (km.window_from, km.window_to) == ((START + 7 * DAY).date(), (START + 14 * DAY).date())
    assert (km.reference_from, km.reference_to) == (START.date(), (START + 6 * DAY).date())
    assert not sky.is_drifting
    assert sky.js_distance < 0.05
    assert not reading("label").is_drifting
    assert [each.name for each in DriftReading.objects.of(version.feature).drifting()] == ["km"]


def test_a_new_category_and_missing_values_are_bins_too(version):
    live(version, 0, 7)
    live(version, 7, 7)
    answer(
        version,
        3 * A_DAY,
        START + 14 * DAY,
        inputs=lambda i: {"sky": "snow"} if i % 2 else {"km": 5, "sky": "fog"},
    )
    look(NOON + DAY)
    assert reading("field", "sky").js_distance > 0.2
    assert reading("field", "km").js_distance > 0.2
    assert [week[2] for week in reading("field", "sky").weeks][-1] == 6 * A_DAY + 3 * A_DAY


def test_missing_and_never_seen_inputs_are_told_with_their_shares(version, client_for):
    live(version, 0, 7)
    live(version, 7, 7)
    answer(version, A_DAY, START + 14 * DAY, inputs=lambda i: {"sky": "snow"})
    look(NOON + DAY)
    report = drift_report(version.feature)
    told = {row.name: {each.what: each for each in row.quality} for row in report.versions[0].inputs}
    missing, unseen = told["km"]["missing"], told["sky"]["unseen"]
    assert (missing.n, missing.share, missing.reference_share) == (A_DAY, 1 / 7, 0.0)
    assert (unseen.n, unseen.share, unseen.reference_share) == (A_DAY, 1 / 7, 0.0)
    page = client_for(make_user(is_staff=True)).get(f"/features/{version.feature.slug}/drift/").text
    assert f"Missing: {A_DAY}" in page
    assert f"Not in the first days: {A_DAY}" in page


def test_a_day_that_has_just_begun_is_not_compared(version):
    live(version, 0, 7)
    live(version, 7, 7)
    answer(version, 3 * A_DAY, NOON.replace(hour=0), inputs=lambda i: {"km": 5, "sky": "snow"})
    look()
    assert not reading("field", "sky").is_drifting
    assert reading("field", "sky").window_to == NOON.date()
    look(NOON + DAY)
    assert reading("field", "sky").is_drifting


def test_when_it_drifted_last_is_carried_from_look_to_look(version):
    live(version, 0, 7)
    live(version, 7, 7, km=lambda i: i % 30)
    look()
    assert reading("field", "km").last_drifted_on == NOON.date()
    assert reading("field", "sky").last_drifted_on is None
    live(version, 14, 7)
    look(NOON + 7 * DAY)
    assert not reading("field", "km").is_drifting
    assert reading("field", "km").last_drifted_on == NOON.date()


def test_what_scores_promised_in_the_first_days_has_its_interval_and_number(version):
    live(version, 0, 7)
    live(version, 7, 7)
    look()
    found = reading("confidence")
    assert found.reference_low < found.reference_value < found.reference_high
    assert found.n_reference == 7 * A_DAY


def test_the_label_drifts_when_one_answer_takes_over(version):
    live(version, 0, 7)
    live(version, 7, 7, label="late")
    look()
    label = reading("label")
    assert label.is_drifting
    assert label.psi > 0.25


def test_without_a_reference_there_is_a_reason_and_no_distance(version):
    live(version, 7, 3)
    look()
    found = reading("label")
    assert found.js_distance is None
    assert "no reference yet" in found.reason
    assert not DriftReading.objects.filter(kind="field").exists()


def test_in_the_first_days_there_is_nothing_to_compare(version):
    live(version, 7, 7)
    look()
    assert "still the first days" in reading("field", "km").reason


def test_a_number_has_no_label_to_compare_and_its_inputs_are_compared():
    feature = make_feature("prices", answer_kind="number", input_fields=[{"name": "km"}])
    version = make_version(feature, "v1", labels=["x"], deployed_at=START)
    live(version, 0, 7, label=None, score=None, value=5.0)
    live(version, 7, 7, label=None, score=None, value=5.0, km=lambda i: i % 30)
    look()
    assert "answers with a number" in reading("label").reason
    assert "score" in reading("confidence").reason or "number" in reading("confidence").reason
    assert reading("field", "km").is_drifting


def test_the_expected_share_right_is_calibrated_by_what_was_judged(version):
    """Scores average .745; reviews find half of them right: the estimate follows the reviews."""
    live(version, 0, 7)
    live(version, 7, 6)
    look()
    as_sent = reading("confidence")
    assert as_sent.source == ""
    assert as_sent.value == pytest.approx(0.745, abs=0.01)
    assert as_sent.low < as_sent.value < as_sent.high
    review(version, 400, right=0.5, at=START + 13 * DAY)
    look(NOON + DAY)
    judged = reading("confidence")
    assert judged.source == "reviewed"
    assert judged.value == pytest.approx(0.55, abs=0.05)
    assert judged.reference_value == pytest.approx(judged.value, abs=0.05)


def test_truth_that_arrived_calibrates_where_there_are_no_reviews(version):
    for i, prediction in enumerate(live(version, 0, 7) + live(version, 7, 7)):
        wrong = "late" if prediction.label == "on_time" else "on_time"
        make_outcome(prediction, truth=prediction.label if i % 2 else wrong)
    look()
    assert reading("confidence").source == "observed"
    assert reading("confidence").value < 0.7


def test_looking_again_without_news_does_nothing_and_a_replay_replaces(version):
    live(version, 0, 7)
    look()
    assert drifting.prepare_drift(feature=version.feature, now=NOON + timedelta(hours=2)) is None
    DriftLook.objects.update(mark="something else")
    looks = [drifting.prepare_drift(feature=version.feature, now=NOON + DAY) for _ in range(2)]
    assert [write() for write in looks] == [4, 4]
    assert DriftReading.objects.count() == 4


def test_a_version_that_no_longer_answers_is_not_read(version):
    live(version, 0, 2)
    second = make_version(version.feature, "v2", deployed_at=NOON)
    answer(second, 10, START + 20 * DAY)
    look(NOON + 8 * DAY)
    assert {each.version for each in DriftReading.objects.all()} == {second}


def test_a_feature_without_predictions_has_no_readings(version):
    look()
    assert not DriftReading.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"js_distance": None, "threshold": None},  # no distance and no reason
        {"js_distance": 1.2},
        {"js_distance": 0.05, "is_drifting": True},
        {"window_to": START.date()},
        {"value": 0.5, "low": 0.6, "high": 0.7},
        {"kind": "mood"},
    ],
)
def test_the_database_refuses_a_reading_that_cannot_be(version, wrong):
    honest = {
        "feature": version.feature, "version": version, "kind": "label", "window_from": START.date(),
        "window_to": NOON.date(), "js_distance": 0.2, "psi": 0.1, "threshold": 0.1, "is_drifting": True,
        "n": 5, "n_reference": 5, "as_of": NOON,
    }  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        DriftReading.objects.create(**{**honest, **wrong})
    DriftReading.objects.create(**honest)
