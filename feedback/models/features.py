from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from feedback.models.people import ApiKey, Membership

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from feedback.models.people import User


def new_salt() -> str:
    return secrets.token_hex(32)


class FeatureQuerySet(models.QuerySet["Feature"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Staff see all, everyone else what they are members of, nobody else anything."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff:
            return self.all()
        return self.filter(Exists(Membership.objects.filter(feature=OuterRef("pk"), user=user)))

    def visible_to_key(self, key: ApiKey) -> Self:
        if key.person is not None:
            return self.visible_to(key.person)
        if key.is_for_all_features:
            return self.all()
        return self.filter(Exists(ApiKey.features.through.objects.filter(feature=OuterRef("pk"), apikey=key)))

    def reviewed_by(self, user: User) -> Self:
        roles = [Membership.Role.REVIEWER, Membership.Role.ADJUDICATOR]
        return self.filter(Exists(Membership.objects.of(user).with_role(*roles).filter(feature=OuterRef("pk"))))


class Feature(models.Model):
    """One machine-learning feature of a product."""

    class Stage(models.TextChoices):
        IDEA = "idea", "Idea"
        EXPLORING = "exploring", "Exploring"
        COMMITTED = "committed", "Committed"
        SHADOW = "shadow", "Shadow"
        PILOT = "pilot", "Pilot"
        GENERAL = "general", "General"
        RETIRED = "retired", "Retired"
        PARKED = "parked", "Parked"
        NOT_USED = "not_used", "Not used"

    class AnswerKind(models.TextChoices):
        LABEL = "label", "One of several labels"
        NUMBER = "number", "A number"
        OUTPUT = "output", "Text or JSON"

    class Automation(models.TextChoices):
        SUGGEST = "suggest", "Suggests"
        AUTO_APPLY = "auto_apply", "Applies by itself"

    class Cadence(models.TextChoices):
        """How often its people meet the task that it helps with: the interval of retention and stickiness."""

        DAY = "day", "Daily"
        WEEK = "week", "Weekly"
        MONTH = "month", "Every four weeks"

    class MarketFit(models.TextChoices):
        BEFORE = "before", "Before product-market fit"
        AFTER = "after", "After product-market fit"

    class ToleranceKind(models.TextChoices):
        ABSOLUTE = "absolute", "In the number's own unit"
        RELATIVE = "relative", "As a share of the true number"

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, max_length=2000)
    stage = models.CharField(max_length=20, choices=Stage.choices, default=Stage.IDEA)
    answer_kind = models.CharField(max_length=10, choices=AnswerKind.choices, default=AnswerKind.LABEL)
    automation = models.CharField(max_length=12, choices=Automation.choices, default=Automation.SUGGEST)
    # A number is right when it lies no farther from the truth than this.
    tolerance = models.FloatField(null=True, blank=True)
    tolerance_kind = models.CharField(max_length=8, choices=ToleranceKind.choices, default=ToleranceKind.ABSOLUTE)
    cadence = models.CharField(max_length=6, choices=Cadence.choices, default=Cadence.WEEK)
    # An accepted answer is followed through when the work it was for is completed within this time.
    follow_through_hours = models.PositiveIntegerField(default=168)
    # Changed by a person with a decision (FitChange in metrics), never by the system.
    market_fit = models.CharField(max_length=6, choices=MarketFit.choices, default=MarketFit.BEFORE)
    # People cannot choose whether to use it: adoption then says nothing about trust, and the gate is open.
    is_mandatory = models.BooleanField(default=False)
    # What a pilot needs before it starts: how it is switched off, and how customers reach the team.
    off_switch = models.CharField(max_length=500, blank=True)
    feedback_channel = models.CharField(max_length=500, blank=True)
    # Whether anyone may write on the feature's own form page, and the sites that may embed its button.
    feedback_form_is_open = models.BooleanField(default=False)
    embed_origins = models.JSONField(default=list, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    # [{"name", "label", "hint"}]: the order and the look of the inputs at the review desk.
    input_fields = models.JSONField(default=list, blank=True)
    # {"late": "Late"}: a label's words for people; a label without an entry shows as it is.
    label_names = models.JSONField(default=dict, blank=True)
    auto_register_versions = models.BooleanField(default=False)
    retention_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Raw predictions and events older than this are removed; none: kept."
    )
    # Hours before this are final: their raw rows are gone.
    purged_until = models.DateTimeField(null=True, editable=False)
    # Raised with every erasure and removal of its predictions: a file begun under another number is outdated.
    n_forgotten = models.PositiveBigIntegerField(default=0, editable=False)
    # Keys the draw (docs/statistics.md): whoever knows it knows what will be reviewed.
    sampling_salt = models.CharField(max_length=64, default=new_salt, editable=False)
    simulated_note = models.CharField(
        max_length=300,
        blank=True,
        help_text="What in this feature's figures is simulated. Shown on its pages.",
    )
    created_at = models.DateTimeField()

    objects = FeatureQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(slug=""), name="feedback_feature_slug_is_not_empty"),
            models.CheckConstraint(condition=~Q(sampling_salt=""), name="feedback_feature_has_a_salt"),
            models.CheckConstraint(
                condition=Q(tolerance=None) | Q(tolerance__gte=0, answer_kind="number"),
                name="feedback_feature_tolerance_is_of_a_number",
                violation_error_message="Only a feature that answers with a number has a tolerance, of 0 or more.",
            ),
            models.CheckConstraint(
                condition=Q(retention_days=None) | Q(retention_days__gte=1),
                name="feedback_feature_keeps_a_day_at_least",
                violation_error_message="Raw rows are kept for a day at least.",
            ),
            models.CheckConstraint(
                condition=Q(cadence__in=["day", "week", "month"]), name="feedback_feature_cadence_is_known"
            ),
            models.CheckConstraint(
                condition=Q(market_fit__in=["before", "after"]), name="feedback_feature_market_fit_is_known"
            ),
            models.CheckConstraint(
                condition=Q(follow_through_hours__gte=1),
                name="feedback_feature_follow_through_takes_an_hour_at_least",
                violation_error_message="Give people an hour at least to complete their work.",
            ),
            models.CheckConstraint(
                condition=Q(tolerance_kind__in=["absolute", "relative"]),
                name="feedback_feature_tolerance_kind_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("metrics:feature", args=[self.slug])

    def words_for(self, label: str) -> str:
        names: dict[str, Any] = self.label_names
        return str(names.get(label, label))


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def by_deployment(self) -> Self:
        """The newest last. What is registered and not deployed comes first, on every database."""
        return self.order_by(F("deployed_at").asc(nulls_first=True), "pk")


class ModelVersion(models.Model):
    """One version of the model behind a feature."""

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="versions")
    name = models.CharField(max_length=100)
    is_baseline = models.BooleanField(default=False)
    deployed_at = models.DateTimeField(null=True, blank=True)
    # Made on first sight of its name: deployed_at is then that of the earliest prediction that has come.
    is_auto_registered = models.BooleanField(default=False, editable=False)
    # Every label it may answer with, in the order pages show them; empty for numbers and free output.
    labels = models.JSONField(default=list, blank=True)
    positive_label = models.CharField(max_length=200, blank=True)
    notes = models.TextField(blank=True, max_length=5000)
    created_at = models.DateTimeField()

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["feature", "deployed_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["feature", "name"],
                name="feedback_modelversion_name_is_unique",
                violation_error_message="The feature has a version of this name already.",
            ),
            models.UniqueConstraint(
                fields=["feature"],
                condition=Q(is_baseline=True),
                name="feedback_modelversion_one_baseline",
                violation_error_message="The feature has a baseline already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.name}"
