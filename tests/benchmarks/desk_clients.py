"""Reviewers in a browser, for bench_claim: each submits and gets the next case in the answer, again and again.

python -m tests.benchmarks.desk_clients PORT PAIRS < sessions.json
Reads {"sessions": [session key of each reviewer], "feature": slug}; prints, as JSON, the seconds of every pair.
"""

import http.client
import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import urlencode

CSRF = "b" * 32
CASE = re.compile(
    r'action="(/desk/\d+/submit/)".*?name="token" value="(\w+)".*?name="rubric" value="(\d+)"', re.DOTALL
)


class Reviewer:
    def __init__(self, port, session):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {
            "Cookie": f"sessionid={session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "HX-Request": "true",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def post(self, path, **fields):
        """The case that the answer shows: (where it is submitted, token, rubric)."""
        self.connection.request("POST", path, urlencode(fields), self.headers)
        answer = self.connection.getresponse()
        page = answer.read().decode()
        assert answer.status == 200, (answer.status, page[:300])
        shown = CASE.search(page)
        assert shown, page[:2000]
        return shown.groups()


def work(port, session, slug, pairs, start):
    reviewer, seconds = Reviewer(port, session), []
    case = reviewer.post("/desk/claim/", feature=slug)
    start.wait()
    for n in range(pairs):
        path, token, rubric = case
        begun = time.perf_counter()
        case = reviewer.post(path, token=token, rubric=rubric, verdict="right", idempotency_key=f"{token}{n}")
        seconds.append(time.perf_counter() - begun)
    return seconds


def main():
    port, pairs = map(int, sys.argv[1:])
    given = json.load(sys.stdin)
    sessions = given["sessions"]
    start = Barrier(len(sessions) + 1, timeout=60)
    with ThreadPoolExecutor(len(sessions)) as pool:
        done = [pool.submit(work, port, session, given["feature"], pairs, start) for session in sessions]
        start.wait()
        begun = time.perf_counter()
        seconds = [each for one in done for each in one.result()]
        took = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "took": took}))


if __name__ == "__main__":
    main()
