"""How many predictions of a feature experts review, which and how; with what a change would bring."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from feedback.models import Feature, User
from feedback.plan_views import told
from feedback.policy import MEMBER, allow
from metrics import sampling_reading as reading
from metrics.sampling_forms import SamplingForm, initial_of
from reviews.actions.policies import change_policy, policy_of
from reviews.errors import Overtaken
from reviews.models import SamplingPolicy
from reviews.steering import WHO_STEERS, may_steer

OVERTAKEN = "Version {number} was saved meanwhile{by}. Yours is not saved: look at what changed, then save again."


@allow(MEMBER)
@require_http_methods(["GET", "HEAD", "POST"])
def sampling(request: HttpRequest, slug: str) -> HttpResponse:
    """POST with do=save makes a version; any other shows what it would bring, and writes nothing."""
    person = request.user
    assert isinstance(person, User)  # noqa: S101  for the type checker: the policy asks for a member
    feature = get_object_or_404(Feature.objects.visible_to(person), slug=slug)
    policy = reading.current_or_usual(feature)
    if request.method != "POST":
        return _page(request, feature, SamplingForm(initial=initial_of(policy)), policy)
    if not may_steer(person, feature):
        raise PermissionDenied(WHO_STEERS)
    form = SamplingForm(request.POST)
    if not form.is_valid():
        return _page(request, feature, form, None, status=422)
    entered = form.fields_of_policy()
    if request.POST.get("do") != "save":
        return _page(request, feature, form, SamplingPolicy(feature=feature, **entered))
    try:
        made = change_policy(
            feature=feature, user=person, now=timezone.now(), after=form.cleaned_data["after"], **entered
        )
    except Overtaken:
        return _overtaken(request, feature, form)
    except ValidationError as error:
        told(form, error)
        return _page(request, feature, form, None, status=422)
    messages.success(request, f"Saved as version {made.number}." if made else "Nothing was changed.")
    return redirect("metrics:sampling", slug)


def _overtaken(request: HttpRequest, feature: Feature, form: SamplingForm) -> HttpResponse:
    """What was entered, kept, on top of the version that came first: saving again makes the one after."""
    newest = policy_of(feature)
    entered = request.POST.copy()
    entered["after"] = str(newest.number if newest else 0)
    by = f" by {newest.created_by}" if newest and newest.created_by else ""
    messages.warning(request, OVERTAKEN.format(number=newest.number if newest else 0, by=by))
    policy = SamplingPolicy(feature=feature, **form.fields_of_policy())
    return _page(request, feature, SamplingForm(entered), policy, status=409)


def _page(
    request: HttpRequest, feature: Feature, form: SamplingForm, policy: SamplingPolicy | None, *, status: int = 200
) -> HttpResponse:
    """policy: what is forecast, saved or not; None: what was entered is not right."""
    now = timezone.now()
    ahead = reading.forecast_page(feature, policy, now=now) if policy else None
    if request.htmx:  # type: ignore[attr-defined]  # set by its middleware
        return render(request, "metrics/_sampling_forecast.html", {"ahead": ahead}, status=status)
    context: dict[str, Any] = {
        "feature": feature,
        "form": form,
        "ahead": ahead,
        "designs": [(choice, reading.FOR.get(choice.data["value"], "")) for choice in form["design"]],
        "holds": reading.lines_of(policy) if policy else [],
        "versions": reading.versions_of(feature),
        "is_drawn_today": reading.drawn_today(feature, now=now),
        "may_steer": isinstance(request.user, User) and may_steer(request.user, feature),
        "who_steers": WHO_STEERS,
    }
    return render(request, "metrics/sampling.html", context, status=status)
