"""What the database itself holds, whoever writes: each broken on purpose."""

import math

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from reviews.actions.desk import set_rubric
from reviews.models import Assignment, ClaimWalk, Draft, Exclusion, Judgment, ReviewItem, Rubric, SamplingPolicy
from tests.factories import NOON, make_feature, make_prediction, make_user
from tests.reviews.steps import answer, claim, queue, reviewers

pytestmark = pytest.mark.django_db


@pytest.fixture
def feature():
    return make_feature("claims")


@pytest.fixture
def ann(feature):
    return reviewers(feature, 1)[0]


def refused(rows, **change):
    """Whether the database says no; of what is written nothing stays."""
    before = list(rows.model.objects.order_by("pk").values())
    try:
        with transaction.atomic():
            assert rows.update(**change) > 0
    except IntegrityError:
        assert list(rows.model.objects.order_by("pk").values()) == before
        return True
    return False


def test_nobody_holds_or_judges_an_item_twice(feature, ann):
    _, second = queue(feature, 1, overlap_share=1.0)
    answer(claim(feature, ann), ann)
    leased = {"state": "leased", "reviewer": ann, "lease_token": "t", "lease_slot": 1, "leased_until": NOON}
    assert refused(Assignment.objects.filter(pk=second.pk), **leased)
    assert not refused(Assignment.objects.filter(pk=second.pk), **{**leased, "reviewer": make_user()})


def test_a_third_opinion_has_no_place(feature):
    first, _ = queue(feature, 1, overlap_share=1.0)
    for ordinal in (1, 2, 3):
        with pytest.raises(IntegrityError), transaction.atomic():
            Assignment.objects.create(feature=feature, item=first.item, ordinal=ordinal, queue_key=first.queue_key)


@pytest.mark.parametrize(
    "change",
    [
        {"lease_token": "t"},
        {"leased_until": NOON},
        {"lease_slot": 1},
        {"state": "leased"},
        {"state": "submitted"},
        {"state": "void"},
        {"void_reason": "no"},
        {"active_seconds": -1.0},
    ],
)
def test_open_is_exactly_without_reviewer_token_and_slot(feature, change):
    queue(feature, 1)
    assert refused(Assignment.objects.all(), **change)


def test_an_open_assignment_has_no_reviewer(feature, ann):
    queue(feature, 1)
    assert refused(Assignment.objects.all(), reviewer=ann)


@pytest.mark.parametrize(
    "change", [{"reviewer": None}, {"lease_token": ""}, {"lease_slot": None}, {"lease_slot": 3}]
)
def test_a_lease_has_a_reviewer_a_token_and_one_of_two_slots(feature, ann, change):
    queue(feature, 1)
    claim(feature, ann)
    assert refused(Assignment.objects.all(), **change)


def test_nobody_holds_three_cases(feature, ann):
    cases = queue(feature, 3)
    for slot, case in zip((1, 2, 1), cases, strict=True):
        lease = {"state": "leased", "reviewer": ann, "lease_token": "t", "leased_until": NOON, "lease_slot": slot}
        assert refused(Assignment.objects.filter(pk=case.pk), **lease) is (case == cases[2])


@pytest.mark.parametrize("name", ["luck", "weight", "queue_key"])
def test_what_fixes_an_inclusion_probability_never_changes(feature, name):
    queue(feature, 1)
    assert refused(ReviewItem.objects.all(), **{name: F(name) * 0.999})
    assert not refused(ReviewItem.objects.all(), **{name: F(name)})


@pytest.mark.parametrize(
    "change",
    [{"arm": "targeted"}, {"cohort_on": NOON.date().replace(day=1)}, {"n_opinions": 3}, {"n_opinions": 0}],
)
def test_neither_do_arm_cohort_and_the_number_of_opinions_go_astray(feature, change):
    queue(feature, 1)
    assert refused(ReviewItem.objects.all(), **change)


