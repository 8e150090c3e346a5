"""Debates: each function places a feature on a quadrant, blind until the reveal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q, QuerySet
from django.urls import reverse

from feedback.models import Decision, Feature, Membership

if TYPE_CHECKING:
    from feedback.models import User

FUNCTION_IS_KNOWN = Q(
    function__in=["product", "data_science", "engineering", "design", "operations", "customer_success"]
)
IS_ON_THE_BOARD = Q(x__range=(1, 9), y__range=(1, 9), confidence__range=(1, 3))
REVEALED = ~Q(round__state="open")
OFF_THE_BOARD = "Both places lie between 1 and 9."


class DebateRoundQuerySet(models.QuerySet["DebateRound"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def visible_in(self, features: QuerySet[Feature]) -> Self:
        return self.filter(feature__in=features)

    def is_open(self) -> Self:
        return self.filter(state=DebateRound.State.OPEN)

    def newest_first(self) -> Self:
        return self.order_by("-opened_at", "-pk")


class DebateRound(models.Model):
    """One round over one feature and one quadrant. Its evidence is read before the reveal by nobody."""

    class Quadrant(models.TextChoices):
        ADOPTION_ACCOUNTABILITY = "adoption_accountability", "Adoption and accountability"
        BEHAVIOUR_PRODUCT = "behaviour_product", "Behaviour change and product change"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        REVEALED = "revealed", "Revealed"
        DECIDED = "decided", "Decided"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    quadrant = models.CharField(max_length=24, choices=Quadrant.choices)
    # metrics.stats.debate.Measured as it was at the opening: the point that is hidden until the reveal.
    evidence = models.JSONField(default=dict, blank=True)
    functions = models.JSONField()
    deadline = models.DateTimeField()
    quorum = models.PositiveSmallIntegerField(default=4)
    facilitator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    opened_at = models.DateTimeField()
    revealed_at = models.DateTimeField(null=True, blank=True)
    number = models.PositiveSmallIntegerField(default=1)
    # RESTRICT: a first round, and a decision, go only together with their feature.
    previous = models.OneToOneField("self", models.RESTRICT, null=True, blank=True, related_name="following")
    decision = models.OneToOneField(Decision, models.RESTRICT, null=True, blank=True, related_name="+")

    objects = DebateRoundQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quadrant__in=["adoption_accountability", "behaviour_product"]),
                name="metrics_debateround_quadrant_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="open", revealed_at=None, decision=None)
                | Q(state="revealed", revealed_at__isnull=False, decision=None)
                | Q(state="decided", revealed_at__isnull=False, decision__isnull=False),
                name="metrics_debateround_state_goes_with_its_times",
            ),
            models.CheckConstraint(
                condition=Q(quorum__range=(2, 6)),
                name="metrics_debateround_quorum_is_two_to_six",
                violation_error_message="At least two functions must have their say, and there are six.",
            ),
            models.CheckConstraint(
                condition=Q(deadline__gt=F("opened_at")),
                name="metrics_debateround_deadline_lies_ahead",
                violation_error_message="The deadline must lie ahead.",
            ),
            models.CheckConstraint(
                condition=Q(number=1, previous=None) | Q(number=2, previous__isnull=False),
                name="metrics_debateround_two_rounds_at_most",
                violation_error_message="Two rounds are held at most: decide now.",
            ),
            models.UniqueConstraint(
                fields=["feature", "quadrant"],
                condition=Q(state="open"),
                name="metrics_debateround_one_open",
                violation_error_message="A round over this quadrant is open already.",
            ),
        ]
        indexes = [
            # A feature's rounds, newest first.
            models.Index(fields=["feature", "opened_at"], name="debateround_feature"),
        ]

    def __str__(self) -> str:
        return f"{self.feature}: {self.get_quadrant_display()}, round {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("metrics:debate", args=[self.pk])

    @property
    def is_revealed(self) -> bool:
        return self.state != self.State.OPEN


class PlacementQuerySet(models.QuerySet["Placement"]):
    """Every read that shows something to somebody goes through visible_to, revealed or who_placed."""

    def of(self, round_: DebateRound) -> Self:
        return self.filter(round=round_)

    def visible_to(self, user: User | None, features: QuerySet[Feature] | None = None) -> Self:
        """What this person may see whole: their own, and all of a revealed round. Staff no more than others.

        features: those that the caller may see; None: those of the person. No person, as with a service's
        key: revealed rounds alone.
        """
        if features is None:
            features = Feature.objects.visible_to(user) if user else Feature.objects.none()
        is_shown = REVEALED | Q(user=user) if user else REVEALED
        return self.filter(is_shown, round__feature__in=features)

    def revealed(self) -> Self:
        return self.filter(REVEALED)

    def who_placed(self) -> list[tuple[int, str]]:
        """(round, function) of each, and nothing else: all that others may know before the reveal."""
        return list(self.order_by("placed_at", "pk").values_list("round", "function"))


class Placement(models.Model):
    """Where one function places the feature, 1 to 9 on both axes, with its confidence and a reason in a line."""

    class Confidence(models.IntegerChoices):
        GUESS = 1, "A guess"
        FAIRLY = 2, "Fairly sure"
        SURE = 3, "Sure"

    round = models.ForeignKey(DebateRound, models.CASCADE, related_name="placements")
    function = models.CharField(max_length=20, choices=Membership.Role.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    x = models.PositiveSmallIntegerField()
    y = models.PositiveSmallIntegerField()
    confidence = models.PositiveSmallIntegerField(choices=Confidence.choices)
    reason = models.CharField(max_length=200)
    placed_at = models.DateTimeField()

    objects = PlacementQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["round", "function"],
                name="metrics_placement_one_vote_per_function",
                violation_error_message="This function has voted already.",
            ),
            models.UniqueConstraint(
                fields=["round", "user"],
                name="metrics_placement_one_function_per_person",
                violation_error_message="You have spoken for another function in this round.",
            ),
            models.CheckConstraint(
                condition=IS_ON_THE_BOARD,
                name="metrics_placement_is_on_the_board",
                violation_error_message=OFF_THE_BOARD,
            ),
            models.CheckConstraint(condition=FUNCTION_IS_KNOWN, name="metrics_placement_function_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_function_display()} in round {self.round_id}"


class PlacementRevisionQuerySet(models.QuerySet["PlacementRevision"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(placement__in=Placement.objects.visible_to(user))


class PlacementRevision(models.Model):
    """What a function had said before it changed its mind; as blind as the placement."""

    placement = models.ForeignKey(Placement, models.CASCADE, related_name="revisions")
    x = models.PositiveSmallIntegerField()
    y = models.PositiveSmallIntegerField()
    confidence = models.PositiveSmallIntegerField(choices=Placement.Confidence.choices)
    reason = models.CharField(max_length=200)
    placed_at = models.DateTimeField()

    objects = PlacementRevisionQuerySet.as_manager()

    class Meta:
        ordering = ["placed_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=IS_ON_THE_BOARD,
                name="metrics_placementrevision_is_on_the_board",
                violation_error_message=OFF_THE_BOARD,
            ),
        ]

    def __str__(self) -> str:
        return f"Before: {self.placement_id}"
