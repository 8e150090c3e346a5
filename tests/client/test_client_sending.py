"""Batches, and what happens to them when the server says something other than yes."""

import gzip
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from touchstone_client._http import _seconds
from touchstone_client._items import MOST_BATCH_BYTES, Batch, batches, halves
from touchstone_client._sender import Backoff

from tests.client.peer import Peer, Step


def predict(client, n, start=0):
    for number in range(start, start + n):
        client.prediction("houses", "v1", id=f"p{number:05d}", value=number)


def expected(n):
    return [f"p{number:05d}" for number in range(n)]


def test_a_request_is_gzip_ndjson_with_the_key(make_client, peer):
    client = make_client()
    predict(client, 2)
    assert client.flush(5)
    (request,) = peer.requests
    assert request.kind == "predictions"
    assert request.headers["Authorization"] == "Bearer ts_secret"
    assert request.headers["Content-Type"] == "application/x-ndjson"
    assert request.headers["Content-Encoding"] == "gzip"


def test_a_path_prefix_is_kept(make_client, peer):
    client = make_client(url=peer.url + "/tools/touchstone/")
    predict(client, 1)
    assert client.flush(5)
    assert peer.ids() == expected(1)


def test_batches_hold_at_most_batch_size_and_travel_on_one_connection(make_client, peer):
    client = make_client(batch_size=100, flush_interval_s=0.05)
    predict(client, 950)
    assert client.flush(5)
    assert peer.ids() == expected(950)
    assert max(len(request.items) for request in peer.requests) == 100
    assert peer.n_connections == 1


def test_a_full_batch_does_not_wait_for_the_interval(make_client, peer, eventually):
    client = make_client(batch_size=10, flush_interval_s=30)
    predict(client, 11)
    eventually(lambda: len(peer.items()) == 11)


def test_kinds_go_to_their_own_addresses(make_client, peer):
    client = make_client()
    client.prediction("houses", "v1", value=1)
    client.outcome("houses", "p1", 2.0)
    client.event("exposed", "houses", prediction="p1", actor="u1")
    client.feedback("houses", "thumb", rating=1)
    assert client.flush(5)
    assert sorted(request.kind for request in peer.requests) == ["events", "feedback", "outcomes", "predictions"]


def test_a_batch_is_cut_where_it_would_have_too_many_bytes():
    lines = [b"x" * 60_000] * 200
    found = list(batches("predictions", lines))
    sizes = [len(gzip.decompress(batch.body)) for batch in found]
    assert sum(batch.n for batch in found) == 200
    assert len(found) == 3
    assert max(sizes) <= MOST_BATCH_BYTES + 1
    assert b"".join(gzip.decompress(batch.body) for batch in found).split() == lines


def test_halves_of_joined_batches_hold_the_same_lines():
    one, two = (next(batches("events", [line])) for line in (b'{"a":"\xe2\x80\xa8"}', b"{}"))
    first, second = halves(Batch("events", 2, one.body + two.body))
    assert (first.n, second.n) == (1, 1)
    assert gzip.decompress(first.body + second.body) == b'{"a":"\xe2\x80\xa8"}\n{}\n'


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408, 0])
def test_a_failed_batch_is_sent_again_with_the_same_content(make_client, peer, status):
    peer.say(status, times=2)
    client = make_client()
    predict(client, 3)
    assert client.flush(5)
    assert [request.status for request in peer.requests][-3:] == [status, status, 201]
    assert peer.requests[0].items == peer.requests[-1].items
    stats = client.stats()
    assert (stats.answered, stats.created, stats.dropped, stats.waiting, stats.is_away) == (3, 3, {}, 0, False)


def test_a_server_that_hangs_is_given_up_and_tried_again(make_client, peer):
    peer.say(200, hang_s=1.0)
    client = make_client(timeout_s=0.2)
    predict(client, 3)
    assert client.flush(5)
    assert peer.ids() == expected(3)
    assert "predictions: " in client.stats().last_errors[0]


def test_no_try_comes_before_retry_after(make_client, peer):
    peer.say(429, headers={"Retry-After": "1"})
    client = make_client()
    predict(client, 1)
    assert client.flush(5)
    first, second = peer.requests
    assert 1.0 <= second.at - first.at < 1.6


