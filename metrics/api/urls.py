from django.urls import path

from metrics.api import alerts, expectations, features, scores, stage, usage, views

urlpatterns = [
    path("", features.OneFeature.as_view(), name="api-feature"),
    path("stage/", stage.Stage.as_view(), name="api-stage"),
    path("estimates/", views.Estimates.as_view(), name="estimates"),
    path("expectations/", expectations.Expectations.as_view(), name="api-expectations"),
    path("runtime/", views.Runtime.as_view(), name="runtime"),
    path("drift/", alerts.Drift.as_view(), name="api-drift"),
    path("usage/", usage.Usage.as_view(), name="usage"),
    path("scores/", scores.Scores.as_view(), name="api-scores"),
]
