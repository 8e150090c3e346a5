"""One's last ten judgments: looked at, changed or withdrawn while that may be."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from feedback.policy import PERSON, allow
from reviews import judged, reports
from reviews.actions import desk as actions
from reviews.desk import Kept
from reviews.desk_pages import (
    Errors,
    assignments_for,
    flash_of,
    go,
    judgments_of,
    person_at,
    showing_images,
    worded,
)
from reviews.errors import Refused
from reviews.forms import RevisionForm
from reviews.models import Assignment


@allow(PERSON)
@require_GET
def last_ten(request: HttpRequest) -> HttpResponse:
    person, now = person_at(request), timezone.now()
    context = {"rows": judged.last_ten(person), "back_to": judged.held_case(person, now), **flash_of(request)}
    return render(request, "reviews/last_ten.html", context)


@allow(PERSON)
@require_POST
def revise(request: HttpRequest, pk: int) -> HttpResponse:
    """Another answer in the place of one's own of the last ten minutes."""
    person, now = person_at(request), timezone.now()
    judgment = get_object_or_404(judgments_of(person), pk=pk)
    mine = assignments_for(person).submitted_by(person)  # not one that was undone and given back: another's by now
    assignment = get_object_or_404(mine, pk=judgment.assignment_id)
    form = RevisionForm(request.POST)
    if not form.is_valid():
        return judged_page(request, assignment, kept=form.kept(), errors=form.errors.get_json_data())
    try:
        actions.revise(judgment_id=pk, reviewer=person, now=now, **form.cleaned_data)
    except Refused as refused:
        return judged_page(request, assignment, kept=form.kept(), errors=refused.errors)
    messages.success(request, "Changed. The answer before it is kept as history.")
    return go(request, reverse("reviews:case", args=[assignment.pk]))


def judged_page(
    request: HttpRequest, assignment: Assignment, *, kept: Kept | None = None, errors: Errors | None = None
) -> HttpResponse:
    """What I said of a case; a form while it may be changed, or with what could not be changed kept."""
    person, now = person_at(request), timezone.now()
    mine = judged.judgment_of(assignment, reviewer=person, now=now)
    context = {
        "case": reports.case_of(assignment, reviewer=person, now=now),
        "mine": mine,
        "kept": kept or mine.kept,
        "errors": worded(errors or {}),
        "back_to": judged.held_case(person, now),
        **flash_of(request),
    }
    answer = render(request, "reviews/judged.html", context, status=422 if errors else 200)
    return showing_images(answer)
