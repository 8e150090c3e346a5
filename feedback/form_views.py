"""The form on which a feature's customers write, the door of its embedded buttons, and its settings."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from feedback.actions.forms import Written, new_token, open_forms, record_written, set_form
from feedback.addresses import NOTES_PER_MINUTE, THUMBS_PER_MINUTE, may_write, wait_s
from feedback.api.problems import problem_answer
from feedback.inbox_forms import CustomerForm, EmbedForm, FormSettingsForm
from feedback.models import Feature, FeedbackItem, Membership, User
from feedback.policy import ANYONE, MEMBER, allow

TOO_OFTEN = "Too much was sent from your network in this minute. Nothing is lost: wait a little and send it again."
NOT_FROM_HERE = "This site may not send feedback for this feature: its owner names the sites that may."
ONLY_OWNERS = "Only an owner of the feature opens or shuts its form."


@allow(ANYONE)
@require_http_methods(["GET", "HEAD", "POST"])
def form(request: HttpRequest, form_slug: str) -> HttpResponse:
    """A form that is shut, and a feature that there is not, look alike from outside."""
    feature, now = get_object_or_404(open_forms(), slug=form_slug), timezone.now()
    if request.method != "POST":
        if "sent" in request.GET:
            return render(request, "feedback/form_sent.html", {"feature_name": feature.name})
        empty = {"prediction": request.GET.get("prediction", "")[:200], "token": new_token(feature, now=now)}
        return _form_page(request, feature, CustomerForm(initial=empty))
    entered = CustomerForm(request.POST)
    if not may_write(request, form_slug, per_minute=NOTES_PER_MINUTE):
        answer = _form_page(request, feature, entered, status=429, trouble=TOO_OFTEN)
        answer["Retry-After"] = str(wait_s())
        return answer
    if not entered.is_valid():
        return _form_page(request, feature, entered, status=422)
    sent = entered.cleaned_data
    record_written(
        feature=feature,
        written=Written(
            channel=sent["channel"],
            text=sent["text"],
            account=sent["account"],
            prediction=sent["prediction"],
            trap=sent["website"],
            token=sent["token"],
        ),
        now=now,
    )
    return HttpResponseRedirect(f"{reverse('feedback:form', args=[form_slug])}?sent=1", status=303)


def _form_page(
    request: HttpRequest, feature: Feature, entered: CustomerForm, *, status: int = 200, trouble: str = ""
) -> HttpResponse:
    context = {"feature_name": feature.name, "form": entered, "trouble": trouble}
    return render(request, "feedback/form.html", context, status=status)


@allow(ANYONE)
@csrf_exempt  # no cookie is read here: the origin decides, and the browser sends none of ours
@require_http_methods(["GET", "POST", "OPTIONS"])
def embed(request: HttpRequest, form_slug: str) -> HttpResponse:
    """What static/embed.js talks to, from the sites that the owner named. GET: a token of when it was opened."""
    feature = get_object_or_404(open_forms(), slug=form_slug)
    origin = request.headers.get("Origin", "")
    if origin not in feature.embed_origins:
        return problem_answer(403, NOT_FROM_HERE, Vary="Origin")
    answer = _embed_answer(request, feature)
    answer["Access-Control-Allow-Origin"] = origin
    answer["Access-Control-Allow-Methods"] = "GET, POST"
    answer["Access-Control-Allow-Headers"] = "Content-Type"
    answer["Vary"] = "Origin"
    return answer


def _embed_answer(request: HttpRequest, feature: Feature) -> HttpResponse:
    now = timezone.now()
    if request.method == "OPTIONS":
        return HttpResponse(status=204)
    if request.method == "GET":
        return JsonResponse({"token": new_token(feature, now=now)})
    if not may_write(request, feature.slug, per_minute=THUMBS_PER_MINUTE):
        return problem_answer(429, TOO_OFTEN, **{"Retry-After": str(wait_s())})
    entered = EmbedForm(request.POST)
    if not entered.is_valid():
        return problem_answer(422, "; ".join(f"{name}: {found[0]}" for name, found in entered.errors.items()))
    sent = entered.cleaned_data
    if sent["text"] and not may_write(request, feature.slug, per_minute=NOTES_PER_MINUTE):
        return problem_answer(429, TOO_OFTEN, **{"Retry-After": str(wait_s())})
    written = Written(
        channel=FeedbackItem.Channel.THUMB,
        rating=sent["rating"],
        text=sent["text"],
        actor=sent["actor"],
        account=sent["account"],
        prediction=sent["prediction"],
        trap=sent["website"],
        token=sent["token"],
        press=sent["press"] or 1,
    )
    try:
        is_new = record_written(feature=feature, written=written, now=now)
    except ValidationError as error:
        return problem_answer(422, "; ".join(error.messages))
    return JsonResponse({"stored": True}, status=201 if is_new else 200)


@allow(MEMBER)
@require_http_methods(["GET", "HEAD", "POST"])
def form_settings(request: HttpRequest, slug: str) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)  # noqa: S101  for the type checker: the policy asks for a member
    feature = get_object_or_404(Feature.objects.visible_to(user), slug=slug)
    owners = Membership.objects.of(user).with_role("owner").filter(feature=feature)
    may_change = user.is_staff or owners.exists()
    if request.method != "POST":
        initial = {"is_open": feature.feedback_form_is_open, "origins": "\n".join(feature.embed_origins)}
        return _settings_page(request, feature, FormSettingsForm(initial=initial), may_change=may_change)
    if not may_change:
        raise PermissionDenied(ONLY_OWNERS)
    entered = FormSettingsForm(request.POST)
    if not entered.is_valid():
        return _settings_page(request, feature, entered, may_change=may_change, status=422)
    set_form(feature=feature, **entered.cleaned_data)
    messages.success(request, "Saved.")
    return HttpResponseRedirect(reverse("feedback:form_settings", args=[slug]), status=303)


def _settings_page(
    request: HttpRequest, feature: Feature, entered: FormSettingsForm, *, may_change: bool, status: int = 200
) -> HttpResponse:
    context = {
        "feature_name": feature.name,
        "slug": feature.slug,
        "is_open": feature.feedback_form_is_open,
        "origins": feature.embed_origins,
        "form": entered,
        "may_change": may_change,
        "form_url": settings.BASE_URL + reverse("feedback:form", args=[feature.slug]),
        "script_url": f"{settings.BASE_URL}{settings.STATIC_URL}embed.js",
    }
    return render(request, "feedback/form_settings.html", context, status=status)
