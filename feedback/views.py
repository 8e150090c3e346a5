from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import login
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from feedback.actions.people import find_login_link, use_login_link
from feedback.api.problems import problem_answer
from feedback.exports import csv_answer
from feedback.models import Job, Look, User
from feedback.policy import ANYONE, PERSON, allow
from feedback.reports import WARNING_COLUMNS, WINDOWS, warning_lines, warnings_of

NOTHING_REFUSED_ANYWHERE = "Everything that services sent in this time was stored, or was there already."
NOTHING_REFUSED_OF_YOURS = (
    "Everything that services sent for your features in this time was stored, or was there already. "
    "What names no feature at all, only staff see."
)
LATE = timedelta(minutes=5)


@allow(ANYONE)
@require_http_methods(["GET", "HEAD", "POST"])
def one_time_login(request: HttpRequest, token: str) -> HttpResponse:
    """A link preview or a virus scanner only GETs: that shows a button and uses nothing up."""
    now = timezone.now()
    if request.method == "POST":
        person = use_login_link(token=token, now=now)
        if person is not None:
            login(request, person, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("metrics:features")
    link = find_login_link(token=token, now=now)
    context = {"email": link.user.email if link else "", "is_valid": link is not None}
    return render(request, "feedback/one_time_login.html", context, status=200 if link else 410)


@allow(PERSON)
@require_GET
def ingest_warnings(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101  for the type checker: the policy asks for a person
    now, window = timezone.now(), request.GET.get("window", "24h")
    if window not in WINDOWS:
        window = "24h"
    if request.GET.get("format") == "csv":
        lines = warning_lines(request.user, window=window, now=now)
        return csv_answer(f"ingest-warnings-{window}.csv", WARNING_COLUMNS, lines)
    context = {
        "page": warnings_of(request.user, window=window, now=now),
        "csv_url": f"?window={window}&format=csv",
        "empty_text": NOTHING_REFUSED_ANYWHERE if request.user.is_staff else NOTHING_REFUSED_OF_YOURS,
    }
    return render(request, "feedback/ingest_warnings.html", context)


@allow(ANYONE)
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@allow(ANYONE)
@require_GET
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and is migrated. A broker that is away, or work that waits, delays: only degraded."""
    try:
        n_pending = pending_migrations()
    except (DatabaseError, InterfaceError):
        return problem_answer(503, "The database is away.", **{"Retry-After": "5"})
    if n_pending:
        return problem_answer(503, f"{n_pending} migrations are not applied.", **{"Retry-After": "5"})
    broker, behind = broker_state(), waiting_for(timezone.now())
    status = "degraded" if broker == "away" or behind > LATE else "ok"
    found = {"database": "ok", "migrations": "ok", "broker": broker, "behind_s": round(behind.total_seconds())}
    return JsonResponse({"status": status, **found})


def waiting_for(now: datetime) -> timedelta:
    """How long the background work is behind: since the oldest look at what came in, or a job's time to begin.

    No hour has waited longer to be summed up. Before anything has been looked at: only the jobs can tell.
    """
    oldest = [
        Look.objects.aggregate(at=Min("looked_until"))["at"],
        Job.objects.due(now).aggregate(at=Min("run_after"))["at"],
    ]
    return max((now - at for at in oldest if at), default=timedelta())


def pending_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def broker_state() -> str:
    if not settings.REDIS_URL:
        return "in the worker"
    import redis

    # Asked once: by itself the client would try again for some seconds.
    once = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry": None}
    try:
        with redis.Redis.from_url(settings.REDIS_URL, **once) as broker:
            broker.ping()
    except redis.RedisError:
        return "away"
    return "ok"
