import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

CLIENT = str(Path(__file__).parents[2] / "client")
sys.path.insert(0, CLIENT)

from touchstone_client import Client  # noqa: E402

from tests.client.peer import Peer  # noqa: E402

QUICK = {"flush_interval_s": 0.02, "retry_first_s": 0.02, "retry_most_s": 0.1, "timeout_s": 2.0}


@pytest.fixture
def peer():
    peer = Peer()
    yield peer
    peer.stop()


@pytest.fixture
def make_client(peer):
    """make_client(**options): a client of the peer that waits for nothing long."""
    made = []

    def make(url=None, key="ts_secret", **options):
        made.append(Client(url or peer.url, key, **{**QUICK, **options}))
        return made[-1]

    yield make
    for client in made:
        client.close(0)


@pytest.fixture
def away():
    """An address at which nobody listens."""
    peer = Peer()
    peer.stop()
    return peer


@pytest.fixture
def run():
    """run(script, *args): a Python process with the client on its path. Gives the process; ended with the test."""
    begun = []

    def start(script, *args):
        quick = f"from touchstone_client import Client\nQUICK = {QUICK}\n"
        begun.append(
            subprocess.Popen(
                [sys.executable, "-W", "error", "-c", quick + script, *map(str, args)],
                env={**os.environ, "PYTHONPATH": CLIENT},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return begun[-1]

    yield start
    for process in begun:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its forks, too
        process.communicate()


def eventually(is_so, *, within_s=5.0):
    """Wait until it is so, or fail."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "It did not come true in time."
        time.sleep(0.01)


@pytest.fixture(name="eventually")
def _eventually():
    return eventually
