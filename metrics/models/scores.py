"""Adoption and accountability as they stood, and what people agreed on about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from feedback.models import Decision, Feature

TICK_LASTS = timedelta(days=180)


class ScoreSnapshotQuerySet(models.QuerySet["ScoreSnapshot"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def of_kind(self, kind: str) -> Self:
        return self.filter(kind=kind)

    def weekly(self) -> Self:
        return self.filter(is_weekly=True)

    def newest_first(self) -> Self:
        return self.order_by("-as_of", "-taken_at")

    def light(self) -> Self:
        """Without the counts of every account, which only a comparison or a recomputation needs."""
        return self.defer("inputs")

    def latest_of(self, feature: Feature, kind: str) -> ScoreSnapshot | None:
        return self.of(feature).of_kind(kind).newest_first().light().first()


class ScoreSnapshot(models.Model):
    """One score of a feature over the 28 complete days before an instant, with all that it was computed from.

    Weekly ones end on a Monday and never change once a feature has been scored for a day: until then history may
    still be coming in. Of the others, the last one of each day is kept, for a while.
    """

    class Kind(models.TextChoices):
        ADOPTION = "adoption", "Adoption"
        ACCOUNTABILITY = "accountability", "Accountability"

    class State(models.TextChoices):
        COLLECTING = "collecting", "Collecting"
        PROVISIONAL = "provisional", "Provisional"
        MEASURED = "measured", "Measured"
        NOT_ASKED = "not_asked", "Not asked yet"
        NO_DATA = "no_data", "No data yet"

    class MarketFit(models.TextChoices):
        BEFORE = "before", "Before product-market fit"
        AFTER = "after", "After product-market fit"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=14, choices=Kind.choices)
    taken_at = models.DateTimeField()
    # Before it was taken anew.
    first_taken_at = models.DateTimeField()
    as_of = models.DateTimeField()
    is_weekly = models.BooleanField(default=False)
    formula_version = models.CharField(max_length=10)
    market_fit = models.CharField(max_length=6, choices=MarketFit.choices)
    # Of adoption: {"from_on", "to_on", "has_roster", "accounts": [[name, 12 sums, times]], counters of quality}.
    # Of accountability: {"parts": {component: {value, variance, n, reason}}, "is_asked", "gate"}.
    inputs = models.JSONField()
    goals = models.JSONField(default=dict)
    weights = models.JSONField(default=dict)
    # component -> {"value", "low", "high", "part", "weight", "above", "below", "reason"}
    components = models.JSONField(default=dict)
    points_lost = models.JSONField(default=dict)
    value = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    state = models.CharField(max_length=12, choices=State.choices)
    reason = models.CharField(max_length=500, default="", blank=True)
    # {"since", "difference", "low", "high"} against the 28 days before, None where they cannot be compared.
    trend = models.JSONField(null=True)
    # [[account, points]]: the ten that lift or drag adoption most.
    influence = models.JSONField(default=list)
    # Of the gate, and of what makes it surer.
    n_value_actors = models.PositiveIntegerField(default=0)
    n_value_accounts = models.PositiveIntegerField(default=0)
    n_accounts = models.PositiveIntegerField(default=0)

    objects = ScoreSnapshotQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["feature", "kind", "as_of"],
                condition=Q(is_weekly=True),
                name="metrics_scoresnapshot_one_a_week",
            ),
            models.UniqueConstraint(
                fields=["feature", "kind", "as_of"],
                condition=Q(is_weekly=False),
                name="metrics_scoresnapshot_one_a_day",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["provisional", "measured"], value__isnull=False, value__range=(0, 100))
                & Q(low__isnull=False, low__lte=F("value"), high__isnull=False, high__gte=F("value"))
                | Q(state__in=["collecting", "not_asked", "no_data"], value=None, low=None, high=None)
                & ~Q(reason=""),
                name="metrics_scoresnapshot_has_a_value_or_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["adoption", "accountability"]), name="metrics_scoresnapshot_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(market_fit__in=["before", "after"]), name="metrics_scoresnapshot_market_fit_is_known"
            ),
        ]
        indexes = [
            # The newest snapshot of a feature, and its weeks.
            models.Index(fields=["feature", "kind", "-as_of"], name="scoresnapshot_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.kind} {self.as_of:%Y-%m-%d}"

    @property
    def is_known(self) -> bool:
        return self.value is not None

    @property
    def stage_weights(self) -> dict[str, float]:
        """The weights of the stage it was in."""
        held: dict[str, dict[str, float]] = self.weights
        return held[self.market_fit]


class ScoreGoalsQuerySet(models.QuerySet["ScoreGoals"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)


class ScoreGoals(models.Model):
    """What people agreed on for a feature: where each component of adoption starts and where it is reached.

    A change is a new version; without one, the cell of what it asks of people sets the goals.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    number = models.PositiveIntegerField()
    # component -> {"lo", "hi"}
    goals = models.JSONField()
    half_width = models.FloatField(default=0.05)
    why = models.CharField(max_length=500)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    set_at = models.DateTimeField()

    objects = ScoreGoalsQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feature", "number"], name="metrics_scoregoals_number_is_unique"),
            models.CheckConstraint(
                condition=Q(half_width__gt=0, half_width__lte=0.5),
                name="metrics_scoregoals_half_width_is_a_share",
                violation_error_message="The agreed half-width lies over 0 and at most at 50 points.",
            ),
            models.CheckConstraint(
                condition=~Q(why=""),
                name="metrics_scoregoals_say_why",
                violation_error_message="Say why: others will read it.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature}: goals {self.number}"


class ScoreWeights(models.Model):
    """How much each component weighs, for every feature alike. A change is a new version."""

    number = models.PositiveIntegerField(unique=True)
    # kind -> stage of market fit -> component -> weight, each stage adding up to 1
    weights = models.JSONField()
    why = models.CharField(max_length=500)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(why=""),
                name="metrics_scoreweights_say_why",
                violation_error_message="Say why: others will read it.",
            ),
        ]

    def __str__(self) -> str:
        return f"weights {self.number}"


