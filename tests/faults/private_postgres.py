"""A PostgreSQL server of one test: its own directory and port; killed and started again as the test likes."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from config.processes import end_with_parent
from tests.faults.installation import free_port

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
NOBODY_ELSE = "postgres"  # the server refuses to run as root


class PrivatePostgres:
    def __init__(self, directory, programs):
        self.directory, self.programs, self.port = directory, programs, free_port()
        self.log = directory / "log"
        self.process = None

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def make(self):
        command = ["initdb", "--pgdata", "data", "--username=postgres", "--auth=trust", "--no-sync"]
        made = subprocess.run(
            [self.programs / command[0], *command[1:]],
            **self._as_somebody(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert made.returncode == 0, made.stderr

    def start(self):
        """Start it, again and again until it accepts connections: the last one may leave children for a moment."""
        until = time.monotonic() + 20
        while not self.accepts():
            assert time.monotonic() < until, self.log.read_text(errors="replace")[-3000:]
            if self.process is None or self.process.poll() is not None:
                self._start_once()
            time.sleep(0.1)

    def _start_once(self):
        command = ["-D", "data", "-p", str(self.port), "-k", str(self.directory), "-c", "max_connections=30"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", *command],
                **self._as_somebody(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(end_with_parent, parent=os.getpid()),
            )

    def accepts(self):
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self):
        """kill -9 of the postmaster; its children see that and end by themselves."""
        self.process.kill()
        self.process.wait(10)

    def _as_somebody(self):
        if os.getuid() != 0:
            return {"cwd": self.directory}
        person = pwd.getpwnam(NOBODY_ELSE)
        return {"cwd": self.directory, "user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}


@contextmanager
def private_postgres():
    """A running server; skips where none is installed. At the end nothing of it is left."""
    if not INSTALLED:
        pytest.skip("NOT TESTED: PostgreSQL is not installed under /usr/lib/postgresql.")
    directory = Path(tempfile.mkdtemp(prefix="touchstone_postgres_"))  # pytest's own are shut for other users
    if os.getuid() == 0:
        shutil.chown(directory, NOBODY_ELSE, NOBODY_ELSE)
    server = PrivatePostgres(directory, INSTALLED[-1].parent)
    try:
        server.make()
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.kill()
        shutil.rmtree(directory, ignore_errors=True)
