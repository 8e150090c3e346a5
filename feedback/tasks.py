from collections.abc import Callable
from datetime import datetime

from celery import shared_task
from django.utils import timezone

from feedback.actions import jobs, refusals
from feedback.jobs import register


@shared_task(acks_late=True, name="run_job")
def run_job(job_id: int, token: str) -> None:
    """Carry out a claimed job. `manage.py settle` does the same without a worker."""
    jobs.run(job_id, token, now=timezone.now())


@register("clear_done", every=86_400)
def clear_done(key: str, now: datetime) -> Callable[[], str | None]:
    return lambda: f"{removed} finished jobs removed" if (removed := jobs.clear_done(now=now)) else None


@register("clear_refusals", every=86_400)
def clear_refusals(key: str, now: datetime) -> Callable[[], str | None]:
    return lambda: f"{removed} counts removed" if (removed := refusals.clear_refusals(now=now)) else None