def test_retry_after_may_be_a_date():
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert 28 <= _seconds(format_datetime(soon, usegmt=True)) <= 30
    assert _seconds("7") == 7
    assert _seconds(format_datetime(soon - timedelta(days=1))) == 0
    assert [_seconds(told) for told in (None, "", "soon", "-1")] == [None] * 4


def test_pauses_double_to_a_bound_and_are_spread_over_all_of_it():
    waits = []
    for _ in range(400):
        backoff = Backoff(first_s=1.0, most_s=8.0)
        for _ in range(6):
            backoff.fail(now=0.0, is_slow=False, retry_after_s=None)
            waits.append((backoff.failures, backoff.until))
    for failures, most in enumerate([1, 2, 4, 8, 8, 8], start=1):
        of_these = [wait for n, wait in waits if n == failures]
        assert max(of_these) <= most
        # The mean of 400 uniform draws lies within 5 standard errors of the middle.
        assert abs(sum(of_these) / 400 - most / 2) < 5 * most / (12 * 400) ** 0.5


def test_a_wish_of_the_server_is_kept_up_to_an_hour():
    backoff = Backoff(first_s=0.5, most_s=60.0)
    backoff.fail(now=100.0, is_slow=False, retry_after_s=5)
    assert 105 <= backoff.until <= 105.5
    backoff.fail(now=100.0, is_slow=False, retry_after_s=10**9)
    assert backoff.until <= 100 + 3600.5
    backoff.fail(now=100.0, is_slow=True, retry_after_s=None)
    assert 130 <= backoff.until <= 160


def test_refused_items_are_counted_and_the_last_ones_kept(make_client, peer):
    peer.refuses = {"p00001": "unknown_version", "p00002": "conflict"}
    client = make_client()
    predict(client, 4)
    assert client.flush(5)
    stats = client.stats()
    assert (stats.answered, stats.created, stats.refused) == (4, 2, {"unknown_version": 1, "conflict": 1})
    assert [(refusal.id, refusal.code) for refusal in stats.last_refused] == [
        ("p00001", "unknown_version"),
        ("p00002", "conflict"),
    ]
    assert len(peer.requests) == 1


def test_a_batch_refused_as_a_whole_is_not_sent_again(make_client, peer):
    peer.refuses = {"p00000": "in_future"}
    client = make_client()
    predict(client, 1)
    assert client.flush(5)
    assert (len(peer.requests), client.stats().refused) == (1, {"in_future": 1})


@pytest.mark.parametrize("status", [400, 415])
def test_an_unreadable_batch_is_dropped_and_counted(make_client, peer, status):
    peer.say(status)
    client = make_client()
    predict(client, 3)
    assert client.flush(5)
    assert client.stats().dropped == {f"http_{status}": 3}
    assert len(peer.requests) == 1


def test_too_much_is_sent_in_halves(make_client, peer):
    peer.rule = lambda request: Step(413) if len(request.items) > 3 else None
    client = make_client(flush_interval_s=0.1)
    predict(client, 20)
    assert client.flush(5)
    assert peer.ids() == expected(20)
    assert client.stats().answered == 20


def test_a_single_item_that_is_too_much_is_dropped_alone(make_client, peer):
    peer.rule = lambda request: Step(413) if any(item["id"] == "p00002" for item in request.items) else None
    client = make_client()
    predict(client, 5)
    assert client.flush(5)
    assert peer.ids() == ["p00000", "p00001", "p00003", "p00004"]
    assert client.stats().dropped == {"too_large": 1}


def test_halves_of_which_one_fails_are_sent_again_without_loss(make_client, peer):
    calls = iter([Step(413), None, Step(503)])
    peer.rule = lambda request: next(calls, None)
    client = make_client()
    predict(client, 10)
    assert client.flush(5)
    assert peer.ids() == expected(10)


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_what_a_person_can_mend_is_kept_and_tried_slowly(make_client, peer, status):
    peer.rule = lambda request: Step(status)
    client = make_client(retry_first_s=0.001, retry_most_s=0.4)
    predict(client, 3)
    assert client.flush(0.5) is False
    assert 1 <= len(peer.requests) <= 4
    assert (client.stats().waiting, client.stats().dropped, client.stats().is_away) == (3, {}, True)
    peer.rule = None
    assert client.flush(5)
    assert peer.ids() == expected(3)


