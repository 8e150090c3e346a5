"""Recurring work of the desk. All can be repeated at any time, so a job that runs twice does no harm."""

from collections.abc import Callable, Sequence
from datetime import datetime

from feedback.actions.jobs import enter_job
from feedback.jobs import register
from feedback.models import Feature, Job
from reviews.actions import desk, exporting, leading
from reviews.actions import draw as drawing
from reviews.rubric_agreement import due_features, prepare_agreements


def _enter_each(kind: str, due: Sequence[int], now: datetime) -> int:
    """A job for each feature: one that fails stops no other. Says how many.

    None where one was given up and nobody has looked at it: it would be given up again, and again.
    """
    given_up = Job.objects.filter(kind=kind, state=Job.State.DEAD).values_list("key", flat=True)
    keys = sorted({str(pk) for pk in due} - set(given_up))
    for key in keys:
        enter_job(kind, key, run_after=now, now=now)
    return len(keys)


@register("draw", every=15, queue="draw")
def draw(key: str, now: datetime) -> Callable[[], str | None]:
    # Not in the job's transaction: a first draw of everything would hold SQLite's one write lock for seconds.
    n = drawing.draw_received(now=now)
    return lambda: f"drew {n} items" if n else None


@register("stock_gold", every=3600)
def stock_gold(key: str, now: datetime) -> Callable[[], str | None]:
    return lambda: f"{n} gold cases for new reviewers" if (n := leading.stock_all_gold()) else None


@register("expire_leases", every=60)
def expire_leases(key: str, now: datetime) -> Callable[[], str | None]:
    return lambda: f"{n} leases ran out" if (n := desk.expire_leases(now)) else None


@register("agree_by_guideline", every=300, queue="conclude")
def agree_by_guideline(key: str, now: datetime) -> Callable[[], str | None] | None:
    due = due_features()
    return (lambda: f"guidelines of {_enter_each('agreement', due, now)} features to look at") if due else None


@register("agreement", queue="conclude")
def agreement(key: str, now: datetime) -> Callable[[], str | None] | None:
    feature = Feature.objects.filter(pk=int(key)).first()
    store = prepare_agreements(feature=feature, now=now) if feature else None
    return (lambda: f"agreement under {store()} guidelines") if store else None


@register("look_at_reviewers", every=60, queue="conclude")
def look_at_reviewers(key: str, now: datetime) -> Callable[[], str | None] | None:
    from reviews.actions.reliability import due_features

    due = due_features(now=now)
    return (lambda: f"reviewers of {_enter_each('reliability', due, now)} features to look at") if due else None


@register("reliability", queue="conclude")
def reliability(key: str, now: datetime) -> Callable[[], str | None]:
    """A job for each feature: one that cannot be looked at stops no other."""
    from reviews.actions.reliability import prepare_reliability

    store = prepare_reliability(feature=Feature.objects.get(pk=int(key)), now=now)
    return lambda: f"{store()} looks at reviewers"


@register("export", queue="deliver")
def export(key: str, now: datetime) -> Callable[[], str | None] | None:
    from reviews.actions.export_files import prepare_export

    finish = prepare_export(export_id=int(key), now=now)
    return (lambda: f"{finish():,} rows in a file") if finish else None


@register("clear_exports", every=3600)
def clear_exports(key: str, now: datetime) -> Callable[[], str | None]:
    return lambda: f"{n} files removed" if (n := exporting.clear_exports(now=now)) else None
