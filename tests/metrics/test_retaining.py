from datetime import timedelta

import pytest

from feedback.actions.jobs import enter_job
from feedback.models import Feature, Outcome, Prediction, UsageEvent
from metrics.actions.retaining import purge
from metrics.models import HourlySummary
from reviews.actions.desk import set_policy
from reviews.models import ReviewItem
from tests.factories import NOON, make_feature, make_outcome, make_prediction, make_version
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
LATER = NOON + 40 * DAY


@pytest.fixture
def version():
    return make_version(make_feature("claims", retention_days=30), "v1")


def settle(now):
    for kind in ("draw", "sum_up", "sum_usage"):
        work(kind, now=now)


def purged(version, now=LATER):
    return purge(feature=Feature.objects.get(pk=version.feature_id), now=now)


def summaries():
    return list(HourlySummary.objects.order_by("version", "hour").values("hour", "payload", "source_count"))


def make_event(version, external_id, at):
    return UsageEvent.objects.create(
        feature=version.feature, external_id=external_id, kind="opted_out", actor="u1", occurred_at=at,
        received_at=at, fingerprint=1,
    )  # fmt: skip


def test_old_rows_go_and_young_ones_and_all_summaries_stay(version):
    make_outcome(make_prediction(version, "old"))
    make_outcome(make_prediction(version, "young", occurred_at=LATER - DAY))
    make_event(version, "old", NOON)
    make_event(version, "young", LATER - DAY)
    settle(LATER)
    before = summaries()
    assert purged(version, LATER + DAY / 24) == 3
    for model in (Prediction, Outcome, UsageEvent):
        assert [row.external_id for row in model.objects.all()] == ["young"]
    assert summaries() == before
    assert len(before) == 2


def test_repeating_removes_nothing_more(version):
    make_prediction(version)
    settle(LATER)
    assert (purged(version, LATER + DAY), purged(version, LATER + DAY)) == (1, 0)


def test_files_of_predictions_are_outdated_by_a_removal_and_by_nothing_else(version):
    make_prediction(version)
    settle(LATER)
    for _ in range(2):
        purged(version, LATER + DAY)
        assert Feature.objects.get().n_forgotten == 1


def test_predictions_drawn_for_review_stay(version):
    set_policy(feature=version.feature, user=None, now=NOON, design="all", reviews_per_day=5)
    make_prediction(version)
    settle(LATER)
    assert ReviewItem.objects.count() == 1
    assert purged(version, LATER + DAY) == 0


def test_late_truth_does_not_count_an_hour_again_whose_rows_are_gone(version):
    set_policy(feature=version.feature, user=None, now=NOON, design="uniform", reviews_per_day=3)
    for n in range(30):
        make_prediction(version, f"p{n}")
    settle(LATER)
    before = summaries()
    assert 0 < purged(version, LATER + DAY) < 30
    kept = Prediction.objects.first()
    make_outcome(kept, received_at=LATER + DAY)
    settle(LATER + 2 * DAY)
    assert summaries() == before


def test_nothing_is_removed_that_waits_to_be_summed_up(version):
    make_prediction(version)
    assert purged(version) == 0  # nobody has looked yet
    settle(LATER)
    make_prediction(version, "late", occurred_at=NOON, received_at=LATER + DAY)
    purged(version, LATER + 2 * DAY)
    assert [row.external_id for row in Prediction.objects.all()] == ["late"]


def test_nothing_is_removed_while_work_waits_that_may_read_it(version):
    make_prediction(version)
    settle(LATER)
    enter_job("sum_up", run_after=LATER, now=LATER)
    assert purged(version, LATER + DAY) == 0


def test_a_feature_without_a_limit_keeps_everything():
    version = make_version()
    make_prediction(version)
    settle(LATER)
    assert purged(version, LATER + 1000 * DAY) == 0


def test_the_daily_job_purges_every_feature_that_has_a_limit(version):
    make_prediction(version)
    settle(LATER)
    work("purge", now=LATER + DAY)
    assert Prediction.objects.count() == 0
