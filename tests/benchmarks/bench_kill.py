"""A million predictions posted while the server is killed by SIGKILL again and again: is the count still right?

An answer that a kill has swallowed cannot be added up. So the sum is made of two: what the answers that arrived
call created, and what they call duplicates after an earlier answer to the same batch was lost. A batch is stored
in one transaction, so it is either the one or the other as a whole. Needs PostgreSQL, as bench_ingest does.
"""

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bench_ingest import CLIENTS, MILLION, bodies, predictions, prepared
from tests.benchmarks.report import publish, table
from tests.faults.installation import Up, free_port, installed
from tests.faults.resending import Batch, Clients, posting

SIZE, MADE_AT_ONCE = 1_000, 50_000
N_KILLS, BETWEEN_KILLS = 30, 30  # kills, and batches acknowledged from one to the next
LONGEST_S = 600


def batches():
    """All of them, packed and ready: making one takes longer than storing it."""
    made = []
    for start in range(0, MILLION, MADE_AT_ONCE):
        items = predictions(MADE_AT_ONCE, start)
        packed = bodies(items, SIZE, packed=True)
        ids = [[item["id"] for item in items[at : at + SIZE]] for at in range(0, MADE_AT_ONCE, SIZE)]
        made += [Batch(*each) for each in zip(ids, packed, strict=True)]
    return made


class Server:
    """The web as `manage.py up` starts it, killed in part or as a whole."""

    def __init__(self, place):
        self.place, self.port = place, free_port()
        self.start()

    def start(self):
        command = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", "config.wsgi"]
        bound = [*command, "--bind", f"127.0.0.1:{self.port}"]
        self.up = Up(self.place, bound, self.port, TOUCHSTONE_LOG_LEVEL="WARNING")

    def kill_worker(self, chance):
        """One of two; its master starts another one."""
        workers = self.place.children(self.up.process.pid, "gunicorn")
        os.kill(chance.choice(workers), signal.SIGKILL)

    def kill_all(self):
        """Every process at once, and started again."""
        for pid in [self.up.process.pid, *self.place.children(self.up.process.pid)]:
            os.kill(pid, signal.SIGKILL)
        self.up.process.wait(10)
        self.start()


def kill_again_and_again(server, clients):
    chance = random.Random(3)
    for n in range(1, N_KILLS + 1):
        wanted = clients.n_acknowledged + BETWEEN_KILLS
        server.place.wait_until(lambda wanted=wanted: clients.n_acknowledged >= wanted, 60, f"posts before {n}")
        if n % 2:
            server.kill_all()
        else:
            server.kill_worker(chance)


def measure(place):
    key = prepared(place)
    server = Server(place)
    server.up.wait_for_web()
    clients = Clients(f"127.0.0.1:{server.port}", key, iter(batches()), {"Content-Encoding": "gzip"})
    begun = time.monotonic()
    with posting(clients, at_once=CLIENTS, end_within=LONGEST_S):
        kill_again_and_again(server, clients)
    took = time.monotonic() - begun
    return clients, took, [id for (id,) in place.query("SELECT external_id FROM feedback_prediction")]


def figures(clients, took, stored):
    """The rows of the table, and whether all sums are right."""
    sent = clients.sent
    acknowledged = {id for batch in clients.acknowledged() for id in batch.ids}
    missing = acknowledged - set(stored)
    created = sum(batch.created for batch in sent)
    told_late = sum(batch.duplicates for batch in sent if batch.n_lost)
    unexplained = sum(batch.duplicates for batch in sent if not batch.n_lost)
    halved = [batch for batch in sent if (batch.created, batch.duplicates) not in {(SIZE, 0), (0, SIZE)}]
    hit = [batch for batch in sent if batch.n_lost]
    good = not missing and not unexplained and not halved and not clients.others
    right = good and len(stored) == len(set(stored)) == MILLION == created + told_late
    rows = [
        ["kills by SIGKILL, half of them of the whole server", N_KILLS],
        ["answers lost with a kill", f"{clients.n_lost():,}, of {len(hit):,} batches"],
        ["answers other than 200 or 201", f"{len(clients.others):,}"],
        ["rows acknowledged / of these missing", f"{len(acknowledged):,} / {len(missing):,}"],
        ["rows in the table / distinct ids sent", f"{len(stored):,} / {sum(len(batch.ids) for batch in sent):,}"],
        ["`created` over all answers that arrived", f"{created:,}"],
        ["`duplicates` of batches that had lost an answer: stored, and the kill came before we heard it",
         f"{told_late:,}"],
        ["these two together", f"{created + told_late:,}"],
        ["`duplicates` of batches that had lost none", f"{unexplained:,}"],
        ["batches stored in part", f"{len(halved):,}"],
        ["rows a second, kills and restarts included", f"{len(stored) / took:,.0f}"],
    ]  # fmt: skip
    return rows, right


def main():
    os.environ.setdefault("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder)) as place:
        rows, is_right = figures(*measure(place))
    verdict = (
        "Nothing is lost, nothing doubled. `created` of the answers that arrived is less than the rows by exactly "
        "the batches whose answer a kill swallowed after they were stored; sent again, each is told as duplicates."
        if is_right
        else "**The sums are wrong.**"
    )
    title = "A million predictions under kills"
    publish("kill", title, table(["what", "counted"], rows) + f"\n\n{verdict}")
    sys.exit(not is_right)


if __name__ == "__main__":
    main()
