"""How a feature's reviews stand, and what its lead does about them."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from feedback.models import Feature, Membership, User
from feedback.policy import MEMBER, Policy, allow
from metrics import queue_health_forms as forms
from metrics.queue_health import answers_of, lead_lists, may_read_answers, queue_health
from reviews.actions import exporting, leading
from reviews.errors import Refused
from reviews.export_reading import exports_of
from reviews.models import Assignment, Export, ReviewItem

# As reviews.actions.leading has it: the feature's owner; staff always.
LEAD = Policy("member", roles=frozenset({Membership.Role.OWNER.value}))


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101  for the type checker: the policy asks for a member
    return request.user


def _feature(request: HttpRequest, slug: str) -> Feature:
    return get_object_or_404(Feature.objects.visible_to(_person(request)), slug=slug)


@allow(MEMBER)
@require_safe
def health(request: HttpRequest, slug: str) -> HttpResponse:
    """Members see the queue and what is owed; who reads answers, how they agree; a lead, names and buttons."""
    person, feature, now = _person(request), _feature(request, slug), timezone.now()
    is_lead = leading.leads(person, feature)
    answers = answers_of(feature, viewer=person) if is_lead or may_read_answers(person, feature) else None
    context: dict[str, Any] = {
        "feature": feature,
        "health": queue_health(feature, now=now),
        "answers": answers,
        "is_lead": is_lead,
    }
    if is_lead and answers:
        context["lists"] = lead_lists(feature, answers.found, viewer=person, now=now)
        context["people"] = list(forms.reviewers_of(feature))
        context["exports"] = exports_of(person, feature=feature)
    return render(request, "metrics/queue_health.html", context)


def _back(request: HttpRequest, slug: str, said: str) -> HttpResponse:
    messages.success(request, said)
    return redirect("metrics:queue_health", slug)


def _refused(request: HttpRequest, slug: str, wrong: Form | Refused) -> HttpResponse:
    errors = wrong.errors if isinstance(wrong, Refused) else wrong.errors.get_json_data()
    for found in errors.values():
        for each in found:
            messages.error(request, each["message"] if isinstance(each, dict) else each)
    return redirect("metrics:queue_health", slug)


def _acted(request: HttpRequest, slug: str, form: Form, act: Callable[..., str]) -> HttpResponse:
    """Do what a valid form asks for and go back with what act says; or say why not. act takes its fields."""
    if not form.is_valid():
        return _refused(request, slug, form)
    try:
        said = act(**form.cleaned_data)
    except Refused as refused:
        return _refused(request, slug, refused)
    return _back(request, slug, said)


@allow(LEAD)
@require_POST
def give(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a case from whoever has it, for the queue or for somebody else."""
    feature = _feature(request, slug)

    def act(assignment: int, to: User | None) -> str:
        case = get_object_or_404(Assignment, pk=assignment, feature=feature)
        leading.reassign(assignment_id=case.pk, to=to, now=timezone.now())
        return f"{to} has it now." if to else "Taken back: it is in the queue again."

    return _acted(request, slug, forms.GiveForm(request.POST, feature=feature), act)


@allow(LEAD)
@require_POST
def void(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a judgment out for a reason; another one is asked for in its place."""
    person, feature = _person(request), _feature(request, slug)

    def act(assignment: int, reason: str) -> str:
        case = get_object_or_404(Assignment, pk=assignment, feature=feature)
        leading.void(assignment_id=case.pk, lead=person, reason=reason, now=timezone.now())
        return "Void: it counts nowhere, and another opinion is asked for."

    return _acted(request, slug, forms.VoidForm(request.POST), act)


@allow(LEAD)
@require_POST
def unblock(request: HttpRequest, slug: str) -> HttpResponse:
    """Let those who skipped a case take it again."""
    feature = _feature(request, slug)

    def act(item: int) -> str:
        leading.unblock(item_id=get_object_or_404(ReviewItem, pk=item, feature=feature).pk)
        return "It is in the queue again, for those who skipped it too."

    return _acted(request, slug, forms.UnblockForm(request.POST), act)


@allow(LEAD)
@require_POST
def skills(request: HttpRequest, slug: str) -> HttpResponse:
    """What a reviewer knows, in place of what stood there."""
    feature = _feature(request, slug)

    def act(reviewer: User, tags: list[str]) -> str:
        known = leading.set_skills(feature=feature, reviewer=reviewer, tags=tags)
        return f"Skills of {reviewer}: {', '.join(known) or 'none'}."

    return _acted(request, slug, forms.SkillsForm(request.POST, feature=feature), act)


@allow(LEAD)
@require_POST
def export(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for the judgments as a file; a worker writes it."""
    person, feature = _person(request), _feature(request, slug)

    def act(**asked: Any) -> str:
        exporting.ask_export(feature=feature, person=person, now=timezone.now(), **asked)
        return "The file is being written. It waits here for a day."

    return _acted(request, slug, forms.ExportForm(request.POST), act)


@allow(LEAD)
@require_POST
def cancel_export(request: HttpRequest, slug: str) -> HttpResponse:
    feature = _feature(request, slug)
    form = forms.CancelForm(request.POST)
    pk = form.cleaned_data["export"] if form.is_valid() else 0
    own = get_object_or_404(Export.objects.of(_person(request)), pk=pk, feature=feature)
    is_stopped = exporting.cancel_export(export_id=own.pk, now=timezone.now())
    return _back(request, slug, "Stopped." if is_stopped else "It was finished already.")
