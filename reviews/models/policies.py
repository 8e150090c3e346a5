from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from feedback.models import Feature, ModelVersion
from reviews.models.constraints import Unchanging


class SamplingPolicyQuerySet(models.QuerySet["SamplingPolicy"]):
    def current(self) -> Self:
        """The newest policy of each feature."""
        newest = SamplingPolicy.objects.filter(feature=models.OuterRef("feature")).order_by("-number")
        return self.filter(pk=models.Subquery(newest.values("pk")[:1]))


class SamplingPolicy(models.Model):
    """How many predictions of a feature are reviewed a day, which, and how. A change is a new version."""

    class Design(models.TextChoices):
        UNIFORM = "uniform", "Every prediction alike"
        UNCERTAINTY = "uncertainty", "Unsure predictions more often"
        BALANCED = "balanced", "Rare labels more often"
        FOCUSED = "focused", "What precision and recall of the positive label hang on"
        ALL = "all", "Every prediction"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    design = models.CharField(max_length=12, choices=Design.choices, default=Design.UNCERTAINTY)
    reviews_per_day = models.PositiveIntegerField(default=20)
    lease_seconds = models.PositiveIntegerField(default=900)
    watch_share = models.FloatField(
        default=0.1, help_text="Share of the reviews a day that stays once all that was agreed is met; never 0."
    )
    target_count = models.PositiveIntegerField(default=500)
    overlap_share = models.FloatField(default=0.0, help_text="Chance that a drawn item gets a second opinion.")
    audit_share = models.FloatField(default=0.05, help_text="Chance that two who agree are looked at again.")
    gold_share = models.FloatField(
        default=0.0, help_text="Chance that a claim gets an item whose answer is known."
    )
    is_blind = models.BooleanField(default=False, help_text="Reviewers answer before they see the model's answer.")
    # A prediction's segment of this name says what a reviewer must know; empty: everybody may judge everything.
    skill_segment = models.CharField(max_length=64, default="", blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects = SamplingPolicyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feature", "number"], name="reviews_samplingpolicy_number_is_unique"),
            models.CheckConstraint(
                condition=Q(lease_seconds__range=(60, 86_400)),
                name="reviews_samplingpolicy_lease_is_a_minute_to_a_day",
                violation_error_message="A lease lasts between a minute and a day.",
            ),
            models.CheckConstraint(condition=Q(target_count__gte=1), name="reviews_samplingpolicy_has_a_target"),
            models.CheckConstraint(
                condition=Q(overlap_share__range=(0, 1), audit_share__range=(0, 1)),
                name="reviews_samplingpolicy_shares_are_probabilities",
                violation_error_message="A share lies between 0 and 1.",
            ),
            models.CheckConstraint(
                condition=Q(watch_share__gt=0, watch_share__lte=1),
                name="reviews_samplingpolicy_watching_never_stops",
                violation_error_message="The share while watching lies above 0 %% and is 100 %% at most.",
            ),
            models.CheckConstraint(
                condition=Q(gold_share__range=(0, 0.5)),
                name="reviews_samplingpolicy_gold_is_half_at_most",
                violation_error_message="At most half of the claims may be gold items.",
            ),
            Unchanging(
                fields=[
                    "feature",
                    "number",
                    "design",
                    "reviews_per_day",
                    "watch_share",
                    "overlap_share",
                    "audit_share",
                ],
                name="reviews_samplingpolicy_versions_never_change",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature}: sampling {self.number}"


class Rubric(models.Model):
    """What reviewers are asked: guideline (Markdown), verdicts, reasons, questions. A change is a new version."""

    class QuestionKind(models.TextChoices):
        CHOICE = "choice", "One of several"
        NUMBER = "number", "A number"
        TEXT = "text", "Text"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    guideline = models.TextField(blank=True, max_length=20_000)
    # Which of the verdicts a reviewer may give; empty: all.
    verdicts = models.JSONField(default=list, blank=True)
    # [{"code", "label"}]: why a prediction is wrong or partly right.
    reasons = models.JSONField(default=list, blank=True)
    # [{"code", "label", "kind", "options", "is_required"}]: what is asked besides the verdict.
    questions = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feature", "number"], name="reviews_rubric_number_is_unique"),
            Unchanging(
                fields=["feature", "number", "guideline", "verdicts", "reasons", "questions"],
                name="reviews_rubric_versions_never_change",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature}: guideline {self.number}"


class RubricAgreement(models.Model):
    """How far opinions given under one rubric agree, as a worker computed it; replaced when judgments come."""

    rubric = models.OneToOneField(Rubric, models.CASCADE, related_name="agreement")
    as_of = models.DateTimeField()
    # The feature's judgments then: another number of them, and these figures are due again.
    n_judgments = models.PositiveBigIntegerField()
    # And its voided opinions: likewise.
    n_void = models.PositiveBigIntegerField(default=0)
    # Items with two opinions under this rubric: what both figures are made of.
    n_shared = models.PositiveBigIntegerField()
    raw = models.FloatField(null=True)
    raw_low = models.FloatField(null=True)
    raw_high = models.FloatField(null=True)
    raw_reason = models.CharField(max_length=300, default="", blank=True)
    alpha = models.FloatField(null=True)
    alpha_low = models.FloatField(null=True)
    alpha_high = models.FloatField(null=True)
    alpha_reason = models.CharField(max_length=300, default="", blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(raw=None) & ~Q(raw_reason="")) | Q(raw_low__lte=models.F("raw_high")),
                name="reviews_rubricagreement_raw_or_a_reason",
            ),
            models.CheckConstraint(
                condition=(Q(alpha=None) & ~Q(alpha_reason="")) | Q(alpha_low__lte=models.F("alpha_high")),
                name="reviews_rubricagreement_alpha_or_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rubric}: agreement"


class DrawDay(models.Model):
    """What the draw of one (version, UTC day) was made with, so that it can be computed again."""

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+")
    day = models.DateField()
    policy = models.ForeignKey(SamplingPolicy, models.RESTRICT, related_name="+")
    k_cap = models.FloatField(null=True, help_text="Largest queue key that is drawn; none: every prediction.")
    gbar = models.FloatField()
    rate_share = models.FloatField(
        default=1.0, help_text="Share of the reviews a day that the day was drawn with."
    )
    # [[label, intercept, slope]]: the calibration used; empty: the sent score was the chance.
    calibration = models.JSONField(default=list)
    # [[label, share]] of the traffic that set the rate: what `balanced` and `focused` divide by.
    label_shares = models.JSONField(default=list)
    # For `focused`: the label it looks for, how often that is expected to be true, and how much of it is found.
    positive_label = models.CharField(max_length=200, blank=True)
    positive_share = models.FloatField(default=0.0)
    recall = models.FloatField(default=0.5)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "day"], name="reviews_drawday_once"),
            models.CheckConstraint(
                condition=(Q(k_cap=None) | Q(k_cap__gte=0)) & Q(gbar__gte=0),
                name="reviews_drawday_rates_are_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(rate_share__gt=0, rate_share__lte=1)
                & Q(positive_share__range=(0, 1), recall__range=(0, 1)),
                name="reviews_drawday_shares_are_shares",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.day}"


class ReviewRateQuerySet(models.QuerySet["ReviewRate"]):
    def of(self, version: ModelVersion) -> Self:
        """Those of a version, the one decided last in front."""
        return self.filter(version=version).order_by("-pk")


class ReviewRate(models.Model):
    """From a UTC day on, which share of the policy's reviews a day a version gets, and why. Rows are only added.

    A version without any is reviewed in full. A day that is drawn keeps what it was drawn with (DrawDay).
    """

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", db_index=False)
    from_on = models.DateField()
    share = models.FloatField()
    why = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    objects = ReviewRateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(share__gt=0, share__lte=1),
                name="reviews_reviewrate_never_stops",
                violation_error_message="The share lies above 0 %% and is 100 %% at most.",
            ),
            Unchanging(
                fields=["version", "from_on", "share", "why", "created_at"],
                name="reviews_reviewrate_never_changes",
            ),
        ]
        indexes = [
            # The rate of a version on a day.
            models.Index(fields=["version", "-id"], name="reviewrate_version"),
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.share:g} from {self.from_on}"
