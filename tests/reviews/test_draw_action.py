from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from feedback.models import Look, Prediction
from reviews.actions import draw as drawing
from reviews.actions.desk import set_policy
from reviews.actions.draw import Row, draw_received, drawn
from reviews.draw import luck, queue_key, weight
from reviews.models import Assignment, DrawDay, ReviewItem, SamplingPolicy
from tests.factories import make_feature, make_prediction, make_version
from tests.reviews.steps import answer, claim, queue, reviewers

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
SCORES = [0.5, 0.6, 0.75, 0.9, 0.99]


@pytest.fixture
def version():
    return make_version(make_feature("claims", sampling_salt="s" * 64))


def arrive(version, day, n=60, prefix=None, received_at=None, **fields):
    """n predictions spread over a day, received as they happen unless told otherwise."""
    for i in range(n):
        at = day + DAY * i / n
        make_prediction(
            version,
            f"{prefix or day.date()}-{i}",
            occurred_at=at,
            received_at=received_at or at,
            **{"label": version.labels[i % 2], "score": SCORES[i % 5], **fields},
        )


def rows_of(draw_day):
    start = datetime.combine(draw_day.day, datetime.min.time(), UTC)
    found = Prediction.objects.filter(version=draw_day.version).occurred_between(start, start + DAY)
    return [Row(*row) for row in found.values_list("pk", "external_id", "label", "score")]


def items():
    return set(ReviewItem.objects.values_list("prediction", "luck", "weight", "queue_key"))


def judge_all(version):
    """Everything drawn is final: right, every fourth wrong."""
    for n, item in enumerate(ReviewItem.objects.filter(version=version)):
        verdict = "wrong" if n % 4 == 0 else "right"
        ReviewItem.objects.filter(pk=item.pk).update(state="final", verdict=verdict, final_at=MONDAY)


def test_the_draw_equals_its_computation_from_ids_and_the_stored_day(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, reviews_per_day=20)
    for n in range(3):
        arrive(version, MONDAY + n * DAY)
    assert draw_received(now=MONDAY + 3 * DAY) == ReviewItem.objects.count() > 0
    again = {tuple(one[:4]) for day in DrawDay.objects.all() for one in drawn(rows_of(day), day)}
    assert again == items()


def test_luck_weight_and_key_of_an_item_follow_from_the_page_on_statistics(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="uncertainty", reviews_per_day=30)
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    day = DrawDay.objects.get()
    for item in ReviewItem.objects.select_related("prediction"):
        c = item.prediction.score
        assert item.luck == luck(slug="claims", external_id=item.prediction.external_id, salt=b"s" * 64)
        assert item.weight == pytest.approx(weight((c * (1 - c)) ** 0.5, day.gbar))
        assert item.queue_key == queue_key(item.luck, item.weight) < day.k_cap


def test_each_item_gets_one_assignment_with_its_key(version):
    set_policy(feature=version.feature, user=None, now=MONDAY)
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    opened = Assignment.objects.values_list("item", "queue_key", "ordinal", "state")
    assert sorted(opened) == sorted((i.pk, i.queue_key, 1, "open") for i in ReviewItem.objects.all())


def test_a_day_brings_about_as_many_items_as_were_asked_for(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, reviews_per_day=10, design="uniform")
    for n in range(20):
        arrive(version, MONDAY + n * DAY, n=50)
    drew = draw_received(now=MONDAY + 20 * DAY)
    assert drew == pytest.approx(200, abs=4 * (20 * 50 * 0.2 * 0.8) ** 0.5)  # four standard errors


def test_a_feature_goes_with_its_policies_and_what_was_drawn_by_them(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, reviews_per_day=20)
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    assert DrawDay.objects.exists()
    version.feature.delete()
    assert not any(model.objects.exists() for model in (DrawDay, ReviewItem, SamplingPolicy))


def test_drawing_again_changes_nothing(version):
    set_policy(feature=version.feature, user=None, now=MONDAY)
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    before = items(), list(DrawDay.objects.values()), list(Assignment.objects.values())
    assert draw_received(now=MONDAY + DAY + timedelta(seconds=15)) == 0
    Look.objects.all().delete()
    assert draw_received(now=MONDAY + DAY + timedelta(seconds=30)) == 0
    assert (items(), list(DrawDay.objects.values()), list(Assignment.objects.values())) == before


def test_looks_that_overlap_draw_what_one_look_draws(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="uniform")
    arrive(version, MONDAY - DAY)
    for minutes in range(0, 24 * 60, 90):
        at = MONDAY + timedelta(minutes=minutes)
        make_prediction(version, f"slow-{minutes}", occurred_at=at, received_at=at)
        draw_received(now=at + timedelta(minutes=1))
    draw_received(now=MONDAY + DAY)
    assert items() == {tuple(one[:4]) for day in DrawDay.objects.all() for one in drawn(rows_of(day), day)}


