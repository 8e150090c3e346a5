from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from feedback.exports import csv_answer
from feedback.models import Feature, User
from feedback.plan_views import told
from feedback.policy import MEMBER, PERSON, allow
from metrics.actions import debating
from metrics.debate_forms import DeadlineForm, DecideForm, OpenForm, PlaceForm
from metrics.debate_reading import DebateReport, axes_of, debate_reports
from metrics.functions import functions_of, name_of
from metrics.models import DebateRound

CSV_COLUMNS = ["function", "has_voted", "person", "x", "y", "confidence", "reason", "placed_at"]


def _person(request: HttpRequest) -> User:
    """The signed-in person; the policy of every page here asks for one."""
    assert isinstance(request.user, User)  # noqa: S101  for the type checker
    return request.user


def _round(request: HttpRequest, pk: int) -> DebateRound:
    visible = DebateRound.objects.visible_in(Feature.objects.visible_to(_person(request)))
    return get_object_or_404(visible.select_related("feature", "facilitator"), pk=pk)


@allow(MEMBER)
@require_http_methods(["GET", "HEAD", "POST"])
def debates(request: HttpRequest, slug: str) -> HttpResponse:
    person, now = _person(request), timezone.now()
    visible = Feature.objects.visible_to(person)
    feature = get_object_or_404(visible, slug=slug)
    form = OpenForm(request.POST or None, now=now)
    if request.method == "POST" and form.is_valid():
        try:
            opened = debating.open_round(feature=feature, user=person, now=now, **form.cleaned_data)
        except ValidationError as error:
            told(form, error)
        else:
            messages.success(request, "The round is open. Everybody places it blind.")
            return redirect(opened)
    context = {
        "feature": feature,
        "rounds": debate_reports(DebateRound.objects.of(feature), user=person, features=visible),
        "form": form,
        "may_open": person.is_staff or bool(functions_of(person, feature)),
    }
    return render(request, "metrics/debates.html", context, status=422 if form.errors else 200)


@allow(PERSON)
@require_GET
def debate(request: HttpRequest, pk: int) -> HttpResponse:
    round_ = _round(request, pk)
    if request.GET.get("format") == "csv":
        return csv_answer(f"debate-{pk}.csv", CSV_COLUMNS, _csv_lines(_report(request, round_)))
    return _page(request, round_)


@allow(PERSON)
@require_POST
def debate_place(request: HttpRequest, pk: int) -> HttpResponse:
    round_ = _round(request, pk)
    form = PlaceForm(request.POST, functions=round_.functions, quadrant=round_.quadrant)
    if form.is_valid():
        try:
            debating.place(
                round_=round_, function=form.cleaned_data["function"], user=_person(request), at=form.place(),
                now=timezone.now(),
            )  # fmt: skip
        except ValidationError as error:
            told(form, error)
        else:
            messages.success(request, "Saved. Only you see it until the reveal, and until then you may change it.")
            return redirect(round_)
    return _page(request, round_, place=form)


@allow(PERSON)
@require_POST
def debate_reveal(request: HttpRequest, pk: int) -> HttpResponse:
    round_ = _round(request, pk)
    try:
        debating.reveal(round_=round_, user=_person(request), now=timezone.now())
    except ValidationError as error:
        messages.error(request, error.messages[0])
    return redirect(round_)


@allow(PERSON)
@require_POST
def debate_second(request: HttpRequest, pk: int) -> HttpResponse:
    round_, now = _round(request, pk), timezone.now()
    form = DeadlineForm(request.POST, now=now)
    if form.is_valid():
        try:
            second = debating.open_second(
                round_=round_, deadline=form.cleaned_data["deadline"], user=_person(request), now=now
            )
        except ValidationError as error:
            told(form, error)
        else:
            messages.success(request, "The second round is open, blind again. The first one is kept.")
            return redirect(second)
    return _page(request, round_, second=form)


