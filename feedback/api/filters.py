"""What callers may filter feedback by: declared here, never named by the caller."""

from datetime import UTC, datetime
from typing import Any

import django_filters
from django.db.models import QuerySet

from feedback.models import FeedbackItem
from feedback.themes import group_of


class InstantFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc]  # django-filter has no types
    """An instant with any offset, asked for in UTC: PostgreSQL takes no offset of 16 hours or more."""

    def filter(self, rows: QuerySet[Any], at: datetime | None) -> Any:
        if at is not None:
            try:
                at = at.astimezone(UTC)
            except OverflowError:  # at an end of the calendar, where the offset makes no difference to anybody
                at = at.replace(tzinfo=UTC)
        return super().filter(rows, at)


class FeedbackFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    feature = django_filters.CharFilter(field_name="feature__slug", max_length=60)
    state = django_filters.ChoiceFilter(choices=FeedbackItem.State.choices)
    channel = django_filters.ChoiceFilter(choices=FeedbackItem.Channel.choices)
    severity = django_filters.ChoiceFilter(choices=FeedbackItem.Severity.choices)
    theme = django_filters.NumberFilter(method="by_theme", min_value=1, max_value=2**63 - 1)
    received_after = InstantFilter(field_name="received_at", lookup_expr="gte")
    received_before = InstantFilter(field_name="received_at", lookup_expr="lt")

    class Meta:
        model = FeedbackItem
        fields: list[str] = []

    def by_theme(self, items: QuerySet[FeedbackItem], name: str, value: int) -> QuerySet[FeedbackItem]:
        """Of the whole group: what was merged with it counts as one theme."""
        return items.filter(theme__in=group_of(int(value)))
