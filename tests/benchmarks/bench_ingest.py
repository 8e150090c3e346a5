"""Ingest on PostgreSQL against its floors, in one run: raw COPY, a DRF endpoint, an empty view.

Needs PostgreSQL (DATABASE_URL, or the one on the standard port); every figure comes from a database of its own.
"""

import gzip
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg

from config.demo import logs
from config.demo.stories import FLIGHTS
from tests.benchmarks.report import has_drifted, median, publish, table
from tests.faults.installation import PROC, free_port, installed

REPEAT = 3
ROWS = 240_000
MILLION = 1_000_000
SINGLES = 1_500
CLIENTS = 4  # connections that post at once: two a web process, so that none waits for its client
COLUMNS = (
    "feature_id, version_id, external_id, occurred_at, received_at, label, score, inputs, segments, actor,"
    " account, latency_ms, cpu_ms, rss_mb, fingerprint"
)


def predictions(n, start=0):
    """n predictions as a service would post them: the flights of the demo, again and again under new ids."""
    log = logs.read(FLIGHTS)
    now = log["occurred_at"].max().to_pydatetime()
    rows = list(logs.predictions(FLIGHTS, log, moved=logs.weeks_to_today(log, now), now=now))
    return [{**rows[i % len(rows)], "id": f"p{start + i}"} for i in range(n)]


def bodies(items, size, *, packed=False):
    batches = [json.dumps(items[at : at + size]).encode() for at in range(0, len(items), size)]
    return [gzip.compress(body, 6) for body in batches] if packed else batches


class Web:
    """Two web processes as `manage.py up` runs them, on a database of its own."""

    def __init__(self, place, application="config.wsgi", level="WARNING"):
        self.place, self.port = place, free_port()
        bound = ["--config", "python:config.gunicorn", "--bind", f"127.0.0.1:{self.port}"]
        quiet = {"TOUCHSTONE_LOG_LEVEL": level}
        self.process = place.start([sys.executable, "-m", "gunicorn", *bound, application], **quiet)
        for _ in range(300):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/healthz")
                connection.getresponse().read()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the web does not answer")

    def post(self, path, key, sent, *, packed=False, clients=CLIENTS):
        """Seconds to post these bodies over that many connections, every one stored."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        left, failed = iter(sent), []
        lock = threading.Lock()

        def work():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            while True:
                with lock:
                    body = next(left, None)
                if body is None:
                    return
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 201:
                    failed.append((answer.status, text[:300]))

        threads = [threading.Thread(target=work) for _ in range(clients)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - begun
        assert not failed, failed[0]
        return took

    def rss_mb(self):
        pids = self.place.children(self.process.pid)
        return sum(int((PROC / str(pid) / "statm").read_text().split()[1]) for pid in pids) * 4096 / 1e6

    def end(self):
        self.process.terminate()
        self.process.wait(30)


@contextmanager
def web(place, application="config.wsgi", level="WARNING"):
    served = Web(place, application, level)
    try:
        yield served
    finally:
        served.end()


def emptied(place):
    with psycopg.connect(place.environment["DATABASE_URL"], autocommit=True) as database:
        database.execute("TRUNCATE feedback_prediction RESTART IDENTITY CASCADE")
        database.execute("CHECKPOINT")


def copy_floor(place, ready):
    """Seconds of one connection's COPY of ready lines into the same table, with all its indexes."""
    emptied(place)
    with psycopg.connect(place.environment["DATABASE_URL"]) as database:
        begun = time.perf_counter()
        with database.cursor().copy(f"COPY feedback_prediction ({COLUMNS}) FROM STDIN") as copy:
            copy.write(ready)
        database.commit()
        return time.perf_counter() - begun


def ready_lines(place, web, key, items):
    """The rows of these items as COPY writes them: stored once by us, read back as text."""
    emptied(place)
    web.post("/api/v1/predictions/", key, bodies(items, 1000))
    lines = f"COPY feedback_prediction ({COLUMNS}) TO STDOUT"
    with psycopg.connect(place.environment["DATABASE_URL"]) as database, database.cursor().copy(lines) as copy:
        return b"".join(bytes(block) for block in copy)


