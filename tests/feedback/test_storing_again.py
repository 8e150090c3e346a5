"""PostgreSQL ends one of two transactions that stand in each other's way: the batch is then stored once more."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import OperationalError, connection, connections, transaction

from feedback.actions.ingest import record_events
from feedback.ingest import store
from feedback.models import Feature, UsageEvent
from tests.factories import NOON, make_feature

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


class Regretted(Exception):
    """Rolls a transaction back."""


@pytest.fixture
def feature(transactional_db):
    if connection.vendor != "postgresql":
        pytest.skip("STORING AGAIN IS NOT TESTED: it needs PostgreSQL, as make test-services gives it.")
    return make_feature("delay-alert")


def insert(feature, external_id):
    """A row of another transaction; it holds the key until that one ends."""
    UsageEvent.objects.create(
        feature=feature, external_id=external_id, kind="opted_in", actor="u9", fingerprint=0,
        occurred_at=NOON, received_at=NOON,
    )  # fmt: skip


def record(isolation="read committed"):
    """Two events in the order of their ids, on a connection of this thread's own."""
    items = [{"id": id, "kind": "opted_in", "feature": "delay-alert", "actor": "u1"} for id in ("a", "b")]
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET default_transaction_isolation = '{isolation}'")
        raw = [json.dumps(item).encode() for item in items]
        return record_events(items=raw, features=Feature.objects.all(), now=NOON)
    finally:
        connections.close_all()


def wait_until_it_waits():
    """Until another session of this database waits for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("Nobody waits for a lock.")


def caught_in_a_deadlock(feature, pool):
    """A recording that holds "a" and waits for "b", while we hold "b" and wait for "a": it is the one to go."""
    with suppress(Regretted), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '30s'")  # so that the other one looks first
        insert(feature, "b")
        recording = pool.submit(record)
        wait_until_it_waits()
        insert(feature, "a")
        raise Regretted
    return recording.result(20)


def too_late_for_its_snapshot(feature, pool):
    """A recording whose snapshot is older than the row it waited for."""
    with transaction.atomic():
        insert(feature, "b")
        recording = pool.submit(record, "repeatable read")
        wait_until_it_waits()
    return recording.result(20)


def test_a_batch_that_was_caught_in_a_deadlock_is_stored_after_all(feature):
    with ThreadPoolExecutor(1) as pool:
        receipt = caught_in_a_deadlock(feature, pool)
    assert (receipt.created, receipt.duplicates, receipt.refused) == (2, 0, [])
    assert set(UsageEvent.objects.values_list("external_id", "actor")) == {("a", "u1"), ("b", "u1")}


def test_a_batch_that_could_not_be_serialized_is_stored_after_all(feature):
    with ThreadPoolExecutor(1) as pool:
        receipt = too_late_for_its_snapshot(feature, pool)
    assert (receipt.created, [refusal.id for refusal in receipt.refused]) == (1, ["b"])
    assert set(UsageEvent.objects.values_list("external_id", "actor")) == {("a", "u1"), ("b", "u9")}


@pytest.mark.parametrize(
    ("act", "sqlstate"), [(caught_in_a_deadlock, "40P01"), (too_late_for_its_snapshot, "40001")]
)
def test_without_another_attempt_it_would_fail_and_store_nothing(feature, monkeypatch, act, sqlstate):
    monkeypatch.setattr(store, "MOST_ATTEMPTS", 1)
    with ThreadPoolExecutor(1) as pool, pytest.raises(OperationalError) as caught:
        act(feature, pool)
    assert caught.value.__cause__.sqlstate == sqlstate
    assert not UsageEvent.objects.filter(actor="u1").exists()
