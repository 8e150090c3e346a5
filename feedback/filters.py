"""The filters of the plans' boards: declared here, never named by the caller."""

from datetime import date
from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from feedback.models import Decision, Exploration, ExplorationNeed, Feature, User
from feedback.models.decisions import DecisionQuerySet
from feedback.models.plans import ExplorationQuerySet


def features_seen(request: HttpRequest) -> QuerySet[Feature]:
    return Feature.objects.visible_to(request.user)


def owners_seen(request: HttpRequest) -> QuerySet[User]:
    """Whoever owns a decision that the person sees."""
    seen = Decision.objects.filter(feature__in=features_seen(request))
    return User.objects.filter(Exists(seen.filter(owner=OuterRef("pk")))).order_by("email")


class _Dated(django_filters.FilterSet):  # type: ignore[misc]  # untyped
    """today: the day that `due` and `past` are told by."""

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today


class DecisionFilter(_Dated):
    feature = django_filters.ModelChoiceFilter(
        queryset=features_seen, to_field_name="slug", empty_label="Any feature", label="Feature"
    )
    owner = django_filters.ModelChoiceFilter(queryset=owners_seen, empty_label="Anybody", label="Owner")
    review = django_filters.ChoiceFilter(
        method="by_review",
        choices=[("due", "Due for review"), ("open", "Outcome not told yet"), ("told", "Outcome told")],
        empty_label="Any",
        label="Review",
    )

    class Meta:
        model = Decision
        fields: list[str] = []

    def by_review(self, decisions: DecisionQuerySet, name: str, value: str) -> DecisionQuerySet:
        if value == "due":
            return decisions.due_for_review(self.today)
        return decisions.filter(outcome="") if value == "open" else decisions.exclude(outcome="")


class ExplorationFilter(_Dated):
    feature = django_filters.ModelChoiceFilter(
        queryset=features_seen, to_field_name="slug", empty_label="Any feature", label="Feature"
    )
    state = django_filters.ChoiceFilter(
        method="by_state",
        choices=[
            ("running", "Running"),
            ("ahead", "Ahead of product"),
            ("past", "Past their time box"),
            ("needs", "Collection overdue"),
            ("done", "With a result"),
        ],
        empty_label="Any state",
        label="State",
    )

    class Meta:
        model = Exploration
        fields: list[str] = []

    def by_state(self, explorations: ExplorationQuerySet, name: str, value: str) -> ExplorationQuerySet:
        overdue = ExplorationNeed.objects.overdue(self.today).filter(exploration=OuterRef("pk"))
        wanted = {
            "running": Q(result=""),
            "needs": Q(Exists(overdue)),
            "done": ~Q(result=""),
        }
        if value == "ahead":
            return explorations.ahead_of_product()
        return explorations.past_time_box(self.today) if value == "past" else explorations.filter(wanted[value])