def test_an_item_without_an_assignment_gets_one_at_the_next_draw(version):
    set_policy(feature=version.feature, user=None, now=MONDAY)
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    Assignment.objects.all().delete()
    Look.objects.all().delete()
    draw_received(now=MONDAY + DAY)
    assert Assignment.objects.count() == ReviewItem.objects.count()


def test_a_higher_rate_keeps_every_item_chosen_before(version):
    arrive(version, MONDAY)
    chosen = []
    for rate in (5, 15, 30):
        set_policy(feature=version.feature, user=None, now=MONDAY, reviews_per_day=rate)
        DrawDay.objects.all().delete()
        ReviewItem.objects.all().delete()
        Look.objects.all().delete()
        draw_received(now=MONDAY + DAY)
        chosen.append(items())
    assert chosen[0] < chosen[1] < chosen[2]


def test_a_late_prediction_is_drawn_with_the_stored_day(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="uniform")
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    stored = DrawDay.objects.values().get()
    set_policy(feature=version.feature, user=None, now=MONDAY + DAY, reviews_per_day=5_000)
    arrive(version, MONDAY, prefix="late", received_at=MONDAY + 2 * DAY)
    draw_received(now=MONDAY + 3 * DAY)
    day = DrawDay.objects.get()
    assert DrawDay.objects.values().get() == stored
    assert items() == {tuple(one[:4]) for one in drawn(rows_of(day), day)}


def test_a_second_policy_applies_from_the_next_day(version):
    first = set_policy(feature=version.feature, user=None, now=MONDAY, reviews_per_day=5)
    arrive(version, MONDAY)
    draw_received(now=MONDAY + timedelta(hours=23))
    second = set_policy(feature=version.feature, user=None, now=MONDAY + timedelta(hours=23), reviews_per_day=50)
    arrive(version, MONDAY + DAY)
    draw_received(now=MONDAY + 2 * DAY)
    assert dict(DrawDay.objects.values_list("day", "policy")) == {
        date(2026, 3, 2): first.pk,
        date(2026, 3, 3): second.pk,
    }
    by_day = Counter(ReviewItem.objects.values_list("cohort_on", flat=True))
    assert by_day[date(2026, 3, 2)] < 20 < by_day[date(2026, 3, 3)]


def test_design_all_takes_everything(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="all", reviews_per_day=1)
    arrive(version, MONDAY)
    assert draw_received(now=MONDAY + DAY) == 60
    assert DrawDay.objects.get().k_cap is None


def test_a_feature_without_a_policy_is_drawn_in_whole_once_it_has_one(version):
    other = make_version()
    set_policy(feature=other.feature, user=None, now=MONDAY, design="all")
    arrive(version, MONDAY)
    assert draw_received(now=MONDAY + 5 * DAY) == 0
    set_policy(feature=version.feature, user=None, now=MONDAY + 5 * DAY, design="all")
    assert draw_received(now=MONDAY + 6 * DAY) == 60


def test_numbers_and_free_output_weigh_one():
    version = make_version(make_feature(answer_kind="number"))
    set_policy(feature=version.feature, user=None, now=MONDAY, design="uncertainty")
    for i in range(30):
        make_prediction(version, f"n{i}", occurred_at=MONDAY, value=float(i))
    draw_received(now=MONDAY + DAY)
    assert set(ReviewItem.objects.values_list("weight", flat=True)) == {1.0}


def test_a_running_day_without_history_is_scaled_to_a_whole_one(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="uniform", reviews_per_day=20)
    for i in range(60):
        at = MONDAY + timedelta(minutes=i)
        make_prediction(version, f"r{i}", occurred_at=at, received_at=at)
    draw_received(now=MONDAY + timedelta(hours=1))
    # 60 an hour are 1,440 a day: 20 of them is a share of 1/72, so about one of the first 60.
    assert DrawDay.objects.get().k_cap == pytest.approx(0.01398, rel=0.01)


def test_history_is_the_mean_of_the_last_seven_days_with_traffic(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="uniform", reviews_per_day=10)
    for n in range(7):
        arrive(version, MONDAY + 2 * n * DAY, n=10 if n % 2 else 30)  # every other day
    arrive(version, MONDAY + 20 * DAY, n=1)
    draw_received(now=MONDAY + 21 * DAY)
    mean = (4 * 30 + 3 * 10) / 7
    k_cap = DrawDay.objects.get(day=(MONDAY + 20 * DAY).date()).k_cap
    assert mean * (1 - 2.718281828459045**-k_cap) == pytest.approx(10)


def test_after_fifty_counted_items_the_version_is_calibrated(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="all")
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    assert DrawDay.objects.get().calibration == []
    judge_all(version)
    set_policy(feature=version.feature, user=None, now=MONDAY + DAY, design="uncertainty", reviews_per_day=20)
    arrive(version, MONDAY + DAY)
    draw_received(now=MONDAY + 2 * DAY)
    day = DrawDay.objects.get(day=date(2026, 3, 3))
    assert {label for label, _, _ in day.calibration} == set(version.labels)
    assert len({slope for *_, slope in day.calibration}) == 1
    new = {row for row in items() if row[0] in {each.pk for each in rows_of(day)}}
    assert new == {tuple(one[:4]) for one in drawn(rows_of(day), day)}