def prepared(place):
    assert place.run("manage.py", "migrate", "--verbosity", "0").returncode == 0
    assert place.run("manage.py", "collectstatic", "--noinput", "--verbosity", "0").returncode == 0
    code = (
        "import django; django.setup()\n"
        "from django.utils import timezone\n"
        "from config.demo.stories import FLIGHTS\n"
        "from feedback.actions.features import create_feature, create_version\n"
        "from feedback.actions.people import create_key\n"
        "now = timezone.now()\n"
        "feature = create_feature(now=now, **FLIGHTS.feature)\n"
        "for version in FLIGHTS.versions:\n"
        "    create_version(feature=feature, name=version.name, labels=FLIGHTS.labels, now=now)\n"
        "print(create_key(name='bench', scopes=['ingest'], now=now)[1])\n"
    )
    said = place.run("-c", code, DJANGO_SETTINGS_MODULE="config.settings")
    assert said.returncode == 0, said.stderr
    return said.stdout.split()[-1]


def measure(place):
    key = prepared(place)
    items = predictions(ROWS)
    small, small_packed = bodies(items, 1000), bodies(items, 1000, packed=True)
    large_packed = bodies(items, 10_000, packed=True)
    path = "/api/v1/predictions/"
    found = {name: [] for name in ("copy", "json", "gzip", "large", "drf", "single", "empty")}
    with web(place) as ours, web(place, "tests.benchmarks.ingest_reference") as reference:
        ready = ready_lines(place, ours, key, items)
        for _ in range(REPEAT):
            found["copy"].append(copy_floor(place, ready))
            for name, sent in (("json", small), ("gzip", small_packed), ("large", large_packed)):
                emptied(place)
                found[name].append(ours.post(path, key, sent, packed=name != "json"))
            emptied(place)
            found["drf"].append(reference.post("/bulk/", key, small[:15]) * len(small) / 15)
            singles = bodies(items[:SINGLES], 1)
            found["empty"].append(reference.post("/empty/", key, singles))
            emptied(place)
            found["single"].append(ours.post(path, key, singles))
        before = ours.rss_mb()
        for start in range(0, MILLION, 100_000):
            ours.post(path, key, bodies(predictions(100_000, 10_000_000 + start), 1000))
        grown = ours.rss_mb() - before
    return {name: median(seconds) for name, seconds in found.items()}, has_drifted(found["copy"]), grown


def main():
    os.environ.setdefault("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder)) as place:
        found, is_unsteady, grown = measure(place)

    def per_second(name, n=ROWS):
        return f"{n / found[name]:,.0f}/s"

    def ratio(name):
        return f"{found['copy'] / found[name]:.2f} of COPY"

    rows = [
        ["COPY of ready rows, one connection, same table and indexes (floor)", per_second("copy"), "1", "-"],
        ["1,000-row JSON batches over HTTP, two web processes", per_second("json"), ratio("json"), "0.6 of COPY"],
        ["the same, gzip", per_second("gzip"), f"{found['gzip'] / found['json'] - 1:+.0%} time", "at most +25 %"],
        ["10,000-row batches, gzip", per_second("large"), ratio("large"), "0.9 of COPY"],
        ["DRF ListSerializer + bulk_create, 1,000 rows (peer)", per_second("drf"),
         f"ours is {found['drf'] / found['json']:.1f} times it", "4 times"],
        ["one-row posts", per_second("single", SINGLES),
         f"{found['empty'] / found['single']:.2f} of an empty view", "0.5 of it"],
        ["an empty view with the same door (floor)", per_second("empty", SINGLES), "1", "-"],
        ["memory of both web processes over a million rows", f"{grown:+.0f} MB", "-", "under +50 MB"],
    ]  # fmt: skip
    note = "\n\nNo verdict: the floor moved by over 30 % within the run." if is_unsteady else ""
    publish("ingest", "Ingest", table(["what", "measured", "ratio", "goal"], rows) + note)


if __name__ == "__main__":
    main()
