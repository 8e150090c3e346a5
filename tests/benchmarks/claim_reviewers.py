"""One process of reviewers for bench_claim: threads that claim, and update by key, turn about, and time each.

python -m tests.benchmarks.claim_reviewers FIRST_REVIEWER THREADS SECONDS ROWS
Prints, as JSON, the seconds of every timed statement: {"update": [...], "claim": [...], "first": [...]}; first:
of each reviewer's first claim, which walks past what is not theirs.
"""

import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import django

django.setup()

from django.db import connections
from django.utils import timezone

from feedback.models import Feature, User
from reviews.actions.desk import claim_next
from reviews.models import Assignment

TURN = 0.5  # seconds; by the clock on the wall, so that all processes do the same at the same time


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
    """The floor: a bare UPDATE by key on the same table, and an untimed one that costs what finish does."""
    now, pk = timezone.now(), chance.randrange(1, rows + 1)
    begun = time.perf_counter()
    Assignment.objects.filter(pk=pk).update(seen_at=now)
    took = time.perf_counter() - begun
    Assignment.objects.filter(pk=chance.randrange(1, rows + 1)).update(submitted_at=now + timedelta(seconds=1))
    return took


def work(reviewer, seconds, rows):
    feature, chance, times = Feature.objects.get(), random.Random(reviewer.pk), {"update": [], "claim": []}
    update(reviewer, feature, rows, chance)  # opens the connection
    times["first"] = [claim(reviewer, feature, rows, chance)]
    until = time.time() + seconds
    while (now := time.time()) < until:
        do = claim if int(now / TURN) % 2 else update
        times[do.__name__].append(do(reviewer, feature, rows, chance))
    connections.close_all()
    return times


def main():
    first, n, seconds, rows = map(int, sys.argv[1:])
    reviewers = list(User.objects.order_by("pk")[first : first + n])
    with ThreadPoolExecutor(n) as pool:
        done = list(pool.map(lambda each: work(each, seconds, rows), reviewers))
    print(json.dumps({name: [each for times in done for each in times[name]] for name in done[0]}))


if __name__ == "__main__":
    main()
