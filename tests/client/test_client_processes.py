"""Real processes: killed, forked, ending."""

import json
import multiprocessing
import os
import signal
import sys
import time

import pytest
from touchstone_client import Client

from tests.client.peer import Peer, Step

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

PREDICT = """
import os, sys, time
def predict(client, n, name="p"):
    for number in range(n):
        client.prediction("houses", "v1", id=f"{name}{number:05d}", value=number)
"""


def named(n, name="p"):
    return [f"{name}{number:05d}" for number in range(n)]


def finished(process, within_s=15):
    """What it printed. It must have ended well and have said nothing but that the server was away."""
    out, err = process.communicate(timeout=within_s)
    assert process.returncode == 0, err
    assert [line for line in err.splitlines() if not line.startswith("The server does not take")] == []
    return out


def test_a_normal_exit_sends_what_is_queued(run, peer):
    finished(run(PREDICT + "predict(Client(sys.argv[1], 'k', flush_interval_s=60), 2500)", peer.url))
    assert peer.ids() == named(2500)


def test_an_exit_by_exception_sends_what_is_queued(run, peer):
    process = run(PREDICT + "predict(Client(sys.argv[1], 'k'), 5); raise KeyError('mine')", peer.url)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 1
    assert err.rstrip().endswith("KeyError: 'mine'")
    assert peer.ids() == named(5)


def test_an_exit_while_the_server_hangs_is_bounded_and_the_spool_has_all(run, peer, tmp_path):
    peer.rule = lambda request: Step(200, hang_s=8)
    script = PREDICT + "predict(Client(sys.argv[1], 'k', spool_dir=sys.argv[2], exit_timeout_s=0.5), 1500)"
    began = time.monotonic()
    finished(run(script, peer.url, tmp_path))
    assert time.monotonic() - began < 5
    assert sum(int(path.name.split("-")[1]) for path in tmp_path.glob("*.gz")) == 1500


def test_an_exit_without_a_server_says_what_was_lost(run, away):
    script = "import logging\nlogging.basicConfig()\n" + PREDICT
    process = run(script + "predict(Client(sys.argv[1], 'k', exit_timeout_s=0.3), 5)", away.url)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "dropped here: {'closed': 5}" in err


def test_calls_while_python_goes_down_are_harmless(run, peer):
    script = PREDICT + (
        "client = Client(sys.argv[1], 'k')\n"
        "class Late:\n    def __del__(self): predict(client, 1, 'late')\nlate = Late()\npredict(client, 3)\n"
    )
    finished(run(script, peer.url))
    assert peer.ids() == named(3)


def test_sigkill_and_restart_loses_nothing_that_was_spooled_and_doubles_nothing(run, away, tmp_path):
    script = PREDICT + (
        "client = Client(sys.argv[1], 'k', spool_dir=sys.argv[2], **QUICK)\n"
        "for burst in range(20):\n    predict(client, 100, f'b{burst:02d}-'); client.flush(0.05)\n"
        "print(client.stats().waiting, flush=True)\ntime.sleep(60)\n"
    )
    process = run(script, away.url, tmp_path)
    assert process.stdout.readline() == "2000\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    back = Peer(port=away.port)
    finished(run(PREDICT + "assert Client(sys.argv[1], 'k', spool_dir=sys.argv[2]).flush(10)", back.url, tmp_path))
    assert back.ids() == [each for burst in range(20) for each in named(100, f"b{burst:02d}-")]
    assert sum(len(request.items) for request in back.requests) == 2000
    back.stop()


def test_sigkill_at_any_moment_leaves_a_folder_that_can_be_sent(run, away, tmp_path):
    """Ten processes, each killed while it writes; what is in the folder under a name of ours is whole."""
    script = PREDICT + (
        "client = Client(sys.argv[1], 'k', spool_dir=sys.argv[2], **{**QUICK, 'flush_interval_s': 0.001})\n"
        "print('on', flush=True)\n"
        "while True: predict(client, 3, f'{os.getpid()}-{time.time_ns()}-'); time.sleep(0.001)"
    )
    for burst in range(10):
        process = run(script, away.url, tmp_path)
        process.stdout.readline()
        time.sleep(0.05 + 0.01 * burst)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    back = Peer(port=away.port)
    with Client(back.url, "k", spool_dir=tmp_path) as client:
        assert client.flush(10)
        assert client.stats().dropped == {}
        assert client.stats().created > 100
    back.stop()


