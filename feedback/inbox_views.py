"""The inbox of what customers said, its themes, and notes of calls."""

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from feedback import inbox_forms as forms
from feedback.actions import themes as theme_actions
from feedback.actions import triage
from feedback.actions.notes import Talk, record_call_note
from feedback.exports import csv_answer
from feedback.inbox import COLUMNS, inbox_lines, inbox_of, visible_items
from feedback.models import Feature, FeedbackItem, Theme, User
from feedback.policy import PERSON, allow
from feedback.themes import theme_rows

ONLY_READ = (
    "Your role in this feature reads feedback; product, customer success, operations and owners work on it."
)
KEPT_IN_LINKS = ("view", "feature", "state", "channel", "severity", "theme", "page")
NOTHING_KEPT = {
    "to": "",
    "words": "",
    "title": "",
    "items": [],
    "bulk_words": "",
    "feature": "",
    "theme": "",
    "into": "",
}
THEME_COLUMNS = (
    "feature", "theme", "accounts", "actors", "actors_using", "items", "open", "unnamed", "last_at",
)  # fmt: skip
NOTHING = {
    "open": (
        "Nothing is open",
        "Everything that customers said is closed with an outcome. New feedback comes from the feature's form, "
        "its buttons, call notes, and services that post it.",
    ),
    "overdue": ("Nothing is overdue", "Everything was looked at and closed in time."),
    "closed": ("Nothing is closed yet", "What is closed with an outcome is kept here."),
    "quarantine": (
        "Nothing is in quarantine",
        "What looks like a machine's writing on a form waits here, counted in no figure, until it is let out.",
    ),
}


def _person(request: HttpRequest) -> User:
    """The signed-in person; the policy of every page here asks for one."""
    assert isinstance(request.user, User)  # noqa: S101  for the type checker
    return request.user


@allow(PERSON)
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    if request.GET.get("format") == "csv":
        lines = inbox_lines(_person(request), request.GET, now=timezone.now())
        return csv_answer("feedback.csv", COLUMNS, lines)
    asked = request.GET.get("item", "")
    item_pk = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    return _inbox_page(request, item_pk)


def _inbox_page(
    request: HttpRequest,
    item_pk: int | None,
    *,
    errors: dict[str, str] | None = None,
    kept: dict[str, Any] | None = None,
) -> HttpResponse:
    """The inbox; after an error with what is wrong, by field, and what was entered."""
    page = inbox_of(_person(request), request.GET, now=timezone.now(), item_pk=item_pk)
    query = _query(request)
    title, text = NOTHING[page.view]
    context = {
        "page": page,
        "is_chosen": item_pk is not None and page.item is not None,
        "query": query,
        "without_page": _query(request, leave_out=("page",)),
        "without_view": _query(request, leave_out=("page", "view")),
        "empty_title": "Nothing matches" if page.is_filtered else title,
        "empty_text": "No feedback of this kind passes these filters." if page.is_filtered else text,
        "severities": FeedbackItem.Severity.choices,
        "errors": errors or {},
        "kept": {**NOTHING_KEPT, **(kept or {})},
    }
    return render(request, "feedback/inbox.html", context, status=422 if errors else 200)


def _query(request: HttpRequest, leave_out: tuple[str, ...] = ()) -> str:
    """The filters, for a link: only our own names, whatever else was asked for."""
    query = request.GET.copy()
    for name in [*query]:
        if name not in KEPT_IN_LINKS or name in leave_out or not query[name]:
            del query[name]
    return query.urlencode()


def _back(request: HttpRequest, item_pk: int | None) -> HttpResponseRedirect:
    """To the inbox as it was filtered, with this item in front."""
    parts = [_query(request), f"item={item_pk}" if item_pk else ""]
    return HttpResponseRedirect(f"{reverse('feedback:inbox')}?{'&'.join(filter(None, parts))}", status=303)


def _workable(request: HttpRequest, pk: int) -> FeedbackItem:
    """An item that this person may change. 404 where they do not see it, 403 where they only read."""
    user = _person(request)
    item = get_object_or_404(visible_items(user), pk=pk)
    if not triage.triaged_by(user).filter(pk=item.feature_id).exists():
        raise PermissionDenied(ONLY_READ)
    return item


def _first(errors: Any) -> dict[str, str]:
    return {field: found[0]["message"] for field, found in errors.get_json_data().items()}


