"""The boards and pages of explorations and decisions."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from feedback import plan_forms
from feedback import plan_reading as reading
from feedback.actions import deciding, exploring
from feedback.exports import csv_answer
from feedback.filters import DecisionFilter, ExplorationFilter
from feedback.models import Decision, Exploration, ExplorationNeed, Feature, User
from feedback.models.decisions import DecisionQuerySet
from feedback.policy import PERSON, allow
from feedback.threads import about_decision, thread_of

ROWS = 50
page_or_form = require_http_methods(["GET", "HEAD", "POST"])


def _person(request: HttpRequest) -> User:
    """The signed-in person; the policy of every page here asks for one."""
    assert isinstance(request.user, User)  # noqa: S101  for the type checker
    return request.user


def _csv_url(request: HttpRequest) -> str:
    """The same rows as a table: the filters stay, the page does not."""
    query = request.GET.copy()
    query.pop("page", None)
    query["format"] = "csv"
    return f"?{query.urlencode()}"


def _page_url(request: HttpRequest) -> str:
    """What the number of a page is appended to."""
    query = request.GET.copy()
    query.pop("page", None)
    return f"?{query.urlencode()}&page=" if query else "?page="


def told(form: forms.Form, error: ValidationError) -> None:
    """Put what an action refused at its field, or above the form."""
    known = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for field, texts in known.items():
        for text in texts:
            form.add_error(field if field in form.fields else None, text)


# --- explorations


@allow(PERSON)
def explorations(request: HttpRequest) -> HttpResponse:
    person, today = _person(request), timezone.now().date()
    seen = Exploration.objects.visible_to(person)
    chosen = ExplorationFilter(request.GET, queryset=seen, request=request, today=today)
    features = Feature.objects.visible_to(person)
    found = reading.with_parts(chosen.qs, features=features).running_first()
    if request.GET.get("format") == "csv":
        lines = (reading.exploration_line(reading.exploration_row(each, today=today)) for each in found)
        return csv_answer("explorations.csv", reading.EXPLORATION_COLUMNS, lines)
    page = Paginator(found, ROWS).get_page(request.GET.get("page"))
    context = {
        "counts": reading.exploration_counts(person, today=today),
        "rows": [reading.exploration_row(each, today=today) for each in page],
        "page": page,
        "filter": chosen,
        "csv_url": _csv_url(request),
        "page_url": _page_url(request),
    }
    return render(request, "feedback/explorations.html", context)


@allow(PERSON)
@page_or_form
def exploration_new(request: HttpRequest) -> HttpResponse:
    person, now = _person(request), timezone.now()
    asked = {"owner": person.pk, "from_on": now.date(), "feature": request.GET.get("feature", "")}
    form = plan_forms.ExplorationForm(request.POST or None, person=person, initial=asked)
    if request.method == "POST" and form.is_valid():
        fields = form.cleaned_data
        what, due_on = fields.pop("need_what"), fields.pop("need_due_on")
        needs = [exploring.Need(what, fields["owner"], due_on)] if what else []
        try:
            made = exploring.start_exploration(**fields, needs=needs, user=person, now=now)
        except ValidationError as error:
            told(form, error)
        else:
            return redirect(made)
    context = {"form": form}
    return render(request, "feedback/exploration_new.html", context, status=422 if form.errors else 200)


@allow(PERSON)
@page_or_form
def exploration(request: HttpRequest, pk: int) -> HttpResponse:
    """The exploration and its forms; `do` says which of them was sent."""
    person, now = _person(request), timezone.now()
    features = Feature.objects.visible_to(person)
    seen = reading.with_parts(Exploration.objects.visible_to(person), features=features)
    found = get_object_or_404(seen, pk=pk)
    made = exploration_forms(found, person)
    if request.method == "POST":
        do = request.POST.get("do", "")
        if do not in made:
            raise Http404("There is no such form.")
        made[do] = exploration_forms(found, person, request.POST)[do]
        if carried_out(made[do], lambda fields: EXPLORATION_DOES[do](found, fields, now)):
            return redirect(found)
    context = {
        "row": reading.exploration_row(found, today=now.date()),
        "forms": made,
        "can_inform": bool(made["inform"].fields["decision"].queryset),  # type: ignore[attr-defined]
    }
    has_errors = any(form.errors for form in made.values())
    return render(request, "feedback/exploration.html", context, status=422 if has_errors else 200)


def exploration_forms(found: Exploration, person: User, sent: Any = None) -> dict[str, forms.Form]:
    features = Feature.objects.visible_to(person)
    of = features.filter(pk=found.feature_id) if found.feature_id else features
    decisions = Decision.objects.filter(feature__in=of).order_by("-made_at")
    open_needs = ExplorationNeed.objects.filter(exploration=found)
    used = {"became": found.became, "why": found.became_why}
    return {
        "need": plan_forms.NeedForm(sent, auto_id="need_%s", people=plan_forms.people_of(of, person)),
        "collected": plan_forms.CollectedForm(sent, auto_id="collected_%s", needs=open_needs),
        "result": plan_forms.ResultForm(sent, auto_id="result_%s"),
        "use": plan_forms.UseForm(sent, auto_id="use_%s", initial=used),
        "inform": plan_forms.InformForm(sent, auto_id="inform_%s", decisions=decisions),
        "attach": plan_forms.AttachForm(sent, auto_id="attach_%s", features=features),
    }


EXPLORATION_DOES: dict[str, Callable[[Exploration, dict[str, Any], datetime], object]] = {
    "need": lambda found, fields, now: exploring.add_need(exploration=found, **fields),
    "collected": lambda found, fields, now: exploring.finish_need(need=fields["need"], now=now),
    "result": lambda found, fields, now: exploring.record_result(exploration=found, now=now, **fields),
    "use": lambda found, fields, now: exploring.record_use(exploration=found, **fields),
    "inform": lambda found, fields, now: exploring.inform(exploration=found, **fields),
    "attach": lambda found, fields, now: exploring.attach(exploration=found, **fields),
}


def carried_out(form: forms.Form, action: Callable[[dict[str, Any]], object]) -> bool:
    """Run the action on what a form says. Whether it went well; if not, the form tells why."""
    if not form.is_valid():
        return False
    try:
        action(form.cleaned_data)
    except ValidationError as error:
        told(form, error)
        return False
    return True


# --- decisions


@allow(PERSON)
def decisions(request: HttpRequest) -> HttpResponse:
    person, today = _person(request), timezone.now().date()
    seen = Decision.objects.filter(feature__in=Feature.objects.visible_to(person))
    chosen = DecisionFilter(request.GET, queryset=seen, request=request, today=today)
    found = decisions_for(person, chosen.qs).overdue_first(today)
    if request.GET.get("format") == "csv":
        lines = (reading.decision_line(reading.decision_row(each, today=today)) for each in found)
        return csv_answer("decisions.csv", reading.DECISION_COLUMNS, lines)
    page = Paginator(found, ROWS).get_page(request.GET.get("page"))
    context = {
        "rows": [reading.decision_row(each, today=today) for each in page],
        "page": page,
        "n_total": seen.count(),
        "n_due": seen.due_for_review(today).count(),
        "filter": chosen,
        "csv_url": _csv_url(request),
        "page_url": _page_url(request),
    }
    return render(request, "feedback/decisions.html", context)


def decisions_for(person: User, among: DecisionQuerySet) -> DecisionQuerySet:
    """Those that this person sees, with what their rows read."""
    seen = among.filter(feature__in=Feature.objects.visible_to(person))
    return reading.with_context(seen, explorations=Exploration.objects.visible_to(person))


@allow(PERSON)
@page_or_form
def decision(request: HttpRequest, pk: int) -> HttpResponse:
    person, now = _person(request), timezone.now()
    found = get_object_or_404(decisions_for(person, Decision.objects.all()), pk=pk)
    form = plan_forms.OutcomeForm(request.POST or None)

    def carry_out(fields: dict[str, Any]) -> object:
        return deciding.record_outcome(decision=found, user=person, now=now, **fields)

    if request.method == "POST" and carried_out(form, carry_out):
        return redirect(found)
    context = {
        "row": reading.decision_row(found, today=now.date()),
        "form": form,
        "thread": thread_of(about_decision(found), person),
    }
    return render(request, "feedback/decision.html", context, status=422 if form.errors else 200)
