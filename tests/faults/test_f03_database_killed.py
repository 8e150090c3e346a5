"""F3: the database is killed in the middle of ingest: PostgreSQL's server, or the process that writes SQLite."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest

from config.management.commands.up import web
from feedback.api.problems import AWAY
from tests.faults.batches import batches_until
from tests.faults.installation import answers
from tests.faults.private_postgres import private_postgres
from tests.faults.resending import Clients, posting
from tests.faults.sending import sending

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("processes")]
SIZE = 200
AWAY_S, RECOVERS_WITHIN_S = 3, 10
N_KILLS = 3
STORED = "SELECT external_id FROM feedback_prediction"


def ids_of(batches):
    return sorted(external_id for batch in batches for external_id in batch.ids)


# --- PostgreSQL


class Outage:
    """The server killed while clients post, then started again: what the clients and the web said meanwhile."""

    def __init__(self, service, server, clients):
        up = service.up
        acknowledge(up.place, clients, 20)
        self.pids = {up.master("gunicorn"), *up.pool("gunicorn")}
        server.kill()
        self.killed_at = time.monotonic()
        time.sleep(AWAY_S)
        self.is_alive = answers(up.address)
        self.readiness = service.ask("GET", "/readyz").status
        self.posted = service.post({})
        server.start()
        self.back_at = time.monotonic()
        acknowledge(up.place, clients, 1)
        self.recovered_in = time.monotonic() - self.back_at
        acknowledge(up.place, clients, 20)
        self.pids_later = {up.master("gunicorn"), *up.pool("gunicorn")}


def acknowledge(place, clients, more):
    wanted = clients.n_acknowledged + more
    place.wait_until(lambda: clients.n_acknowledged >= wanted, 30, f"{more} batches are acknowledged")


@pytest.fixture(scope="module")
def outage(tmp_path_factory):
    with private_postgres() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", server.url)
        with sending(tmp_path_factory.mktemp("installation")) as service:
            enough = threading.Event()
            clients = Clients(service.host, service.key, batches_until(enough, SIZE))
            with posting(clients):
                try:
                    found = Outage(service, server, clients)
                finally:
                    enough.set()
            found.clients = clients
            found.stored = sorted(external_id for (external_id,) in service.up.place.query(STORED))
            yield found


def test_f3_all_that_was_acknowledged_is_there_once(outage):
    assert outage.stored == ids_of(outage.clients.acknowledged()) == ids_of(outage.clients.sent)


def test_f3_the_web_recovers_within_ten_seconds_without_a_restart(outage):
    assert outage.recovered_in < RECOVERS_WITHIN_S
    assert outage.pids_later == outage.pids


def test_f3_meanwhile_every_answer_is_503_and_says_when_to_come_back(outage):
    assert outage.clients.others
    assert {(status, headers.get("Retry-After")) for _, status, headers in outage.clients.others} == {(503, "5")}
    assert outage.clients.n_lost() == 0


def test_f3_a_503_says_that_nothing_was_stored(outage):
    assert outage.posted.status == 503
    assert outage.posted.json()["detail"] == AWAY


def test_f3_meanwhile_the_process_is_alive_and_not_ready(outage):
    assert outage.is_alive
    assert outage.readiness == 503


# --- SQLite


@pytest.fixture(scope="module")
def kills(tmp_path_factory):
    """After each kill: what the check says, what was acknowledged and what is stored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DATABASE_URL", raising=False)
        with sending(tmp_path_factory.mktemp("installation")) as service:
            yield list(kill_while_it_writes(service))


def kill_while_it_writes(service):
    place, enough = service.up.place, threading.Event()
    host, port = service.host.split(":")
    clients = Clients(service.host, service.key, batches_until(enough, SIZE))
    with posting(clients):
        try:
            for _ in range(N_KILLS):
                acknowledge(place, clients, 10)
                place.end()
                acknowledged = ids_of(clients.acknowledged())
                with closing(sqlite3.connect(place.sqlite_file)) as database:
                    check = database.execute("PRAGMA integrity_check").fetchall()
                    stored = {external_id for (external_id,) in database.execute(STORED)}
                yield check, acknowledged, stored
                place.start(web(host, int(port)).command)
                place.wait_until(lambda: answers(service.up.address), 30, "the web answers again")
        finally:
            enough.set()
    assert clients.n_lost() >= N_KILLS, "no kill hit a request: this run has shown nothing"


def test_f3_the_sqlite_file_is_whole_after_each_kill_of_all_that_write_to_it(kills):
    assert [check for check, _, _ in kills] == [[("ok",)]] * N_KILLS


def test_f3_all_that_was_acknowledged_is_in_the_sqlite_file(kills):
    for _, acknowledged, stored in kills:
        assert set(acknowledged) <= stored


def test_f3_of_a_batch_that_a_kill_hit_all_is_stored_or_nothing(kills):
    for _, _, stored in kills:
        assert len(stored) % SIZE == 0
