from datetime import timedelta

import pytest

from reviews.actions.desk import (
    claim_next,
    expire_leases,
    release,
    set_policy,
    set_rubric,
    skip,
    submit,
    undo,
)
from reviews.actions.draw import draw_received
from reviews.desk import Progress, counted
from reviews.errors import LeaseLost, Refused
from reviews.models import Assignment, Exclusion, Judgment, ReviewItem
from reviews.reports import empty_desk, progress_of, queues_of
from reviews.tasks import draw
from reviews.tasks import expire_leases as expire_job
from reviews.waiting import Waiting, waiting_for
from tests.factories import NOON, make_feature, make_membership, make_prediction, make_user, make_version

pytestmark = pytest.mark.django_db
LEASE = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def feature():
    return make_feature("claims", label_names={"late": "Late"})


@pytest.fixture
def ann(feature):
    return make_membership(make_user("ann@example.org"), feature).user


@pytest.fixture
def bob(feature):
    return make_membership(make_user("bob@example.org"), feature).user


def queue(feature, n=3, labels=("on_time", "late"), **answer):
    """n open cases, all drawn."""
    version = make_version(feature, **({"labels": list(labels)} if feature.answer_kind == "label" else {}))
    for i in range(n):
        make_prediction(version, f"{version.name}-{i}", occurred_at=NOON - MINUTE, **answer)
    set_policy(feature=feature, user=None, now=NOON, design="all")
    draw_received(now=NOON)
    return list(Assignment.objects.filter(feature=feature).order_by("queue_key"))


def answer(assignment, reviewer, *, now=NOON, key="k1", **entered):
    return submit(
        assignment_id=assignment.pk,
        token=assignment.lease_token,
        reviewer=reviewer,
        idempotency_key=key,
        now=now,
        **{"verdict": "right", **entered},
    )


def item_of(assignment):
    return ReviewItem.objects.get(pk=assignment.item_id)


def test_the_smallest_key_is_claimed_first(feature, ann):
    first, *_ = queue(feature)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    stored = Assignment.objects.get(pk=first.pk)
    assert claimed == first
    assert (stored.state, stored.reviewer, stored.leased_until) == ("leased", ann, NOON + LEASE)
    assert stored.lease_token == claimed.lease_token != ""
    assert item_of(first).state == "in_review"


def test_the_smallest_key_of_several_features_is_claimed_first(feature, ann):
    other = make_feature("other")
    queue(feature)
    queue(other)
    first = Assignment.objects.order_by("queue_key").first()
    assert claim_next(reviewer=ann, features=[feature, other], now=NOON) == first


def test_two_reviewers_get_different_cases(feature, ann, bob):
    first, second, _ = queue(feature)
    assert claim_next(reviewer=ann, features=[feature], now=NOON) == first
    assert claim_next(reviewer=bob, features=[feature], now=NOON) == second


def test_a_case_that_is_claimed_by_one_of_two_is_nobody_elses(feature, ann, bob):
    queue(feature, 1)
    assert claim_next(reviewer=ann, features=[feature], now=NOON)
    assert claim_next(reviewer=bob, features=[feature], now=NOON) is None


def test_claiming_again_gives_the_same_case(feature, ann):
    queue(feature)
    first = claim_next(reviewer=ann, features=[feature], now=NOON)
    again = claim_next(reviewer=ann, features=[feature], now=NOON + MINUTE)
    assert (again, again.lease_token) == (first, first.lease_token)


def test_nobody_holds_more_than_two_leases(ann):
    features = [make_feature() for _ in range(3)]
    for each in features:
        queue(each)
    held = [claim_next(reviewer=ann, features=[each], now=NOON) for each in features]
    assert held[2] == held[0] != held[1]
    assert Assignment.objects.live(NOON).held_by(ann).count() == 2


def test_an_expired_lease_goes_back_to_the_queue(feature, ann, bob):
    queue(feature, 1)
    first = claim_next(reviewer=ann, features=[feature], now=NOON)
    assert claim_next(reviewer=bob, features=[feature], now=NOON + LEASE - MINUTE) is None
    second = claim_next(reviewer=bob, features=[feature], now=NOON + LEASE)
    assert second == first
    assert second.lease_token != first.lease_token


