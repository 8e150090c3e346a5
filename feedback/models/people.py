from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class UserManager(BaseUserManager["User"]):
    """Makes people by e-mail address; createsuperuser needs these two names."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person. The e-mail address is the login."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", max_length=254)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()  # type: ignore[assignment,misc]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="feedback_user_email_is_unique",
                violation_error_message="Somebody has this e-mail address already.",
            ),
        ]

    def __str__(self) -> str:
        return self.email


class MembershipQuerySet(models.QuerySet["Membership"]):
    def of(self, user: User) -> Self:
        return self.filter(user=user)

    def with_role(self, *roles: str) -> Self:
        return self.filter(role__in=roles)


class Membership(models.Model):
    """A person's part in a feature; one person may have several. The roles are also the functions of a debate."""

    class Role(models.TextChoices):
        REVIEWER = "reviewer", "Reviewer"
        ADJUDICATOR = "adjudicator", "Adjudicator"
        PRODUCT = "product", "Product"
        DATA_SCIENCE = "data_science", "Data science"
        ENGINEERING = "engineering", "Engineering"
        DESIGN = "design", "Design"
        OPERATIONS = "operations", "Operations"
        CUSTOMER_SUCCESS = "customer_success", "Customer success"
        OWNER = "owner", "Owner"

    feature = models.ForeignKey("feedback.Feature", models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feature", "user", "role"], name="feedback_membership_once_per_role"),
            models.CheckConstraint(
                condition=Q(
                    role__in=[
                        "reviewer",
                        "adjudicator",
                        "product",
                        "data_science",
                        "engineering",
                        "design",
                        "operations",
                        "customer_success",
                        "owner",
                    ]
                ),
                name="feedback_membership_role_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.feature}"


class OneTimeLoginQuerySet(models.QuerySet["OneTimeLogin"]):
    def usable(self, now: datetime) -> Self:
        return self.filter(used_at=None, expires_at__gt=now, user__is_active=True)


class OneTimeLogin(models.Model):
    """A link that logs one person in once. Only the token's hash is kept."""

    user = models.ForeignKey(User, models.CASCADE)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects = OneTimeLoginQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")),
                name="feedback_onetimelogin_expires_after_creation",
            ),
        ]


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, now: datetime) -> Self:
        return self.filter(revoked_at=None).filter(Q(expires_at=None) | Q(expires_at__gt=now))


class ApiKey(models.Model):
    """A service's way in (scopes, features), or a person's own (person set: it acts as that person).

    The secret is shown once and kept as a hash; the prefix finds the row and is all that logs may name.
    """

    class Scope(models.TextChoices):
        INGEST = "ingest", "Ingest"
        READ = "read", "Read"
        MANAGE = "manage", "Manage"

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    sha256 = models.CharField(max_length=64)
    person = models.ForeignKey(User, models.CASCADE, null=True, related_name="api_keys")
    can_ingest = models.BooleanField(default=False)
    can_read = models.BooleanField(default=False)
    can_manage = models.BooleanField(default=False)
    is_for_all_features = models.BooleanField(default=False)
    features = models.ManyToManyField("feedback.Feature", blank=True, related_name="api_keys")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(person=None) & (Q(can_ingest=True) | Q(can_read=True) | Q(can_manage=True))
                | Q(
                    person__isnull=False,
                    can_ingest=False,
                    can_read=False,
                    can_manage=False,
                    is_for_all_features=False,
                ),
                name="feedback_apikey_has_scopes_or_a_person",
                violation_error_message="A key has scopes, or acts as a person: one of the two.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (ts_{self.prefix}_…)"

    @property
    def scopes(self) -> frozenset[str]:
        held = {"ingest": self.can_ingest, "read": self.can_read, "manage": self.can_manage}
        return frozenset(scope for scope, has in held.items() if has)
