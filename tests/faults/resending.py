"""Clients that post batches one after the other, and send again whatever was not acknowledged."""

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

PAUSE_S = 0.05
STORED = {200, 201}


@dataclass
class Batch:
    """A body and what came of it: the receipt that arrived, and how many answers were lost before it."""

    ids: list
    body: bytes
    receipt: dict | None = None
    n_lost: int = 0

    @property
    def created(self):
        return self.receipt["created"]

    @property
    def duplicates(self):
        return self.receipt["duplicates"]


@dataclass
class Clients:
    """Several at once, each on connections of its own.

    An answer is lost when the connection was made and no whole answer came back: the batch may be stored or not.
    """

    host: str
    key: str
    left: object  # an iterator of batches
    headers: dict = field(default_factory=dict)
    sent: list = field(default_factory=list)
    others: list = field(default_factory=list)  # (when, status, headers) of answers that acknowledge nothing
    n_acknowledged: int = 0
    lock: object = field(default_factory=threading.Lock)

    def work(self):
        while (batch := self.next_batch()) is not None:
            while batch.receipt is None:
                self.send(batch)

    def next_batch(self):
        with self.lock:
            batch = next(self.left, None)
            if batch is not None:
                self.sent.append(batch)
            return batch

    def send(self, batch):
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **self.headers}
        with closing(http.client.HTTPConnection(self.host, timeout=60)) as connection:
            try:
                connection.connect()
            except OSError:  # nobody is there, nothing was sent
                time.sleep(PAUSE_S)
                return
            try:
                connection.request("POST", "/api/v1/predictions/", batch.body, sent)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                batch.n_lost += 1
                return
        if answer.status in STORED:
            with self.lock:
                batch.receipt = json.loads(body)
                self.n_acknowledged += 1
        else:
            self.others.append((time.monotonic(), answer.status, dict(answer.headers)))
            time.sleep(PAUSE_S)

    def acknowledged(self):
        with self.lock:
            return [batch for batch in self.sent if batch.receipt is not None]

    def n_lost(self):
        return sum(batch.n_lost for batch in self.sent)


@contextmanager
def posting(clients, *, at_once=4, end_within=30):
    """Clients that post meanwhile; at the end they have sent what was left."""
    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(clients.work) for _ in range(at_once)]
        try:
            yield clients
        finally:
            until = time.monotonic() + end_within
            for each in running:
                each.result(max(0.1, until - time.monotonic()))
