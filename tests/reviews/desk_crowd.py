"""A process of reviewers for test_claim_race: threads that claim and submit until nothing is left.

python -m tests.reviews.desk_crowd FIRST_PERSON THREADS; prints, as JSON, how many of each the database took.
"""

# ruff: noqa: E402, T201  django is set up before its models are imported; what it prints is its answer
import json
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import django

django.setup()

from django.db import connections
from django.utils import timezone

from feedback.models import Feature, User
from reviews.actions.desk import claim_next, release, submit
from reviews.errors import LeaseLost

SAID = ({"verdict": "right"}, {"verdict": "right"}, {"verdict": "wrong", "corrected": "on_time"})


def work(person):
    """Now and then a case is given back, or answered twice with another key: neither counts."""
    feature, chance, done = Feature.objects.get(), random.Random(person.pk), Counter()
    while (case := claim_next(reviewer=person, features=[feature], now=timezone.now())) is not None:
        done["claims"] += 1
        held = {"assignment_id": case.pk, "token": case.lease_token, "reviewer": person}
        if chance.random() < 0.02:
            done["releases"] += release(**held)
            continue
        given = {**held, "now": timezone.now(), **chance.choice(SAID)}
        submit(**given, idempotency_key="first")
        done["submits"] += 1
        if chance.random() < 0.02:
            try:
                submit(**given, idempotency_key="second")
            except LeaseLost:
                done["refused"] += 1
    connections.close_all()
    return done


def main():
    first, n = map(int, sys.argv[1:])
    with ThreadPoolExecutor(n) as pool:
        print(json.dumps(sum(pool.map(work, User.objects.order_by("pk")[first : first + n]), Counter())))


if __name__ == "__main__":
    main()