@allow(PERSON)
@require_POST
def set_state(request: HttpRequest, pk: int) -> HttpResponse:
    item, form = _workable(request, pk), forms.StateForm(request.POST)
    kept = {"to": request.POST.get("to", ""), "words": request.POST.get("words", "")}
    if not form.is_valid():
        return _inbox_page(request, pk, errors=_first(form.errors), kept=kept)
    to, seen, words = (form.cleaned_data[name] for name in ("to", "seen", "words"))
    try:
        changed = triage.set_state(
            item_id=item.pk, to=to, seen=seen, words=words, user=_person(request), now=timezone.now()
        )
    except ValidationError as error:
        return _inbox_page(request, pk, errors={"words": error.messages[0]}, kept=kept)
    except triage.Outrun as outrun:
        messages.warning(request, str(outrun))
        return _back(request, pk)
    messages.success(request, f"{changed.get_state_display()}.")
    return _back(request, form.cleaned_data["following"] or pk)


@allow(PERSON)
@require_POST
def set_severity(request: HttpRequest, pk: int) -> HttpResponse:
    item, form = _workable(request, pk), forms.SeverityForm(request.POST)
    if not form.is_valid():
        return _inbox_page(request, pk, errors=_first(form.errors))
    return _done(
        request,
        pk,
        "severity",
        lambda: triage.set_severity(
            item_id=item.pk, user=_person(request), now=timezone.now(), **form.cleaned_data
        ),
    )


@allow(PERSON)
@require_POST
def set_theme(request: HttpRequest, pk: int) -> HttpResponse:
    item, user, now = _workable(request, pk), _person(request), timezone.now()
    form = forms.ThemeChoiceForm(request.POST, themes=Theme.objects.filter(feature=item.feature_id))
    kept = {"title": request.POST.get("title", "")}
    if not form.is_valid():
        return _inbox_page(request, pk, errors=_first(form.errors), kept=kept)

    def put() -> FeedbackItem:
        theme, title = form.cleaned_data["theme"], form.cleaned_data["title"]
        if title:
            theme = theme_actions.create_theme(feature=item.feature, title=title, user=user, now=now)
        return triage.set_theme(item_id=item.pk, theme=theme, user=user, now=now)

    return _done(request, pk, "title", put, kept=kept)


@allow(PERSON)
@require_POST
def release(request: HttpRequest, pk: int) -> HttpResponse:
    item = _workable(request, pk)
    triage.release(item_id=item.pk, user=_person(request), now=timezone.now())
    messages.success(request, "Let out of quarantine: it counts, and is due, from now on.")
    return _back(request, None)


def _done(
    request: HttpRequest,
    pk: int,
    field: str,
    change: Callable[[], FeedbackItem],
    kept: dict[str, Any] | None = None,
) -> HttpResponse:
    """Make a change and stay at the item; what it refuses is said at the field."""
    try:
        change()
    except ValidationError as error:
        return _inbox_page(request, pk, errors={field: error.messages[0]}, kept=kept)
    messages.success(request, "Saved.")
    return _back(request, pk)


@allow(PERSON)
@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    user = _person(request)
    mine = triage.triaged_by(user)
    form = forms.BulkForm(request.POST, themes=Theme.objects.filter(feature__in=mine))
    if not form.is_valid():
        found = _first(form.errors)
        errors = {"bulk": found.get("__all__") or found.get("items") or found.get("words") or "Choose again."}
        kept = {"items": request.POST.getlist("items"), "bulk_words": request.POST.get("words", "")}
        return _inbox_page(request, None, errors=errors, kept=kept)
    asked = form.cleaned_data
    n = triage.change_many(
        items=FeedbackItem.objects.filter(feature__in=mine, pk__in=asked["items"]),
        to=asked["to"],
        theme=asked["theme"],
        words=asked["words"],
        user=user,
        now=timezone.now(),
    )
    said = "1 item is changed." if n == 1 else f"{n} items are changed."
    messages.success(request, said if n else "Nothing was to be changed.")
    return _back(request, None)


@allow(PERSON)
@require_GET
def themes(request: HttpRequest) -> HttpResponse:
    return _themes_page(request)


