"""Entering, claiming and running jobs. The row is the truth: whoever lost its lease changes nothing."""

import random
import secrets
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from feedback.jobs import KINDS, Effect
from feedback.models import Job, Schedule

log = structlog.get_logger(__name__)
LONGEST_WAIT = timedelta(minutes=10)
KEPT = timedelta(days=1)


class Fenced(Exception):
    """The lease was lost to somebody else: nothing of this run may be written."""


@dataclass(frozen=True, slots=True)
class Claimed:
    id: int
    kind: str
    token: str


def lease() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


def enter_job(kind: str, key: str = "", *, run_after: datetime, now: datetime) -> None:
    """Ask for a job. One of this kind and key that is not finished yet is enough: then nothing is added."""
    job = Job(kind=kind, key=key, run_after=run_after, created_at=now)
    Job.objects.bulk_create([job], ignore_conflicts=True)


def enter_due_slots(*, now: datetime, at_once: bool = False) -> int:
    """Enter the recurring jobs whose next slot has begun; two dispatchers never enter one slot twice.

    "Up to now", never "this hour": a missed slot loses nothing, so slots passed over are not made up for.
    at_once: enter all, whatever their slot (manage.py settle).
    """
    entered = 0
    last = dict(Schedule.objects.values_list("name", "last_slot"))
    for kind in KINDS.values():
        if kind.every is None:
            continue
        slot = int(now.timestamp()) // kind.every
        if at_once:
            enter_job(kind.name, run_after=now, now=now)
            entered += 1
        elif last.get(kind.name, -1) < slot:
            entered += _enter_slot(kind.name, slot, now)
    return entered


@transaction.atomic
def _enter_slot(name: str, slot: int, now: datetime) -> int:
    Schedule.objects.bulk_create([Schedule(name=name)], ignore_conflicts=True)
    won = Schedule.objects.filter(name=name, last_slot__lt=slot).update(last_slot=slot)
    if won:
        enter_job(name, run_after=now, now=now)
    return won


@transaction.atomic
def claim_due(*, now: datetime, limit: int) -> list[Claimed]:
    """Lease up to `limit` due jobs, oldest first, each with a token of its own.

    Two claimers: PostgreSQL skips rows another one has locked, SQLite lets one transaction write at a time.
    A job that began all its attempts and was never heard of again is given up: it ends its workers.
    """
    due = Job.objects.due(now).order_by("run_after", "pk")
    if connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True)
    jobs = list(due[:limit])
    for job in jobs:
        if job.state == Job.State.LEASED and _has_no_attempt_left(job):
            job.state, job.token, job.lease_until, job.finished_at = Job.State.DEAD, "", None, now
            job.error = f"The worker ended {job.attempts} times under this job: killed, out of memory or time."
            log.error("job_given_up", job=job.pk, kind=job.kind, attempts=job.attempts)
        else:
            job.state, job.token, job.lease_until = Job.State.LEASED, secrets.token_hex(16), now + lease()
    Job.objects.bulk_update(jobs, ["state", "token", "lease_until", "finished_at", "error"])
    return [Claimed(job.pk, job.kind, job.token) for job in jobs if job.state == Job.State.LEASED]


def _has_no_attempt_left(job: Job) -> bool:
    kind = KINDS.get(job.kind)
    return job.attempts >= (kind.max_attempts if kind else 1)


def run(job_id: int, token: str, *, now: datetime) -> str | None:
    """Carry out a claimed job: its effect and its end are one transaction. Says what it did, None: nothing.

    A token that no longer holds (finished, claimed again by another) does nothing at all. An exception of
    the handler puts the job back with growing, jittered delays, and to `dead` after its kind's attempts.
    An attempt is counted here, not by the claim: a job may wait in the queue until its lease runs out.
    """
    held = Job.objects.held_with(token).filter(pk=job_id)
    job = held.first()
    if job is None or _has_no_attempt_left(job):  # delivered again and again: the next claim gives it up
        return None
    if not held.update(attempts=F("attempts") + 1, lease_until=now + lease()):
        return None
    job.attempts += 1
    try:
        kind = KINDS[job.kind]
        with renewed(job_id, token):
            effect = kind.handler(job.key, now)
            return _finish(job, token, effect)
    except Fenced:
        log.warning("job_fenced", job=job_id, kind=job.kind)
        return None
    except Exception as error:  # whatever went wrong in a handler is the job's, not the worker's
        log.exception("job_failed", job=job_id, kind=job.kind, attempts=job.attempts)
        _put_back(job, token, error)
        return f"failed: {error}"


@transaction.atomic
def _finish(job: Job, token: str, effect: Effect | None) -> str | None:
    said = effect() if effect else None
    ended = Job.objects.held_with(token).filter(pk=job.pk).update(
        state=Job.State.DONE, token="", lease_until=None, finished_at=timezone.now(), error=""
    )  # fmt: skip
    if not ended:
        raise Fenced
    return said


def _put_back(job: Job, token: str, error: Exception) -> None:
    text = "".join(traceback.format_exception(error))[-2000:].replace("\x00", "")
    is_given_up = _has_no_attempt_left(job)
    delay = min(LONGEST_WAIT, timedelta(seconds=2**job.attempts)) * random.uniform(0.5, 1.5)  # noqa: S311
    now = timezone.now()
    Job.objects.held_with(token).filter(pk=job.pk).update(
        state=Job.State.DEAD if is_given_up else Job.State.READY,
        run_after=now + delay,
        finished_at=now if is_given_up else None,
        token="",
        lease_until=None,
        error=text,
    )


def renew(job_id: int, token: str, *, now: datetime) -> bool:
    return bool(Job.objects.held_with(token).filter(pk=job_id).update(lease_until=now + lease()))


@contextmanager
def renewed(job_id: int, token: str) -> Iterator[None]:
    """Keep the lease while the handler works: a thread with a connection of its own renews it."""
    stop = threading.Event()

    def keep() -> None:
        try:
            while not stop.wait(settings.JOB_LEASE_SECONDS / 3):
                try:
                    renew(job_id, token, now=timezone.now())
                except DatabaseError:  # away for a moment: the next turn tries again, connected anew
                    log.warning("lease_not_renewed", job=job_id, exc_info=True)
                    connection.close()
        finally:
            connection.close()

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def clear_done(*, now: datetime) -> int:
    """Remove jobs that were done more than a day ago."""
    removed, _ = Job.objects.filter(state=Job.State.DONE, finished_at__lt=now - KEPT).delete()
    return removed


def retry_dead(jobs: QuerySet[Job], *, now: datetime) -> int:
    """Give jobs that were given up all their attempts again. Says how many.

    One of the same kind and key that is entered already does their work: then the dead one stays as it is.
    """
    n = 0
    for job in jobs.filter(state=Job.State.DEAD):
        with suppress(IntegrityError), transaction.atomic():
            dead = Job.objects.filter(pk=job.pk, state=Job.State.DEAD)
            n += dead.update(state=Job.State.READY, run_after=now, finished_at=None, attempts=0)
    return n
