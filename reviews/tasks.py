"""Recurring work of the desk. All can be repeated at any time, so a job that runs twice does no harm."""

from collections.abc import Callable
from datetime import datetime

from feedback.jobs import register
from reviews.actions import desk, leading
from reviews.actions import draw as drawing


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