def _themes_page(
    request: HttpRequest, *, errors: dict[str, str] | None = None, kept: dict[str, Any] | None = None
) -> HttpResponse:
    user, now = _person(request), timezone.now()
    seen = Feature.objects.visible_to(user)
    chosen = request.GET.get("feature", "")
    rows = theme_rows(seen.filter(slug=chosen) if chosen else seen, now=now)
    if request.GET.get("format") == "csv":
        lines = [
            [row.feature_slug, row.title, row.n_accounts, row.n_actors, row.n_users, row.n_items, row.n_open,
             row.n_unnamed, row.last_at.isoformat() if row.last_at else ""]
            for row in rows
        ]  # fmt: skip
        return csv_answer("themes.csv", THEME_COLUMNS, lines)
    context = {
        "rows": rows,
        "features": list(seen.values("slug", "name")),
        "mine": list(triage.triaged_by(user).values_list("slug", flat=True)),
        "chosen": chosen,
        "csv_url": f"{reverse('feedback:themes')}?{urlencode({**request.GET.dict(), 'format': 'csv'})}",
        "errors": errors or {},
        "kept": {**NOTHING_KEPT, **(kept or {})},
    }
    return render(request, "feedback/themes.html", context, status=422 if errors else 200)


@allow(PERSON)
@require_POST
def new_theme(request: HttpRequest) -> HttpResponse:
    user = _person(request)
    form = forms.NewThemeForm(request.POST, features=triage.triaged_by(user))
    kept = {"title": request.POST.get("title", ""), "feature": request.POST.get("feature", "")}
    if not form.is_valid():
        return _themes_page(request, errors=_first(form.errors), kept=kept)
    try:
        theme_actions.create_theme(user=user, now=timezone.now(), **form.cleaned_data)
    except ValidationError as error:
        return _themes_page(request, errors={"title": error.messages[0]}, kept=kept)
    messages.success(request, "The theme is made. Put items under it in the inbox.")
    return HttpResponseRedirect(reverse("feedback:themes"), status=303)


@allow(PERSON)
@require_POST
def merge_themes(request: HttpRequest) -> HttpResponse:
    mine = triage.triaged_by(_person(request))
    form = forms.MergeForm(request.POST, themes=Theme.objects.filter(feature__in=mine).select_related("feature"))
    kept = {"theme": request.POST.get("theme", ""), "into": request.POST.get("into", "")}
    if not form.is_valid():
        return _themes_page(request, errors=_first(form.errors), kept=kept)
    try:
        theme_actions.merge(now=timezone.now(), **form.cleaned_data)
    except ValidationError as error:
        return _themes_page(request, errors={"into": error.messages[0]}, kept=kept)
    messages.success(request, "Merged. Each part can be taken out again, with all that it counted.")
    return HttpResponseRedirect(reverse("feedback:themes"), status=303)


@allow(PERSON)
@require_POST
def unmerge_theme(request: HttpRequest, pk: int) -> HttpResponse:
    if theme_actions.unmerge(theme=_workable_theme(request, pk)):
        messages.success(request, "Taken out again.")
    return HttpResponseRedirect(reverse("feedback:themes"), status=303)


def _workable_theme(request: HttpRequest, pk: int) -> Theme:
    user = _person(request)
    seen = Theme.objects.filter(feature__in=Feature.objects.visible_to(user)).select_related("feature")
    theme = get_object_or_404(seen, pk=pk)
    if not triage.triaged_by(user).filter(pk=theme.feature_id).exists():
        raise PermissionDenied(ONLY_READ)
    return theme


@allow(PERSON)
@require_http_methods(["GET", "HEAD", "POST"])
def call_note(request: HttpRequest) -> HttpResponse:
    """Anybody who sees a feature may write down what a customer told them of it."""
    user, now = _person(request), timezone.now()
    features = Feature.objects.visible_to(user)
    if request.method != "POST":
        initial = {
            "feature": request.GET.get("feature", ""),
            "held_at": now,
            "idempotency_key": secrets.token_hex(16),
        }
        form = forms.CallNoteForm(initial=initial, features=features, now=now)
        return render(request, "feedback/call_note.html", {"form": form})
    form = forms.CallNoteForm(request.POST, features=features, now=now)
    if not form.is_valid():
        return render(request, "feedback/call_note.html", {"form": form}, status=422)
    sent = form.cleaned_data
    talk = Talk(*(sent[name] for name in ("account", "actor", "held_at", "text", "quotes")))
    note = record_call_note(
        feature=sent["feature"], talk=talk, idempotency_key=sent["idempotency_key"], user=user, now=now
    )
    n = len(sent["quotes"])
    messages.success(request, f"The note is kept; {n or 'no'} quote{'s' * (n != 1)} went to the inbox.")
    query = f"feature={note.feature.slug}&channel=call_note"
    return HttpResponseRedirect(f"{reverse('feedback:inbox')}?{query}", status=303)
