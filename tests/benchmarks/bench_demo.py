"""How long a newcomer waits: 20,000 predictions of the demo through REST, the first page with real numbers."""

import re
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from config.demo import logs
from config.demo.service import Service
from config.demo.stories import FLIGHTS
from tests.benchmarks.report import publish, table
from tests.faults.installation import answers, free_port, installed

N = 20_000
VERSION = {"labels": FLIGHTS.labels, "deployed_at": "2026-01-01T00:00:00Z"}


def started(place, *options):
    port = free_port()
    place.start([sys.executable, "manage.py", "up", "--port", str(port), *options])
    address = f"http://127.0.0.1:{port}"
    place.wait_until(lambda: answers(address), 60, "the web answers")
    return address


def post_predictions():
    """Seconds for 20,000 predictions, the worker running beside."""
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder)) as place:
        address = started(place)
        key = place.run("manage.py", "key", "create", "--name", "bench", "--scopes", "ingest,read,manage").stdout
        service = Service(address, key.split()[-1])
        service.post("/api/v1/features/", FLIGHTS.feature)
        for version in FLIGHTS.versions:
            service.post(f"/api/v1/features/{FLIGHTS.slug}/versions/", {"name": version.name, **VERSION})
        log = logs.read(FLIGHTS)
        now = log["occurred_at"].max().to_pydatetime()
        moved = logs.weeks_to_today(log, now)
        items = list(islice(logs.predictions(FLIGHTS, log, moved=moved, now=now), N))
        begun = time.monotonic()
        created = service.post_all("/api/v1/predictions/", items, told=lambda n: None)
        took = time.monotonic() - begun
        assert created == N
        return took


def first_numbers():
    """Seconds from the start of `up --demo` to estimates by REST of a feature, and to the demo's end."""
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder)) as place:
        begun = time.monotonic()
        started(place, "--demo")
        place.wait_until(lambda: has_figures(place), 120, "a figure is stored")
        figures = time.monotonic() - begun
        place.wait_until(lambda: re.search("The demo is loaded", place.said()), 180, "the demo is loaded")
        return figures, time.monotonic() - begun


def has_figures(place):
    query = "select count(*) from metrics_estimate where metric = 'accuracy' and value is not null"
    return place.query(query)[0][0] > 0


def main():
    posts = [post_predictions() for _ in range(3)]
    figures, whole = first_numbers()
    rows = [
        ["20,000 predictions through REST, SQLite, worker beside", f"{sorted(posts)[1]:.1f} s (of 3)", "20 s"],
        ["`up --demo` to the first page with real numbers", f"{figures:.0f} s", "60 s"],
        ["`up --demo` to the end of the demo, reviews included", f"{whole:.0f} s", "-"],
    ]
    publish("demo", "The first minute", table(["what", "measured", "at most"], rows))


if __name__ == "__main__":
    main()
