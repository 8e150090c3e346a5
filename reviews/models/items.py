from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Abs, Ln
from django.db.models.lookups import LessThanOrEqual

from feedback.models import Feature, ModelVersion, Prediction
from reviews.models.constraints import Unchanging


class ReviewItemQuerySet(models.QuerySet["ReviewItem"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def in_probability_sample(self) -> Self:
        """The only items that count in an estimate: not the gold, not what somebody picked."""
        return self.filter(arm=ReviewItem.Arm.PROBABILITY)

    def final(self) -> Self:
        return self.filter(state=ReviewItem.State.FINAL)


class ReviewItem(models.Model):
    """A prediction drawn for review. luck, weight and key never change: they fix its inclusion probability."""

    class Arm(models.TextChoices):
        PROBABILITY = "probability", "Drawn by chance"
        TARGETED = "targeted", "Picked by somebody"
        GOLD = "gold", "Its answer is known"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        IN_REVIEW = "in_review", "In review"
        NEEDS_ADJUDICATION = "needs_adjudication", "Needs adjudication"
        FINAL = "final", "Final"
        NEEDS_LEAD = "needs_lead", "Needs a lead"

    class Verdict(models.TextChoices):
        RIGHT = "right", "Right"
        WRONG = "wrong", "Wrong"
        PARTLY = "partly", "Partly"
        CANNOT_JUDGE = "cannot_judge", "Cannot judge"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)
    prediction = models.ForeignKey(Prediction, models.CASCADE, related_name="+", db_index=False)
    arm = models.CharField(max_length=12, choices=Arm.choices, default=Arm.PROBABILITY)
    luck = models.FloatField()
    weight = models.FloatField()
    queue_key = models.FloatField()
    n_opinions = models.PositiveSmallIntegerField(default=1, help_text="How many reviewers are asked, alone each.")
    cohort_on = models.DateField()
    state = models.CharField(max_length=20, choices=State.choices, default=State.OPEN)
    verdict = models.CharField(max_length=12, choices=Verdict.choices, default="", blank=True)
    # The true label: the corrected answer, or the predicted one where that is right; empty: not known.
    truth = models.CharField(max_length=200, default="", blank=True)
    drawn_at = models.DateTimeField()
    final_at = models.DateTimeField(null=True)

    objects = ReviewItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prediction", "arm"], name="reviews_reviewitem_once_per_arm"),
            models.CheckConstraint(
                condition=Q(luck__gt=0, luck__lt=1, weight__gt=0, queue_key__gt=0),
                name="reviews_reviewitem_luck_weight_and_key_are_positive",
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(
                    Abs(F("queue_key") * F("weight") + Ln("luck")),
                    Value(1e-9) * (F("queue_key") * F("weight") + Value(1.0)),
                ),
                # Named to be checked after the one above: PostgreSQL goes by name, and knows no logarithm of zero.
                name="reviews_reviewitem_queue_key_follows_from_luck_and_weight",
            ),
            Unchanging(
                fields=["prediction", "arm", "luck", "weight", "queue_key", "cohort_on"],
                name="reviews_reviewitem_its_draw_never_changes",
            ),
            models.CheckConstraint(
                condition=Q(n_opinions__range=(1, 2)),
                name="reviews_reviewitem_asks_one_or_two",
            ),
            models.CheckConstraint(
                condition=Q(state="final", final_at__isnull=False) & ~Q(verdict="")
                | ~Q(state="final") & Q(verdict="", truth="", final_at=None),
                name="reviews_reviewitem_verdict_when_final",
            ),
            models.CheckConstraint(
                condition=~Q(arm="gold") | Q(state="open"),
                name="reviews_reviewitem_gold_is_never_settled",
            ),
        ]
        indexes = [
            # Estimates: a version's cohorts, in queue order.
            models.Index(fields=["version", "cohort_on", "queue_key"], name="reviewitem_cohort"),
            # What was decided since the last look of metrics.
            models.Index(fields=["feature", "final_at"], condition=Q(state="final"), name="reviewitem_final"),
            # What nobody is left to judge, oldest first, for the lead.
            models.Index(fields=["feature", "drawn_at"], condition=Q(state="needs_lead"), name="reviewitem_stuck"),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}"


class GoldReference(models.Model):
    """The known answer of a gold item, and where it comes from."""

    class Source(models.TextChoices):
        ADJUDICATED = "adjudicated", "Adjudicated"
        OBSERVED = "observed", "The truth arrived"

    item = models.OneToOneField(ReviewItem, models.CASCADE, related_name="gold")
    verdict = models.CharField(max_length=12, choices=ReviewItem.Verdict.choices)
    truth = models.CharField(max_length=200)
    source = models.CharField(max_length=12, choices=Source.choices)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(truth=""), name="reviews_goldreference_has_a_truth"),
        ]

    def __str__(self) -> str:
        return f"{self.item}: {self.truth}"
