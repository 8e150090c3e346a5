"""F26, F21: what `manage.py up` starts ends with it, however it ends; what it refuses, it refuses in words."""

import signal
import socket
import subprocess

import pytest

from tests.faults.installation import ROOT, Up, answers, free_port, installed, start_up

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("processes")]


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """Migrated by the first start; later ones are faster."""
    with installed(tmp_path_factory.mktemp("installation")) as place:
        yield place


@pytest.fixture
def place(installation):
    yield installation
    installation.end()


def test_nothing_is_left_when_the_supervisor_is_killed(place):
    running = start_up(place)
    running.wait_for_all()
    assert len(place.pids()) >= 7, "up, two masters with two children each"
    running.process.kill()
    running.process.wait()
    place.wait_until(lambda: not place.pids(), 10, "nothing is left")


def test_nothing_is_left_when_the_supervisor_is_killed_while_all_starts(place):
    running = start_up(place)
    place.wait_until(lambda: running.master("celery"), 30, "the worker is being started")
    running.process.kill()
    running.process.wait()
    place.wait_until(lambda: not place.pids(), 10, "nothing is left")


@pytest.mark.skipif(not (ROOT / ".venv/installed").exists(), reason="make run would install first")
def test_nothing_is_left_when_make_run_is_killed(place):
    port = free_port()
    running = Up(place, ["make", "--assume-old=.venv/installed", "run"], port, PORT=str(port))
    running.wait_for_web()
    running.process.kill()
    running.process.wait()
    place.wait_until(lambda: not place.pids(), 30, "nothing is left")


def test_it_does_not_start_for_a_parent_that_has_ended_already(place):
    ended = subprocess.Popen(["true"])
    ended.wait()
    port = str(free_port())
    began = place.run("manage.py", "up", "--port", port, "--end-with-parent", str(ended.pid))
    assert began.returncode == -signal.SIGTERM
    assert place.pids() == set()


def test_told_to_stop_it_ends_all_within_30_seconds_and_with_0(place):
    running = start_up(place)
    running.wait_for_all()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert place.pids() == set()
    assert not answers(running.address)


def test_a_taken_port_is_refused_in_words(place):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = place.run("manage.py", "up", "--port", str(port))
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        f"CommandError: 127.0.0.1:{port} cannot be used (Address already in use). "
        "Stop what runs there, or choose --port."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOUCHSTONE_WORKERS", "many"),
        ("DATABASE_URL", "mysql://127.0.0.1/touchstone"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(place, name, value):
    ended = place.run("manage.py", "up", "--port", str(free_port()), **{name: value})
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Touchstone cannot start: {name} is {value!r}, but must be ")
    assert "Traceback" not in ended.stderr
