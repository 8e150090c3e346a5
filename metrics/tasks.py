"""Handlers of the recurring jobs: each prepares outside a transaction and answers with what to write."""

from collections.abc import Callable
from datetime import datetime

from feedback.actions.jobs import enter_job
from feedback.jobs import register
from feedback.models import Feature, Job
from metrics.actions import concluding, retaining, summing


@register("sum_up", every=30, queue="sum")
def sum_up(key: str, now: datetime) -> Callable[[], str | None] | None:
    hours, remember = summing.changed_hours(now=now)
    runs = list(summing.runs(hours))

    def enter() -> str | None:
        for version, start, end in runs:
            # This look's own: a job for the same hours that is running may have read them already.
            key = f"{version} {start.isoformat()} {end.isoformat()} {now.isoformat()}"
            enter_job("sum_hours", key, run_after=now, now=now)
        remember()
        return f"{len(runs)} runs of hours to sum" if runs else None

    return enter


@register("sum_hours", queue="sum")
def sum_hours(key: str, now: datetime) -> Callable[[], str | None] | None:
    version, start, end, _ = key.split(" ")
    write = summing.prepare_summaries(
        version_id=int(version), start=datetime.fromisoformat(start), end=datetime.fromisoformat(end), now=now
    )
    return lambda: f"summed {write()} hours"


@register("conclude", every=60, queue="conclude")
def conclude(key: str, now: datetime) -> Callable[[], str | None] | None:
    waiting = Job.objects.unfinished().filter(kind="conclude_feature").values_list("key", flat=True)
    due = {str(pk) for pk in concluding.due_features(now=now)} - set(waiting)

    def enter() -> str | None:
        for pk in sorted(due, key=int):
            enter_job("conclude_feature", pk, run_after=now, now=now)
        return f"{len(due)} features to conclude" if due else None

    return enter


@register("conclude_feature", queue="conclude")
def conclude_feature(key: str, now: datetime) -> Callable[[], str | None] | None:
    """A job for each feature: one that cannot be concluded stops no other."""
    write = concluding.prepare_conclusion(feature=Feature.objects.get(pk=int(key)), now=now)
    return lambda: f"{write()} sets of estimates" if write else None


@register("purge", every=86_400)
def purge(key: str, now: datetime) -> Callable[[], str | None] | None:
    # Not in the job's transaction: it removes in batches, so that nobody waits for a lock.
    features = Feature.objects.filter(retention_days__isnull=False)
    n = sum(retaining.purge(feature=feature, now=now) for feature in features)
    return lambda: f"{n} raw rows removed" if n else None
