"""F26: of one `manage.py up`, children die and come back; nobody has to start it again."""

import os
import re
import signal
import urllib.error
import urllib.parse

import pytest

from tests.faults.installation import browser, installed, start_up

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("processes")]


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    with installed(tmp_path_factory.mktemp("installation")) as place:
        place.environment["TOUCHSTONE_JOB_LEASE_SECONDS"] = "3"
        yield start_up(place)


@pytest.fixture
def running(up):
    up.wait_for_all()
    return up


def test_it_says_where_it_is_and_how_to_log_in_once(running):
    assert running.has_said(rf"^  up \| Touchstone starts at {running.address}/$")
    link = running.has_said(rf"^  up \| Log in once: ({running.address}/login/once/\S+)$")[1]
    ann = browser()
    page = ann.open(link).read().decode()
    assert '<button class="btn btn-primary" type="submit">Log in</button>' in page
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token}).encode()
    assert ann.open(link, form).url == f"{running.address}/features/"
    with pytest.raises(urllib.error.HTTPError) as gone, browser().open(link):
        pass
    assert gone.value.code == 410
    gone.value.close()


@pytest.mark.parametrize(("name", "word"), [("web", "gunicorn"), ("work", "celery")])
def test_a_child_that_dies_is_started_again_and_said_so(running, name, word):
    dead = running.master(word)
    orphans = running.pool(word)
    os.kill(dead, signal.SIGKILL)
    running.place.wait_until(
        lambda: running.has_said(rf"^  up \| {name} ended with -9; starting it again in \d+\.\d s$"), 10, "said so"
    )
    running.place.wait_until(
        lambda: not running.place.pids() & {dead, *orphans}, 10, "its own children ended with it"
    )
    running.wait_for_all()
    assert running.master(word) != dead


ENTER = """
import django; django.setup()
from django.utils import timezone
from feedback.actions.jobs import enter_job
enter_job("clear_done", "another", run_after=timezone.now(), now=timezone.now())
"""


def test_jobs_run_again_after_every_idle_pool_process_was_killed(running):
    """On memory:// they share a lock, and the one that held it took it along: the worker starts anew."""
    running.place.wait_until(
        lambda: not running.place.query("SELECT 1 FROM feedback_job WHERE state = 'leased'"),
        30,
        "the pool is idle",
    )
    for pid in running.pool("celery"):
        os.kill(pid, signal.SIGKILL)
    running.place.run("-c", ENTER, DJANGO_SETTINGS_MODULE="config.settings").check_returncode()
    done = "SELECT 1 FROM feedback_job WHERE key = 'another' AND state = 'done'"
    running.place.wait_until(lambda: running.place.query(done), 60, "the job is done")
