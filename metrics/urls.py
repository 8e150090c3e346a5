from django.urls import include, path
from django.views.generic import RedirectView

from feedback.policy import PERSON, allow
from metrics import (
    alert_views,
    debate_views,
    expectation_views,
    sampling_views,
    score_views,
    stage_views,
    usage_views,
    version_views,
    views,
)
from metrics.api import alerts as alerts_api
from metrics.api import debates as debates_api
from metrics.api import features as features_api

app_name = "metrics"
urlpatterns = [
    path("", allow(PERSON)(RedirectView.as_view(pattern_name="metrics:features")), name="home"),
    path("features/", views.features, name="features"),
    path("features/<slug:slug>/", views.feature, name="feature"),
    path("features/<slug:slug>/watch/", views.feature_watch, name="feature_watch"),
    path("features/<slug:slug>/versions/", version_views.versions, name="versions"),
    path("features/<slug:slug>/usage/", usage_views.usage, name="usage"),
    path("features/<slug:slug>/stage/", stage_views.stage, name="stage"),
    path("features/<slug:slug>/sampling/", sampling_views.sampling, name="sampling"),
    path("features/<slug:slug>/decide/", stage_views.decide, name="decide"),
    path("features/<slug:slug>/reviews/", include("metrics.queue_health_urls")),
    path("pipeline/", stage_views.pipeline, name="pipeline"),
    path("features/<slug:slug>/why/", score_views.why, name="why"),
    path("quadrants/", score_views.quadrants, name="quadrants"),
    path("scores/weights/", score_views.score_weights, name="score_weights"),
    path("features/<slug:slug>/expectations/", expectation_views.expectations, name="expectations"),
    path("expectations/<int:pk>/sign/", expectation_views.sign, name="expectation_sign"),
    path("expectations/<int:pk>/withdraw/", expectation_views.withdraw, name="expectation_withdraw"),
    path("expectations/<int:pk>/renegotiate/", expectation_views.renegotiate, name="expectation_renegotiate"),
    path("features/<slug:slug>/debates/", debate_views.debates, name="debates"),
    path("debates/<int:pk>/", debate_views.debate, name="debate"),
    path("debates/<int:pk>/place/", debate_views.debate_place, name="debate_place"),
    path("debates/<int:pk>/reveal/", debate_views.debate_reveal, name="debate_reveal"),
    path("debates/<int:pk>/second/", debate_views.debate_second, name="debate_second"),
    path("debates/<int:pk>/decide/", debate_views.debate_decide, name="debate_decide"),
    path("alerts/", alert_views.alerts, name="alerts"),
    path("alerts/<int:pk>/", alert_views.alert, name="alert"),
    path("features/<slug:slug>/drift/", alert_views.drift, name="drift"),
    path("api/v1/alerts/", alerts_api.Alerts.as_view(), name="api-alerts"),
    path("api/v1/alerts/<int:pk>/", alerts_api.OneAlert.as_view(), name="api-alert"),
    path("api/v1/debates/", debates_api.Debates.as_view(), name="api-debates"),
    path("api/v1/features/", features_api.Features.as_view(), name="api-features"),
    path("api/v1/features/<slug:slug>/", include("metrics.api.urls")),
]
