"""What the team says to itself: the threads of a feature, and comments edited and removed."""

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from feedback import plan_forms
from feedback.actions import commenting
from feedback.models import Comment, Decision, Feature, FeedbackItem, Prediction, User
from feedback.models.comments import CommentQuerySet
from feedback.plan_views import carried_out, page_or_form
from feedback.policy import MEMBER, PERSON, allow
from feedback.threads import (
    MOST_SHOWN,
    Target,
    Thread,
    about_decision,
    about_feature,
    about_item,
    about_prediction,
    thread_of,
    threads_on_parts,
)


def _person(request: HttpRequest) -> User:
    """The signed-in person; the policy of every page here asks for one."""
    assert isinstance(request.user, User)  # noqa: S101  for the type checker
    return request.user


@allow(MEMBER)
@page_or_form
def discuss(request: HttpRequest, slug: str) -> HttpResponse:
    """The threads of a feature; with ?prediction=, ?item= or ?decision= that one alone."""
    person = _person(request)
    feature = get_object_or_404(Feature.objects.visible_to(person), slug=slug)
    sent = request.POST if request.method == "POST" else request.GET
    form = plan_forms.CommentForm(sent)
    form.is_valid()
    target = target_of(feature, form.cleaned_data)
    if request.method == "POST":
        if form.is_valid() and _said(form, target, person):
            return redirect(target.address)
        return _discussion(request, target, draft=sent.get("text", ""), error=_first_error(form))
    return _discussion(request, target)


def target_of(feature: Feature, fields: dict[str, Any]) -> Target:
    """What a form or an address names, of this feature alone. Raises Http404."""
    if pk := fields.get("decision"):
        return about_decision(get_object_or_404(Decision.objects.of(feature).select_related("feature"), pk=pk))
    if pk := fields.get("item"):
        return about_item(get_object_or_404(FeedbackItem.objects.of(feature).select_related("feature"), pk=pk))
    if external_id := fields.get("prediction"):
        return about_prediction(feature, external_id)
    return about_feature(feature)


def _said(form: forms.Form, target: Target, person: User) -> bool:
    if target.kind == "prediction" and not is_known(target):
        form.add_error(None, "This feature has no prediction with this id.")
        return False
    about = {"prediction": target.key} if target.kind == "prediction" else {}
    return carried_out(
        form,
        lambda fields: commenting.write_comment(
            feature=target.feature,
            text=fields["text"],
            user=person,
            now=timezone.now(),
            item=target.item,
            decision=target.decision,
            **about,
        ),
    )


def is_known(target: Target) -> bool:
    """Whether there is such a prediction, or was one that somebody has spoken of."""
    there = Prediction.objects.filter(feature=target.feature, external_id=target.key)
    return there.exists() or target.comments().exists()


def _first_error(form: forms.Form) -> str:
    return next((str(text) for texts in form.errors.values() for text in texts), "")


def _discussion(request: HttpRequest, target: Target, *, draft: str = "", error: str = "") -> HttpResponse:
    person = _person(request)
    most = None if "all" in request.GET else MOST_SHOWN
    thread = replace(thread_of(target, person, most=most), draft=draft, error=error)
    parts: list[Thread] = [] if target.kind != "feature" else threads_on_parts(target.feature, person)
    context = {"feature": target.feature, "thread": thread, "parts": parts}
    return render(request, "feedback/discuss.html", context, status=422 if error else 200)


@allow(PERSON)
@page_or_form
def comment_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Only its author gets here; anybody else is told that there is nothing."""
    person, now = _person(request), timezone.now()
    comment = get_object_or_404(comments_for(person).filter(author=person, removed_at=None), pk=pk)
    form = plan_forms.EditForm(request.POST or None, initial={"text": comment.text})

    def carry_out(fields: dict[str, Any]) -> object:
        return commenting.edit_comment(comment=comment, user=person, now=now, **fields)

    if request.method == "POST" and carried_out(form, carry_out):
        return redirect(address_of(comment))
    context = {"form": form, "back": address_of(comment), "feature": comment.feature}
    return render(request, "feedback/comment_edit.html", context, status=422 if form.errors else 200)


@allow(PERSON)
@require_POST
def comment_remove(request: HttpRequest, pk: int) -> HttpResponse:
    person = _person(request)
    comment = get_object_or_404(comments_for(person), pk=pk)
    commenting.remove_comment(comment=comment, user=person, now=timezone.now())
    messages.success(request, "The comment is removed.")
    return redirect(address_of(comment))


def comments_for(person: User) -> CommentQuerySet:
    seen = Comment.objects.filter(feature__in=Feature.objects.visible_to(person))
    return seen.select_related("feature", "decision", "item")


def address_of(comment: Comment) -> str:
    """Where its thread stands."""
    named = {
        "decision": comment.decision_id,
        "item": comment.item_id,
        "prediction": comment.prediction_external_id,
    }
    return target_of(comment.feature, named).address
