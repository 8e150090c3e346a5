"""What the desk's views answer with: a case, what is wrong with an answer, the way on."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from feedback.models import Feature, User
from reviews import reports
from reviews.desk import Kept, Progress
from reviews.errors import LeaseLost
from reviews.forms import JudgmentForm
from reviews.models import Assignment, AssignmentQuerySet, Judgment
from reviews.models.judgments import JudgmentQuerySet

NOBODY_HERE = "There is no such case, or it is not yours."
SHOWN_AT = {"verdict", "corrected", "reasons", "comment", "own_answer"}  # fields that say what is wrong with them
Errors = Mapping[str, Sequence[Any]]


def person_at(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise Http404(NOBODY_HERE)
    return request.user


def assignments_for(person: User) -> AssignmentQuerySet:
    """Assignments of the features that this person reviews."""
    rows = Assignment.objects.filter(feature__in=Feature.objects.reviewed_by(person))
    return rows.select_related("feature", "item__prediction", "item__version")


def judgments_of(person: User) -> JudgmentQuerySet:
    """What this person said of the features that they review."""
    return Judgment.objects.filter(reviewer=person, feature__in=Feature.objects.reviewed_by(person))


def is_htmx(request: HttpRequest) -> bool:
    return bool(request.htmx)  # type: ignore[attr-defined]  # set by its middleware


def go(request: HttpRequest, address: str) -> HttpResponse:
    if is_htmx(request):
        return HttpResponseClientRedirect(address)
    return HttpResponseRedirect(address, status=303)


def showing_images(answer: HttpResponse) -> HttpResponse:
    """Of the sites that whoever runs this named; no page but the desk's loads anything from elsewhere."""
    if settings.IMAGE_ORIGINS:
        answer._csp_update = {"img-src": settings.IMAGE_ORIGINS}  # type: ignore[attr-defined]  # django-csp reads it
    return answer


def case_page(
    request: HttpRequest,
    assignment: Assignment,
    *,
    kept: Kept | None = None,
    errors: Errors | None = None,
    status: int = 200,
    progress: Progress | None = None,
    **flash: Any,
) -> HttpResponse:
    person, now = person_at(request), timezone.now()
    context = {
        "case": reports.case_of(assignment, reviewer=person, now=now, progress=progress),
        "kept": kept or Kept(),
        "errors": worded(errors or {}),
        "saved": "",
        "undo_id": None,
        **flash,
    }
    answer = render(request, f"reviews/{'_' * is_htmx(request)}case.html", context, status=status)
    return showing_images(answer)


def worded(errors: Errors) -> dict[str, list[str]]:
    """Field -> messages; under "" what belongs to no field that the form shows."""
    words: dict[str, list[str]] = {}
    for field, found in errors.items():
        place = field if field in SHOWN_AT or field.startswith("answers.") else ""
        texts = [each["message"] if isinstance(each, dict) else str(each) for each in found]
        words.setdefault(place, []).extend(texts)
    return words


def again(request: HttpRequest, assignment: Assignment, form: JudgmentForm, errors: Errors) -> HttpResponse:
    """The same case with what was entered and what is wrong with it; lost, if it is no longer theirs."""
    if not _is_held(assignment, request):
        return lost(request, assignment, LeaseLost(), form)
    return case_page(request, assignment, kept=form.kept(), errors=errors, status=422)


def lost(request: HttpRequest, assignment: Assignment, why: LeaseLost, form: JudgmentForm) -> HttpResponse:
    """What was entered is given back. With the case still theirs only the form was another lease's."""
    assignment = assignments_for(person_at(request)).get(pk=assignment.pk)
    if _is_held(assignment, request):
        stale = {"": ["This form was of an earlier lease. Look at the case again, then submit."]}
        return case_page(request, assignment, kept=form.kept(), errors=stale, status=409)
    is_judged = assignment.state == Assignment.State.SUBMITTED and assignment.reviewer_id == request.user.pk
    context = {"text": str(why), "kept": form.kept(), "judged_id": assignment.pk if is_judged else None}
    return render(request, "reviews/lost.html", context, status=409)


def _is_held(assignment: Assignment, request: HttpRequest) -> bool:
    return assignment.state == Assignment.State.LEASED and assignment.reviewer_id == request.user.pk


def to_case(
    request: HttpRequest,
    assignment: Assignment,
    *,
    saved: str = "",
    undo_id: int | None = None,
    progress: Progress | None = None,
) -> HttpResponse:
    """Show a case just leased: at once with htmx, else by its own address."""
    address = reverse("reviews:case", args=[assignment.pk])
    if not is_htmx(request):
        if saved:
            keep_flash(request, saved, undo_id)
        return go(request, address)
    answer = case_page(request, assignment, progress=progress, saved=saved, undo_id=undo_id)
    answer["HX-Push-Url"] = address
    return answer


def following(
    request: HttpRequest, assignment: Assignment | None, said: str, judgment: Judgment | None
) -> HttpResponse:
    """The next case; without one the desk, which says why."""
    person, now = person_at(request), timezone.now()
    undo_id = judgment.pk if judgment else None
    if assignment is not None:
        progress = reports.progress_of(person, [assignment.feature], now=now)
        return to_case(request, assignment, saved=f"{said} {progress.place}", undo_id=undo_id, progress=progress)
    if not is_htmx(request):
        keep_flash(request, said, undo_id)
        return go(request, reverse("reviews:desk"))
    empty = reports.empty_desk(person, Feature.objects.reviewed_by(person), now)
    context = {"empty": empty, "saved": said, "undo_id": undo_id}
    answer = render(request, "reviews/_empty.html", context)
    answer["HX-Push-Url"] = reverse("reviews:desk")
    return answer


def keep_flash(request: HttpRequest, saved: str, undo_id: int | None) -> None:
    messages.success(request, saved, extra_tags=f"undo {undo_id}" if undo_id else "")


def flash_of(request: HttpRequest) -> dict[str, Any]:
    """What the request before this one had to say, and which judgment it may undo."""
    saved, undo_id = "", None
    for message in messages.get_messages(request):
        saved = str(message)
        kind, _, pk = (message.extra_tags or "").partition(" ")
        undo_id = int(pk) if kind == "undo" else None
    return {"saved": saved, "undo_id": undo_id}
