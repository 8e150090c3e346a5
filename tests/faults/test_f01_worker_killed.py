"""F1: the worker and its pool are killed again and again while jobs run. F8: a job that kills its process."""

import os
import signal
import time
from pathlib import Path

import pytest

from config.management.commands.up import worker
from tests.faults.installation import ROOT, installed

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("processes")]
LEASE = 3  # seconds
N_JOBS, N_KILLS = 300, 10
HERE = Path(__file__).parent


@pytest.fixture
def place(tmp_path):
    with installed(tmp_path) as place:
        place.environment |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": f"{ROOT}:{HERE}",
            "TOUCHSTONE_JOB_LEASE_SECONDS": str(LEASE),
        }
        place.run("manage.py", "migrate", "--verbosity=0").check_returncode()
        yield place


def enter(place, kind, n):
    place.run("-m", "counted_jobs", kind, str(n)).check_returncode()


def start_worker(place):
    return place.start([*worker().command, "--include", "counted_jobs"])


def kill_group(place, process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    place.wait_until(lambda: not place.pids(), 5, "no process of the worker is left")


def n_effects(place):
    return place.query("SELECT count(*) FROM counted_effect")[0][0]


def n_unfinished(place):
    return place.query("SELECT count(*) FROM feedback_job WHERE kind = 'counted' AND state <> 'done'")[0][0]


def test_f01_three_hundred_jobs_under_ten_kills_have_one_effect_each(place):
    enter(place, "counted", N_JOBS)
    for n in range(1, N_KILLS + 1):
        process = start_worker(place)
        place.wait_until(lambda n=n: n_effects(place) >= 27 * n, 40, f"enough effects for kill {n}")
        kill_group(place, process)
    assert n_unfinished(place) > 0
    killed_at = time.monotonic()
    process = start_worker(place)
    place.wait_until(lambda: not n_unfinished(place), LEASE + 10, "every job is done")
    assert time.monotonic() - killed_at < LEASE + 10
    kill_group(place, process)
    counts = place.query("SELECT job, count(*) FROM counted_effect GROUP BY job")
    assert sorted(counts) == sorted((f"counted {i}", 1) for i in range(N_JOBS))
    ((n_attempts,),) = place.query("SELECT sum(attempts) FROM feedback_job WHERE kind = 'counted'")
    assert n_attempts > N_JOBS, "no kill hit a job that ran: this test has shown nothing"


def test_f08_a_job_that_kills_its_process_is_given_up_and_the_others_are_done(place):
    enter(place, "fatal", 1)
    enter(place, "counted", 20)
    process = start_worker(place)

    def all_ended():
        nonlocal process
        if process.poll() is not None:
            process = start_worker(place)  # as `up` does: on memory:// the worker ends with its process
        return place.query(fatal) == [("dead", 2)] and not n_unfinished(place)

    fatal = "SELECT state, attempts FROM feedback_job WHERE kind = 'fatal'"
    place.wait_until(all_ended, 60, "the fatal job is given up, the others are done")
    assert n_effects(place) == 20
