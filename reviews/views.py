from dataclasses import asdict

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from feedback.models import Feature
from feedback.policy import PERSON, allow
from reviews import reports
from reviews.actions import desk as actions
from reviews.desk_pages import (
    NOBODY_HERE,
    again,
    assignments_for,
    case_page,
    flash_of,
    following,
    go,
    is_htmx,
    judgments_of,
    lost,
    person_at,
    showing_images,
    to_case,
)
from reviews.errors import LeaseLost, Refused
from reviews.forms import ClaimForm, JudgmentForm, OwnAnswerForm, SkipForm, TokenForm
from reviews.judged_views import judged_page
from reviews.models import Assignment, Draft


@allow(PERSON)
@require_GET
def desk(request: HttpRequest) -> HttpResponse:
    person, now = person_at(request), timezone.now()
    queues = reports.queues_of(person, now)
    flash = flash_of(request)
    empty, lost_answers = None, reports.lost_answers(person)
    if not any(queue.n_open or queue.n_to_decide for queue in queues):
        empty = reports.empty_desk(person, Feature.objects.reviewed_by(person), now)
    if empty and flash["saved"]:
        return showing_images(render(request, "reviews/empty.html", {"empty": empty, **flash}))
    context = {"queues": queues, "empty": empty, "lost": lost_answers, **flash}
    return showing_images(render(request, "reviews/desk.html", context))


@allow(PERSON)
@require_POST
def claim(request: HttpRequest) -> HttpResponse:
    person, now = person_at(request), timezone.now()
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
        return to_case(request, assignment)
    context = {"empty": reports.empty_desk(person, features, now), "saved": "", "undo_id": None}
    return showing_images(render(request, f"reviews/{'_' * is_htmx(request)}empty.html", context))


@allow(PERSON)
@require_GET
def case(request: HttpRequest, pk: int) -> HttpResponse:
    """A case that one holds, or what one said of it: who goes back to it after the submit finds that."""
    person = person_at(request)
    assignment = get_object_or_404(assignments_for(person).filter(reviewer=person), pk=pk)
    if assignment.state == Assignment.State.SUBMITTED:
        return judged_page(request, assignment)
    if assignment.state != Assignment.State.LEASED:
        raise Http404(NOBODY_HERE)
    draft = Draft.objects.of(person).filter(assignment=assignment).first()
    return case_page(request, assignment, kept=reports.kept_of(draft), **flash_of(request))


@allow(PERSON)
@require_POST
def own_answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Blind mode: the reviewer's own answer, after which the page shows the model's."""
    person = person_at(request)
    assignment = get_object_or_404(assignments_for(person), pk=pk)
    form, entered = OwnAnswerForm(request.POST), JudgmentForm(request.POST)
    if not form.is_valid():
        return again(request, assignment, entered, form.errors.get_json_data())
    try:
        assignment = actions.give_own_answer(assignment_id=pk, reviewer=person, **form.cleaned_data)
    except LeaseLost as why:
        return lost(request, assignment, why, entered)
    except Refused as refused:
        return again(request, assignment, entered, refused.errors)
    return to_case(request, assignment)


@allow(PERSON)
@require_POST
def beat(request: HttpRequest, pk: int) -> HttpResponse:
    """The page's heartbeat, with what is entered so far, kept as a draft. Answers with the seconds left."""
    person, now = person_at(request), timezone.now()
    get_object_or_404(assignments_for(person), pk=pk)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=400)
    judgment = JudgmentForm(request.POST)
    judgment.full_clean()
    entered = asdict(judgment.kept())
    try:
        with (
            transaction.atomic()
        ):  # the case stays theirs until the draft is kept: a submit at once throws it away
            until = actions.beat(assignment_id=pk, reviewer=person, now=now, **form.cleaned_data)
            if any(entered.values()) and set(judgment.errors) <= {"verdict"}:
                actions.keep_draft(assignment_id=pk, reviewer=person, entered=entered, now=now)
    except LeaseLost as why:
        return HttpResponse(str(why), status=409, content_type="text/plain; charset=utf-8")
    left = round((until - now).total_seconds())
    return HttpResponse(str(left), content_type="text/plain; charset=utf-8")


@allow(PERSON)
@require_POST
def discard_draft(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_at(request)
    if not actions.discard_draft(draft_id=pk, reviewer=person):
        raise Http404(NOBODY_HERE)
    return go(request, reverse("reviews:desk"))


@allow(PERSON)
@require_POST
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """The judgment and the next case in one round."""
    person, now = person_at(request), timezone.now()
    assignment = get_object_or_404(assignments_for(person).select_related(None), pk=pk)
    form = JudgmentForm(request.POST)
    if not form.is_valid():
        return again(request, assignment, form, form.errors.get_json_data())
    try:
        judgment, after = actions.submit_and_claim(assignment_id=pk, reviewer=person, now=now, **form.cleaned_data)
    except LeaseLost as why:
        return lost(request, assignment, why, form)
    except Refused as refused:
        return again(request, assignment, form, refused.errors)
    return following(request, after, "Saved.", judgment)


@allow(PERSON)
@require_POST
def skip(request: HttpRequest, pk: int) -> HttpResponse:
    person, now = person_at(request), timezone.now()
    assignment = get_object_or_404(assignments_for(person), pk=pk)
    form, entered = SkipForm(request.POST), JudgmentForm(request.POST)
    if not form.is_valid():
        return again(request, assignment, entered, form.errors.get_json_data())
    try:
        with transaction.atomic():
            actions.skip(assignment_id=pk, reviewer=person, now=now, **form.cleaned_data)
            after = actions.claim_like(assignment, reviewer=person, now=now)
    except LeaseLost as why:
        return lost(request, assignment, why, entered)
    return following(request, after, "Skipped.", None)


@allow(PERSON)
@require_POST
def release(request: HttpRequest, pk: int) -> HttpResponse:
    person = person_at(request)
    get_object_or_404(assignments_for(person), pk=pk)
    form = TokenForm(request.POST)
    if form.is_valid():
        actions.release(assignment_id=pk, reviewer=person, token=form.cleaned_data["token"])
    return go(request, reverse("reviews:desk"))


@allow(PERSON)
@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    person, now = person_at(request), timezone.now()
    get_object_or_404(judgments_of(person), pk=pk)
    try:
        assignment = actions.undo(judgment_id=pk, reviewer=person, now=now)
    except (LeaseLost, Refused) as error:
        messages.warning(request, str(error))
        return go(request, reverse("reviews:desk"))
    return to_case(request, assignment, saved="Undone. The case is yours again.")
