"""What experts judged: an item is a prediction to be judged, an assignment one opinion to be given on it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from feedback.models import Feature, ModelVersion, Prediction

if TYPE_CHECKING:
    from feedback.models import User


class SamplingPolicyQuerySet(models.QuerySet["SamplingPolicy"]):
    def current(self) -> Self:
        """The newest policy of each feature."""
        newest = SamplingPolicy.objects.filter(feature=models.OuterRef("feature")).order_by("-number")
        return self.filter(pk=models.Subquery(newest.values("pk")[:1]))


class SamplingPolicy(models.Model):
    """How many predictions of a feature are reviewed a day, and which. A change is a new version."""

    class Design(models.TextChoices):
        UNIFORM = "uniform", "Every prediction alike"
        UNCERTAINTY = "uncertainty", "Unsure predictions more often"
        ALL = "all", "Every prediction"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    design = models.CharField(max_length=12, choices=Design.choices, default=Design.UNCERTAINTY)
    reviews_per_day = models.PositiveIntegerField(default=20)
    lease_seconds = models.PositiveIntegerField(default=900)
    target_count = models.PositiveIntegerField(default=500)
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
        ]

    def __str__(self) -> str:
        return f"{self.feature}: sampling {self.number}"


class Rubric(models.Model):
    """What reviewers are asked: guideline (Markdown) and reasons. A change is a new version."""

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    guideline = models.TextField(blank=True, max_length=20_000)
    # [{"code", "label"}]: why a prediction is wrong or partly right.
    reasons = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feature", "number"], name="reviews_rubric_number_is_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.feature}: guideline {self.number}"


class DrawDay(models.Model):
    """What the draw of one (version, UTC day) was made with, so that it can be computed again."""

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+")
    day = models.DateField()
    policy = models.ForeignKey(SamplingPolicy, models.PROTECT, related_name="+")
    k_cap = models.FloatField(null=True, help_text="Largest queue key that is drawn; none: every prediction.")
    gbar = models.FloatField()
    # [[label, bin or null, chance]]: the calibration used; empty: the sent score was the chance.
    calibration = models.JSONField(default=list)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "day"], name="reviews_drawday_once"),
            models.CheckConstraint(
                condition=(Q(k_cap=None) | Q(k_cap__gte=0)) & Q(gbar__gte=0),
                name="reviews_drawday_rates_are_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.day}"


class ReviewItemQuerySet(models.QuerySet["ReviewItem"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def in_probability_sample(self) -> Self:
        return self.filter(arm=ReviewItem.Arm.PROBABILITY)

    def final(self) -> Self:
        return self.filter(state=ReviewItem.State.FINAL)


class ReviewItem(models.Model):
    """A prediction drawn for review. luck, weight and key never change: they fix its inclusion probability."""

    class Arm(models.TextChoices):
        PROBABILITY = "probability", "Drawn by chance"
        TARGETED = "targeted", "Picked by somebody"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        IN_REVIEW = "in_review", "In review"
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
    cohort_on = models.DateField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
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
                condition=Q(state="final", final_at__isnull=False) & ~Q(verdict="")
                | ~Q(state="final") & Q(verdict="", truth="", final_at=None),
                name="reviews_reviewitem_verdict_when_final",
            ),
        ]
        indexes = [
            # Estimates: a version's cohorts, in queue order.
            models.Index(fields=["version", "cohort_on", "queue_key"], name="reviewitem_cohort"),
            # What was decided since the last look of metrics.
            models.Index(fields=["feature", "final_at"], condition=Q(state="final"), name="reviewitem_final"),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}"


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def held_by(self, reviewer: User) -> Self:
        return self.filter(state=Assignment.State.LEASED, reviewer=reviewer)

    def live(self, now: datetime) -> Self:
        return self.filter(state=Assignment.State.LEASED, leased_until__gt=now)

    def expired(self, now: datetime) -> Self:
        return self.filter(state=Assignment.State.LEASED, leased_until__lte=now)

    def free(self, now: datetime) -> Self:
        """Open, or leased to somebody whose lease has run out."""
        is_expired = Q(state=Assignment.State.LEASED, leased_until__lte=now)
        return self.filter(Q(state=Assignment.State.OPEN) | is_expired)

    def allowed_to(self, reviewer: User) -> Self:
        """Of items that they have no other part in and are not excluded from.

        Their own and the excluded are read once, not looked up for each row: 5,000 of them at the head of a queue
        must not slow the claim, nor an hour in which PostgreSQL has not counted its rows yet.
        """
        taken = [Assignment.State.LEASED, Assignment.State.SUBMITTED]
        mine = Assignment.objects.filter(reviewer=reviewer, state__in=taken).values("item")
        excluded = Exclusion.objects.filter(reviewer=reviewer).values("item")
        return self.exclude(item__in=excluded).exclude(Q(item__in=mine) & ~Q(reviewer=reviewer))

    def claimable_by(self, reviewer: User, now: datetime) -> Self:
        return self.free(now).allowed_to(reviewer)

    def submitted_by(self, reviewer: User) -> Self:
        return self.filter(state=Assignment.State.SUBMITTED, reviewer=reviewer)


class Assignment(models.Model):
    """The unit of work: one opinion on one item. Two opinions are two assignments; a third cannot happen."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        LEASED = "leased", "Leased"
        SUBMITTED = "submitted", "Submitted"
        VOID = "void", "Void"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    item = models.ForeignKey(ReviewItem, models.CASCADE, related_name="assignments", db_index=False)
    ordinal = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    lease_token = models.CharField(max_length=32, default="", blank=True)
    leased_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)
    queue_key = models.FloatField()

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "ordinal"], name="reviews_assignment_ordinal_is_unique"),
            models.UniqueConstraint(
                fields=["item", "reviewer"],
                condition=Q(state__in=["leased", "submitted"]),
                name="reviews_assignment_one_per_reviewer_and_item",
            ),
            models.CheckConstraint(
                condition=Q(state="open", reviewer=None, lease_token="", leased_until=None)
                | Q(state="leased", reviewer__isnull=False, leased_until__isnull=False) & ~Q(lease_token="")
                | Q(state__in=["submitted", "void"]),
                name="reviews_assignment_open_has_no_reviewer_and_no_token",
            ),
            models.CheckConstraint(
                condition=~Q(state="submitted") | Q(submitted_at__isnull=False),
                name="reviews_assignment_submitted_has_a_time",
            ),
        ]
        indexes = [
            # The claim: the head of a feature's queue.
            models.Index(fields=["feature", "queue_key"], condition=Q(state="open"), name="assignment_open"),
            # Leases that have run out, and how many a reviewer holds.
            models.Index(fields=["leased_until"], condition=Q(state="leased"), name="assignment_leased"),
            # A reviewer's own day.
            models.Index(fields=["reviewer", "submitted_at"], name="assignment_reviewer"),
        ]

    def __str__(self) -> str:
        return f"assignment {self.pk}"


