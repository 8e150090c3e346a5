"""One log line a request, and the door that is shut unless a view says who may come in."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import get_resolver
from django.utils.functional import LazyObject, empty

from feedback.models import Feature, Membership, User
from feedback.policy import Policy, policy_of

log = structlog.get_logger("touchstone.request")
GetResponse = Callable[[HttpRequest], HttpResponseBase]

PROBES = {"/healthz", "/readyz"}
# What follows here lets its holder in: a path is logged without it.
SECRET_PATHS = re.compile(r"^(/login/once/|/accounts/password/reset/key/|/accounts/confirm-email/).+")


def request_log(get_response: GetResponse) -> GetResponse:
    """One line a request; never a body, a query string or a header."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request_id = uuid.uuid4().hex
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = get_response(request)
            log.log(
                logging.DEBUG if request.path in PROBES else logging.INFO,
                "request",
                method=request.method,
                path=SECRET_PATHS.sub(r"\1…", request.path),
                status=response.status_code,
                duration_ms=round(1000 * (time.perf_counter() - started), 1),
                user=user_id_of(request),
                key=getattr(request, "key_prefix", None),
            )
        response["X-Request-ID"] = request_id
        return response

    return middleware


def user_id_of(request: HttpRequest) -> int | None:
    """The person, where the request has asked for it already: logging must not read the session by itself."""
    user: Any = getattr(request, "user", None)
    if isinstance(user, LazyObject) and user.__dict__.get("_wrapped") is empty:
        return None
    return getattr(user, "pk", None)


class enforce_policy:
    """Every page declares who may come in; one that does not is shut. REST checks in DeclaredPolicy."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # Static files are answered before this; whatever comes here may show what only one person sees.
        response.headers["Cache-Control"] = "no-store, private"
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        name = request.resolver_match.view_name if request.resolver_match else ""
        policy = policy_of(view) or policy_by_name(name)
        if policy is None or (policy.who == "caller" and not hasattr(view, "cls")):
            log.error("view_without_policy", view=name, path=request.path)
            raise PermissionDenied("This page does not say who may see it.")
        if policy.who == "anyone" or is_left_to_rest(view):
            return None
        if not request.user.is_authenticated:
            return log_in_first(request)
        let_in(request, request.user, policy, kwargs.get("slug", ""))
        return None


def policy_by_name(name: str) -> Policy | None:
    """The policy of a view of others: the URL configuration declares it beside its handlers."""
    declared: dict[str, Policy] = getattr(get_resolver().urlconf_module, "policies", {})
    namespace, _, _ = name.rpartition(":")
    return declared.get(name) or declared.get(f"{namespace}:")


def is_left_to_rest(view: Any) -> bool:
    """A REST view of ours: it declares its policy on its class, and DeclaredPolicy reads it there."""
    return isinstance(getattr(getattr(view, "cls", None), "policy", None), Policy)


def log_in_first(request: HttpRequest) -> HttpResponseBase:
    from feedback.api.problems import problem_answer

    if request.path.startswith("/api/") and not request.accepts("text/html"):
        return problem_answer(401, "Log in first.", **{"WWW-Authenticate": "Bearer"})
    return redirect_to_login(request.get_full_path())


def let_in(request: HttpRequest, user: User, policy: Policy, slug: str) -> None:
    """Whether this person comes in. Raises Http404 for a feature not seen, PermissionDenied otherwise.

    A page of a feature finds it as `request.feature`.
    """
    if policy.who == "staff" and not user.is_staff:
        raise PermissionDenied("Only staff see this page.")
    if policy.who != "member":
        return
    feature = Feature.objects.visible_to(user).filter(slug=slug).first()
    if feature is None:
        raise Http404("There is no such feature, or it is not yours to see.")
    if policy.roles and not user.is_staff:
        held = Membership.objects.of(user).with_role(*policy.roles).filter(feature=feature)
        if not held.exists():
            raise PermissionDenied("Your role in this feature does not include this page.")
    request.feature = feature  # type: ignore[attr-defined]
