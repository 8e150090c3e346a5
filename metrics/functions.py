"""The functions of a team: what a person may sign and speak for in a feature."""

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


def functions_of(user: User, feature: Feature) -> list[str]:
    """The functions that this person has in a feature, in our order. Its owner counts as product."""
    held = set(Membership.objects.of(user).filter(feature=feature).values_list("role", flat=True))
    if Role.OWNER in held:
        held.add(Role.PRODUCT)
    return [function for function in FUNCTIONS if function in held]
