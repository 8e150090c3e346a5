"""Why a score is what it is, where features stand, and how much each component weighs."""

from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from feedback.exports import csv_answer
from feedback.models import Decision, Feature, Membership, User
from feedback.plan_views import told
from feedback.policy import MEMBER, PERSON, allow
from metrics import score_reading as reading
from metrics.actions import scoring
from metrics.agreements import agreement_of
from metrics.quadrant_reading import quadrant_rows
from metrics.score_filters import QuadrantFilter
from metrics.score_forms import FitForm, GoalsForm, PlacementForm, TickForm, WeightsForm
from metrics.score_reports import LABELS, QuadrantRow, WhyPage
from metrics.stats.adoption import COMPONENTS
from metrics.stats.quadrants import CELLS, CHANGE_CELLS

page_or_form = require_http_methods(["GET", "HEAD", "POST"])
AGREEING = (Membership.Role.OWNER, Membership.Role.PRODUCT, Membership.Role.DATA_SCIENCE)
WHO_AGREES = "The feature's owner, product or data science agree on this; others read it."
WHO_WEIGHS = "Staff set the weights, because they count for every feature; everyone reads them."


def _person(request: HttpRequest) -> User:
    """The signed-in person; the policy of every page here asks for one."""
    assert isinstance(request.user, User)  # noqa: S101  for the type checker
    return request.user


def _may_agree(person: User, feature: Feature) -> bool:
    held = Membership.objects.of(person).with_role(*AGREEING).filter(feature=feature)
    return person.is_staff or held.exists()


@allow(MEMBER)
@page_or_form
def why(request: HttpRequest, slug: str) -> HttpResponse:
    """Where the points went; `do` says which of its forms was sent, `since` and `of` what is compared."""
    person, now = _person(request), timezone.now()
    feature: Feature = get_object_or_404(Feature.objects.visible_to(person), slug=slug)
    may_agree = _may_agree(person, feature)
    made = _forms(feature)
    if request.method == "POST":
        if not may_agree:
            raise PermissionDenied(WHO_AGREES)
        do = request.POST.get("do", "")
        if do not in made:
            raise Http404("There is no such form.")
        made[do] = _forms(feature, request.POST)[do]
        if made[do].is_valid() and _carried_out(do, made[do], feature, request):
            return redirect("metrics:why", slug)
    of = request.GET.get("of", "adoption")
    page = reading.why_page(
        feature, now=now, kind=of if of in LABEL_OF else "adoption", since=_number(request.GET.get("since", ""))
    )
    if request.GET.get("format") == "csv":
        return _components_csv(page)
    context = {
        "page": page,
        "of": of if of in LABEL_OF else "adoption",
        "made": made,
        "may_agree": may_agree,
        "who_agrees": WHO_AGREES,
        "csv_url": "?format=csv",
    }
    has_errors = any(form.errors for form in made.values())
    return render(request, "metrics/why.html", context, status=422 if has_errors else 200)


LABEL_OF = {"adoption": "Adoption", "accountability": "Accountability"}


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 18 else None


def _forms(feature: Feature, sent: Any = None) -> dict[str, forms.Form]:
    decisions = Decision.objects.of(feature).order_by("-made_at")
    return {
        "goals": GoalsForm(sent, agreement=agreement_of(feature), auto_id="goals_%s"),
        "placement": PlacementForm(sent, auto_id="placement_%s"),
        "fit": FitForm(sent, decisions=decisions),
        "tick": TickForm(sent),
        "score": forms.Form(sent),
    }


def _carried_out(do: str, form: forms.Form, feature: Feature, request: HttpRequest) -> bool:
    """Do what the form asks. Whether it went well; if not, the form tells why."""
    sent, now = form.cleaned_data, timezone.now()
    by: dict[str, Any] = {"feature": feature, "user": _person(request), "now": now}
    try:
        if isinstance(form, GoalsForm):
            scoring.set_goals(goals=form.goals(), half_width=sent["half_width"] / 100, why=sent["why"], **by)
        elif do == "placement":
            scoring.place_change(**sent, **by)
        elif do == "fit":
            to = "before" if feature.market_fit == "after" else "after"
            scoring.change_market_fit(to=to, decision=sent["decision"], **by)
        elif do == "tick":
            scoring.tick(**sent, **by)
        else:
            scoring.ask_for_score(feature=feature, now=now)
    except ValidationError as error:
        told(form, error)
        return False
    messages.success(request, "Noted. The scores follow within a minute: reload the page then.")
    return True


def _components_csv(page: WhyPage) -> HttpResponse:
    columns = [
        "score",
        "component",
        "value",
        "low",
        "high",
        "part",
        "weight",
        "lo",
        "hi",
        "n",
        "points_lost",
        "reason",
    ]
    lines = [
        [kind, *list(asdict(component).values())[:1], *list(asdict(component).values())[3:]]
        for kind, report in (("adoption", page.scores.adoption), ("accountability", page.scores.accountability))
        for component in report.components.values()
    ]
    return csv_answer(f"{page.slug}-scores.csv", columns, lines)