def test_items_beyond_a_gap_are_not_counted_towards_calibration(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="all")
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    judge_all(version)
    first = ReviewItem.objects.order_by("queue_key").first()
    ReviewItem.objects.filter(pk=first.pk).update(state="open", verdict="", final_at=None)
    arrive(version, MONDAY + DAY)
    draw_received(now=MONDAY + 2 * DAY)
    assert DrawDay.objects.get(day=date(2026, 3, 3)).calibration == []


@pytest.mark.parametrize("design", ["balanced", "focused"])
def test_every_design_can_be_computed_again_before_and_after_it_is_calibrated(version, design):
    set_policy(feature=version.feature, user=None, now=MONDAY, design=design, reviews_per_day=40)
    for n in range(2):
        arrive(version, MONDAY + n * DAY, n=200)
        draw_received(now=MONDAY + (n + 1) * DAY)
        judge_all(version)
    arrive(version, MONDAY + 2 * DAY, n=200)
    draw_received(now=MONDAY + 3 * DAY)
    first, *_, last = DrawDay.objects.order_by("day")
    assert (first.calibration, first.recall) == ([], 0.5)
    assert last.calibration
    assert dict(last.label_shares) == {"on_time": 0.5, "late": 0.5}
    assert last.positive_label == "late"
    assert 0 < last.positive_share < 1
    assert 0.5 < last.recall < 1  # every fourth item of either label was wrong
    assert items() == {tuple(one[:4]) for day in DrawDay.objects.all() for one in drawn(rows_of(day), day)}


def test_recall_is_read_from_the_counted_items_with_their_weights(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="all")
    arrive(version, MONDAY)
    draw_received(now=MONDAY + DAY)
    for item in ReviewItem.objects.select_related("prediction"):
        is_missed = item.prediction.label == "on_time" and item.prediction.score == 0.5  # 6 of 30
        ReviewItem.objects.filter(pk=item.pk).update(
            state="final", verdict="wrong" if is_missed else "right", final_at=MONDAY
        )
    arrive(version, MONDAY + DAY)
    draw_received(now=MONDAY + 2 * DAY)
    assert DrawDay.objects.latest("day").recall == pytest.approx((30 + 2.5) / (36 + 5))


def test_focused_without_scores_looks_for_the_positive_label(version):
    set_policy(feature=version.feature, user=None, now=MONDAY, design="focused", reviews_per_day=30)
    for i in range(100):
        label = "late" if i % 20 == 0 else "on_time"
        make_prediction(version, f"p{i}", occurred_at=MONDAY, label=label, score=None)
    draw_received(now=MONDAY + DAY)
    weights = dict(ReviewItem.objects.values_list("prediction__label", "weight"))
    assert weights["late"] > 10 * weights["on_time"]


@pytest.mark.parametrize("design", ["balanced", "focused"])
def test_numbers_weigh_one_by_every_design(design):
    version = make_version(make_feature(answer_kind="number"))
    set_policy(feature=version.feature, user=None, now=MONDAY, design=design)
    for i in range(30):
        make_prediction(version, f"n{i}", occurred_at=MONDAY, value=float(i))
    draw_received(now=MONDAY + DAY)
    assert set(ReviewItem.objects.values_list("weight", flat=True)) == {1.0}
    assert DrawDay.objects.get().label_shares == [[None, 1.0]]


@pytest.mark.parametrize(
    ("fields", "design"),
    [
        ({}, "focused"),
        ({"positive_label": ""}, "uncertainty"),
        ({"labels": ["on_time", "late", "diverted"]}, "uncertainty"),
        ({"labels": []}, "uncertainty"),
    ],
)
def test_the_first_policy_is_focused_where_one_of_two_labels_is_looked_for(fields, design):
    version = make_version(**fields)
    assert set_policy(feature=version.feature, user=None, now=MONDAY).design == design
    kept = set_policy(feature=version.feature, user=None, now=MONDAY, design="uniform")
    assert set_policy(feature=version.feature, user=None, now=MONDAY, lease_seconds=60).design == kept.design


def test_a_feature_without_a_version_or_with_numbers_begins_with_uncertainty():
    for feature in (make_feature(), make_version(make_feature(answer_kind="number")).feature):
        assert set_policy(feature=feature, user=None, now=MONDAY).design == "uncertainty"


def test_a_day_without_its_draw_calibrates_nothing(monkeypatch):
    monkeypatch.setattr(drawing, "ITEMS_TO_CALIBRATE", 1)
    feature = make_feature("claims")
    queue(feature, 1)
    [ann] = reviewers(feature, 1)
    answer(claim(feature, ann), ann)
    [version] = feature.versions.values_list("pk", flat=True)
    assert len(drawing._judged(version)) == 1
    DrawDay.objects.all().delete()
    assert drawing._judged(version) == []
