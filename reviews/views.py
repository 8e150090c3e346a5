from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from feedback.models import Feature, User
from feedback.policy import PERSON, allow
from reviews import reports
from reviews.actions import desk as actions
from reviews.desk import Case, Kept
from reviews.errors import LeaseLost, Refused
from reviews.forms import ClaimForm, JudgmentForm, OwnAnswerForm, SkipForm, TokenForm
from reviews.models import Assignment, AssignmentQuerySet, Draft, Judgment

NOBODY_HERE = "There is no such case, or it is not yours."


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise Http404(NOBODY_HERE)
    return request.user


def assignments_for(person: User) -> AssignmentQuerySet:
    """Assignments of the features that this person reviews."""
    rows = Assignment.objects.filter(feature__in=Feature.objects.reviewed_by(person))
    return rows.select_related("feature", "item__prediction", "item__version")


@allow(PERSON)
@require_GET
def desk(request: HttpRequest) -> HttpResponse:
    person, now = _person(request), timezone.now()
    queues = reports.queues_of(person, now)
    flash = _flash(request)
    empty, lost = None, reports.lost_answers(person)
    if not any(queue.n_open or queue.n_to_decide for queue in queues):
        empty = reports.empty_desk(person, Feature.objects.reviewed_by(person), now)
    if empty and flash["saved"]:
        return render(request, "reviews/empty.html", {"empty": empty, **flash})
    return render(request, "reviews/desk.html", {"queues": queues, "empty": empty, "lost": lost, **flash})


@allow(PERSON)
@require_POST
def claim(request: HttpRequest) -> HttpResponse:
    person, now = _person(request), timezone.now()
    features = Feature.objects.reviewed_by(person)
    form = ClaimForm(request.POST)
    if not form.is_valid():
        raise Http404("There is no such feature, or you do not review it.")
    if slug := form.cleaned_data["feature"]:
        features = features.filter(pk=get_object_or_404(features, slug=slug).pk)
    if form.cleaned_data["work"] == "decide":
        decided = [feature for feature in actions.adjudicated_by(person) if feature in features]
        assignment = actions.claim_decision(adjudicator=person, features=decided, now=now)
    else:
        assignment = actions.claim_next(reviewer=person, features=features, now=now)
    if assignment is not None:
        return _to_case(request, assignment)
    context = {"empty": reports.empty_desk(person, features, now), "saved": "", "undo_id": None}
    return render(request, f"reviews/{'_' * is_htmx(request)}empty.html", context)


@allow(PERSON)
@require_GET
def case(request: HttpRequest, pk: int) -> HttpResponse:
    person = _person(request)
    assignment = get_object_or_404(assignments_for(person).held_by(person), pk=pk)
    draft = Draft.objects.of(person).filter(assignment=assignment).first()
    return _case_page(request, assignment, kept=reports.kept_of(draft), **_flash(request))


@allow(PERSON)
@require_POST
def own_answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Blind mode: the reviewer's own answer, after which the page shows the model's."""
    person = _person(request)
    assignment = get_object_or_404(assignments_for(person), pk=pk)
    form = OwnAnswerForm(request.POST)
    if not form.is_valid():
        return _again(request, assignment, JudgmentForm(request.POST), form.errors.get_json_data())
    try:
        assignment = actions.give_own_answer(assignment_id=pk, reviewer=person, **form.cleaned_data)
    except LeaseLost as lost:
        return _lost(request, str(lost), JudgmentForm(request.POST).kept())
    except Refused as refused:
        return _again(request, assignment, JudgmentForm(request.POST), refused.errors)
    return _to_case(request, assignment)


@allow(PERSON)
@require_POST
def beat(request: HttpRequest, pk: int) -> HttpResponse:
    """The page's heartbeat, with what is entered so far: kept as a draft."""
    person, now = _person(request), timezone.now()
    get_object_or_404(assignments_for(person), pk=pk)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=400)
    try:
        actions.beat(assignment_id=pk, reviewer=person, now=now, **form.cleaned_data)
    except LeaseLost as lost:
        return HttpResponse(str(lost), status=409, content_type="text/plain; charset=utf-8")
    judgment = JudgmentForm(request.POST)
    judgment.full_clean()
    entered = asdict(judgment.kept())
    if any(entered.values()) and set(judgment.errors) <= {"verdict"}:
        actions.keep_draft(assignment_id=pk, reviewer=person, entered=entered, now=now)
    return HttpResponse(status=204)


@allow(PERSON)
@require_POST
def discard_draft(request: HttpRequest, pk: int) -> HttpResponse:
    person = _person(request)
    if not actions.discard_draft(draft_id=pk, reviewer=person):
        raise Http404(NOBODY_HERE)
    return _go(request, reverse("reviews:desk"))


@allow(PERSON)
@require_POST
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """The judgment and the next case in one round."""
    person, now = _person(request), timezone.now()
    assignment = get_object_or_404(assignments_for(person), pk=pk)
    form = JudgmentForm(request.POST)
    if not form.is_valid():
        return _again(request, assignment, form, form.errors.get_json_data())
    try:
        judgment, following = actions.submit_and_claim(
            assignment_id=pk, reviewer=person, now=now, **form.cleaned_data
        )
    except LeaseLost as lost:
        return _lost(request, str(lost), form.kept())
    except Refused as refused:
        return _again(request, assignment, form, refused.errors)
    return _next(request, following, "Saved.", judgment)


