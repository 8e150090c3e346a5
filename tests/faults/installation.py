"""A Touchstone for one test: directory, database and Redis database of its own, and its processes in /proc."""

import http.cookiejar
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
import uuid
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis

from config.processes import end_with_parent

ROOT = Path(__file__).parent.parent.parent
PROC = Path("/proc")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Installation:
    def __init__(self, directory, environment):
        self.directory = directory
        self.log = directory / "log"
        self.sqlite_file = directory / "touchstone.sqlite3"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        self.started = []
        self.environment = {**kept, "TOUCHSTONE_DATA_DIR": str(directory), **environment}

    def start(self, command, **environment):
        """A process of its own session that does not outlive the tests; its output goes to self.log."""
        with self.log.open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(end_with_parent, parent=os.getpid()),
            )
        self.started.append(process)
        return process

    def run(self, *arguments, **environment):
        """python with these arguments, to its end."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def said(self):
        return self.log.read_text(errors="replace")

    def wait_until(self, condition, seconds, what):
        """Poll until condition() is true; where it does not become so, the log tells why."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"not within {seconds} s: {what}\n{self.said()[-5000:]}"
            time.sleep(0.1)

    def query(self, sql):
        url = self.environment.get("DATABASE_URL")
        with closing(psycopg.connect(url) if url else sqlite3.connect(self.sqlite_file, timeout=20)) as database:
            return database.execute(sql).fetchall()

    def pids(self):
        """Every living process of ours, whoever its parent is: its environment names our directory."""
        mark = f"TOUCHSTONE_DATA_DIR={self.directory}\0".encode()
        return {int(at.parent.name) for at in PROC.glob("[0-9]*/environ") if mark in read(at) + b"\0"}

    def children(self, pid, word=""):
        """Living children of pid whose command line holds this word."""
        return [
            child
            for child in self.pids()
            if parent_of(child) == pid and word.encode() in read(PROC / str(child) / "cmdline")
        ]

    def end(self):
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        while self.started:
            self.started.pop().wait(10)


def read(path):
    """Nothing where the process has ended meanwhile, or is a zombie, or another user's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def parent_of(pid):
    after_name = read(PROC / str(pid) / "stat").rpartition(b")")[2].split()
    return int(after_name[1]) if after_name else None


@contextmanager
def installed(directory):
    """An installation on the services that the tests themselves run on; at the end nothing of it is left."""
    with own_database() as database, own_redis() as broker:
        place = Installation(directory, {**database, **broker})
        try:
            yield place
        finally:
            place.end()


@contextmanager
def own_database():
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield {}
        return
    name = f"touchstone_fault_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield {"DATABASE_URL": urlunsplit(urlsplit(url)._replace(path=f"/{name}"))}
    finally:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def own_redis():
    """An empty database of the same server: the tests empty theirs all the time."""
    url = os.environ.get("REDIS_URL", "")
    if not url:
        yield {}
        return
    for number in range(15, -1, -1):
        own = urlunsplit(urlsplit(url)._replace(path=f"/{number}"))
        with closing(redis.Redis.from_url(own)) as client:
            if own == url or client.dbsize() or not client.set("touchstone_fault", os.getpid(), nx=True):
                continue
            try:
                yield {"REDIS_URL": own}
            finally:
                client.flushdb()
            return
    raise AssertionError(f"no empty database is left on {url}")


class Up:
    def __init__(self, place, command, port, **environment):
        self.place = place
        self.address = f"http://127.0.0.1:{port}"
        self.process = place.start(command, **environment)

    def has_said(self, pattern):
        return re.search(pattern, self.place.said(), re.MULTILINE)

    def wait_for_web(self):
        self.place.wait_until(lambda: answers(self.address), 60, "the web answers")

    def wait_for_all(self):
        """The web answers, and both masters have their children."""
        self.wait_for_web()
        self.place.wait_until(lambda: len(self.pool("celery")) == 2, 30, "the worker has its pool")
        self.place.wait_until(lambda: len(self.pool("gunicorn")) == 2, 30, "the web has its workers")

    def master(self, word):
        return next(iter(self.place.children(self.process.pid, word)), None)

    def pool(self, word):
        master = self.master(word)
        return self.place.children(master, word) if master else []


def start_up(place):
    port = free_port()
    return Up(place, [sys.executable, "manage.py", "up", "--port", str(port)], port)


def browser():
    """Direct, whatever proxy the environment names; keeps cookies, follows redirects."""
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)


def answers(address):
    with suppress(OSError):
        return browser().open(f"{address}/healthz", timeout=2).status == 200
    return False
