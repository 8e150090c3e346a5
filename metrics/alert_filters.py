"""The filters of the alerts' page and REST: declared here, never named by the caller."""

from datetime import datetime

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest

from feedback.models import Feature
from metrics.models import Alert
from metrics.models.alerts import AlertQuerySet

STATES = [("raised", "Raised"), ("snoozed", "Snoozed"), ("cleared", "Cleared")]


def features_seen(request: HttpRequest) -> QuerySet[Feature]:
    return Feature.objects.visible_to(request.user)


class AlertFilter(django_filters.FilterSet):  # type: ignore[misc]  # untyped
    """Of those that one sees. Their state is not among them: it is what the page's tabs choose."""

    feature = django_filters.ModelChoiceFilter(
        queryset=features_seen, to_field_name="slug", empty_label="Any feature", label="Feature"
    )
    kind = django_filters.ChoiceFilter(choices=Alert.Kind.choices, empty_label="Any kind", label="Kind")

    class Meta:
        model = Alert
        fields: list[str] = []


def in_state(alerts: AlertQuerySet, state: str, *, now: datetime) -> AlertQuerySet:
    """Of one state, raised without the snoozed ones; of any other word all of them."""
    words = {"raised": alerts.loud, "snoozed": alerts.snoozed}
    if state in words:
        return words[state](now)
    return alerts.cleared() if state == "cleared" else alerts
