"""What people did with a feature, summed up: days and state of each person, weeks, and the page's figures."""

from __future__ import annotations

from datetime import date, datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from feedback.models import Feature


class ActorDayQuerySet(models.QuerySet["ActorDay"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def between(self, from_on: date, to_on: date) -> Self:
        return self.filter(day__gte=from_on, day__lt=to_on)


class ActorDay(models.Model):
    """One UTC day of one person: what was shown to them and what they did. Days only add.

    Events count on their own day, a pair (an answer before this person) on the day it was first shown, a value
    on the day it was had. account: the one of the person, as ActorState has it.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    account = models.CharField(max_length=200, default="")
    actor = models.CharField(max_length=200)
    n_events = models.PositiveIntegerField(default=0)
    n_internal = models.PositiveIntegerField(default=0)
    n_exposures = models.PositiveIntegerField(default=0)
    n_implied = models.PositiveIntegerField(default=0)
    n_pairs = models.PositiveIntegerField(default=0)
    n_opened = models.PositiveIntegerField(default=0)
    n_resolved = models.PositiveIntegerField(default=0)
    n_accepted = models.PositiveIntegerField(default=0)
    n_edited = models.PositiveIntegerField(default=0)
    n_auto = models.PositiveIntegerField(default=0)
    n_refused = models.PositiveIntegerField(default=0)
    n_undone = models.PositiveIntegerField(default=0)
    n_ignored = models.PositiveIntegerField(default=0)
    worth = models.FloatField(default=0)
    n_values = models.PositiveIntegerField(default=0)
    n_horizon_passed = models.PositiveIntegerField(default=0)
    n_followed = models.PositiveIntegerField(default=0)
    n_early_undos = models.PositiveIntegerField(default=0)
    n_fallbacks = models.PositiveIntegerField(default=0)
    n_escalated = models.PositiveIntegerField(default=0)
    n_snoozed = models.PositiveIntegerField(default=0)

    objects = ActorDayQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also serves the summing up: all days of some people.
            models.UniqueConstraint(fields=["feature", "actor", "day"], name="metrics_actorday_once"),
            models.CheckConstraint(condition=~Q(actor=""), name="metrics_actorday_has_an_actor"),
            models.CheckConstraint(
                condition=Q(
                    n_resolved=F("n_accepted") + F("n_edited") + F("n_auto") + F("n_refused") + F("n_undone")
                    + F("n_ignored")
                ),
                name="metrics_actorday_resolved_is_its_parts",
            ),
            models.CheckConstraint(
                condition=Q(n_resolved__lte=F("n_pairs"), n_implied__lte=F("n_pairs")),
                name="metrics_actorday_parts_are_not_more_than_pairs",
            ),
            models.CheckConstraint(
                condition=Q(worth__gte=0, worth__lte=F("n_resolved"), n_followed__lte=F("n_horizon_passed")),
                name="metrics_actorday_worth_is_at_most_one_a_pair",
            ),
        ]  # fmt: skip
        indexes = [
            # A window of a feature: its figures, and adoption.
            models.Index(fields=["feature", "day"], name="actorday_feature_day"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.day}"


class ActorStateQuerySet(models.QuerySet["ActorState"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def come_due(self, now: datetime) -> Self:
        """Those of whom time alone has changed a pair: nobody reacted, or the work went through or not."""
        return self.filter(pending_until__lte=now)


class ActorState(models.Model):
    """What is known of one person and one feature, by their latest events: kept when the events are purged."""

    class Roster(models.TextChoices):
        UNKNOWN = "", "Not said"
        ELIGIBLE = "eligible", "May use it"
        INELIGIBLE = "ineligible", "May not use it"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    actor = models.CharField(max_length=200)
    account = models.CharField(max_length=200, default="")
    account_at = models.DateTimeField(null=True)
    roster = models.CharField(max_length=10, choices=Roster.choices, default=Roster.UNKNOWN)
    roster_at = models.DateTimeField(null=True)
    eligible_at = models.DateTimeField(null=True)  # for the first time
    is_opted_out = models.BooleanField(default=False)
    opted_at = models.DateTimeField(null=True)
    first_exposed_on = models.DateField(null=True)
    last_exposed_on = models.DateField(null=True)
    first_valued_on = models.DateField(null=True)
    last_valued_on = models.DateField(null=True)
    # When time alone will change one of their pairs; none: only an event can.
    pending_until = models.DateTimeField(null=True)

    objects = ActorStateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feature", "actor"], name="metrics_actorstate_once"),
            models.CheckConstraint(
                condition=Q(roster="", roster_at=None) | ~Q(roster="") & Q(roster_at__isnull=False),
                name="metrics_actorstate_roster_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(is_opted_out=False) | Q(opted_at__isnull=False),
                name="metrics_actorstate_opted_out_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(first_valued_on=None) | Q(last_valued_on__gte=F("first_valued_on")),
                name="metrics_actorstate_values_are_in_order",
            ),
        ]
        indexes = [
            # The summing up: whose pairs have come due.
            models.Index(
                fields=["feature", "pending_until"],
                condition=Q(pending_until__isnull=False),
                name="actorstate_pending",
            ),
        ]

    def __str__(self) -> str:
        return self.actor


class UseWeekQuerySet(models.QuerySet["UseWeek"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)


class UseWeek(models.Model):
    """Wrong but used, and right but refused, in one week (Monday on), by one source of truth.

    Shares of the used and of the refused pairs; n_*_judged: predictions they were estimated from; n_used,
    n_refused: all pairs of the week. The four sums are weighted pairs, for reliance: they add over weeks.
    """

    class Source(models.TextChoices):
        REVIEWED = "reviewed", "Reviewed"
        OBSERVED = "observed", "Observed"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    week_on = models.DateField()
    source = models.CharField(max_length=8, choices=Source.choices)
    n_used = models.PositiveIntegerField()
    n_refused = models.PositiveIntegerField()
    wrong_but_used = models.FloatField(null=True)
    wrong_but_used_low = models.FloatField(null=True)
    wrong_but_used_high = models.FloatField(null=True)
    n_used_judged = models.PositiveIntegerField()
    right_but_refused = models.FloatField(null=True)
    right_but_refused_low = models.FloatField(null=True)
    right_but_refused_high = models.FloatField(null=True)
    n_refused_judged = models.PositiveIntegerField()
    right_used = models.FloatField()
    right_shown = models.FloatField()
    wrong_used = models.FloatField()
    wrong_shown = models.FloatField()
    n_right = models.PositiveIntegerField()
    n_wrong = models.PositiveIntegerField()
    as_of = models.DateTimeField()

    objects = UseWeekQuerySet.as_manager()

    class Meta:
        ordering = ["week_on", "source"]
        constraints = [
            # Also serves the page and reliance: the weeks of a feature.
            models.UniqueConstraint(fields=["feature", "week_on", "source"], name="metrics_useweek_once"),
            models.CheckConstraint(
                condition=(
                    Q(wrong_but_used=None)
                    | Q(wrong_but_used__gte=F("wrong_but_used_low"), wrong_but_used__lte=F("wrong_but_used_high"))
                )
                & (
                    Q(right_but_refused=None)
                    | Q(
                        right_but_refused__gte=F("right_but_refused_low"),
                        right_but_refused__lte=F("right_but_refused_high"),
                    )
                ),
                name="metrics_useweek_intervals_hold_their_values",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.week_on} {self.source}"


class UsageSummary(models.Model):
    """The figures of the usage page, made by the worker: a page never computes them.

    figures: metrics.usage_reports.UsageReport as JSON; empty until the first time. stale_at: when a day was
    summed again after the figures were made; none: they are of the newest days. mark: what reviews and truths
    they were made of. took_s: large features wait a while before they are made again.
    """

    feature = models.OneToOneField(Feature, models.CASCADE, related_name="+")
    as_of = models.DateTimeField(null=True)
    window_from = models.DateField(null=True)
    window_to = models.DateField(null=True)
    figures = models.JSONField(default=dict)
    stale_at = models.DateTimeField(null=True)
    mark = models.CharField(max_length=200, default="")
    took_s = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(as_of=None) | Q(window_to__gt=F("window_from")),
                name="metrics_usagesummary_window_is_forward",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.as_of}"
