from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from feedback.models.features import Feature
from feedback.models.people import ApiKey

if TYPE_CHECKING:
    from feedback.models.people import User


class RefusalHourQuerySet(models.QuerySet["RefusalHour"]):
    def visible_to(self, user: User) -> Self:
        """Staff see all; everyone else what named a feature they are members of."""
        if user.is_staff:
            return self.all()
        return self.filter(feature_slug__in=Feature.objects.visible_to(user).values("slug"))

    def between(self, start: datetime, end: datetime) -> Self:
        return self.filter(hour__gte=start, hour__lt=end)

    def older_than(self, age: timedelta, *, now: datetime) -> Self:
        return self.filter(hour__lt=now - age)


class RefusalHour(models.Model):
    """What was refused within one hour: of one key, feature, endpoint, code and field, with the newest examples.

    One row, added to, however often something is refused: a sender that errs all day cannot fill the database.
    """

    class Endpoint(models.TextChoices):
        PREDICTIONS = "predictions", "Predictions"
        OUTCOMES = "outcomes", "Outcomes"
        EVENTS = "events", "Events"
        FEEDBACK = "feedback", "Feedback"

    hour = models.DateTimeField()
    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", db_index=False)
    # As it was sent; empty where it named no feature that the key may see. No foreign key: a unique key over a
    # column that may be NULL holds nothing together, and a slug never changes.
    feature_slug = models.CharField(max_length=60, default="")
    endpoint = models.CharField(max_length=12, choices=Endpoint.choices)
    code = models.CharField(max_length=20)
    field = models.CharField(max_length=40, default="")
    # Items; of the codes that begin with `body_`, requests.
    n = models.PositiveBigIntegerField()
    last_at = models.DateTimeField()
    # [{"id", "detail", "sent"}], at most three, of the last request.
    examples = models.JSONField(default=list)

    objects = RefusalHourQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also serves the page and the daily clearing, both by hour.
            models.UniqueConstraint(
                fields=["hour", "key", "feature_slug", "endpoint", "code", "field"],
                name="feedback_refusalhour_one_count_each",
            ),
            models.CheckConstraint(condition=Q(n__gt=0), name="feedback_refusalhour_counts_something"),
        ]

    def __str__(self) -> str:
        return f"{self.n} × {self.code}"
