from django.contrib import admin

from feedback.admin import ReadOnly
from reviews.models import Assignment, DrawDay, Exclusion, Judgment, ReviewItem, Rubric, SamplingPolicy

admin.site.register([ReviewItem, Assignment, Judgment, DrawDay, Exclusion, SamplingPolicy, Rubric], ReadOnly)
