"""A13: requests that are too large, lie about their length or never end, against the real web processes."""

import socket
import time
from contextlib import ExitStack, suppress

import pytest

from tests.faults.messages import message
from tests.faults.sending import rss_mb, sending, status_of

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("processes")]
MIB = 1024 * 1024
REFUSED = {400, 408, 413, 431}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with sending(tmp_path_factory.mktemp("installation")) as running:
        assert running.post(message("predictions", 0)).status == 201
        running.warm_up(message("predictions", 0))
        yield running


@pytest.fixture(autouse=True)
def _served_as_before_and_no_larger(service):
    """Whatever was done to it: others are served, no process was lost, none has kept the bytes."""
    before = {pid: rss_mb(pid) for pid in service.up.pool("gunicorn")}
    yield
    assert service.post(message("predictions", 0)).status == 200
    after = {pid: rss_mb(pid) for pid in service.up.pool("gunicorn")}
    assert after.keys() == before.keys()
    assert all(after[pid] - before[pid] < 50 for pid in after), (before, after)
    assert "Traceback" not in service.up.place.said()


def test_a_body_over_the_limit_is_413(service):
    for _ in range(3):
        answer = service.post(b" " * (17 * MIB))
        assert answer.status == 413
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_says_it_is_huge_is_refused_once_it_is_over_the_limit(service):
    answer = service.raw(service.head(f"Content-Length: {10**12}"), *[b" " * MIB] * 20)
    assert status_of(answer) == 413


def test_a_form_over_its_limit_is_refused(service):
    answer = service.post(
        b"a=" + b"x" * (4 * MIB), "/accounts/login/", Content_Type="application/x-www-form-urlencoded"
    )
    assert answer.status in REFUSED | {403}  # the CSRF token in it was not read either


def test_a_body_in_chunks_without_a_length_is_400_and_says_what_to_do(service):
    chunks = [b"%x\r\n" % MIB + b" " * MIB + b"\r\n"] * 20
    answer = service.raw(service.head("Transfer-Encoding: chunked"), *chunks, b"0\r\n\r\n")
    assert status_of(answer) == 400
    assert b"Content-Length" in answer


def test_a_body_shorter_than_it_says_is_400(service):
    with socket.create_connection(service.host.split(":")) as connection:
        connection.sendall(service.head("Content-Length: 1000") + b'[{"id": ')
        connection.shutdown(socket.SHUT_WR)
        assert status_of(connection.recv(65536)) == 400


def test_what_follows_a_body_longer_than_it_says_is_no_request_of_ours(service):
    answer = service.raw(service.head("Content-Length: 2") + b"{}" + b"DELETE /everything HTTP/1.1\r\n\r\n")
    assert status_of(answer) == 422
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("lengths", [("2", "5"), ("-1",), ("2x",), ("9" * 400,)])
def test_lengths_that_contradict_or_are_none_are_refused(service, lengths):
    answer = service.raw(service.head(*[f"Content-Length: {length}" for length in lengths]) + b"{}")
    assert status_of(answer) in REFUSED


def test_a_length_beside_chunks_is_refused(service):
    both = service.head("Content-Length: 2", "Transfer-Encoding: chunked")
    assert status_of(service.raw(both + b"2\r\n{}\r\n0\r\n\r\n")) in REFUSED


def test_a_hundred_thousand_headers_are_refused(service):
    lines = b"".join(b"X-%d: y\r\n" % i for i in range(100_000))
    start = service.head().removesuffix(b"\r\n")
    answer = service.raw(start, lines, b"\r\n")
    assert status_of(answer) in REFUSED | {None}  # closed on us while we were still sending: refused, too
    few = service.raw(start, *lines.splitlines(keepends=True)[:200], b"\r\n")
    assert status_of(few) in REFUSED


def test_a_header_of_a_megabyte_is_refused(service):
    answer = service.raw(service.head().removesuffix(b"\r\n") + b"X-Long: " + b"y" * MIB + b"\r\n\r\n")
    assert status_of(answer) in REFUSED | {None}


def test_ten_thousand_parts_of_a_form_are_refused(service):
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    answer = service.post(
        part * 10_000 + b"--b--\r\n", "/accounts/login/", Content_Type="multipart/form-data; boundary=b"
    )
    assert answer.status in REFUSED | {403}


def test_senders_that_never_end_keep_nobody_waiting_for_long(service):
    """Slow loris: more heads and bodies that never end than there are threads, each with a byte now and then."""
    with ExitStack() as opened:
        address = service.host.split(":")
        slow = [opened.enter_context(socket.create_connection(address)) for _ in range(13)]
        keep_nobody_waiting(service, heads=slow[:10], bodies=slow[10:])


def keep_nobody_waiting(service, heads, bodies):
    for slow in heads:
        slow.sendall(b"POST /api/v1/predictions/ HTTP/1.1\r\nX-Slow: ")
    for slow in bodies:
        slow.sendall(service.head("Content-Length: 100000"))
    started, asked = time.monotonic(), None
    while asked is None:
        for slow in (*heads, *bodies):
            drip(slow)
        try:
            asked = service.ask("GET", "/healthz", timeout=1)
        except TimeoutError:
            assert time.monotonic() - started < 25
    assert asked.status == 200
    wait_until_closed(heads, started + 60)
    wait_until_closed(bodies, started + 90)


def drip(slow):
    with suppress(OSError):
        slow.sendall(b"y")


def wait_until_closed(connections, until):
    """Each ends from the other side, with a refusal or without a word."""
    for slow in connections:
        slow.settimeout(1)
        while True:
            assert time.monotonic() < until, "a slow sender still holds its connection"
            drip(slow)
            try:
                if not slow.recv(65536):
                    break
            except TimeoutError:
                continue
            except ConnectionResetError:
                break
