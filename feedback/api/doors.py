"""How a caller of REST proves who it is, and what a view's declared policy lets it do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import authentication, exceptions, permissions

from feedback.actions.people import find_key
from feedback.models import ApiKey, Feature, Membership, User
from feedback.policy import Policy

if TYPE_CHECKING:  # rest_framework.views reads our settings, which name this module
    from rest_framework.request import Request
    from rest_framework.views import APIView

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class KeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer ts_...`. A service's key has no person; a personal key is its person."""

    def authenticate(self, request: Request) -> tuple[User | None, ApiKey] | None:
        sent = request.headers.get("Authorization", "")
        if not sent:
            return None
        kind, _, presented = sent.partition(" ")
        if kind.lower() != "bearer":
            raise exceptions.AuthenticationFailed("Send the key as Authorization: Bearer ts_...")
        key = find_key(presented.strip(), now=timezone.now())
        if key is None:
            raise exceptions.AuthenticationFailed("This key is not known, has expired or was revoked.")
        request._request.key_prefix = key.prefix  # type: ignore[attr-defined]  # for the log line
        return key.person, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """A browser's session; unsafe methods need the CSRF token."""


def policy_for(view: Any, method: str | None) -> Policy | None:
    """A REST view's policy: `policy`, or `policy_to_change` for methods that change, where it declares one."""
    policy = getattr(view, "policy", None)
    if method not in SAFE:
        policy = getattr(view, "policy_to_change", policy)
    return policy if isinstance(policy, Policy) else None


class DeclaredPolicy(permissions.BasePermission):
    """Lets in whom the view's policy names. A view without one is shut."""

    message = "This is not yours to do: the key lacks the scope, or the person the role."

    def has_permission(self, request: Request, view: APIView) -> bool:
        policy = policy_for(view, request.method)
        if policy is None:
            return False
        if policy.who == "anyone":
            return True
        if isinstance(request.auth, ApiKey) and request.auth.person is None:
            return policy.who == "caller" and policy.scope in request.auth.scopes
        if not isinstance(request.user, User):
            raise exceptions.NotAuthenticated("Send a key: Authorization: Bearer ts_...")
        return _lets_person_in(policy, request.user, view.kwargs.get("slug"))


def _lets_person_in(policy: Policy, person: User, slug: str | None) -> bool:
    """People read what they are members of. To change something needs a role, or staff; they never ingest."""
    if policy.scope == "ingest":
        return False
    if person.is_staff or policy.who == "person":
        return True
    if policy.who == "staff" or (policy.scope == "manage" and not policy.roles):
        return False
    if not policy.roles:
        return True
    if slug is None:
        return Membership.objects.of(person).with_role(*policy.roles).exists()
    if not Feature.objects.visible_to(person).filter(slug=slug).exists():
        raise exceptions.NotFound("There is no such feature, or it is not yours to see.")
    return Membership.objects.of(person).with_role(*policy.roles).filter(feature__slug=slug).exists()


def features_for(request: Request) -> QuerySet[Feature]:
    """The features that the caller may see."""
    if isinstance(request.auth, ApiKey):
        return Feature.objects.visible_to_key(request.auth)
    return Feature.objects.visible_to(request.user)


def person_of(request: Request) -> User:
    """The person behind a session or a personal key. Raises PermissionDenied for a service's key."""
    user: Any = request.user
    if not isinstance(user, User):
        raise exceptions.PermissionDenied("Only a person can do this: log in, or use a personal key.")
    return user
