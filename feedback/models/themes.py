from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from feedback.models.features import Feature


class ThemeQuerySet(models.QuerySet["Theme"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def heads(self) -> Self:
        """Those that are merged into no other: each stands for its group."""
        return self.filter(merged_into=None)


class Theme(models.Model):
    """What several customers say alike. Items keep the theme they were given: merging only moves a pointer.

    The pointer leads to an older theme, always: so a circle cannot be stored. Whichever title people merge into
    stays in front, by `gives_its_title`: a theme goes by the title of what was last merged into it and gives it.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    title = models.CharField(max_length=120)
    merged_into = models.ForeignKey("self", models.RESTRICT, null=True, blank=True, related_name="+")
    merged_at = models.DateTimeField(null=True, blank=True)
    gives_its_title = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()

    objects = ThemeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "feature",
                Lower("title"),
                name="feedback_theme_title_is_unique_in_its_feature",
                violation_error_message="The feature has a theme of this title already.",
            ),
            models.CheckConstraint(condition=~Q(title=""), name="feedback_theme_has_a_title"),
            models.CheckConstraint(
                condition=Q(merged_into=None) | Q(merged_into__lt=F("id")),
                name="feedback_theme_is_merged_into_an_older_one",
                violation_error_message="A theme points to an older one, so that no circle can come about.",
            ),
            models.CheckConstraint(
                condition=Q(merged_into=None, merged_at=None, gives_its_title=False)
                | Q(merged_into__isnull=False, merged_at__isnull=False),
                name="feedback_theme_merging_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.title
