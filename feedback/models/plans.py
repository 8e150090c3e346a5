"""Work ahead of product: a question, its time box, and the data that must start being collected today."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from feedback.models.decisions import Decision
from feedback.models.features import Feature

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from feedback.models.people import User


def is_running() -> Q:
    return Q(result="")


def is_past(today: date) -> Q:
    """Its time box is over, and there is no result."""
    return is_running() & Q(until_on__lt=today)


def is_ahead() -> Q:
    """Nobody has committed to what it explores."""
    return is_running() & (Q(feature=None) | Q(feature__stage__in=Exploration.AHEAD))


class ExplorationQuerySet(models.QuerySet["Exploration"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """As its feature is. Ahead of any feature: its owner, who asked it, and staff."""
        if not user.is_authenticated or user.is_staff:
            return self.all() if user.is_authenticated else self.none()
        is_own = Q(feature=None) & (Q(owner=user) | Q(made_by=user))
        return self.filter(Q(feature__in=Feature.objects.visible_to(user)) | is_own)

    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def running(self) -> Self:
        return self.filter(is_running())

    def past_time_box(self, today: date) -> Self:
        return self.filter(is_past(today))

    def ahead_of_product(self) -> Self:
        return self.filter(is_ahead())

    def running_first(self) -> Self:
        """What runs, by the end of its time box; then what has a result, the newest first."""
        ends = models.Case(models.When(result="", then=models.F("until_on")))
        return self.order_by(ends.asc(nulls_last=True), "-result_at", "pk")


class Exploration(models.Model):
    """A question worth some days of work, and who would decide what on its answer."""

    class Result(models.TextChoices):
        FEASIBLE = "feasible", "Feasible"
        INFEASIBLE = "infeasible", "Not feasible"
        INCONCLUSIVE = "inconclusive", "Inconclusive"

    class Became(models.TextChoices):
        USED = "used", "Used"
        NOT_USED = "not_used", "Not used"

    AHEAD = (Feature.Stage.IDEA, Feature.Stage.EXPLORING)

    feature = models.ForeignKey(Feature, models.CASCADE, null=True, blank=True, related_name="+")
    question = models.CharField(max_length=300)
    decides = models.CharField(max_length=1000)
    baseline = models.CharField(max_length=500)
    from_on = models.DateField()
    # The last day of its time box.
    until_on = models.DateField()
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    result = models.CharField(max_length=12, choices=Result.choices, blank=True)
    answer = models.TextField(max_length=5000, blank=True)
    effort_days = models.FloatField(null=True, blank=True, help_text="Person-days that went into it.")
    result_at = models.DateTimeField(null=True, blank=True)
    became = models.CharField(max_length=8, choices=Became.choices, blank=True)
    became_why = models.TextField(max_length=2000, blank=True)
    decisions = models.ManyToManyField(Decision, blank=True, related_name="explorations")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    made_at = models.DateTimeField()

    objects = ExplorationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(question="") & ~Q(decides="") & ~Q(baseline=""),
                name="feedback_exploration_says_what_it_is_for",
                violation_error_message="Say the question, who would decide what on the answer, and what to beat.",
            ),
            models.CheckConstraint(
                condition=Q(until_on__gte=models.F("from_on")),
                name="feedback_exploration_time_box_is_forward",
                violation_error_message="The time box ends before it begins.",
            ),
            models.CheckConstraint(
                condition=Q(result="", result_at=None, answer="")
                | Q(result__in=["feasible", "infeasible", "inconclusive"], result_at__isnull=False)
                & ~Q(answer=""),
                name="feedback_exploration_result_has_its_answer",
                violation_error_message="A result says in words what was found.",
            ),
            models.CheckConstraint(
                condition=Q(effort_days=None) | Q(effort_days__gte=0),
                name="feedback_exploration_effort_is_not_negative",
                violation_error_message="Effort is 0 person-days or more.",
            ),
            models.CheckConstraint(
                condition=Q(became="", became_why="")
                | Q(became__in=["used", "not_used"]) & ~Q(became_why="") & ~Q(result=""),
                name="feedback_exploration_use_has_its_why",
                violation_error_message="After its result, say whether it was used or not, and why.",
            ),
        ]
        indexes = [
            # The board: what runs, by the end of its time box.
            models.Index(fields=["until_on"], condition=Q(result=""), name="exploration_running"),
        ]

    def __str__(self) -> str:
        return self.question

    def get_absolute_url(self) -> str:
        return reverse("feedback:exploration", args=[self.pk])


class ExplorationNeedQuerySet(models.QuerySet["ExplorationNeed"]):
    def overdue(self, today: date) -> Self:
        return self.filter(done_at=None, due_on__lt=today)


class ExplorationNeed(models.Model):
    """Data that must start being collected today, or the next question cannot be answered either."""

    exploration = models.ForeignKey(Exploration, models.CASCADE, related_name="needs")
    what = models.CharField(max_length=300)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    due_on = models.DateField()
    done_at = models.DateTimeField(null=True, blank=True)

    objects = ExplorationNeedQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(what=""),
                name="feedback_explorationneed_says_what",
                violation_error_message="Say which data must be collected.",
            ),
        ]

    def __str__(self) -> str:
        return self.what

    def is_overdue(self, today: date) -> bool:
        return self.done_at is None and self.due_on < today