class FitChangeQuerySet(models.QuerySet["FitChange"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def placements(self) -> Self:
        return self.filter(behaviour__isnull=False)

    def newest_first(self) -> Self:
        return self.order_by("-made_at", "-pk")


class FitChange(models.Model):
    """A person said how a feature fits: what it asks and gives, or that it has (or has lost) its market.

    Either a placement (behaviour, product), or a change of market fit, which takes a decision.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    behaviour = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="What it asks of people, 1 to 9."
    )
    product = models.PositiveSmallIntegerField(null=True, blank=True, help_text="What it gives them, 1 to 9.")
    from_fit = models.CharField(max_length=6, choices=ScoreSnapshot.MarketFit.choices, default="", blank=True)
    to_fit = models.CharField(max_length=6, choices=ScoreSnapshot.MarketFit.choices, default="", blank=True)
    # RESTRICT: it goes only together with its feature.
    decision = models.ForeignKey(Decision, models.RESTRICT, null=True, blank=True, related_name="+")
    why = models.CharField(max_length=500, default="", blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField()

    objects = FitChangeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(behaviour__isnull=False, behaviour__range=(1, 9), from_fit="", to_fit="")
                & Q(product__isnull=False, product__range=(1, 9))
                | Q(behaviour=None, product=None, decision__isnull=False)
                & Q(from_fit__in=["before", "after"], to_fit__in=["before", "after"]),
                name="metrics_fitchange_places_or_decides",
                violation_error_message="Place both, from 1 to 9, or change the market fit with a decision.",
            ),
            models.CheckConstraint(
                condition=Q(to_fit="") | ~Q(to_fit=F("from_fit")),
                name="metrics_fitchange_changes_something",
                violation_error_message="It is in this stage of market fit already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature}: {self.to_fit or f'{self.behaviour}, {self.product}'}"


class ReadinessItemQuerySet(models.QuerySet["ReadinessItem"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def newest_last(self) -> Self:
        return self.order_by("ticked_at", "pk")


class ReadinessItem(models.Model):
    """A person said whether something of the checklist holds which the system cannot see. It holds for 180 days.

    Rows are only added; the newest word on an item counts.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    code = models.CharField(max_length=40)
    is_ticked = models.BooleanField(default=True)
    note = models.CharField(max_length=300, default="", blank=True)
    ticked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    ticked_at = models.DateTimeField()

    objects = ReadinessItemQuerySet.as_manager()

    class Meta:
        indexes = [
            # A feature's checklist.
            models.Index(fields=["feature", "code", "ticked_at"], name="readinessitem_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.feature}: {self.code}"

    @property
    def expires_at(self) -> datetime:
        return self.ticked_at + TICK_LASTS