@pytest.mark.parametrize(
    "change",
    [{"luck": 0.0}, {"luck": 1.0}, {"weight": 0.0}, {"weight": -1.0}, {"queue_key": 0.7}, {"queue_key": -1.0}],
)
def test_the_key_follows_from_luck_and_weight(feature, change):
    queue(feature, 1)
    like = ReviewItem.objects.values().get()
    fresh = {**like, "id": None, "prediction_id": make_prediction(feature.versions.get()).pk}
    fresh.update(luck=0.25, weight=2.0, queue_key=math.log(4) / 2)
    ReviewItem.objects.create(**fresh)
    ReviewItem.objects.filter(luck=0.25).delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewItem.objects.create(**{**fresh, **change})


def test_a_prediction_is_one_item_of_each_arm(feature):
    queue(feature, 1)
    like = ReviewItem.objects.values().get()
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewItem.objects.create(**{**like, "id": None})


def test_an_adjudicator_is_no_rater_of_the_item(feature, ann):
    bob, cleo = reviewers(feature, 2)
    queue(feature, 1, overlap_share=1.0)
    answer(claim(feature, ann), ann)
    answer(claim(feature, bob), bob, verdict="wrong", corrected="lost")
    decision = Assignment.objects.filter(lane="adjudication")
    lease = {"state": "leased", "lease_token": "t", "leased_until": NOON, "lease_slot": 2}
    for rater in (ann, bob):
        assert refused(decision, reviewer=rater, **lease)
    assert not refused(decision, reviewer=cleo, **lease)


def test_nobody_is_active_longer_than_it_took(feature, ann):
    queue(feature, 1)
    answer(claim(feature, ann), ann)
    assert refused(Judgment.objects.all(), active_seconds=F("wall_seconds") + 0.1)
    assert refused(Judgment.objects.all(), active_seconds=-0.1)


@pytest.mark.parametrize(
    "change", [{"verdict": "wrong"}, {"corrected": "lost", "verdict": "wrong"}, {"revision": 2}]
)
def test_a_revision_of_a_judgment_never_changes(feature, ann, change):
    queue(feature, 1)
    answer(claim(feature, ann), ann)
    assert refused(Judgment.objects.all(), **change)


@pytest.mark.parametrize("change", [{"lane": "gold"}, {"ordinal": 2}, {"queue_key": 1.5}])
def test_the_place_of_an_assignment_never_changes(feature, change):
    queue(feature, 1)
    assert refused(Assignment.objects.all(), **change)


@pytest.mark.parametrize(
    "change",
    [
        {"guideline": "Be kind."},
        {"reasons": [{"code": "x"}]},
        {"questions": [{"code": "x"}]},
        {"verdicts": ["right"]},
    ],
)
def test_a_rubric_never_changes(feature, change):
    set_rubric(feature=feature, now=NOON, guideline="Be strict.")
    assert refused(Rubric.objects.all(), **change)


@pytest.mark.parametrize(
    "change", [{"reviews_per_day": 7}, {"overlap_share": 0.5}, {"gold_share": 0.6}, {"audit_share": 1.1}]
)
def test_a_policy_keeps_what_days_were_drawn_with(feature, change):
    queue(feature, 1)
    assert refused(SamplingPolicy.objects.all(), **change)


def test_gold_is_never_settled(feature):
    queue(feature, 1)
    gold = {**ReviewItem.objects.values().get(), "id": None, "arm": "gold"}
    ReviewItem.objects.create(**gold)
    assert refused(ReviewItem.objects.filter(arm="gold"), state="final", verdict="right", final_at=NOON)


def test_one_exclusion_draft_and_walk_for_each(feature, ann):
    (case,) = queue(feature, 1)
    for model, row in (
        (Exclusion, {"item": case.item, "reviewer": ann, "reason": "x", "created_at": NOON}),
        (Draft, {"assignment": case, "reviewer": ann, "saved_at": NOON}),
        (ClaimWalk, {"feature": feature, "reviewer": ann}),
    ):
        model.objects.create(**row)
        with pytest.raises(IntegrityError), transaction.atomic():
            model.objects.create(**row)


def test_rows_of_what_never_changes_can_still_be_deleted(feature, ann):
    queue(feature, 1)
    answer(claim(feature, ann), ann)
    ReviewItem.objects.all().delete()
    assert not Judgment.objects.exists()
