"""The alerts of one's features, one alert with what can be done about it, and a feature's drift."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from feedback.exports import csv_answer
from feedback.models import Feature, User
from feedback.plan_views import carried_out
from feedback.policy import MEMBER, PERSON, allow
from metrics import alert_reading, drift_reading
from metrics.actions import answering
from metrics.alert_filters import STATES, AlertFilter, in_state
from metrics.alert_forms import ClearForm, HandOverForm, SnoozeForm, TakeForm
from metrics.models import Alert

ROWS = 50
DONE = {
    "take": "It is yours now.",
    "hand_over": "Handed over.",
    "snooze": "Snoozed.",
    "clear": "Cleared.",
}
DRIFT_COLUMNS = [
    "version", "kind", "name", "from_on", "distance", "threshold", "psi", "is_drifting", "n", "n_reference",
    "reason",
]  # fmt: skip


def _person(request: HttpRequest) -> User:
    """The signed-in person; the policy of every page here asks for one."""
    assert isinstance(request.user, User)  # noqa: S101  for the type checker
    return request.user


@allow(PERSON)
def alerts(request: HttpRequest) -> HttpResponse:
    """Raised, snoozed or cleared; what is due first in front."""
    now, features = timezone.now(), Feature.objects.visible_to(_person(request))
    chosen = AlertFilter(request.GET, queryset=Alert.objects.visible_in(features), request=request)
    state = request.GET.get("state", "raised")
    state = state if state in dict(STATES) else "raised"
    found = alert_reading.with_context(in_state(chosen.qs, state, now=now)).due_first()
    if request.GET.get("format") == "csv":
        return csv_answer("alerts.csv", alert_reading.COLUMNS, alert_reading.csv_lines(found, now=now))
    page = Paginator(found, ROWS).get_page(request.GET.get("page"))
    counts = alert_reading.counts_of(features, now=now)
    context = {
        "rows": [alert_reading.report_of(each, now=now) for each in page],
        "page": page,
        "state": state,
        "tabs": _tabs(request, counts),
        "counts": counts,
        "filter": chosen,
        "is_filtered": bool(request.GET.get("feature") or request.GET.get("kind")),
        "has_features": features.exists(),
        "budget": alert_reading.BUDGET,
        "csv_url": _with(request, page=None, format="csv"),
        "page_url": _with(request, page=""),
    }
    return render(request, "metrics/alerts.html", context)


def _with(request: HttpRequest, **changed: str | None) -> str:
    """This address with other words in its query; None: without the word."""
    query = request.GET.copy()
    for name, value in changed.items():
        query.pop(name, None)
        if value is not None:
            query[name] = value
    return f"?{query.urlencode()}"


def _tabs(request: HttpRequest, counts: alert_reading.AlertCounts) -> list[tuple[str, str, str, int]]:
    """(state, its word, address, how many) of each."""
    n = {"raised": counts.n_raised, "snoozed": counts.n_snoozed, "cleared": counts.n_cleared}
    return [(state, word, _with(request, page=None, state=state), n[state]) for state, word in STATES]


@allow(PERSON)
@require_http_methods(["GET", "HEAD", "POST"])
def alert(request: HttpRequest, pk: int) -> HttpResponse:
    """The alert, its evidence and its forms; `do` says which of them was sent."""
    person, now = _person(request), timezone.now()
    seen = Alert.objects.visible_in(Feature.objects.visible_to(person))
    found = get_object_or_404(alert_reading.with_context(seen), pk=pk)
    may_answer = answering.answered_by(person).filter(pk=found.feature_id).exists()
    shown = _forms(found) if may_answer and found.cleared_at is None else {}
    if request.method == "POST":
        if not may_answer:
            raise PermissionDenied
        do = request.POST.get("do", "")
        if do not in DONE:
            raise Http404("There is no such form.")
        form = _forms(found, request.POST)[do]
        if carried_out(form, lambda fields: DOES[do](found, fields, person, now)):
            messages.success(request, DONE[do])
            return redirect(found)
        shown = {**(shown or _forms(found)), do: form}
    context = {
        "report": alert_reading.report_of(found, now=now),
        "forms": shown,
        "may_answer": may_answer,
        "budget": alert_reading.BUDGET,
    }
    return render(request, "metrics/alert.html", context, status=422 if request.method == "POST" else 200)


def _forms(found: Alert, sent: Any = None) -> dict[str, forms.Form]:
    return {
        "take": TakeForm(sent, auto_id="take_%s"),
        "snooze": SnoozeForm(sent, auto_id="snooze_%s"),
        "hand_over": HandOverForm(sent, auto_id="hand_over_%s", feature=found.feature),
        "clear": ClearForm(sent, auto_id="clear_%s"),
    }


DOES: dict[str, Callable[[Alert, dict[str, Any], User, datetime], object]] = {
    "take": lambda found, said, user, now: answering.take_over(alert_id=found.pk, user=user, now=now, **said),
    "hand_over": lambda found, said, user, now: answering.hand_over(alert_id=found.pk, user=user, now=now, **said),
    "snooze": lambda found, said, user, now: answering.snooze(alert_id=found.pk, user=user, now=now, **said),
    "clear": lambda found, said, user, now: answering.clear(alert_id=found.pk, user=user, now=now, **said),
}


@allow(MEMBER)
def drift(request: HttpRequest, slug: str) -> HttpResponse:
    """What looks different from the first days, the farthest in front."""
    feature = get_object_or_404(Feature.objects.visible_to(_person(request)), slug=slug)
    report = drift_reading.drift_report(feature)
    if request.GET.get("format") == "csv":
        return csv_answer(f"{slug}-drift.csv", DRIFT_COLUMNS, _drift_lines(report))
    return render(request, "metrics/drift.html", {"report": report, "no_alarm": drift_reading.NO_ALARM})


def _drift_lines(report: drift_reading.DriftReport) -> list[list[object]]:
    """The newest week of each, as the page shows it."""
    return [
        [version.version, row.kind, row.name, version.window_from, row.distance, row.threshold, row.psi,
         row.is_drifting, row.n, row.n_reference, row.reason]
        for version in report.versions
        for row in (*version.inputs, version.label, version.confidence)
        if row is not None
    ]  # fmt: skip