def test_ones_own_expired_lease_can_be_claimed_again(feature, ann):
    queue(feature, 1)
    first = claim_next(reviewer=ann, features=[feature], now=NOON)
    assert claim_next(reviewer=ann, features=[feature], now=NOON + LEASE).lease_token != first.lease_token


def test_the_sweep_frees_what_has_expired(feature, ann):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    assert expire_leases(NOON + MINUTE) == 0
    assert expire_leases(NOON + LEASE) == 1
    assert Assignment.objects.get().state == "open"
    assert item_of(claimed).state == "open"
    assert expire_leases(NOON + LEASE) == 0


def test_a_right_answer_makes_the_item_final(feature, ann):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    judgment = answer(claimed, ann, now=NOON + MINUTE)
    item, stored = item_of(claimed), Assignment.objects.get()
    assert (item.state, item.verdict, item.truth, item.final_at) == ("final", "right", "late", NOON + MINUTE)
    assert (stored.state, stored.submitted_at, stored.lease_token) == ("submitted", NOON + MINUTE, "")
    assert (judgment.revision, judgment.reviewer, judgment.verdict) == (1, ann, "right")


@pytest.mark.parametrize(
    ("verdict", "entered", "truth"),
    [
        ("wrong", "lost", "lost"),
        ("partly", "on_time", "on_time"),
        ("cannot_judge", "", ""),
        ("cannot_judge", "lost", ""),
        ("right", "lost", "late"),
    ],
)
def test_the_truth_follows_from_the_verdict(feature, ann, verdict, entered, truth):
    queue(feature, 1, labels=["on_time", "lost", "late"])
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    answer(claimed, ann, verdict=verdict, corrected=entered)
    assert item_of(claimed).truth == truth


def test_of_two_labels_the_other_one_is_implied(feature, ann):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    assert answer(claimed, ann, verdict="wrong").corrected == "on_time"
    assert item_of(claimed).truth == "on_time"


@pytest.mark.parametrize("corrected", ["", "late", "never"])
def test_a_wrong_correction_is_refused_and_nothing_is_stored(feature, ann, corrected):
    queue(feature, 1, labels=["on_time", "lost", "late"])
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    with pytest.raises(Refused) as refused:
        answer(claimed, ann, verdict="wrong", corrected=corrected)
    assert list(refused.value.errors) == ["corrected"]
    assert not Judgment.objects.exists()
    assert item_of(claimed).state == "in_review"


@pytest.mark.parametrize(
    ("entered", "field"),
    [
        ({"verdict": ""}, "verdict"),
        ({"verdict": "maybe"}, "verdict"),
        ({"verdict": "wrong", "reasons": ["unheard"]}, "reasons"),
        ({"comment": "x" * 5001}, "comment"),
    ],
)
def test_what_is_not_right_is_refused_by_field(feature, ann, entered, field):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    with pytest.raises(Refused) as refused:
        answer(claimed, ann, **entered)
    assert list(refused.value.errors) == [field]


def test_a_judgment_names_the_guideline_it_was_made_by(feature, ann):
    queue(feature, 1)
    rubric = set_rubric(feature=feature, now=NOON, reasons=[{"code": "date", "label": "Wrong date"}])
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    judgment = answer(claimed, ann, verdict="wrong", reasons=["date", "date"], comment=" hm ", is_flagged=True)
    assert (judgment.rubric, judgment.reasons, judgment.comment, judgment.is_flagged) == (
        rubric,
        ["date"],
        "hm",
        True,
    )


def test_numbers_need_no_correction(ann):
    feature = make_feature(answer_kind="number")
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    answer(claimed, ann, verdict="wrong")
    assert item_of(claimed).truth == ""


@pytest.mark.parametrize("is_swept", [True, False])
def test_a_late_answer_counts_while_the_case_is_free(feature, ann, is_swept):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    if is_swept:
        expire_leases(NOON + LEASE)
    answer(claimed, ann, now=NOON + 2 * LEASE)
    assert item_of(claimed).state == "final"
    assert Assignment.objects.get().reviewer == ann


