"""The functions of a team: what a person may sign and speak for in a feature."""

from collections.abc import Sequence

from feedback.models import Feature, Membership, User

Role = Membership.Role
FUNCTIONS: tuple[str, ...] = (
    Role.PRODUCT,
    Role.DATA_SCIENCE,
    Role.ENGINEERING,
    Role.DESIGN,
    Role.OPERATIONS,
    Role.CUSTOMER_SUCCESS,
)
# The two that agree on what a feature must do.
SIGNING: tuple[str, ...] = (Role.DATA_SCIENCE, Role.PRODUCT)


def name_of(function: str) -> str:
    return str(Role(function).label)


def people_of(feature: Feature, functions: Sequence[str]) -> set[int]:
    """Keys of the people who have one of these functions in a feature. Its owner counts as product."""
    roles = [*functions, *([Role.OWNER] if Role.PRODUCT in functions else [])]
    return set(Membership.objects.with_role(*roles).filter(feature=feature).values_list("user", flat=True))


def functions_of(user: User, feature: Feature) -> list[str]:
    """The functions that this person has in a feature, in our order. Its owner counts as product."""
    held = set(Membership.objects.of(user).filter(feature=feature).values_list("role", flat=True))
    if Role.OWNER in held:
        held.add(Role.PRODUCT)
    return [function for function in FUNCTIONS if function in held]
