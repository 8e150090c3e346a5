"""Jobs: entered once, claimed by one, their effect and their end one transaction; and looks, which miss no row."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections
from django.utils import timezone

from feedback.actions import jobs
from feedback.actions.looks import OVERLAP, look_at
from feedback.jobs import KINDS, Kind
from feedback.models import Feature, Job, Prediction, Schedule
from tests.factories import NOON, make_feature, make_prediction, make_version

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def kind(monkeypatch):
    """kind(name, handler): the only kinds there are in this test."""
    for name in list(KINDS):
        monkeypatch.delitem(KINDS, name)

    def keep(name="work", handler=lambda key, now: None, *, every=None, max_attempts=3):
        monkeypatch.setitem(KINDS, name, Kind(name, handler, every, "celery", max_attempts))

    return keep


def together(work, arguments):
    """Do work(argument) for each, all at the same moment; answers in the order of the arguments."""
    start = Barrier(len(arguments))

    def one(argument):
        try:
            start.wait()
            return work(argument)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(one, arguments))


def enter(n=1, *, kind="work", now=NOON):
    for i in range(n):
        jobs.enter_job(kind, f"k{i}", run_after=now, now=now)


def claim(now=NOON):
    (claimed,) = jobs.claim_due(now=now, limit=1)
    return claimed


def run(claimed, now=NOON):
    return jobs.run(claimed.id, claimed.token, now=now)


def fail(key, now):
    raise RuntimeError("no luck today")


def wait_until(condition, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


# --- entering


def test_a_job_is_entered_once_while_it_is_unfinished():
    enter()
    enter(now=NOON + SECOND)
    claim()
    enter(now=NOON + 2 * SECOND)
    assert Job.objects.get().created_at == NOON


def test_another_key_is_another_job():
    enter(3)
    assert Job.objects.count() == 3


def test_a_finished_job_can_be_entered_again(kind):
    kind()
    enter()
    run(claim())
    enter()
    assert sorted(Job.objects.values_list("state", flat=True)) == ["done", "ready"]


def test_a_slot_is_entered_once(kind):
    kind("tidy", every=60)
    kind("on_demand")
    assert jobs.enter_due_slots(now=NOON) == 1
    assert jobs.enter_due_slots(now=NOON + 59 * SECOND) == 0
    assert Job.objects.get().kind == "tidy"


def test_the_next_slot_is_entered_and_missed_ones_are_not_made_up_for(kind):
    kind("tidy", every=60)
    jobs.enter_due_slots(now=NOON)
    run(claim())
    assert jobs.enter_due_slots(now=NOON + timedelta(hours=5)) == 1
    assert jobs.enter_due_slots(now=NOON + timedelta(hours=5)) == 0
    assert Job.objects.unfinished().count() == 1


def test_a_clock_that_goes_back_enters_no_slot_again(kind):
    kind("tidy", every=60)
    jobs.enter_due_slots(now=NOON)
    assert jobs.enter_due_slots(now=NOON - timedelta(hours=1)) == 0


def test_at_once_enters_every_recurring_job_whatever_its_slot(kind):
    kind("tidy", every=60)
    jobs.enter_due_slots(now=NOON)
    run(claim())
    assert jobs.enter_due_slots(now=NOON, at_once=True) == 1
    assert Job.objects.unfinished().count() == 1


def test_two_dispatchers_at_once_enter_each_slot_once(kind, shared_database):
    names = [f"kind{i}" for i in range(10)]
    for name in names:
        kind(name, every=60)
    assert sum(together(lambda _: jobs.enter_due_slots(now=NOON), range(2))) == 10
    assert sorted(Job.objects.values_list("kind", flat=True)) == names
    assert Schedule.objects.count() == 10


# --- claiming


def test_a_claim_leases_up_to_its_limit_oldest_first_each_with_a_token():
    for i in (2, 0, 1):
        jobs.enter_job("work", f"k{i}", run_after=NOON + i * SECOND, now=NOON)
    claimed = jobs.claim_due(now=NOON + 5 * SECOND, limit=2)
    rows = [Job.objects.get(pk=one.id) for one in claimed]
    assert [row.key for row in rows] == ["k0", "k1"]
    assert [row.state for row in rows] == ["leased", "leased"]
    assert len({one.token for one in claimed}) == 2
    assert [row.token for row in rows] == [one.token for one in claimed]
    assert rows[0].lease_until == NOON + 5 * SECOND + jobs.lease()


def test_a_limit_of_nothing_claims_nothing():
    enter()
    assert jobs.claim_due(now=NOON, limit=0) == []


def test_a_job_is_not_claimed_before_its_time():
    jobs.enter_job("work", run_after=NOON + SECOND, now=NOON)
    assert jobs.claim_due(now=NOON, limit=10) == []
    assert len(jobs.claim_due(now=NOON + SECOND, limit=10)) == 1


def test_a_leased_job_is_not_claimed_again_while_its_lease_holds():
    enter()
    claim()
    assert jobs.claim_due(now=NOON + jobs.lease(), limit=10) == []


def test_a_job_whose_lease_ran_out_is_claimed_again_with_another_token():
    enter()
    first = claim()
    second = claim(NOON + jobs.lease() + SECOND)
    assert second.id == first.id
    assert second.token != first.token


def test_eight_claimers_at_once_never_get_one_job_twice(shared_database):
    enter(60)
    claimed = together(lambda _: jobs.claim_due(now=NOON, limit=10), range(8))
    ids = [one.id for some in claimed for one in some]
    assert len(ids) == len(set(ids)) == 60
    assert Job.objects.filter(state="leased").count() == 60


# --- running


def test_effect_and_end_are_written_together(kind):
    kind(handler=lambda key, now: lambda: f"made {make_feature(key).slug}")
    enter()
    assert run(claim()) == "made k0"
    job = Job.objects.get()
    assert (job.state, job.token, job.lease_until, job.attempts, job.error) == ("done", "", None, 1, "")
    assert Feature.objects.get().slug == "k0"


def test_a_handler_without_an_effect_ends_its_job(kind):
    kind()
    enter()
    assert run(claim()) is None
    assert Job.objects.get().state == "done"


def test_a_token_runs_once(kind):
    ran = []
    kind(handler=lambda key, now: ran.append(key))
    enter()
    claimed = claim()
    run(claimed)
    run(claimed)
    assert ran == ["k0"]


def test_a_forged_token_runs_nothing(kind):
    kind(handler=fail)
    enter()
    assert jobs.run(claim().id, "forged", now=NOON) is None
    assert jobs.run(0, "", now=NOON) is None
    assert Job.objects.get().state == "leased"


def test_a_job_that_another_claimed_in_the_meantime_writes_nothing(kind):
    taken = []

    def slow(key, now):
        taken.append(claim(timezone.now() + 2 * jobs.lease()))
        return lambda: make_feature("zombie").slug

    kind(handler=slow)
    enter()
    assert run(claim()) is None
    assert not Feature.objects.exists()
    job = Job.objects.get()
    assert (job.state, job.token) == ("leased", taken[0].token)


def test_a_failure_after_another_claimed_the_job_leaves_it_to_that_one(kind):
    def slow(key, now):
        claim(timezone.now() + 2 * jobs.lease())
        raise RuntimeError("too late")

    kind(handler=slow)
    enter()
    run(claim())
    job = Job.objects.get()
    assert (job.state, job.error) == ("leased", "")


def test_one_message_delivered_twice_at_once_has_one_effect(kind, shared_database):
    both_are_in = Barrier(2)

    def handler(key, now):
        both_are_in.wait(timeout=20)
        return lambda: f"made {Schedule.objects.create(name=f'effect {timezone.now().timestamp()}').pk}"

    kind(handler=handler)
    enter()
    claimed = claim()
    said = together(lambda _: run(claimed, timezone.now()), range(2))
    assert len([words for words in said if words]) == 1
    assert Schedule.objects.count() == 1
    assert Job.objects.get().state == "done"


# --- failing


def test_a_failed_job_is_put_back_with_growing_delays(kind):
    kind(handler=fail, max_attempts=20)
    enter()
    now = NOON
    for attempt in range(1, 12):
        run(claim(now))
        failed_at, job = timezone.now(), Job.objects.get()
        assert (job.state, job.attempts, job.token) == ("ready", attempt, "")
        delay = (job.run_after - failed_at).total_seconds()
        usual = min(600, 2**attempt)
        assert 0.5 * usual - 1 <= delay <= 1.5 * usual
        now = job.run_after


def test_a_failed_effect_is_rolled_back(kind):
    def effect():
        make_feature("half")
        raise RuntimeError("in the middle")

    kind(handler=lambda key, now: effect)
    enter()
    assert run(claim()) == "failed: in the middle"
    assert not Feature.objects.exists()
    assert Job.objects.get().state == "ready"


def test_a_job_is_given_up_after_its_attempts_and_keeps_the_error(kind):
    kind(handler=fail, max_attempts=3)
    enter()
    now = NOON
    for _ in range(3):
        run(claim(now))
        now = Job.objects.get().run_after
    job = Job.objects.get()
    assert (job.state, job.attempts, job.token, job.lease_until) == ("dead", 3, "", None)
    assert job.finished_at is not None
    assert "RuntimeError: no luck today" in job.error
    assert jobs.claim_due(now=now + timedelta(days=1), limit=10) == []


def test_a_job_of_an_unknown_kind_is_given_up(kind):
    enter(kind="from_tomorrow")
    run(claim())
    assert Job.objects.get().state == "dead"


def test_an_error_with_a_nul_can_be_kept(kind):
    def handler(key, now):
        raise RuntimeError("a\x00b")

    kind(handler=handler)
    enter()
    run(claim())
    assert "RuntimeError: ab" in Job.objects.get().error


def test_waiting_in_the_queue_until_the_lease_runs_out_uses_up_no_attempt(kind):
    kind(handler=fail, max_attempts=3)
    enter()
    now = NOON
    for _ in range(10):
        claimed = claim(now)
        now += jobs.lease() + SECOND
    run(claimed)
    job = Job.objects.get()
    assert (job.state, job.attempts) == ("ready", 1)


def test_a_job_that_ends_its_worker_each_time_is_given_up(kind):
    """Out of memory, over the time limit: nobody is left to put it back, only the lease runs out."""

    def ends_the_worker(key, now):
        raise KeyboardInterrupt  # not an Exception: as abrupt as a test can be and live

    kind(handler=ends_the_worker, max_attempts=3)
    enter()
    now = NOON
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            run(claim(now), now)
        now += jobs.lease() + SECOND
    assert jobs.claim_due(now=now, limit=10) == []
    job = Job.objects.get()
    assert (job.state, job.attempts, job.token, job.lease_until) == ("dead", 3, "", None)
    assert job.finished_at == now
    assert "3 times" in job.error


def test_a_message_delivered_again_each_time_it_ends_its_worker_is_not_run_for_ever(kind):
    """Celery puts the message of a lost worker back, with the same token, before the lease runs out."""
    begun = []

    def ends_the_worker(key, now):
        begun.append(key)
        raise KeyboardInterrupt

    kind(handler=ends_the_worker, max_attempts=3)
    enter()
    claimed = claim()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            run(claimed)
    assert run(claimed) is None
    assert len(begun) == 3


# --- the lease


def test_running_begins_with_a_whole_lease(kind):
    seen = []
    kind(handler=lambda key, now: seen.append(Job.objects.get().lease_until))
    enter()
    run(claim(), NOON + 15 * SECOND)
    assert seen == [NOON + 15 * SECOND + jobs.lease()]


def test_the_lease_is_renewed_while_the_handler_works(kind, settings, shared_database):
    settings.JOB_LEASE_SECONDS = 2

    def slow(key, now):
        first = Job.objects.get().lease_until
        renewed = wait_until(lambda: Job.objects.get().lease_until > first + 2 * SECOND)
        return lambda: f"renewed: {renewed}"

    kind(handler=slow)
    enter()
    assert run(claim(timezone.now()), timezone.now()) == "renewed: True"


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="ends connections of PostgreSQL")
def test_the_lease_is_renewed_again_after_the_database_was_away(kind, settings, shared_database):
    settings.JOB_LEASE_SECONDS = 1

    def slow(key, now):
        first = Job.objects.get().lease_until
        wait_until(lambda: Job.objects.get().lease_until > first)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            n_ended = cursor.rowcount
        lost = Job.objects.get().lease_until
        renewed = wait_until(lambda: Job.objects.get().lease_until > lost)
        return lambda: f"{n_ended} ended, renewed: {renewed}"

    kind(handler=slow)
    enter()
    assert run(claim(timezone.now()), timezone.now()) == "1 ended, renewed: True"


def test_a_lease_can_be_renewed_only_with_its_token():
    enter()
    claimed = claim()
    assert jobs.renew(claimed.id, claimed.token, now=NOON + SECOND)
    assert not jobs.renew(claimed.id, "forged", now=NOON + 9 * SECOND)
    assert Job.objects.get().lease_until == NOON + SECOND + jobs.lease()


# --- clearing


def test_jobs_done_more_than_a_day_ago_are_removed_and_nothing_else(kind):
    kind("good")
    kind("bad", fail, max_attempts=1)
    for name in ("good", "bad"):
        enter(kind=name)
        run(claim())
    enter(kind="good")
    now = timezone.now()
    assert jobs.clear_done(now=now + timedelta(hours=23)) == 0
    assert jobs.clear_done(now=now + timedelta(hours=25)) == 1
    assert sorted(Job.objects.values_list("state", flat=True)) == ["dead", "ready"]


# --- looks


@pytest.fixture
def version():
    return make_version()


def receive(version, external_id, at, **fields):
    return make_prediction(version, external_id, received_at=at, **fields)


def look(now, *, remember=True):
    rows, keep = look_at(Prediction.objects.all(), name="test", now=now)
    seen = sorted(rows.values_list("external_id", flat=True))
    if remember:
        keep()
    return seen


def test_the_first_look_gives_everything_received_before_now(version):
    receive(version, "old", NOON - timedelta(days=90))
    receive(version, "new", NOON - SECOND)
    receive(version, "next", NOON)
    assert look(NOON) == ["new", "old"]


def test_nothing_is_given_twice_without_need(version):
    for i in range(3):
        receive(version, f"p{i}", NOON - (i + 1) * SECOND)
    assert look(NOON) == ["p0", "p1", "p2"]
    assert look(NOON) == []
    assert look(NOON + 15 * SECOND) == []
    receive(version, "fresh", NOON + 20 * SECOND)
    assert look(NOON + 30 * SECOND) == ["fresh"]
    assert look(NOON + 45 * SECOND) == []


def test_a_look_that_is_not_remembered_gives_the_same_again(version):
    receive(version, "p0", NOON - SECOND)
    assert look(NOON, remember=False) == look(NOON + SECOND) == ["p0"]


def test_a_row_that_commits_late_with_a_newer_key_is_given_alone(version):
    receive(version, "early", NOON - SECOND)
    look(NOON)
    receive(version, "late", NOON - timedelta(seconds=50))
    assert look(NOON + 15 * SECOND) == ["late"]
    assert look(NOON + 30 * SECOND) == []


def test_a_row_that_commits_late_with_an_older_key_is_given_with_the_overlap(version):
    receive(version, "ancient", NOON - OVERLAP - SECOND, pk=1001)
    receive(version, "early", NOON - SECOND, pk=1003)
    look(NOON)
    receive(version, "late", NOON - timedelta(seconds=50), pk=1002)
    assert look(NOON + 15 * SECOND) == ["early", "late"]
    assert look(NOON + 30 * SECOND) == []


def test_a_row_that_slips_in_while_the_rows_are_read_is_not_lost(version):
    receive(version, "early", NOON - SECOND, pk=1003)
    _, remember = look_at(Prediction.objects.all(), name="test", now=NOON)
    receive(version, "slipped in", NOON - SECOND, pk=1002)
    remember()
    assert "slipped in" in look(NOON + 15 * SECOND)


def test_two_names_look_on_their_own(version):
    receive(version, "p0", NOON - SECOND)
    look(NOON)
    rows, _ = look_at(Prediction.objects.all(), name="another", now=NOON)
    assert rows.count() == 1
