"""`manage.py settle`: everything that is due, in this process, and what was done in words."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from feedback.models import Job
from metrics.models import DaySummary, EstimateSet, HourlySummary
from reviews.actions.desk import claim_next, set_policy, submit
from reviews.models import Assignment, ReviewItem
from tests.factories import make_feature, make_membership, make_outcome, make_prediction, make_version

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def version():
    """Four predictions of a few minutes ago, one of them with its truth; all are to be reviewed."""
    version, then = make_version(make_feature("claims")), timezone.now() - 5 * MINUTE
    set_policy(feature=version.feature, user=None, now=then, design="all")
    for i in range(4):
        prediction = make_prediction(version, received_at=then)
        if i == 0:
            make_outcome(prediction, observed_at=then)
    return version


@pytest.fixture
def settle(capsys):
    """settle(): the lines it prints."""

    def run():
        call_command("settle")
        return capsys.readouterr().out.splitlines()

    return run


def test_settling_draws_sums_up_and_concludes_and_says_so(version, settle):
    said = settle()
    assert "draw: drew 4 items" in said
    assert "sum_up: 1 runs of hours to sum" in said
    assert "sum_hours: summed 1 hours" in said
    assert "conclude: 1 features to conclude" in said
    assert "conclude_feature: 9 sets of estimates" in said
    assert said[-1].startswith("Settled: ")
    assert (ReviewItem.objects.count(), Assignment.objects.count()) == (4, 4)
    assert HourlySummary.objects.get().source_count == 4
    assert EstimateSet.objects.get(window="version", source="observed").counted == 1


def test_settling_again_finds_nothing_to_do(version, settle):
    settle()
    (said,) = settle()
    assert said.startswith("Settled: ")
    assert not Job.objects.unfinished().exists()


def test_an_empty_installation_settles(settle):
    (said,) = settle()
    assert said.startswith("Settled: ")


def test_what_is_judged_is_in_the_figures_after_settling(version, settle):
    settle()
    ann, now = make_membership(feature=version.feature).user, timezone.now()
    case = claim_next(reviewer=ann, features=[version.feature], now=now)
    held = {"assignment_id": case.pk, "reviewer": ann, "token": case.lease_token}
    submit(**held, verdict="right", idempotency_key="k", now=now)
    assert "conclude_feature: 9 sets of estimates" in settle()
    assert EstimateSet.objects.get(window="version", source="reviewed").counted == 1


def test_a_job_that_fails_is_named_and_stops_no_other(version, settle):
    DaySummary.objects.create(
        feature=version.feature,
        version=version,
        day=(timezone.now() - timedelta(days=3)).date(),
        payload={},
        source_count=1,
        summed_at=timezone.now(),
    )
    said = settle()
    assert said.count("conclude: 1 features to conclude") == 1
    assert "conclude_feature: failed: 'n'" in said  # again, when its pause is over before the rest is done
    assert "draw: drew 4 items" in said
    assert Job.objects.get(kind="conclude_feature", state="ready").error
