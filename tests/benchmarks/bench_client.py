"""What a call of the client costs the caller's thread, while the sender works.

Beside it, in the same run, a floor: appending the same fields as a dict to a deque. Every call is timed by itself;
both figures hold the cost of reading the clock twice.
"""

import multiprocessing
import os
import sys
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2] / "client"))

from touchstone_client import Client

from tests.benchmarks.report import publish

N, REPETITIONS, GOAL_US, MOST_DRIFT = 100_000, 3, 20.0, 1.3
FIELDS = {
    "feature": "delay-alert",
    "version": "2-boosted",
    "label": "late",
    "score": 0.82,
    "probabilities": {"late": 0.82, "on_time": 0.18},
    "inputs": {"carrier": "UA", "distance_km": 1416.0, "hour": 17, "month": 1, "origin": "EWR"},
    "segments": {"origin": "EWR"},
    "actor": "u-3f2a9c1b",
    "latency_ms": 14.2,
}


class Swallow(BaseHTTPRequestHandler):
    """Reads everything and says yes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        """Nothing."""


def serve(told):
    """In a process of its own, so that it does not take the caller's interpreter lock."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Swallow)
    told.put(server.server_address[1])
    server.serve_forever()


def floor():
    queue = deque()

    def append():
        queue.append({**FIELDS})

    return timed(append)


def prediction(url):
    with Client(url, "ts_bench", queue_size=2 * N) as client:
        found = timed(lambda: client.prediction(**FIELDS))
        check(client)
    return found


def predicting(url):
    before = {name: FIELDS[name] for name in ("feature", "version", "inputs", "segments", "actor")}

    def block():
        with client.predicting(**before) as p:
            p.label, p.score = "late", 0.82

    with Client(url, "ts_bench", queue_size=2 * N) as client:
        found = timed(block)
        check(client)
    return found


def timed(call):
    """Microseconds of each of N calls, in rising order."""
    clock, found = time.perf_counter_ns, []
    for _ in range(N):
        began = clock()
        call()
        found.append(clock() - began)
    return sorted(each / 1000 for each in found)


def check(client):
    assert client.flush(120), client.stats()
    assert (client.stats().answered, client.stats().dropped) == (N, {}), client.stats()


def main():
    told = multiprocessing.get_context("spawn").Queue()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(told,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{told.get()}"
    what = {
        "floor: deque.append of the same dict": floor,
        "client.prediction(...)": lambda: prediction(url),
        "with client.predicting(...)": lambda: predicting(url),
    }
    runs = [{name: measure() for name, measure in what.items()} for _ in range(REPETITIONS)]
    server.terminate()
    publish("client", "The Python client", report(runs))


def report(runs):
    middles = {name: [run[name][N // 2] for run in runs] for name in runs[0]}
    floors, goal_of, *_ = middles.values()
    lines = [
        f"{N:,} calls, {REPETITIONS} repetitions, Python {sys.version.split()[0]}, {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[0]:.2f}. Microseconds in the caller's thread; every item was answered.",
        "",
        "| what | medians | median of them | ratio to floor | p99 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, found in middles.items():
        each = ", ".join(f"{value:.2f}" for value in found)
        p99 = median(run[name][N * 99 // 100] for run in runs)
        lines.append(
            f"| {name} | {each} | {median(found):.2f} | {median(found) / median(floors):.0f} | {p99:.0f} |"
        )
    if max(floors) > MOST_DRIFT * min(floors):
        return "\n".join([*lines, "", "No verdict: the floor itself moved by over 30 %."])
    verdict = "met" if median(goal_of) < GOAL_US else "MISSED"
    return "\n".join([*lines, "", f"Goal: prediction() under {GOAL_US:.0f} microseconds median: {verdict}."])


if __name__ == "__main__":
    main()