@allow(PERSON)
@require_GET
def quadrants(request: HttpRequest) -> HttpResponse:
    visible = Feature.objects.visible_to(_person(request))
    filter_ = QuadrantFilter(request.GET, queryset=visible)
    rows = filter_.chosen(quadrant_rows(filter_.qs, now=timezone.now()))
    if request.GET.get("format") == "csv":
        return _quadrants_csv(rows)
    query = request.GET.copy()
    query["format"] = "csv"
    context = {
        "rows": rows,
        "filter": filter_,
        "n_total": visible.count(),
        "csv_url": f"{reverse('metrics:quadrants')}?{query.urlencode()}",
        "cells": list(CELLS.values()),
        "change_cells": list(CHANGE_CELLS.values()),
        "chart": _trust_chart(rows),
        "changes": _change_chart(rows),
    }
    return render(request, "metrics/quadrants.html", context)


def _trust_chart(rows: list[QuadrantRow]) -> dict[str, Any]:
    """What charts.js draws: crosses, hollow while provisional, with their trail."""
    points = [
        {
            "name": row.name, "x": row.adoption.value, "x_low": row.adoption.low, "x_high": row.adoption.high,
            "y": row.accountability.value, "y_low": row.accountability.low, "y_high": row.accountability.high,
            "is_hollow": row.is_provisional, "trail": row.trail,
        }
        for row in rows
        if row.placement
    ]  # fmt: skip
    corners = {f"{'high' if a else 'low'}_{'high' if b else 'low'}": cell.name for (a, b), cell in CELLS.items()}
    return {
        "points": points, "corners": corners, "domain": [0, 100], "cut": 50,
        "x_label": "Adoption", "y_label": "Accountability",
    }  # fmt: skip


def _change_chart(rows: list[QuadrantRow]) -> dict[str, Any]:
    points: list[dict[str, Any]] = [
        {"name": row.name, "x": row.behaviour, "y": row.product, "is_hollow": False, "trail": []}
        for row in rows
        if row.change_cell
    ]
    corners = {
        f"{'high' if asks else 'low'}_{'high' if gives else 'low'}": cell.name
        for (asks, gives), cell in CHANGE_CELLS.items()
    }
    return {
        "points": points, "corners": corners, "domain": [0.5, 9.5], "cut": 5.5,
        "x_label": "Asks of people", "y_label": "Gives them",
    }  # fmt: skip


def _quadrants_csv(rows: list[QuadrantRow]) -> HttpResponse:
    columns = [
        "slug", "name", "stage", "adoption", "adoption_low", "adoption_high", "adoption_state", "accountability",
        "accountability_low", "accountability_high", "accountability_state", "stands_in", "next_evidence",
        "reason", "asks_of_people", "gives_them", "change", "as_of",
    ]  # fmt: skip
    lines = [
        [
            row.slug, row.name, row.stage_label, row.adoption.value, row.adoption.low, row.adoption.high,
            row.adoption.state, row.accountability.value, row.accountability.low, row.accountability.high,
            row.accountability.state, row.placement.sentence if row.placement else "",
            row.placement.next_evidence.sentence if row.placement and row.placement.next_evidence else "",
            row.reason, row.behaviour, row.product, row.change_cell.name if row.change_cell else "",
            row.adoption.as_of,
        ]
        for row in rows
    ]  # fmt: skip
    return csv_answer("quadrants.csv", columns, lines)


@allow(PERSON)
@page_or_form
def score_weights(request: HttpRequest) -> HttpResponse:
    person = _person(request)
    visible = Feature.objects.visible_to(person)
    page = reading.weights_page(visible, now=timezone.now())
    form = WeightsForm(request.POST or None, tables=page.weights.tables)
    if request.method == "POST":
        if not person.is_staff:
            raise PermissionDenied(WHO_WEIGHS)
        if form.is_valid() and _weighed(form, person, request):
            return redirect("metrics:score_weights")
    if request.GET.get("format") == "csv":
        lines = [
            [slug, report.value, *(moves.get(each) for each in COMPONENTS)]
            for slug, _, report, moves in page.moves
        ]
        return csv_answer("sensitivity.csv", ["slug", "adoption", *COMPONENTS], lines)
    context = {
        "page": page,
        "form": form,
        "may_weigh": person.is_staff,
        "who_weighs": WHO_WEIGHS,
        "names": [LABELS[name] for name in COMPONENTS],
        "moves": [
            (slug, name, report, [moves.get(each) for each in COMPONENTS])
            for slug, name, report, moves in page.moves
        ],
    }
    return render(request, "metrics/score_weights.html", context, status=422 if form.errors else 200)


def _weighed(form: WeightsForm, person: User, request: HttpRequest) -> bool:
    try:
        scoring.set_weights(weights=form.weights(), why=form.cleaned_data["why"], user=person, now=timezone.now())
    except ValidationError as error:
        told(form, error)
        return False
    messages.success(request, "The weights count from now on. Each feature is scored with them within the hour.")
    return True
