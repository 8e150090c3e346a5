"""What data science and product agreed, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q, QuerySet

from feedback.models import Feature, ModelVersion


class ExpectationQuerySet(models.QuerySet["Expectation"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def visible_in(self, features: QuerySet[Feature]) -> Self:
        return self.filter(feature__in=features)

    def in_force(self) -> Self:
        """Signed by both functions, and not replaced by what they agreed later."""
        return self.filter(state=Expectation.State.AGREED)

    def agreed(self) -> Self:
        """In force, with their statuses, the one agreed first in front."""
        return self.in_force().with_statuses().order_by("product_signed_at", "pk")

    def unresolved(self) -> Self:
        return self.filter(resolved_at=None)

    def on_the_same_as(self, other: Expectation) -> Self:
        """About the same metric, traffic, version and direction."""
        return self.filter(
            feature=other.feature_id,
            metric=other.metric,
            segment=other.segment,
            version=other.version_id,
            direction=other.direction,
        )

    def with_statuses(self) -> Self:
        """Their statuses, newest first, and everybody they name, in one query each."""
        newest_first = ExpectationStatus.objects.order_by("-since", "-pk")
        people = ("proposed_by", "data_science_signed_by", "product_signed_by", "withdrawn_by")
        return self.select_related("version", "feature", *people).prefetch_related(
            models.Prefetch("statuses", newest_first)
        )


class Expectation(models.Model):
    """A promise about a feature, proposed by one function and agreed when both have signed.

    Its terms never change: to renegotiate is to agree on another one that replaces it.
    """

    class Metric(models.TextChoices):
        ACCURACY = "accuracy", "Share right (accuracy)"
        PRECISION = "precision", "Right when it says so (precision)"
        RECALL = "recall", "Found when true (recall)"
        F1 = "f1", "Both in one (F1)"
        LATENCY = "latency_p95_ms", "Time within which 19 of 20 answers come (p95)"
        ADOPTION = "adoption", "Adoption, 0 to 100"

    class Direction(models.TextChoices):
        AT_LEAST = "at_least", "at least"
        AT_MOST = "at_most", "at most"

    class State(models.TextChoices):
        PROPOSED = "proposed", "Proposed"
        AGREED = "agreed", "Agreed"
        REPLACED = "replaced", "Replaced"
        WITHDRAWN = "withdrawn", "Withdrawn"

    SHARES = (Metric.ACCURACY, Metric.PRECISION, Metric.RECALL, Metric.F1)

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    metric = models.CharField(max_length=16, choices=Metric.choices)
    # KEY:VALUE of one part of the traffic; empty: all of it.
    segment = models.CharField(max_length=270, blank=True)
    # None: whichever version answers.
    version = models.ForeignKey(ModelVersion, models.CASCADE, null=True, blank=True, related_name="+")
    direction = models.CharField(max_length=8, choices=Direction.choices)
    # Shares in [0, 1], latency in ms, adoption in 0 to 100.
    baseline = models.FloatField(null=True, blank=True)
    target = models.FloatField()
    by_on = models.DateField()
    why = models.TextField(max_length=2000)
    # Each function's own chance that it will be met, stated with its signature.
    p_data_science = models.FloatField(null=True, blank=True)
    p_product = models.FloatField(null=True, blank=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PROPOSED)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    data_science_signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    data_science_signed_at = models.DateTimeField(null=True, blank=True)
    product_signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    product_signed_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    # RESTRICT: a link of the chain goes only together with its feature.
    replaces = models.ForeignKey("self", models.RESTRICT, null=True, blank=True, related_name="+")
    # When its day had passed: from then on its status is its outcome.
    resolved_at = models.DateTimeField(null=True, blank=True)
    # What it was last checked against: the same again means there is nothing to do.
    checked_mark = models.CharField(max_length=120, blank=True)

    objects = ExpectationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(metric__in=["accuracy", "precision", "recall", "f1"], target__range=(0, 1))
                | Q(metric="latency_p95_ms", target__gt=0)
                | Q(metric="adoption", target__range=(0, 100)),
                name="metrics_expectation_target_fits_its_metric",
                violation_error_message="A share lies between 0 and 100 %%, adoption in 0 to 100, a time over 0.",
            ),
            models.CheckConstraint(
                condition=Q(direction__in=["at_least", "at_most"]),
                name="metrics_expectation_direction_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["proposed", "agreed", "replaced", "withdrawn"]),
                name="metrics_expectation_state_is_known",
            ),
            models.CheckConstraint(
                condition=(Q(p_data_science=None) | Q(p_data_science__range=(0, 1)))
                & (Q(p_product=None) | Q(p_product__range=(0, 1))),
                name="metrics_expectation_chances_are_probabilities",
                violation_error_message="A chance lies between 0 and 100 %%.",
            ),
            models.CheckConstraint(
                condition=(
                    Q(data_science_signed_by=None, data_science_signed_at=None, p_data_science=None)
                    | Q(
                        data_science_signed_by__isnull=False,
                        data_science_signed_at__isnull=False,
                        p_data_science__isnull=False,
                    )
                )
                & (
                    Q(product_signed_by=None, product_signed_at=None, p_product=None)
                    | Q(
                        product_signed_by__isnull=False,
                        product_signed_at__isnull=False,
                        p_product__isnull=False,
                    )
                ),
                name="metrics_expectation_signature_has_time_and_chance",
                violation_error_message="Whoever signs says how likely it is to be met.",
            ),
            models.CheckConstraint(
                condition=Q(data_science_signed_by=None)
                | Q(product_signed_by=None)
                | ~Q(data_science_signed_by=F("product_signed_by")),
                name="metrics_expectation_two_people_sign",
                violation_error_message="You have signed for the other function: a second person must sign here.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["proposed", "withdrawn"])
                | Q(data_science_signed_by__isnull=False, product_signed_by__isnull=False),
                name="metrics_expectation_agreed_by_both_functions",
                violation_error_message="It is agreed only when both functions have signed.",
            ),
            models.CheckConstraint(
                condition=Q(state="withdrawn", withdrawn_by__isnull=False)
                | ~Q(state="withdrawn") & Q(withdrawn_by=None),
                name="metrics_expectation_withdrawn_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at=None) | Q(state__in=["agreed", "replaced"]),
                name="metrics_expectation_only_agreed_ones_resolve",
            ),
            # Two, because SQLite takes two rows without a version for different ones.
            models.UniqueConstraint(
                fields=["feature", "metric", "segment", "direction"],
                condition=Q(state="agreed", resolved_at=None, version=None),
                name="metrics_expectation_one_in_force",
                violation_error_message="One on this metric is agreed already: renegotiate that one.",
            ),
            models.UniqueConstraint(
                fields=["feature", "metric", "segment", "direction", "version"],
                condition=Q(state="agreed", resolved_at=None, version__isnull=False),
                name="metrics_expectation_one_in_force_for_a_version",
                violation_error_message="One on this metric is agreed already: renegotiate that one.",
            ),
            models.UniqueConstraint(
                fields=["replaces"],
                condition=~Q(state="withdrawn"),
                name="metrics_expectation_replaced_once",
                violation_error_message="Another proposal to replace this one is there already.",
            ),
        ]
        indexes = [
            # A feature's expectations, newest first.
            models.Index(fields=["feature", "proposed_at"], name="expectation_feature"),
            # The check: agreed and not resolved.
            models.Index(
                fields=["by_on"], condition=Q(state="agreed", resolved_at=None), name="expectation_unresolved"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_metric_display()} {self.get_direction_display()} {self.target:g}"

    @property
    def is_share(self) -> bool:
        return self.metric in self.SHARES

    @property
    def is_at_least(self) -> bool:
        return self.direction == self.Direction.AT_LEAST

    def is_over(self, now: datetime) -> bool:
        """Its day belongs to it."""
        return now.astimezone(UTC).date() > self.by_on

    def signer_of(self, function: str) -> int | None:
        signer: int | None = getattr(self, f"{function}_signed_by_id")
        return signer


class ExpectationStatus(models.Model):
    """A stretch of time in which an expectation had one status. The newest carries the latest figures."""

    class Status(models.TextChoices):
        MET = "met", "met"
        BROKEN = "broken", "broken"
        NOT_SURE = "not_sure", "not sure yet"
        UNKNOWN = "unknown", "unknown"
        EXPIRED = "expired", "expired"

    expectation = models.ForeignKey(Expectation, models.CASCADE, related_name="statuses")
    status = models.CharField(max_length=8, choices=Status.choices)
    since = models.DateTimeField()
    checked_at = models.DateTimeField()
    source = models.CharField(max_length=8, blank=True)
    version = models.CharField(max_length=100, blank=True)
    # The one that precision, recall and F1 speak of.
    label = models.CharField(max_length=200, blank=True)
    # low, high: the interval that stays right however often people look. n: in the metric's own domain.
    value = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    n = models.PositiveBigIntegerField(default=0)
    p_met = models.FloatField(null=True)
    n_to_go = models.PositiveIntegerField(null=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["expectation", "since"], name="metrics_expectationstatus_once"),
            models.CheckConstraint(
                condition=Q(status__in=["met", "broken", "not_sure", "unknown", "expired"]),
                name="metrics_expectationstatus_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(p_met=None) | Q(p_met__range=(0, 1)),
                name="metrics_expectationstatus_chance_is_a_probability",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["met", "broken", "not_sure"]) | Q(value__isnull=False),
                name="metrics_expectationstatus_decides_only_on_a_value",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.expectation_id} {self.status}"