def test_an_answer_to_a_case_that_another_has_taken_is_not_counted(feature, ann, bob):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    taken = claim_next(reviewer=bob, features=[feature], now=NOON + LEASE)
    with pytest.raises(LeaseLost):
        answer(claimed, ann, now=NOON + LEASE + MINUTE)
    answer(taken, bob, now=NOON + LEASE + MINUTE, verdict="wrong")
    with pytest.raises(LeaseLost):
        answer(claimed, ann, now=NOON + LEASE + MINUTE)
    assert Judgment.objects.get().reviewer == bob


def test_a_token_of_ones_own_making_opens_nothing(feature, ann):
    (case,) = queue(feature, 1)
    case.lease_token = "0" * 32
    with pytest.raises(LeaseLost):
        answer(case, ann)


def test_the_token_of_another_opens_nothing(feature, ann, bob):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    with pytest.raises(LeaseLost):
        answer(claimed, bob)


def test_the_same_answer_sent_again_is_stored_once(feature, ann):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    first = answer(claimed, ann)
    assert answer(claimed, ann, verdict="wrong") == first
    assert Judgment.objects.count() == 1
    assert item_of(claimed).verdict == "right"


def test_a_second_answer_under_another_key_is_not_counted(feature, ann):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    answer(claimed, ann)
    with pytest.raises(LeaseLost, match="already"):
        answer(claimed, ann, key="k2", verdict="wrong")


def test_undo_withdraws_the_judgment_and_gives_the_case_back(feature, ann):
    queue(feature, 2)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    judgment = answer(claimed, ann)
    again = undo(judgment_id=judgment.pk, reviewer=ann, now=NOON + 10 * MINUTE)
    item = item_of(claimed)
    assert (again, again.state, again.reviewer) == (claimed, "leased", ann)
    assert again.lease_token not in {"", claimed.lease_token}
    assert (item.state, item.verdict, item.truth, item.final_at) == ("in_review", "", "", None)
    assert list(Judgment.objects.order_by("revision").values_list("revision", "verdict")) == [
        (1, "right"),
        (2, ""),
    ]


def test_after_an_undo_another_answer_counts(feature, ann):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    again = undo(judgment_id=answer(claimed, ann).pk, reviewer=ann, now=NOON)
    last = answer(again, ann, key="k2", verdict="wrong")
    assert (last.revision, item_of(claimed).verdict) == (3, "wrong")
    assert list(Judgment.objects.latest_revisions()) == [last]


def test_undoing_twice_is_undoing_once(feature, ann):
    queue(feature, 1)
    judgment = answer(claim_next(reviewer=ann, features=[feature], now=NOON), ann)
    first = undo(judgment_id=judgment.pk, reviewer=ann, now=NOON)
    again = undo(judgment_id=judgment.pk, reviewer=ann, now=NOON)
    assert again.lease_token == first.lease_token
    assert Judgment.objects.count() == 2


def test_after_ten_minutes_nothing_is_undone(feature, ann):
    queue(feature, 1)
    judgment = answer(claim_next(reviewer=ann, features=[feature], now=NOON), ann)
    with pytest.raises(Refused, match="10 minutes"):
        undo(judgment_id=judgment.pk, reviewer=ann, now=NOON + 11 * MINUTE)


def test_the_judgment_of_another_is_not_undone(feature, ann, bob):
    queue(feature, 1)
    judgment = answer(claim_next(reviewer=ann, features=[feature], now=NOON), ann)
    with pytest.raises(Refused, match="not yours"):
        undo(judgment_id=judgment.pk, reviewer=bob, now=NOON)


def test_who_skips_a_case_does_not_get_it_again(feature, ann, bob):
    first, second = queue(feature, 2)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    skip(assignment_id=first.pk, token=claimed.lease_token, reviewer=ann, reason="I know them", now=NOON)
    assert Exclusion.objects.get().reason == "I know them"
    assert item_of(first).state == "open"
    assert claim_next(reviewer=ann, features=[feature], now=NOON) == second
    assert claim_next(reviewer=bob, features=[feature], now=NOON) == first


