"""Celery carries out job rows; the dispatcher inside the worker hands them to it (docs/decisions/0003)."""

import os
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.signals import worker_process_init
from celery.worker import state

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

log = structlog.get_logger(__name__)
TICK_SECONDS = 0.25
WINDOW_PER_WORKER = 4
QUEUES = "celery,draw,sum,conclude,deliver"

app = Celery("touchstone")
app.conf.update(
    broker_url=settings.REDIS_URL or "memory://localhost",
    broker_transport_options={
        "visibility_timeout": 300,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
    if settings.REDIS_URL
    else {"polling_interval": 0.05},
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_create_missing_queues=True,
    task_time_limit=280,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    timezone="UTC",
)
app.autodiscover_tasks()


class Dispatcher(bootsteps.StartStopStep):
    """Every quarter of a second: enter due slots, claim due jobs, send them to the pool."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def __init__(self, parent: Any, **options: Any) -> None:
        self.entries: list[Any] = []

    def start(self, parent: Any) -> None:
        window = WINDOW_PER_WORKER * parent.concurrency
        self.entries.append(parent.timer.call_repeatedly(TICK_SECONDS, tick, args=(window,)))
        if not parent.use_eventloop:
            watch = (parent.pool, pool_pids(parent.pool))
            self.entries.append(parent.timer.call_repeatedly(TICK_SECONDS, end_with_lost_pool_process, args=watch))

    def stop(self, parent: Any) -> None:
        for entry in self.entries:
            entry.cancel()


def pool_pids(pool: Any) -> set[int]:
    return set(pool.info.get("processes", ()))


def end_with_lost_pool_process(pool: Any, pids: set[int]) -> None:
    """End the worker at once when one of its pool was killed; whoever keeps it running starts a whole one.

    On memory:// the pool shares one lock: killed while it waits for work, a process takes the lock along, and
    no job would ever run again. What the others were at is leased again, as after any kill.
    """
    if state.should_stop is None and pool_pids(pool) != pids:
        log.error("pool_process_lost", had=sorted(pids), has=sorted(pool_pids(pool)))
        os._exit(1)


def tick(window: int) -> None:
    """One look at the job rows. A database that is away ends the tick, not the dispatcher."""
    from django.db import DatabaseError, connection
    from django.utils import timezone

    from feedback.actions import jobs
    from feedback.jobs import KINDS
    from feedback.models import Job
    from feedback.tasks import run_job

    try:
        now = timezone.now()
        jobs.enter_due_slots(now=now)
        n_running = Job.objects.filter(state=Job.State.LEASED, lease_until__gte=now).count()
        if Job.objects.due(now).exists():
            for job in jobs.claim_due(now=now, limit=max(0, window - n_running)):
                kind = KINDS.get(job.kind)
                run_job.apply_async((job.id, job.token), queue=kind.queue if kind else "celery")
    except DatabaseError:
        log.exception("dispatch_failed")
    finally:
        connection.close()


app.steps["worker"].add(Dispatcher)


@worker_process_init.connect
def end_with_the_worker(**_: Any) -> None:
    """A pool process does not outlive its worker, however that one ends."""
    from config.processes import end_with_parent

    end_with_parent()
