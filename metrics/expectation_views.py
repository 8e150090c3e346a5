from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from feedback.exports import csv_answer
from feedback.models import Feature, User
from feedback.plan_views import told
from feedback.policy import MEMBER, PERSON, allow
from metrics.actions import expecting
from metrics.actions.expecting import NOT_OF_THE_TWO
from metrics.expectation_forms import ProposeForm, SignForm, as_entered
from metrics.expectation_reading import ExpectationReport, ExpectationsPage, expectations_page
from metrics.functions import SIGNING
from metrics.models import Expectation

CSV_COLUMNS = [
    "id", "state", "metric", "segment", "version", "direction", "target", "by_on", "status", "since", "value",
    "low", "high", "n", "p_met", "n_to_go", "p_data_science", "p_product", "n_moved", "why", "sentence",
]  # fmt: skip


def _person(request: HttpRequest) -> User:
    """The signed-in person; the policy of every page here asks for one."""
    assert isinstance(request.user, User)  # noqa: S101  for the type checker
    return request.user


def _feature(request: HttpRequest, slug: str) -> Feature:
    return get_object_or_404(Feature.objects.visible_to(_person(request)), slug=slug)


def _expectation(request: HttpRequest, pk: int) -> Expectation:
    visible = Expectation.objects.visible_in(Feature.objects.visible_to(_person(request)))
    return get_object_or_404(visible.select_related("feature", "version"), pk=pk)


@allow(MEMBER)
@require_http_methods(["GET", "HEAD", "POST"])
def expectations(request: HttpRequest, slug: str) -> HttpResponse:
    feature = _feature(request, slug)
    if request.method == "POST":
        return _propose(request, feature, None)
    if request.GET.get("format") == "csv":
        page = expectations_page(feature, visible=Feature.objects.visible_to(_person(request)))
        return csv_answer(f"{slug}-expectations.csv", CSV_COLUMNS, [_csv_line(report) for report in _all(page)])
    return _page(request, feature)


@allow(PERSON)
@require_http_methods(["GET", "HEAD", "POST"])
def renegotiate(request: HttpRequest, pk: int) -> HttpResponse:
    """The same terms, to be changed: a new proposal that replaces them once it is signed."""
    replaced = _expectation(request, pk)
    if request.method == "POST":
        return _propose(request, replaced.feature, replaced)
    return _page(request, replaced.feature, replaced=replaced)


def _propose(request: HttpRequest, feature: Feature, replaced: Expectation | None) -> HttpResponse:
    person = _person(request)
    functions = expecting.signing_functions(person, feature)
    form = ProposeForm(request.POST, feature=feature, functions=functions or list(SIGNING))
    if form.is_valid():
        try:
            expecting.propose(
                feature=feature, terms=form.terms(), user=person, function=form.cleaned_data["function"],
                p=form.cleaned_data["p"], now=timezone.now(), replaces=replaced,
            )  # fmt: skip
        except ValidationError as error:
            told(form, error)
        else:
            messages.success(request, "Proposed, and signed by you. It is agreed when the other function signs.")
            return redirect("metrics:expectations", feature.slug)
    return _page(request, feature, form=form, replaced=replaced)


@allow(PERSON)
@require_POST
def sign(request: HttpRequest, pk: int) -> HttpResponse:
    row, person = _expectation(request, pk), _person(request)
    form = SignForm(request.POST, functions=list(SIGNING), prefix=f"sign-{pk}")
    if form.is_valid():
        try:
            expecting.sign(
                expectation=row, user=person, function=form.cleaned_data["function"], p=form.share(),
                now=timezone.now(),
            )  # fmt: skip
        except ValidationError as error:
            told(form, error)
        else:
            messages.success(request, "Signed: it is agreed. How it stands is checked within a minute.")
            return redirect("metrics:expectations", row.feature.slug)
    return _page(request, row.feature, signing={pk: form})


@allow(PERSON)
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    row = _expectation(request, pk)
    try:
        expecting.withdraw(expectation=row, user=_person(request))
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, "Withdrawn.")
    return redirect("metrics:expectations", row.feature.slug)


def _page(
    request: HttpRequest,
    feature: Feature,
    *,
    form: ProposeForm | None = None,
    replaced: Expectation | None = None,
    signing: dict[int, SignForm] | None = None,
) -> HttpResponse:
    """The list, with a form as it was sent, or an empty one; 422 where something was refused."""
    person, signing = _person(request), signing or {}
    functions = expecting.signing_functions(person, feature)
    page = expectations_page(feature, visible=Feature.objects.visible_to(person))
    if form is None and functions:
        initial = as_entered(replaced) if replaced else {"direction": "at_least"}
        form = ProposeForm(feature=feature, functions=functions, initial=initial)
    context: dict[str, Any] = {
        "page": page,
        "proposed": [
            (report, signing.get(report.id) or _sign_form(report, functions)) for report in page.proposed
        ],
        "functions": functions,
        "form": form,
        "replaced": replaced,
        "why_no_form": NOT_OF_THE_TWO,
        "is_refused": bool(signing) or bool(form and form.is_bound),
    }
    return render(request, "metrics/expectations.html", context, status=422 if context["is_refused"] else 200)


def _sign_form(report: ExpectationReport, functions: list[str]) -> SignForm | None:
    """For whoever has the function that is missing."""
    missing = [function for function in report.missing if function in functions]
    return SignForm(functions=missing, prefix=f"sign-{report.id}") if missing else None


def _all(page: ExpectationsPage) -> list[ExpectationReport]:
    return [*page.in_force, *page.proposed, *page.ended]


def _csv_line(report: ExpectationReport) -> list[object]:
    chances = {signature.function: signature.p for signature in report.signatures}
    told_by = {"p_data_science": chances["data_science"], "p_product": chances["product"]}
    return [told_by[name] if name in told_by else getattr(report, name) for name in CSV_COLUMNS]
