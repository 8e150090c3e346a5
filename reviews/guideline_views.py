"""The guideline of a feature: what reviewers are asked and shown, its versions, and an editor with a preview."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from feedback.models import Feature, User
from feedback.policy import MEMBER, allow
from reviews import guideline_reading as reading
from reviews.actions.guidelines import asked_of, save_guideline, stand_of
from reviews.actions.policies import policy_of, rubric_of
from reviews.errors import Overtaken
from reviews.guideline_forms import Editor, kept, rearranged, sent
from reviews.models import ReviewItem
from reviews.reports import REASON_KEYS, guideline_html
from reviews.steering import WHO_STEERS, may_steer

OVERTAKEN = (
    "Somebody saved meanwhile{by}. Yours is not saved, and all of it is still here: compare, then save again."
)


def _feature(request: HttpRequest, slug: str, *, to_change: bool = False) -> tuple[Feature, User]:
    """The feature as this person sees it. Raises PermissionDenied where they may only read it."""
    person = request.user
    assert isinstance(person, User)  # noqa: S101  for the type checker: the policy asks for a member
    feature: Feature = get_object_or_404(Feature.objects.visible_to(person), slug=slug)
    if to_change and not may_steer(person, feature):
        raise PermissionDenied(WHO_STEERS)
    return feature, person


@allow(MEMBER)
@require_http_methods(["GET", "HEAD", "POST"])
def guideline(request: HttpRequest, slug: str) -> HttpResponse:
    """POST with do=save makes a version; any other rearranges or previews what is entered, and writes nothing."""
    feature, person = _feature(request, slug, to_change=request.method == "POST")
    if request.method != "POST":
        editor = reading.editor_of(feature, rubric_of(feature)) if may_steer(person, feature) else None
        return _page(request, feature, person, editor)
    do = request.POST.get("do", "")
    moved = rearranged(request.POST, do)
    entered = sent(moved or request.POST)
    if moved is not None:
        return _page(request, feature, person, kept(entered, do=do), entered=entered)
    is_right = entered.is_valid()
    if do != "save" or not is_right:
        return _page(request, feature, person, entered, entered=entered, status=200 if is_right else 422)
    return _save(request, feature, person, entered)


@allow(MEMBER)
@require_POST
def guideline_preview(request: HttpRequest, slug: str) -> HttpResponse:
    """The right half of the page for what is entered so far. Writes nothing."""
    feature, person = _feature(request, slug, to_change=True)
    found = reading.preview_of(feature, sent(request.POST), person=person, now=timezone.now())
    return render(request, "reviews/_guideline_preview.html", {"preview": found, "errors": {}})


def _save(request: HttpRequest, feature: Feature, person: User, editor: Editor) -> HttpResponse:
    try:
        made = save_guideline(
            feature=feature,
            user=person,
            stand=editor.main.cleaned_data["stand"],
            asked=reading.asked_by(editor),
            input_fields=reading.declared_of(editor.lists["fields"].entered(), feature),
            is_blind=editor.main.cleaned_data["is_blind"],
            now=timezone.now(),
        )
    except Overtaken:
        return _overtaken(request, feature, person, editor)
    except ValidationError as error:
        _told(editor, error)
        return _page(request, feature, person, editor, entered=editor, status=422)
    messages.success(request, f"Saved: {', '.join(made)}." if made else "Nothing was changed.")
    return HttpResponseRedirect(reverse("reviews:guideline", args=[feature.slug]), status=303)


def _told(editor: Editor, error: ValidationError) -> None:
    """Put what the action refused at its list, at its field, or above the form."""
    known = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for name, texts in known.items():
        if name in editor.lists:
            editor.wrong[name] = texts
        else:
            editor.main.add_error(name if name in editor.main.fields else None, texts)


def _overtaken(request: HttpRequest, feature: Feature, person: User, editor: Editor) -> HttpResponse:
    """What was entered, on top of what came first: saving again makes the version after it."""
    newest = rubric_of(feature)
    by = f" ({newest.created_by})" if newest and newest.created_by else ""
    messages.warning(request, OVERTAKEN.format(by=by))
    again = kept(editor, stand=stand_of(feature))
    return _page(request, feature, person, again, entered=editor, status=409)


def _page(
    request: HttpRequest,
    feature: Feature,
    person: User,
    editor: Editor | None,
    *,
    entered: Editor | None = None,
    status: int = 200,
) -> HttpResponse:
    """editor: None where this person may change nothing. entered: what the preview is of; None: what holds."""
    now, rubric = timezone.now(), rubric_of(feature)
    context: dict[str, Any] = {
        "feature": feature,
        "rubric": rubric,
        "theirs": rubric if status == 409 else None,
        "guideline_html": guideline_html(rubric.guideline) if rubric else "",
        "editor": editor,
        "versions": reading.versions_of(feature),
        "has_policy": policy_of(feature) is not None,
        "reason_keys": REASON_KEYS,
        "who_steers": WHO_STEERS,
        "errors": {},
    }
    if editor is None:
        context["asked"] = asked = asked_of(rubric)
        context["verdicts"] = [
            label for value, label in ReviewItem.Verdict.choices if value in (asked["verdicts"] or [value])
        ]
    elif entered is None:
        context["preview"] = reading.preview_of_stored(feature, rubric, person=person, now=now)
    else:
        context["preview"] = reading.preview_of(feature, entered, person=person, now=now)
    return render(request, "reviews/guideline.html", context, status=status)
