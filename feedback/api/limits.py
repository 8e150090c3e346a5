"""How much one key may send in a minute: a flood of one key leaves the others alone."""

import functools
import time
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import redis
import structlog
from django.conf import settings
from django.core.cache import cache
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.throttling import BaseThrottle

from feedback.models import ApiKey

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)
WINDOW_S = 60
ANSWERS_WITHIN_S = 0.25
ASK_AGAIN_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may send in a minute, in items. A request counts as at least so many: one count limits both.

    per_item: False where only requests are limited.
    """

    items: int
    of_a_request: int
    per_item: bool


def allowance() -> Allowance | None:
    """None: no limit. Without Redis each web process counts for itself, so each has its share of the limit."""
    requests, items = settings.INGEST_REQUESTS_PER_MINUTE, settings.INGEST_ITEMS_PER_MINUTE
    if not requests and not items:
        return None
    processes = 1 if settings.REDIS_URL else settings.WORKERS
    of_a_request = max(1, items // requests) if requests and items else 1
    return Allowance(ceil((items or requests) / processes), of_a_request, per_item=bool(items))


class KeyLimit(BaseThrottle):
    """Asked before the body is read: what one key has sent in this minute, against what it may.

    The windows are fixed: at the turn of the minute a key may send its allowance twice in a row.
    """

    def allow_request(self, request: "Request", view: "APIView") -> bool:
        allowed = allowance()
        if allowed is None or not isinstance(request.auth, ApiKey):
            return True
        return spend(request.auth, allowed.of_a_request, now=time.time()) <= allowed.items

    def wait(self) -> float:
        return WINDOW_S - time.time() % WINDOW_S + 1


def charge(key: ApiKey, *, n_items: int) -> None:
    """Count the items of a request beyond those that every request counts as: the next one feels it."""
    allowed = allowance()
    if allowed and allowed.per_item and n_items > allowed.of_a_request:
        spend(key, n_items - allowed.of_a_request, now=time.time())


def spend(key: ApiKey, n: int, *, now: float) -> int:
    """What this key has spent in this minute, with these n. While Redis is away: 0, nothing is limited."""
    return count_up(f"ingest:{key.prefix}", n, now=now)


def count_up(what: str, n: int, *, now: float) -> int:
    """The count of something in this minute, with these n. While Redis is away: 0."""
    name = f"{what}:{now // WINDOW_S:.0f}"
    if settings.REDIS_URL:
        return shared(settings.REDIS_URL).add(name, n)
    cache.add(name, 0, timeout=2 * WINDOW_S)
    return cache.incr(name, n)


@functools.cache
def shared(url: str) -> "SharedCount":
    return SharedCount(url)


class SharedCount:
    """Counts of all web processes, in Redis. Django's cache would need three round trips where this needs one."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(
            url,
            socket_timeout=ANSWERS_WITHIN_S,
            socket_connect_timeout=ANSWERS_WITHIN_S,
            retry=Retry(NoBackoff(), 0),
        )
        self.away_until = 0.0

    def add(self, name: str, n: int) -> int:
        if time.monotonic() < self.away_until:
            return 0
        try:
            with self.client.pipeline(transaction=False) as both:
                both.incrby(name, n)
                both.expire(name, 2 * WINDOW_S)
                return int(both.execute()[0])
        except redis.RedisError as error:
            self.away_until = time.monotonic() + ASK_AGAIN_AFTER_S
            log.warning("ingest_not_limited", reason=type(error).__name__)
            return 0
