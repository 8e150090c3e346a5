"""F9: the same batch, five times from each of eight threads, shuffled and in overlapping parts."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, connections
from django.test import Client

from tests.factories import make_feature, make_key, make_version
from tests.faults.messages import FEATURE, MODELS, VERSION, message

THREADS, TIMES, DISTINCT, PART = 8, 5, 600, 400


@pytest.fixture
def key(transactional_db):
    if connection.vendor != "postgresql":
        pytest.skip("F9 IS NOT TESTED: it needs PostgreSQL, as make test-services gives it.")
    make_version(make_feature(FEATURE, auto_register_versions=True), VERSION)
    return make_key(scopes=["ingest"])[1]


def send(key, endpoint, parts, start):
    """The answers to all parts, sent one after the other on a connection of its own."""
    client = Client(headers={"Authorization": f"Bearer {key}"})
    start.wait()
    try:
        return [
            client.post(f"/api/v1/{endpoint}/", json.dumps(part), content_type="application/json")
            for part in parts
        ]
    finally:
        connections.close_all()


def parts_of(items, chance):
    """The batch TIMES times over, shuffled each time; any two parts overlap."""
    return [chance.sample(items, PART) for _ in range(TIMES - 1)] + [chance.sample(items, len(items))]


@pytest.mark.postgres
@pytest.mark.parametrize("endpoint", MODELS)
def test_f9_each_item_is_stored_once_and_counted_as_created_once(key, endpoint):
    items, start = [message(endpoint, number) for number in range(DISTINCT)], Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        running = [
            pool.submit(send, key, endpoint, parts_of(items, random.Random(thread)), start)
            for thread in range(THREADS)
        ]
        answers = [answer for each in running for answer in each.result()]
    receipts = [answer.json() for answer in answers]
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert MODELS[endpoint].objects.count() == sum(receipt["created"] for receipt in receipts) == DISTINCT
    assert all(receipt["created"] + receipt["duplicates"] == receipt["received"] for receipt in receipts)
    assert sum(receipt["received"] for receipt in receipts) == THREADS * (PART * (TIMES - 1) + DISTINCT)


@pytest.mark.postgres
def test_f9_a_version_seen_first_by_many_at_once_is_registered_once(key):
    items = [message("predictions", number, version=f"new{number % 5}") for number in range(DISTINCT)]
    start = Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        running = [
            pool.submit(send, key, "predictions", parts_of(items, random.Random(n)), start) for n in range(THREADS)
        ]
        answers = [answer for each in running for answer in each.result()]
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert sum(answer.json()["created"] for answer in answers) == DISTINCT
