from django.urls import path

from feedback.api import features, ingest, plans, schema  # noqa: F401  schema registers its descriptions

urlpatterns = [
    path("predictions/", ingest.Predictions.as_view(), name="api-predictions"),
    path("outcomes/", ingest.Outcomes.as_view(), name="api-outcomes"),
    path("events/", ingest.Events.as_view(), name="api-events"),
    path("feedback/", ingest.Feedback.as_view(), name="api-feedback"),
    path("features/<slug:slug>/versions/", features.Versions.as_view(), name="api-versions"),
    path("explorations/", plans.Explorations.as_view(), name="api-explorations"),
    path("decisions/", plans.Decisions.as_view(), name="api-decisions"),
]
