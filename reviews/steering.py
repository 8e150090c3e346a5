"""Who may change what reviewers are asked and what they get to see."""

from feedback.models import Feature, Membership, User

Role = Membership.Role
STEERERS = frozenset({Role.OWNER, Role.PRODUCT, Role.DATA_SCIENCE})
WHO_STEERS = "An owner of the feature changes it, or someone of its product or data science."


def may_steer(person: User, feature: Feature) -> bool:
    if person.is_staff:
        return True
    return Membership.objects.of(person).with_role(*STEERERS).filter(feature=feature).exists()