class JudgmentQuerySet(models.QuerySet["Judgment"]):
    def latest_revisions(self) -> Self:
        newer = Judgment.objects.filter(
            assignment=models.OuterRef("assignment"), revision__gt=models.OuterRef("revision")
        )
        return self.exclude(models.Exists(newer))


class Judgment(models.Model):
    """What a reviewer said of an item. Rows are only added: an undo or a correction is the next revision.

    A withdrawn judgment (undo) is a revision with an empty verdict: the assignment is its reviewer's again.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="judgments", db_index=False)
    revision = models.PositiveSmallIntegerField(default=1)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    rubric = models.ForeignKey(Rubric, models.PROTECT, null=True, related_name="+")
    verdict = models.CharField(max_length=12, choices=ReviewItem.Verdict.choices, default="", blank=True)
    corrected = models.CharField(max_length=200, default="", blank=True)
    reasons = models.JSONField(default=list, blank=True)
    comment = models.TextField(default="", blank=True, max_length=5000)
    is_flagged = models.BooleanField(default=False)
    is_simulated = models.BooleanField(default=False, help_text="Made by the demo, not by a person.")
    idempotency_key = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    objects = JudgmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assignment", "revision"], name="reviews_judgment_revision_is_unique"),
            models.UniqueConstraint(
                fields=["assignment", "idempotency_key"], name="reviews_judgment_submitted_once"
            ),
            models.CheckConstraint(
                condition=Q(corrected="") | Q(verdict__in=["wrong", "partly"]),
                name="reviews_judgment_correction_needs_a_fault",
                violation_error_message="A corrected answer goes with wrong or partly.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.verdict or 'withdrawn'}"


class Exclusion(models.Model):
    """This reviewer does not get this item (again), and why."""

    item = models.ForeignKey(ReviewItem, models.CASCADE, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    reason = models.CharField(max_length=40)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "reviewer"], name="reviews_exclusion_once"),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.reason}"
