"""What callers may filter feedback by: declared here, never named by the caller."""

import django_filters
from django.db.models import QuerySet

from feedback.models import FeedbackItem
from feedback.themes import group_of


class FeedbackFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    feature = django_filters.CharFilter(field_name="feature__slug", max_length=60)
    state = django_filters.ChoiceFilter(choices=FeedbackItem.State.choices)
    channel = django_filters.ChoiceFilter(choices=FeedbackItem.Channel.choices)
    severity = django_filters.ChoiceFilter(choices=FeedbackItem.Severity.choices)
    theme = django_filters.NumberFilter(method="by_theme", min_value=1, max_value=2**63 - 1)
    received_after = django_filters.IsoDateTimeFilter(field_name="received_at", lookup_expr="gte")
    received_before = django_filters.IsoDateTimeFilter(field_name="received_at", lookup_expr="lt")

    class Meta:
        model = FeedbackItem
        fields: list[str] = []

    def by_theme(self, items: QuerySet[FeedbackItem], name: str, value: int) -> QuerySet[FeedbackItem]:
        """Of the whole group: what was merged with it counts as one theme."""
        return items.filter(theme__in=group_of(int(value)))