@allow(PERSON)
@require_POST
def skip(request: HttpRequest, pk: int) -> HttpResponse:
    person, now = _person(request), timezone.now()
    assignment = get_object_or_404(assignments_for(person), pk=pk)
    form = SkipForm(request.POST)
    if not form.is_valid():
        return _again(request, assignment, JudgmentForm(request.POST), form.errors.get_json_data())
    try:
        with transaction.atomic():
            actions.skip(assignment_id=pk, reviewer=person, now=now, **form.cleaned_data)
            following = actions.claim_like(assignment, reviewer=person, now=now)
    except LeaseLost as lost:
        return _lost(request, str(lost), JudgmentForm(request.POST).kept())
    return _next(request, following, "Skipped.", None)


@allow(PERSON)
@require_POST
def release(request: HttpRequest, pk: int) -> HttpResponse:
    person = _person(request)
    get_object_or_404(assignments_for(person), pk=pk)
    form = TokenForm(request.POST)
    if form.is_valid():
        actions.release(assignment_id=pk, reviewer=person, token=form.cleaned_data["token"])
    return _go(request, reverse("reviews:desk"))


@allow(PERSON)
@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    person, now = _person(request), timezone.now()
    get_object_or_404(Judgment.objects.filter(reviewer=person), pk=pk)
    try:
        assignment = actions.undo(judgment_id=pk, reviewer=person, now=now)
    except (LeaseLost, Refused) as error:
        messages.warning(request, str(error))
        return _go(request, reverse("reviews:desk"))
    return _to_case(request, assignment, saved="Undone. The case is yours again.")


def is_htmx(request: HttpRequest) -> bool:
    return bool(request.htmx)  # type: ignore[attr-defined]  # set by its middleware


def _go(request: HttpRequest, address: str) -> HttpResponse:
    if is_htmx(request):
        return HttpResponseClientRedirect(address)
    return HttpResponseRedirect(address, status=303)


def _next(
    request: HttpRequest, following: Assignment | None, said: str, judgment: Judgment | None
) -> HttpResponse:
    person, now = _person(request), timezone.now()
    undo_id = judgment.pk if judgment else None
    if following is not None:
        progress = reports.progress_of(person, [following.feature], now=now)
        said += f" Item {progress.n_today + 1} of about {progress.n_today + progress.n_left}"
        return _to_case(request, following, saved=said, undo_id=undo_id)
    if not is_htmx(request):
        _keep_flash(request, said, undo_id)
        return _go(request, reverse("reviews:desk"))
    empty = reports.empty_desk(person, Feature.objects.reviewed_by(person), now)
    context = {"empty": empty, "saved": said, "undo_id": undo_id}
    answer = render(request, "reviews/_empty.html", context)
    answer["HX-Push-Url"] = reverse("reviews:desk")
    return answer


def _to_case(
    request: HttpRequest, assignment: Assignment, *, saved: str = "", undo_id: int | None = None
) -> HttpResponse:
    """Show a case just leased: at once with htmx, else by its own address."""
    address = reverse("reviews:case", args=[assignment.pk])
    if not is_htmx(request):
        if saved:
            _keep_flash(request, saved, undo_id)
        return _go(request, address)
    answer = _case_page(request, assignment, saved=saved, undo_id=undo_id)
    answer["HX-Push-Url"] = address
    return answer


def _case_page(
    request: HttpRequest,
    assignment: Assignment,
    *,
    saved: str = "",
    undo_id: int | None = None,
    kept: Kept | None = None,
    errors: dict[str, list[str]] | None = None,
) -> HttpResponse:
    context = {
        "case": _case(request, assignment),
        "kept": kept or Kept(),
        "errors": errors or {},
        "saved": saved,
        "undo_id": undo_id,
    }
    template = f"reviews/{'_' * is_htmx(request)}case.html"
    return render(request, template, context, status=422 if errors else 200)


def _case(request: HttpRequest, assignment: Assignment) -> Case:
    return reports.case_of(assignment, reviewer=_person(request), now=timezone.now())


def _again(request: HttpRequest, assignment: Assignment, form: JudgmentForm, errors: Any) -> HttpResponse:
    """The same case with what was entered and what is wrong with it; lost, if it is no longer theirs."""
    if assignment.state != Assignment.State.LEASED or assignment.reviewer_id != request.user.pk:
        return _lost(request, str(LeaseLost()), form.kept())
    words = {
        field: [each["message"] if isinstance(each, dict) else each for each in found]
        for field, found in errors.items()
    }
    return _case_page(request, assignment, kept=form.kept(), errors=words)


def _lost(request: HttpRequest, text: str, kept: Kept) -> HttpResponse:
    return render(request, "reviews/lost.html", {"text": text, "kept": kept}, status=409)


def _keep_flash(request: HttpRequest, saved: str, undo_id: int | None) -> None:
    messages.success(request, saved, extra_tags=f"undo {undo_id}" if undo_id else "")


def _flash(request: HttpRequest) -> dict[str, Any]:
    """What the request before this one had to say, and which judgment it may undo."""
    saved, undo_id = "", None
    for message in messages.get_messages(request):
        saved = str(message)
        kind, _, pk = (message.extra_tags or "").partition(" ")
        undo_id = int(pk) if kind == "undo" else None
    return {"saved": saved, "undo_id": undo_id}
