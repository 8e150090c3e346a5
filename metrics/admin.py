from django.contrib import admin

from feedback.admin import ReadOnly
from metrics.models import Conclusion, EstimateSet

admin.site.register([Conclusion, EstimateSet], ReadOnly)