def test_a_page_of_a_proxy_is_no_receipt(make_client, peer):
    peer.say(200, headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<p>Please log in")
    client = make_client()
    predict(client, 1)
    assert client.flush(5)
    assert peer.ids() == expected(1)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"refused": 3}', b'{"refused": [1]}', b"[" * 100_000])
def test_a_yes_without_a_receipt_is_a_yes(make_client, peer, body):
    peer.say(202, body=body)
    client = make_client()
    predict(client, 2)
    assert client.flush(5)
    assert (client.stats().answered, client.stats().last_errors) == (2, ())


def test_a_batch_that_always_breaks_the_server_does_not_hold_up_the_others(make_client, peer):
    def breaks(request):
        return Step(500) if any(item["id"] == "p00000" for item in request.items) else None

    peer.rule = breaks
    client = make_client(batch_size=5, flush_interval_s=0.05)
    predict(client, 50)
    assert client.flush(1.5) is False
    assert set(expected(50)) - set(peer.ids()) == set(expected(5))
    assert client.stats().waiting == 5


def test_an_address_that_is_missing_does_not_hold_up_the_other_kinds(make_client, peer):
    peer.rule = lambda request: Step(404) if request.kind == "events" else None
    client = make_client()
    client.event("exposed", "houses", prediction="p1", actor="u1")
    predict(client, 1)
    assert client.flush(0.5) is False
    predict(client, 1, start=1)
    assert client.flush(0.5) is False
    assert peer.ids() == expected(2)


def test_a_connection_that_the_server_closed_meanwhile_is_opened_anew(make_client, peer, eventually):
    client = make_client()
    predict(client, 1)
    assert client.flush(5)
    peer._server.cut_all()
    predict(client, 1, start=1)
    assert client.flush(5)
    assert peer.ids() == expected(2)
    assert (peer.n_connections, client.stats().last_errors) == (2, ())


def test_a_server_that_comes_back_gets_everything(make_client, away):
    client = make_client(url=away.url)
    predict(client, 25)
    assert client.flush(0.3) is False
    assert client.stats().is_away
    back = Peer(port=away.port)
    assert client.flush(5)
    assert back.ids() == expected(25)
    client.close()
    back.stop()


def test_what_waits_in_memory_is_bounded_and_the_oldest_go(make_client, away):
    client = make_client(url=away.url, backlog_bytes=2_000, batch_size=10, flush_interval_s=0.01)
    for start in range(0, 500, 10):
        predict(client, 10, start)
        time.sleep(0.005)
    assert client.flush(0.1) is False
    assert sum(map(len, client._sender._memory._bodies.values())) <= 2_000
    stats = client.stats()
    assert stats.dropped["backlog_full"] + stats.waiting == 500
    back = Peer(port=away.port)
    assert client.flush(5)
    assert back.ids()[-1] == "p00499"
    assert "p00000" not in back.ids()
    client.close()
    back.stop()


def test_flush_says_no_when_its_time_is_up(make_client, peer):
    peer.say(200, hang_s=0.5)
    client = make_client()
    predict(client, 1)
    began = time.monotonic()
    assert client.flush(0.1) is False
    assert time.monotonic() - began < 0.3


def test_close_in_memory_only_counts_what_it_could_not_send(make_client, away, caplog):
    client = make_client(url=away.url)
    predict(client, 7)
    client.close(0.2)
    assert client.stats().dropped == {"closed": 7}
    assert "dropped here: {'closed': 7}" in caplog.text


def test_an_error_of_our_own_does_not_end_the_thread(make_client, peer, monkeypatch):
    client = make_client()
    with monkeypatch.context() as broken:
        broken.setattr(client._sender._http, "post", lambda kind, body: 1 / 0)
        predict(client, 2)
        assert client.flush(2)
    predict(client, 1, start=2)
    assert client.flush(5)
    assert (peer.ids(), client.stats().dropped) == (["p00002"], {"internal": 2})


def test_logs_are_few(make_client, away, caplog):
    client = make_client(url=away.url, retry_most_s=0.02)
    predict(client, 5)
    client.flush(0.5)
    assert len(client.stats().last_errors) > 3
    assert len(caplog.records) == 1
