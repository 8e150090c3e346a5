"""Who may come in: every view declares it, nothing is open by default.

`enforce_policy` (feedback.middleware) refuses a page without a policy; `DeclaredPolicy` (feedback.api.doors)
does so for REST. A test walks every URL.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

View = TypeVar("View", bound=Callable[..., Any] | type)


@dataclass(frozen=True, slots=True)
class Policy:
    """who: anyone, a signed-in person, a member of the feature in the URL (`slug`), staff, or a REST caller.

    roles: of a member, any one of them is needed (empty: any role). scope: what a service's key must hold;
    people come in by their membership. None: no service's key comes in.
    """

    who: Literal["anyone", "person", "member", "staff", "caller"]
    roles: frozenset[str] = frozenset()
    scope: Literal["ingest", "read", "manage"] | None = None


ANYONE = Policy("anyone")
PERSON = Policy("person")
MEMBER = Policy("member")
STAFF = Policy("staff")
REVIEWER = Policy("member", roles=frozenset({"reviewer", "adjudicator"}))


def allow(policy: Policy) -> Callable[[View], View]:
    """Declare a view's policy: a decorator for view functions and APIView classes."""

    def declare(view: View) -> View:
        view.policy = policy  # type: ignore[union-attr]
        return view

    return declare


def policy_of(view: Any) -> Policy | None:
    """The policy of a resolved view function; APIViews carry it on their class."""
    held = getattr(view, "policy", None) or getattr(getattr(view, "cls", None), "policy", None)
    return held if isinstance(held, Policy) else None
