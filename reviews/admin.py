from django.contrib import admin

from feedback.admin import ReadOnly
from reviews.models import (
    Assignment,
    Draft,
    DrawDay,
    Exclusion,
    GoldReference,
    Judgment,
    ReviewerSkill,
    ReviewItem,
    ReviewRate,
    Rubric,
    RubricAgreement,
    SamplingPolicy,
)

admin.site.register(
    [
        ReviewItem,
        Assignment,
        Judgment,
        Draft,
        DrawDay,
        Exclusion,
        GoldReference,
        ReviewerSkill,
        ReviewRate,
        SamplingPolicy,
        Rubric,
        RubricAgreement,
    ],
    ReadOnly,
)
