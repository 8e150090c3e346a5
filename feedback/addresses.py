"""Where a request comes from, and how often one address may write to a form."""

import time
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from django.conf import settings
from django.http import HttpRequest

from feedback.api.limits import WINDOW_S, count_up

# A person writes a note or two; behind one address of a company many people press thumbs.
NOTES_PER_MINUTE, THUMBS_PER_MINUTE = 10, 120


def client_address(request: HttpRequest) -> str:
    """The address of whoever asks. X-Forwarded-For is anybody's word, save what our own proxies appended.

    With TOUCHSTONE_TRUSTED_PROXIES = n that is the n-th from the right; fewer than n, or no address there, means
    that the request came around the proxies: then it is the one of the connection.
    """
    direct = str(request.META.get("REMOTE_ADDR", ""))
    n = settings.TRUSTED_PROXIES
    told = [each.strip() for each in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    return told[-n] if n and len(told) >= n and _network(told[-n]) else direct


def _network(address: str) -> str:
    """What counts as one place: an IPv4 address, or the /64 that one IPv6 customer has to himself.

    A socket that listens to both tells an IPv4 address as ::ffff:1.2.3.4; those share one /64, and are not one.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network(f"{found}/64", strict=False))
    return str(found)


def may_write(request: HttpRequest, slug: str, *, per_minute: int) -> bool:
    """Count one more post of this address to this feature's form, and say whether it is allowed.

    Without Redis each web process counts for itself, and so has its share of what is allowed.
    """
    processes = 1 if settings.REDIS_URL else settings.WORKERS
    place = _network(client_address(request)) or "unknown"
    return count_up(f"form:{slug}:{per_minute}:{place}", 1, now=time.time()) <= ceil(per_minute / processes)


def wait_s() -> int:
    """Seconds until the next minute begins."""
    return ceil(WINDOW_S - time.time() % WINDOW_S + 1)
