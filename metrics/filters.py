"""The Features page's filters: declared here, never named by the caller."""

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet

from feedback.models import Feature
from metrics.models import Estimate


class FeatureFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(method="by_words", label="Search", max_length=100)
    stage = django_filters.ChoiceFilter(choices=Feature.Stage.choices, empty_label="Any stage", label="Stage")
    owner = django_filters.CharFilter(method="by_owner", label="Owner", max_length=100)
    state = django_filters.ChoiceFilter(
        method="by_state",
        choices=[
            ("measured", "Sure enough to decide"),
            ("collecting", "Not sure yet"),
            ("none", "No figures yet"),
        ],
        empty_label="Any state",
        label="State",
    )

    class Meta:
        model = Feature
        fields: list[str] = []

    def by_words(self, features: QuerySet[Feature], name: str, value: str) -> QuerySet[Feature]:
        return features.filter(
            Q(name__icontains=value) | Q(slug__icontains=value) | Q(description__icontains=value)
        )

    def by_owner(self, features: QuerySet[Feature], name: str, value: str) -> QuerySet[Feature]:
        return features.filter(owner__email__icontains=value)

    def by_state(self, features: QuerySet[Feature], name: str, value: str) -> QuerySet[Feature]:
        """By the accuracy of any version's life, from either source."""
        accuracy = Estimate.objects.filter(
            set__feature=OuterRef("pk"), set__window="version", metric="accuracy", label=""
        )
        is_measured = Exists(accuracy.filter(state="measured"))
        has_value = Exists(accuracy.filter(value__isnull=False))
        wanted = {
            "measured": Q(is_measured),
            "collecting": Q(has_value) & ~Q(is_measured),
            "none": ~Q(has_value),
        }
        return features.filter(wanted[value])
