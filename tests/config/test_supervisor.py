"""The Supervisor with tiny children, in a process of its own: it takes over signals and output."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config.management.commands.up import address_of, answers
from config.processes import end_with_parent
from config.supervisor import FIRST_DELAY, LONGEST_DELAY, Child, Supervisor

ROOT = Path(__file__).parent.parent.parent
SUPERVISE = """
import json, os, sys
from config.supervisor import Child, Supervisor
first, then = (
    [
        Child(c["name"], [sys.executable, "-u", "-c", c["code"]], c.get("once", False), c.get("farewell", ""))
        for c in children
    ]
    for children in json.loads(sys.argv[1])
)
print("pid", os.getpid(), flush=True)
sys.exit(
    Supervisor(first).run(end_with_parent=True, when_up=lambda: os.path.exists("up"), then=(then or [None])[0])
)
"""
STAYS = "import time; print('here'); time.sleep(60)"
FAILS = "import sys; print('no'); sys.exit(3)"


@pytest.fixture
def supervise(tmp_path):
    """supervise(child, ..., then=child): the running Supervisor; its directory is tmp_path."""
    started = []

    def start(*children, then=None, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, json.dumps([children, [then] if then else []])],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TOUCHSTONE_DATA_DIR": str(tmp_path),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=partial(end_with_parent, parent=os.getpid()),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def lines_until(process, wanted):
    """What it says, up to the line wanted; after half a minute without it, its end."""
    said = []
    limit = threading.Timer(30, process.kill)
    limit.start()
    try:
        for line in process.stdout:
            said.append(line.rstrip("\n"))
            if said[-1] == wanted:
                return said
    finally:
        limit.cancel()
    raise AssertionError(f"it ended without saying {wanted!r}: {said}")


def stop(process, number=signal.SIGTERM):
    process.send_signal(number)
    said, _ = process.communicate(timeout=35)
    return process.returncode, said.splitlines()


def test_each_line_of_a_child_has_its_name_before_it(supervise):
    running = supervise(
        {"name": "a", "code": "import sys; print('one'); print('two', file=sys.stderr); " + STAYS},
        {"name": "long", "code": STAYS},
    )
    lines = lines_until(running, "   a | here")
    if "long | here" not in lines:
        lines += lines_until(running, "long | here")
    assert [line for line in lines if line.startswith("   a")] == ["   a | one", "   a | two", "   a | here"]


def test_a_child_that_fails_is_started_again_after_ever_longer_delays(supervise):
    running = supervise({"name": "bad", "code": FAILS})
    lines = lines_until(running, "  up | bad ended with 3; starting it again in 4.0 s")
    assert lines[1:] == [
        " bad | no",
        "  up | bad ended with 3; starting it again in 1.0 s",
        " bad | no",
        "  up | bad ended with 3; starting it again in 2.0 s",
        " bad | no",
        "  up | bad ended with 3; starting it again in 4.0 s",
    ]


def test_delays_double_up_to_the_longest_and_begin_anew_after_a_good_run():
    child = Child("bad", ["false"], started_at=1000.0)
    supervisor = Supervisor([child])
    delays = []
    for _ in range(8):
        supervisor._plan_restart(child, 1001.0)
        delays.append(child.delay)
        assert child.start_at == 1001.0 + child.delay
    assert delays == [1, 2, 4, 8, 16, 30, 30, 30]
    supervisor._plan_restart(child, 1000.0 + LONGEST_DELAY + 1)
    assert child.delay == FIRST_DELAY


def test_a_farewell_is_said_once_and_only_to_a_child_that_ended_well(supervise):
    running = supervise(
        {"name": "good", "code": "print('done')", "once": True, "farewell": "see you"},
        {"name": "ill", "code": FAILS, "once": True, "farewell": "never said"},
        {"name": "bad", "code": FAILS},
    )
    lines = lines_until(running, "  up | bad ended with 3; starting it again in 2.0 s")
    assert lines.count("  up | see you") == 1
    assert "  up | never said" not in lines


def test_a_child_that_runs_once_is_not_started_again(supervise):
    running = supervise({"name": "once", "code": FAILS, "once": True}, {"name": "bad", "code": FAILS})
    lines = lines_until(running, "  up | bad ended with 3; starting it again in 2.0 s")
    assert lines.count("once | no") == 1


def test_the_last_child_is_started_when_the_web_answers(supervise, tmp_path):
    running = supervise({"name": "web", "code": STAYS}, then={"name": "demo", "code": STAYS, "once": True})
    assert "demo | here" not in lines_until(running, " web | here")
    (tmp_path / "up").touch()
    lines_until(running, "demo | here")
    assert stop(running)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_tells_the_children_and_waits_for_them(supervise, number):
    tidies = """
import signal, sys, time
def tidy(number, frame):
    time.sleep(0.5); print("tidied up"); sys.exit(7)
signal.signal(signal.SIGTERM, tidy)
print("here")
while True: time.sleep(1)
"""
    running = supervise({"name": "web", "code": tidies})
    lines_until(running, " web | here")
    assert stop(running, number) == (0, [" web | tidied up"])


def test_it_stops_when_whoever_started_it_ends(supervise, tmp_path):
    between = f"""
import os, subprocess, sys, time
code, children = {SUPERVISE!r}, {json.dumps([[{"name": "web", "code": STAYS}], []])!r}
subprocess.Popen([sys.executable, "-c", code, children])
while not os.path.exists("go"): time.sleep(0.05)
"""
    running = subprocess.Popen(
        [sys.executable, "-c", between],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TOUCHSTONE_DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    lines_until(running, " web | here")
    (tmp_path / "go").touch()
    rest, _ = running.communicate(timeout=20)  # the pipe ends when the supervisor and its child have ended
    assert rest == ""


def test_output_that_the_terminal_cannot_show_does_not_stop_the_reading(supervise):
    """A reader that dies would leave its child waiting at a full pipe for ever."""
    odd = "import sys, time; sys.stdout.buffer.write(b'\\xff \\xe2\\x82\\xac\\n'); " + STAYS
    running = supervise({"name": "web", "code": odd}, PYTHONIOENCODING="ascii")
    assert lines_until(running, " web | here")[1:] == [" web | ? ?", " web | here"]


def test_it_ends_when_nobody_reads_its_output_any_more(supervise):
    talks = "import time\nwhile True: print('here'); time.sleep(0.05)"
    running = supervise({"name": "web", "code": talks})
    lines_until(running, " web | here")
    running.stdout.close()
    assert running.wait(20) is not None


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


def test_a_proxy_in_the_environment_does_not_hide_our_own_web(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with closing(server.socket):
            assert answers(f"http://127.0.0.1:{server.server_port}")
            server.shutdown()


def test_listening_everywhere_it_names_an_address_that_can_be_opened():
    assert address_of("0.0.0.0", 8000) == "http://127.0.0.1:8000"  # noqa: S104
    assert address_of("192.0.2.7", 80) == "http://192.0.2.7:80"