def test_a_case_that_everybody_has_skipped_needs_a_lead(feature, ann, bob):
    queue(feature, 1)
    for person, state in ((ann, "open"), (bob, "needs_lead")):
        claimed = claim_next(reviewer=person, features=[feature], now=NOON)
        skip(assignment_id=claimed.pk, token=claimed.lease_token, reviewer=person, reason="unclear", now=NOON)
        assert item_of(claimed).state == state


def test_who_skipped_a_case_cannot_answer_it_late(feature, ann, bob):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    skip(assignment_id=claimed.pk, token=claimed.lease_token, reviewer=ann, reason="unclear", now=NOON)
    with pytest.raises(LeaseLost):
        answer(claimed, ann)


def test_a_released_case_is_free_for_everybody(feature, ann):
    queue(feature, 1)
    claimed = claim_next(reviewer=ann, features=[feature], now=NOON)
    assert release(assignment_id=claimed.pk, token=claimed.lease_token, reviewer=ann)
    assert not release(assignment_id=claimed.pk, token=claimed.lease_token, reviewer=ann)
    assert item_of(claimed).state == "open"
    assert claim_next(reviewer=ann, features=[feature], now=NOON) == claimed


def test_an_empty_desk_says_which_of_three_it_is(feature, ann, bob):
    queue(feature, 1)
    assert empty_desk(ann, [], NOON).reason == "no_queue"
    claimed = claim_next(reviewer=bob, features=[feature], now=NOON)
    others = empty_desk(ann, [feature], NOON + 11 * MINUTE)
    assert (others.reason, others.next_free_at) == ("leased_by_others", NOON + LEASE)
    assert "4 minutes" in others.text
    answer(claimed, bob)
    assert empty_desk(ann, [feature], NOON).reason == "done"


def test_queues_and_progress_count_what_is_mine(feature, ann, bob):
    queue(feature, 4)
    answer(claim_next(reviewer=bob, features=[feature], now=NOON), bob)
    answer(claim_next(reviewer=ann, features=[feature], now=NOON), ann, now=NOON + 2 * MINUTE)
    claim_next(reviewer=ann, features=[feature], now=NOON)
    (row,) = queues_of(ann, NOON)
    assert (row.n_open, row.n_mine_today, row.n_final, row.target_count) == (2, 1, 2, 500)
    progress = progress_of(ann, [feature], now=NOON)
    assert (progress.n_today, progress.n_left, progress.minutes_left) == (1, 2, 4)


def test_a_policy_keeps_what_is_not_changed(feature, ann):
    set_policy(feature=feature, user=ann, now=NOON, reviews_per_day=7)
    second = set_policy(feature=feature, user=ann, now=NOON, lease_seconds=60)
    assert (second.number, second.reviews_per_day, second.lease_seconds) == (2, 7, 60)


def test_the_queries_of_the_desk_do_not_grow_with_the_features(ann, django_assert_num_queries):
    for _ in range(5):
        make_membership(ann, make_feature())
    with django_assert_num_queries(5):
        queues_of(ann, NOON)


def test_the_jobs_of_the_desk_say_what_they_did(feature, ann):
    queue(feature, 3)
    claim_next(reviewer=ann, features=[feature], now=NOON)
    make_prediction(feature.versions.get(), "fresh", occurred_at=NOON)
    assert draw("", NOON + MINUTE)() == "drew 1 items"
    assert draw("", NOON + MINUTE)() is None
    assert expire_job("", NOON + LEASE)() == "1 leases ran out"
    assert expire_job("", NOON + LEASE)() is None


def test_nobody_counts_past_two_hundred(feature, ann, monkeypatch):
    monkeypatch.setattr("reviews.waiting.COUNTED_TO", 3)
    queue(feature, 9)
    claim_next(reviewer=ann, features=[feature], now=NOON)
    assert waiting_for(ann, [feature], NOON)[feature.pk] == Waiting(n_left=4, n_today=0)
    assert counted(201) == "over 200"
    assert Progress(12, 201, None).place == "Item 13, over 200 left."
    assert Progress(12, 28, 6).place == "Item 13 of about 40"
