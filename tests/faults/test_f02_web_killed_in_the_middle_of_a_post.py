"""F2: web processes are killed again and again while clients post and send again what has had no answer."""

import os
import random
import signal
import threading

import pytest

from tests.faults.batches import batches_until
from tests.faults.resending import Clients, posting
from tests.faults.sending import sending

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("processes")]
N_KILLS, SIZE = 20, 200
KILL_THE_MASTER = {7, 14}  # otherwise one of its two workers
BETWEEN_KILLS = 6  # batches


@pytest.fixture(scope="module")
def after(tmp_path_factory):
    """What the clients hold and what the table holds, after all kills and all re-sends."""
    with sending(tmp_path_factory.mktemp("installation")) as service:
        enough = threading.Event()
        clients = Clients(service.host, service.key, batches_until(enough, SIZE))
        with posting(clients):
            try:
                kill_again_and_again(service.up, clients)
            finally:
                enough.set()
        stored = service.up.place.query("SELECT external_id FROM feedback_prediction")
        yield clients, sorted(external_id for (external_id,) in stored)


def kill_again_and_again(up, clients):
    chance = random.Random(2)
    for n in range(1, N_KILLS + 1):
        wanted = clients.n_acknowledged + BETWEEN_KILLS
        up.place.wait_until(lambda wanted=wanted: clients.n_acknowledged >= wanted, 20, f"posts before kill {n}")
        victim = up.master("gunicorn") if n in KILL_THE_MASTER else chance.choice(up.pool("gunicorn"))
        os.kill(victim, signal.SIGKILL)


def test_f2_the_kills_hit_requests_in_the_middle(after):
    clients, _ = after
    assert clients.n_lost() >= N_KILLS / 2, "this run has shown nothing"


def test_f2_each_item_sent_is_stored_once(after):
    clients, stored = after
    assert stored == sorted(external_id for batch in clients.sent for external_id in batch.ids)


def test_f2_a_batch_with_no_lost_answer_is_created_as_a_whole(after):
    clients, _ = after
    whole = [batch for batch in clients.sent if not batch.n_lost]
    assert whole
    assert all((batch.created, batch.duplicates) == (SIZE, 0) for batch in whole)


def test_f2_after_a_lost_answer_a_batch_is_there_as_a_whole_or_not_at_all(after):
    clients, _ = after
    again = [batch for batch in clients.sent if batch.n_lost]
    assert {(batch.created, batch.duplicates) for batch in again} <= {(SIZE, 0), (0, SIZE)}


def test_f2_created_and_what_lost_answers_had_created_are_the_rows(after):
    clients, stored = after
    created = sum(batch.created for batch in clients.sent)
    untold = sum(batch.duplicates for batch in clients.sent if batch.n_lost)
    assert created <= len(stored)
    assert created + untold == len(stored)


def test_f2_no_answer_was_an_error(after):
    clients, _ = after
    assert {status for _, status, _ in clients.others} <= {503}
