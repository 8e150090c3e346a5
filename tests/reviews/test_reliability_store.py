"""What the worker finds of reviewers, stored for pages that may not compute."""

from datetime import timedelta

import numpy as np
import pytest

from feedback.actions.jobs import enter_job
from feedback.models import Job, ModelVersion
from reviews.actions.leading import void
from reviews.actions.reliability import due_features, prepare_reliability
from reviews.anchoring import anchoring_of
from reviews.disagreements import Shared, disagreements_of
from reviews.models import Assignment, DrawDay, Judgment, Reliability
from reviews.reliability_reading import _weights, accuracy_without_error_of, reliability_of
from reviews.reliability_store import (
    NOT_YET,
    accuracies_without_error,
    accuracy_without_error,
    reliability,
)
from tests.factories import NOON, make_feature, make_membership
from tests.metrics.work import work
from tests.reviews.disputes import decided, judged_by_two
from tests.reviews.steps import MINUTE

pytestmark = pytest.mark.django_db
RIGHT, LOST, ON_TIME = (
    {"verdict": "right"},
    {"verdict": "wrong", "corrected": "lost"},
    {"verdict": "wrong", "corrected": "on_time"},
)
CANNOT = {"verdict": "cannot_judge"}
TWELVE = [(RIGHT, RIGHT)] * 8 + [(LOST, LOST)] * 2 + [(RIGHT, LOST), (LOST, ON_TIME)]


@pytest.fixture
def feature():
    return make_feature("delay-alert")


def look(feature, now=NOON):
    return prepare_reliability(feature=feature, now=now)()


def test_what_is_stored_is_what_the_reading_says(feature):
    ann, bob = judged_by_two(feature, TWELVE, audit_share=0.0)
    assert look(feature) == 2
    stored = reliability(feature)
    found = reliability_of(feature, rng=np.random.default_rng(feature.pk))
    assert (stored.as_of, stored.n_items, stored.n_shared) == (NOON, 12, 12)
    for name in ("value", "n", "low", "high", "reason"):
        assert getattr(stored.alpha, name) == getattr(found.alpha, name)
        assert getattr(stored.raw, name) == getattr(found.raw, name)
    assert stored.raw.value == 10 / 12
    assert [(one.reviewer_id, one.n, one.active_seconds) for one in stored.reviewers] == [
        (ann.pk, 12, 12 * 60.0),
        (bob.pk, 12, 12 * 60.0),
    ]
    [pair] = stored.pairs
    assert (pair.first_id, pair.second_id, pair.kappa.value) == (ann.pk, bob.pk, found.pairs[0].kappa.value)
    assert stored.confusion_reason == found.confusion_reason != ""


def test_a_reviewers_agreement_is_that_of_their_own_cases_with_wilsons_interval(feature):
    judged_by_two(feature, TWELVE, audit_share=0.0)
    look(feature)
    for one in reliability(feature).reviewers:
        assert (one.agreement.value, one.agreement.n) == (10 / 12, 12)
        assert (one.agreement.low, one.agreement.high) == (
            pytest.approx(0.552, abs=1e-3),
            pytest.approx(0.953, abs=1e-3),
        )
        assert (one.gold.value, one.gold.reason) == (None, "no gold item judged yet")


def test_under_ten_shared_cases_the_agreement_has_a_reason(feature):
    judged_by_two(feature, [(RIGHT, RIGHT)] * 3)
    look(feature)
    [one, _] = reliability(feature).reviewers
    assert (one.agreement.value, one.agreement.n) == (None, 3)
    assert one.agreement.reason == "needs 7 more cases that somebody else judged too"


def test_the_accuracy_without_error_of_a_version_has_a_reason_until_three_judge_the_same(feature):
    judged_by_two(feature, TWELVE, audit_share=0.0)
    version = feature.versions.get()
    assert accuracy_without_error(version).reason == NOT_YET
    look(feature)
    line = accuracy_without_error(version)
    expected = accuracy_without_error_of(version, rng=np.random.default_rng(version.pk))
    assert (line.value, line.n, line.reason, line.as_of) == (None, expected.n, expected.reason, NOON)
    assert "needs 30 items, gold or not, that 3 reviewers judged" in line.reason
    assert accuracies_without_error(feature) == {version.name: line}


# --- what they disagree on


def test_disagreements_are_counted_by_label_and_those_that_wait_are_not_named(feature):
    judged_by_two(feature, [(RIGHT, RIGHT), (RIGHT, LOST), (LOST, ON_TIME), (CANNOT, RIGHT)], audit_share=0.0)
    decided(feature, make_membership(feature=feature, role="adjudicator").user)
    [label] = disagreements_of(feature).labels
    assert (label.label, label.n_two, label.n, label.n_waiting) == ("late", 4, 3, 2)
    [case] = label.cases
    assert (len(case.said), case.final) == (2, "wrong: lost")


