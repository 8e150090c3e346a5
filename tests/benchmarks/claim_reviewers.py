"""One process of reviewers for bench_claim: threads that claim (or update by key) for some seconds, and time it.

python -m tests.benchmarks.claim_reviewers WHAT FIRST_REVIEWER THREADS SECONDS ROWS
Prints, as JSON, the seconds of every timed statement.
"""

import json
import random
import sys
import threading
import time
from datetime import timedelta

import django

django.setup()

from django.db import connections
from django.utils import timezone

from feedback.models import Feature, User
from reviews.actions.desk import claim_next
from reviews.models import Assignment


def finish(pk):
    """What makes room for the reviewer's next claim: one UPDATE by key, never timed."""
    Assignment.objects.filter(pk=pk).update(
        state="submitted", submitted_at=timezone.now(), lease_token="", lease_slot=None, leased_until=None
    )


def claim(reviewer, feature, rows, chance):
    begun = time.perf_counter()
    taken = claim_next(reviewer=reviewer, features=[feature], now=timezone.now())
    took = time.perf_counter() - begun
    assert taken is not None, "the queue is empty"
    finish(taken.pk)
    return took


def update(reviewer, feature, rows, chance):
    """The floor: a bare UPDATE by key on the same table, and the same untimed one after it."""
    now, pk = timezone.now(), chance.randrange(1, rows + 1)
    begun = time.perf_counter()
    Assignment.objects.filter(pk=pk).update(seen_at=now)
    took = time.perf_counter() - begun
    Assignment.objects.filter(pk=chance.randrange(1, rows + 1)).update(seen_at=now + timedelta(seconds=1))
    return took


def work(do, reviewer, seconds, rows, out):
    feature, chance, times = Feature.objects.get(), random.Random(reviewer.pk), []
    do(reviewer, feature, rows, chance)  # the first one opens the connection and walks past what is not theirs
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        times.append(do(reviewer, feature, rows, chance))
    out.extend(times)
    connections.close_all()


def main():
    what, first, n, seconds, rows = sys.argv[1], *map(int, sys.argv[2:])
    reviewers = list(User.objects.order_by("pk")[first : first + n])
    times = []
    do = {"claim": claim, "update": update}[what]
    threads = [threading.Thread(target=work, args=(do, each, seconds, rows, times)) for each in reviewers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(times))


if __name__ == "__main__":
    main()