def test_a_forked_child_sends_its_own_and_the_parent_its_own_once(run, peer):
    script = (
        PREDICT
        + """
client = Client(sys.argv[1], "k", flush_interval_s=60)
predict(client, 1, "first")
assert client.flush(5)                      # the connection is open and the thread runs at the fork
predict(client, 50, "parent")
if (child := os.fork()) == 0:
    assert client.stats().queued == 0
    predict(client, 50, "child")
    assert client.flush(5)
    assert client.stats().created == 50
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
predict(client, 50, "later")
"""
    )
    finished(run(script, peer.url))
    assert peer.ids() == sorted(
        [*named(1, "first"), *named(50, "parent"), *named(50, "child"), *named(50, "later")]
    )
    assert sum(len(request.items) for request in peer.requests) == 151


def test_a_fork_while_the_thread_waits_for_an_answer_does_not_hang_the_child(run, peer):
    """The parent's thread is inside the lock of the answer's reader; in the child nobody would ever open it."""
    peer.say(503, hang_s=1.0)
    script = (
        PREDICT
        + """
client = Client(sys.argv[1], "k", **QUICK)
predict(client, 1, "parent")
time.sleep(0.3)
if (child := os.fork()) == 0:
    predict(client, 1, "child")
    os._exit(0 if client.flush(5) else 1)
assert os.waitpid(child, 0)[1] == 0
assert client.flush(5)
"""
    )
    finished(run(script, peer.url))
    assert peer.ids() == ["child00000", "parent00000"]


def test_the_first_send_imports_nothing_that_a_fork_could_catch_half_done(run, peer):
    script = """
import sys
client = Client(sys.argv[1], "k", flush_interval_s=60)
before = set(sys.modules)
client.prediction("houses", "v1", id="p", value=1)
assert client.flush(5)
print(sorted(set(sys.modules) - before))
"""
    assert finished(run(script, peer.url)) == "[]\n"


def test_forks_while_other_threads_call_and_the_thread_sends(run, peer):
    script = (
        PREDICT
        + """
import threading
client = Client(sys.argv[1], "k", flush_interval_s=0.001, batch_size=10)
until = time.monotonic() + 1.5
def work(name):
    number = 0
    while time.monotonic() < until:
        client.prediction("houses", "v1", id=f"{name}-{number}", value=1)
        number += 1
        time.sleep(0.0005)
threads = [threading.Thread(target=work, args=(f"thread{n}",)) for n in range(3)]
for thread in threads: thread.start()
children = []
while time.monotonic() < until:
    child = os.fork()
    if child == 0:
        predict(client, 3, f"child{os.getpid()}-")
        os._exit(0 if client.flush(10) else 1)
    children.append(child)
    time.sleep(0.05)
for child in children: assert os.waitpid(child, 0)[1] == 0
for thread in threads: thread.join()
client.close(10)
assert client.stats().dropped == {}, client.stats()
print(len(children))
"""
    )
    n_children = int(finished(run(script, peer.url), within_s=40))
    of_children = [name for name in peer.ids() if name.startswith("child")]
    assert len(of_children) == 3 * n_children > 15
    assert sum(len(request.items) for request in peer.requests) == len(peer.ids())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_of_multiprocessing_sends_at_its_exit(peer, method):
    child = multiprocessing.get_context(method).Process(target=_child, args=(peer.url, sys.path))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert peer.ids() == named(20)


def _child(url, path):
    sys.path[:] = path
    client = Client(url, "k", flush_interval_s=60)
    for name in named(20):
        client.prediction("houses", "v1", id=name, value=1)


def test_a_client_made_before_the_fork_sends_from_a_child_of_multiprocessing(run, peer):
    script = (
        PREDICT
        + """
import multiprocessing
client = Client(sys.argv[1], "k", flush_interval_s=60)
predict(client, 5, "parent")
child = multiprocessing.get_context("fork").Process(target=predict, args=(client, 5, "child"))
child.start(); child.join()
assert child.exitcode == 0
"""
    )
    finished(run(script, peer.url))
    assert peer.ids() == sorted(named(5, "child") + named(5, "parent"))


def test_several_processes_share_a_folder(run, away, tmp_path):
    script = PREDICT + (
        "client = Client(sys.argv[1], 'k', spool_dir=sys.argv[2], **QUICK)\n"
        "for burst in range(10): predict(client, 20, f'{sys.argv[3]}-{burst}-'); client.flush(0.05)\n"
        "print('waits', flush=True); assert client.flush(20)\n"
        "import json; print(json.dumps(client.stats().dropped), flush=True)"
    )
    processes = [run(script, away.url, tmp_path, name) for name in "abcd"]
    for process in processes:
        assert process.stdout.readline() == "waits\n"
    back = Peer(port=away.port)
    assert [json.loads(finished(process, 40)) for process in processes] == [{}] * 4
    assert back.ids() == [each for name in "abcd" for burst in range(10) for each in named(20, f"{name}-{burst}-")]
    back.stop()