def test_what_one_of_them_could_not_judge_is_no_agreement_and_no_disagreement_of_theirs(feature):
    ann, bob = judged_by_two(feature, [(RIGHT, RIGHT), (RIGHT, LOST), (CANNOT, RIGHT)])
    assert disagreements_of(feature).shared == {ann.pk: Shared(2, 1), bob.pk: Shared(2, 1)}


def test_a_reason_that_one_of_two_gave_alone_is_a_disagreement_on_it(feature):
    from reviews.actions.desk import set_rubric

    codes = [{"code": "weather", "label": "Weather"}, {"code": "date", "label": "Date"}]
    set_rubric(feature=feature, now=NOON, reasons=codes)
    said = [({**LOST, "reasons": ["weather", "date"]}, {**LOST, "reasons": ["weather"]}), (RIGHT, RIGHT)]
    judged_by_two(feature, said)
    counts = [(each.code, each.n_two, each.n) for each in disagreements_of(feature).reasons]
    assert counts == [("date", 1, 1), ("weather", 1, 0)]


def test_only_standing_opinions_of_cases_with_both_count(feature):
    judged_by_two(feature, [(RIGHT, LOST), (RIGHT, None)])
    assert [label.n_two for label in disagreements_of(feature).labels] == [1]
    given = Assignment.objects.filter(state="submitted", item__n_opinions=2).order_by("-pk")[:2]
    pk = next(each.pk for each in given if each.item.state == "needs_adjudication")
    void(assignment_id=pk, lead=make_membership(feature=feature, role="owner").user, reason="x", now=NOON)
    assert disagreements_of(feature).labels == []


# --- when the worker looks


def test_a_feature_is_looked_at_after_judgments_and_not_again_without_any(feature):
    assert due_features(now=NOON) == []
    judged_by_two(feature, [(RIGHT, RIGHT)])
    assert due_features(now=NOON) == [feature.pk]
    look(feature)
    assert due_features(now=NOON + timedelta(hours=1)) == []


def test_new_judgments_wait_for_five_minutes_after_the_last_look(feature):
    raters = judged_by_two(feature, [(RIGHT, RIGHT)])
    look(feature)
    judged_by_two(feature, [(RIGHT, RIGHT)], raters=raters, now=NOON + MINUTE)
    assert due_features(now=NOON + 4 * MINUTE) == []
    assert due_features(now=NOON + 5 * MINUTE) == [feature.pk]


def test_a_voided_judgment_is_a_reason_to_look(feature):
    judged_by_two(feature, [(RIGHT, RIGHT)])
    look(feature)
    pk = Assignment.objects.filter(state="submitted").first().pk
    void(assignment_id=pk, lead=make_membership(feature=feature, role="owner").user, reason="x", now=NOON)
    assert due_features(now=NOON + timedelta(minutes=5)) == [feature.pk]


def test_looking_again_replaces_what_stood_there(feature):
    judged_by_two(feature, TWELVE)
    look(feature)
    before = list(Reliability.objects.order_by("pk").values("pk", "figures"))
    assert look(feature, NOON + MINUTE) == 2
    assert list(Reliability.objects.order_by("pk").values("pk", "figures")) == before
    assert set(Reliability.objects.values_list("as_of", flat=True)) == {NOON + MINUTE}


def test_the_job_looks_at_every_feature_that_is_due(feature):
    judged_by_two(feature, [(RIGHT, RIGHT)])
    judged_by_two(make_feature("price-band"), [(RIGHT, RIGHT)])
    said = work("look_at_reviewers", now=NOON)
    assert said[0] == "reviewers of 2 features to look at"
    assert said[1:] == ["2 looks at reviewers"] * 2
    assert Judgment.objects.count() == 4


def test_a_feature_whose_look_was_given_up_is_not_entered_again(feature):
    judged_by_two(feature, [(RIGHT, RIGHT)])
    enter_job("reliability", str(feature.pk), run_after=NOON, now=NOON)
    Job.objects.update(state="dead", finished_at=NOON)
    assert work("look_at_reviewers", now=NOON) == ["reviewers of 0 features to look at"]


def test_a_day_without_its_draw_is_left_out(feature):
    judged_by_two(feature, [(RIGHT, RIGHT)] * 3)
    DrawDay.objects.all().delete()
    assert _weights(ModelVersion.objects.get()) == {}
    assert look(feature) == 2


def test_anchoring_is_part_of_the_look_and_an_older_look_has_none(feature):
    judged_by_two(feature, [(RIGHT, RIGHT)])
    look(feature)
    assert reliability(feature).anchoring == anchoring_of(feature)
    row = Reliability.objects.get(version=None)
    del row.figures["anchoring"]
    row.save()
    assert reliability(feature).anchoring is None
