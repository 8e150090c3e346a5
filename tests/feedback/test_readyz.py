"""/readyz: may traffic come here, and does the work behind it keep up."""

from datetime import timedelta

import pytest
from django.utils import timezone

from feedback.actions.jobs import enter_job
from feedback.models import Look

pytestmark = pytest.mark.django_db


def asked(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    return answer.json()


def test_a_fresh_installation_is_ready_and_not_behind(client):
    found = asked(client)
    assert (found["status"], found["database"], found["migrations"], found["behind_s"]) == ("ok", "ok", "ok", 0)


def test_a_job_that_waits_tells_how_far_the_work_is_behind(client):
    now = timezone.now()
    enter_job("clear_done", run_after=now - timedelta(minutes=4), now=now)
    enter_job("clear_refusals", run_after=now + timedelta(hours=1), now=now)
    found = asked(client)
    assert (found["status"], round(found["behind_s"], -1)) == ("ok", 240)


def test_a_worker_that_looks_at_nothing_any_more_is_degraded(client):
    """Without a worker nobody enters a job either: the last look alone can tell."""
    Look.objects.create(name="sum predictions", looked_until=timezone.now() - timedelta(minutes=6))
    found = asked(client)
    assert (found["status"], round(found["behind_s"], -1)) == ("degraded", 360)


def test_a_broker_that_is_away_is_degraded_and_said_at_once(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert (asked(client)["status"], asked(client)["broker"]) == ("degraded", "away")
