"""Errors as RFC 9457 problems for /api/, as pages for people."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_answer

TYPE = "application/problem+json"
AWAY = "The database is away. Send it again: what was stored all the same is not stored twice."
# What is wrong with a request, and DRF has no answer for.
PLAIN: dict[type[Exception], tuple[int, str]] = {
    RequestDataTooBig: (413, "The body is too large."),
    RecursionError: (400, "The body is nested too deep."),
    UnreadablePostError: (400, "The body ended too early."),
}


def problem(status: int, detail: str, *, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return {**body, "errors": errors} if errors else body


def problem_answer(status: int, detail: str, **headers: str) -> JsonResponse:
    return JsonResponse(problem(status, detail), status=status, content_type=TYPE, headers=headers)


def away() -> JsonResponse:
    return problem_answer(503, AWAY, **{"Retry-After": "5"})


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | HttpResponse | None:
    """DRF's errors in our form; a database that is away is 503 and says to send it again."""
    if isinstance(error, OperationalError | InterfaceError):
        return away()
    for kind, (status, detail) in PLAIN.items():
        if isinstance(error, kind):
            return problem_answer(status, detail)
    answer = drf_answer(error, context)
    if answer is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        answer.data = problem(answer.status_code, "Some fields are not right.", errors=field_errors(answer.data))
    else:
        answer.data = problem(answer.status_code, str(answer.data.get("detail", "")))
    answer.content_type = TYPE
    return answer


def field_errors(found: Any, field: str = "") -> list[dict[str, str]]:
    if isinstance(found, dict):
        return [
            each for name, inner in found.items() for each in field_errors(inner, f"{field}.{name}".strip("."))
        ]
    if isinstance(found, list):
        return [each for inner in found for each in field_errors(inner, field)]
    return [{"field": field, "detail": str(found)}]


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        status = 413 if isinstance(exception, RequestDataTooBig) else 400
        return problem_answer(status, "The request cannot be read.")
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return problem_answer(403, str(exception) or "This is not yours to do.")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return problem_answer(404, "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_api(request):
        return problem_answer(500, "Something went wrong here. It has been logged.")
    return defaults.server_error(request)