@allow(PERSON)
@require_POST
def debate_decide(request: HttpRequest, pk: int) -> HttpResponse:
    round_, person = _round(request, pk), _person(request)
    form = DecideForm(request.POST, round_=round_, person=person)
    if form.is_valid():
        try:
            debating.decide(round_=round_, outcome=form.outcome(), user=person, now=timezone.now())
        except ValidationError as error:
            told(form, error)
        else:
            messages.success(request, "Decided, with the placements as its evidence.")
            return redirect(round_)
    return _page(request, round_, decide=form)


def _report(request: HttpRequest, round_: DebateRound) -> DebateReport:
    person = _person(request)
    rounds = DebateRound.objects.filter(pk=round_.pk)
    return debate_reports(rounds, user=person, features=Feature.objects.visible_to(person))[0]


def _page(
    request: HttpRequest,
    round_: DebateRound,
    *,
    place: PlaceForm | None = None,
    second: DeadlineForm | None = None,
    decide: DecideForm | None = None,
) -> HttpResponse:
    """The round as this person may see it, with a form as it was sent; 422 where something was refused."""
    person, report = _person(request), _report(request, round_)
    functions = [function for function in functions_of(person, round_.feature) if function in round_.functions]
    may_lead = person.is_staff or person.pk == round_.facilitator_id
    is_undecided = report.state == "revealed" and report.following is None
    sent: list[forms.Form] = [form for form in (place, second, decide) if form is not None]
    context: dict[str, Any] = {
        "report": report,
        "axes": axes_of(round_.quadrant),
        "functions": functions,
        "speaks_for": _speaks_for(report, functions),
        "voices": [(name_of(function), function in report.has_voted) for function in report.functions],
        "may_lead": may_lead,
        "may_reveal": report.state == "open" and (may_lead or (round_.deadline <= timezone.now() and functions)),
        "place": place or (_place_form(report, functions) if report.state == "open" and functions else None),
        "second": second or (DeadlineForm(now=timezone.now()) if is_undecided and report.number == 1 else None),
        "decide": decide or (DecideForm(round_=round_, person=person) if is_undecided else None),
        "kept": place,
        "chart": _chart(report) if report.placements else None,
        "csv_url": "?format=csv",
    }
    return render(request, "metrics/debate.html", context, status=422 if sent else 200)


def _speaks_for(report: DebateReport, functions: list[str]) -> str:
    """In words, where there is nothing to choose."""
    if report.own:
        return report.own.name
    return name_of(functions[0]) if len(functions) == 1 else ""


def _place_form(report: DebateReport, functions: list[str]) -> PlaceForm:
    """Empty, or as this person has placed it: to be changed."""
    own = report.own
    if own is None:
        return PlaceForm(functions=functions, quadrant=report.quadrant)
    told_before = {name: getattr(own, name) for name in ("function", "x", "y", "confidence", "reason")}
    return PlaceForm(functions=[own.function], quadrant=report.quadrant, initial=told_before)


def _chart(report: DebateReport) -> dict[str, Any]:
    """What the drawing of a revealed round needs; the table under it holds the same."""
    axes = axes_of(report.quadrant)
    return {
        "placements": [{"name": each.name, "x": each.x, "y": each.y} for each in report.placements],
        "median": {axis.axis: axis.median for axis in report.axes},
        "measured": {each.axis: asdict(each) for each in report.measured if each.place is not None},
        "names": {"x": axes.x, "y": axes.y},
        "cells": {
            f"{'top' if is_up else 'bottom'}-{'right' if is_right else 'left'}": cell.name
            for (is_right, is_up), cell in axes.cells.items()
        },
    }


def _csv_lines(report: DebateReport) -> list[list[object]]:
    """One line for each invited function; what is blind is empty."""
    shown = {each.function: each for each in report.placements or ([report.own] if report.own else [])}
    lines = []
    for function in report.functions:
        placed = shown.get(function)
        figures = (
            [placed.person, placed.x, placed.y, placed.confidence, placed.reason, placed.placed_at.isoformat()]
            if placed
            else [""] * 6
        )
        lines.append([function, function in report.has_voted, *figures])
    return lines
