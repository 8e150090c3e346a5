"""F25, A29: one key sends far more than it may; what was accepted is right, and nobody else notices."""

import itertools
import threading
import time

import pytest

from tests.faults.installation import browser
from tests.faults.messages import message
from tests.faults.sending import Service, new_key, sending

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("processes")]
PER_MINUTE, FLOODING_S, THREADS = 60, 6, 6


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    limits = {"TOUCHSTONE_INGEST_REQUESTS_PER_MINUTE": str(PER_MINUTE), "TOUCHSTONE_INGEST_ITEMS_PER_MINUTE": "0"}
    with sending(tmp_path_factory.mktemp("installation"), **limits) as running:
        yield running


@pytest.fixture(scope="module")
def flood(service):
    """One key floods, another one sends now and then, a person looks at a page: what each of them got."""
    other, person = Service(service.up, new_key(service.up.place, "ingest")), logged_in(service)
    while time.time() % 60 > 60 - FLOODING_S - 10:  # within one minute of the count, also on a busy machine
        time.sleep(0.5)
    until, numbers = time.monotonic() + FLOODING_S, itertools.count(1)
    got = {"flood": [], "other": [], "page": []}

    def keep(name, act, pause):
        while time.monotonic() < until:
            number, started = next(numbers), time.monotonic()
            answer = act(number)
            got[name].append((number, answer, time.monotonic() - started))
            time.sleep(pause)

    acts = [("flood", lambda n: service.post(message("predictions", n)), 0)] * THREADS
    acts += [("other", lambda n: other.post(message("predictions", n)), 0.3)]
    acts += [("page", lambda n: person.open(f"{service.up.address}/ingest/", timeout=10).status, 0.1)]
    threads = [threading.Thread(target=keep, args=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def logged_in(service):
    made = service.up.place.run("manage.py", "person", "create", "ann@example.org")
    path = "/login/once/" + made.stdout.split("/login/once/")[1].split()[0]
    person = browser()
    page = person.open(service.up.address + path).read().decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    person.open(service.up.address + path, f"csrfmiddlewaretoken={token}".encode())
    return person


def p95(times):
    return sorted(times)[int(0.95 * len(times))]


def test_f25_what_is_over_the_limit_is_429_with_retry_after_and_nothing_else_happens(flood):
    statuses = [answer.status for _, answer, _ in flood["flood"]]
    assert set(statuses) == {201, 429}
    assert len(statuses) > 5 * PER_MINUTE, "not five times as much as it may: this shows nothing"
    for _, answer, _ in flood["flood"]:
        if answer.status == 429:
            assert 1 <= int(answer.headers["Retry-After"]) <= 61
            assert answer.json()["status"] == 429


def test_f25_the_limit_holds_for_all_web_processes_together(flood):
    assert PER_MINUTE / 2 <= sum(answer.status == 201 for _, answer, _ in flood["flood"]) <= PER_MINUTE


def test_f25_what_was_accepted_is_stored_and_what_was_not_is_not(service, flood):
    accepted = {f"m{n}" for n, answer, _ in flood["flood"] + flood["other"] if answer.status == 201}
    stored = {name for (name,) in service.up.place.query("SELECT external_id FROM feedback_prediction")}
    assert stored == accepted


def test_a29_another_key_is_not_limited_and_pages_open(flood):
    assert {answer.status for _, answer, _ in flood["other"]} == {201}
    assert {status for _, status, _ in flood["page"]} == {200}
    assert p95([took for *_, took in flood["other"]]) < 1
    assert p95([took for *_, took in flood["page"]]) < 1


def test_f25_the_key_that_waits_as_told_is_served_again(service, flood):
    refused = [answer for _, answer, _ in flood["flood"] if answer.status == 429][-1]
    time.sleep(int(refused.headers["Retry-After"]))
    assert service.post(message("predictions", 10**6)).status == 201
