"""Where features stand, how they move on, and decisions with what was known when they were made."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from feedback.actions.deciding import record_decision
from feedback.actions.exploring import inform
from feedback.actions.features import change_feature
from feedback.models import Decision, Exploration, Feature, User
from feedback.plan_forms import DecisionForm, people_of
from feedback.plan_reading import evidence_lines
from feedback.plan_views import told
from feedback.policy import MEMBER, PERSON, allow
from metrics import stage_reading as reading
from metrics.actions.staging import change_stage
from metrics.evidence import evidence_of
from metrics.pipeline_reading import pipeline_of
from metrics.stage_forms import MoveForm, PilotForm
from reviews.actions.desk import policy_of, set_policy

page_or_form = require_http_methods(["GET", "HEAD", "POST"])


def _person(request: HttpRequest) -> User:
    """The signed-in person; the policy of every page here asks for one."""
    assert isinstance(request.user, User)  # noqa: S101  for the type checker
    return request.user


def _feature(request: HttpRequest, slug: str) -> Feature:
    seen = Feature.objects.visible_to(_person(request)).select_related("owner")
    found: Feature = get_object_or_404(seen, slug=slug)
    return found


@allow(PERSON)
def pipeline(request: HttpRequest) -> HttpResponse:
    person, now = _person(request), timezone.now()
    seen = Feature.objects.visible_to(person).select_related("owner")
    return render(request, "metrics/pipeline.html", {"page": pipeline_of(seen, person, now=now)})


@allow(MEMBER)
@page_or_form
def stage(request: HttpRequest, slug: str) -> HttpResponse:
    """Where the feature stands; `do` says which of its forms was sent."""
    person, now, feature = _person(request), timezone.now(), _feature(request, slug)
    standing, may_move = reading.standing_of(feature, now=now), reading.may_move(person, feature)
    made = stage_forms(feature, standing, person)
    if request.method == "POST":
        if not may_move:
            raise PermissionDenied(reading.WHO_MOVES)
        do = request.POST.get("do", "")
        if do not in made:
            raise Http404("There is no such form.")
        made[do] = stage_forms(feature, standing, person, request.POST)[do]
        if made[do].is_valid() and _carried_out(do, made[do], feature, person, request):
            return redirect("metrics:stage", slug)
    context = {
        "feature": feature,
        "page": standing,
        "stages": [(each, reading.label_of(each)) for each in reading.ORDER],
        "move": made["move"],
        "pilot": made["pilot"],
        "history": reading.history_of(feature),
        "may_move": may_move,
        "who_moves": reading.WHO_MOVES,
    }
    has_errors = any(form.errors for form in made.values())
    return render(request, "metrics/stage.html", context, status=422 if has_errors else 200)


def stage_forms(
    feature: Feature, standing: reading.Standing, person: User, sent: Any = None
) -> dict[str, forms.Form]:
    decisions = Decision.objects.of(feature).order_by("-made_at")
    people = people_of(Feature.objects.filter(pk=feature.pk), person)
    if feature.owner_id:  # named before, a member or not: saying nothing new must not lose them
        people = User.objects.filter(Q(pk__in=people) | Q(pk=feature.owner_id)).order_by("email")
    return {
        "move": MoveForm(sent, auto_id="move_%s", standing=standing, decisions=decisions),
        "pilot": PilotForm(
            sent, auto_id="pilot_%s", feature=feature, reviews_per_day=_reviews_per_day(feature), people=people
        ),
    }


def _carried_out(do: str, form: forms.Form, feature: Feature, person: User, request: HttpRequest) -> bool:
    """Move the feature, or note what a pilot needs. Whether it went well; if not, the form tells why."""
    fields = form.cleaned_data
    try:
        if do == "move":
            change = change_stage(feature=feature, user=person, now=timezone.now(), **fields)
            messages.success(request, f"{feature.name} is at {change.get_to_stage_display().lower()} now.")
        else:
            note_for_pilot(feature, person, **fields)
            messages.success(request, "Noted.")
    except ValidationError as error:
        told(form, error)
        return False
    return True


@transaction.atomic
def note_for_pilot(feature: Feature, person: User, *, reviews_per_day: int | None, **fields: Any) -> None:
    """All of it or nothing. Another number of reviews is a new policy; none told leaves the one there is."""
    change_feature(feature=feature, **fields)
    if reviews_per_day is not None and reviews_per_day != _reviews_per_day(feature):
        set_policy(feature=feature, user=person, now=timezone.now(), reviews_per_day=reviews_per_day)


def _reviews_per_day(feature: Feature) -> int | None:
    policy = policy_of(feature)
    return policy.reviews_per_day if policy else None


@allow(MEMBER)
@page_or_form
def decide(request: HttpRequest, slug: str) -> HttpResponse:
    """Record a decision with what is known at that moment. ?exploration= names one that it rests on."""
    person, now, feature = _person(request), timezone.now(), _feature(request, slug)
    people = people_of(Feature.objects.filter(pk=feature.pk), person)
    asked = {"title": request.GET.get("title", "")[:200], "owner": person.pk}
    form = DecisionForm(request.POST or None, people=people, initial=asked)
    evidence, informed_by = evidence_of(feature, now=now), _exploration(request, feature, person)
    if request.method == "POST" and form.is_valid():
        try:
            made = record_decision(feature=feature, evidence=evidence, user=person, now=now, **form.cleaned_data)
        except ValidationError as error:
            told(form, error)
        else:
            if informed_by is not None:
                inform(exploration=informed_by, decision=made)
            return redirect(made)
    context = {
        "feature": feature,
        "form": form,
        "evidence": evidence_lines(evidence),
        "exploration": informed_by,
    }
    return render(request, "metrics/decide.html", context, status=422 if form.errors else 200)


def _exploration(request: HttpRequest, feature: Feature, person: User) -> Exploration | None:
    """The exploration that the address names, of this feature or ahead of any."""
    named = request.GET.get("exploration", "")
    if not named.isdecimal() or len(named) > 18:
        return None
    seen = Exploration.objects.visible_to(person).filter(Q(feature=feature) | Q(feature=None))
    return seen.filter(pk=int(named)).first()
