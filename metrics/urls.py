from django.urls import include, path
from django.views.generic import RedirectView

from feedback.policy import PERSON, allow
from metrics import views

app_name = "metrics"
urlpatterns = [
    path("", allow(PERSON)(RedirectView.as_view(pattern_name="metrics:features")), name="home"),
    path("features/", views.features, name="features"),
    path("features/<slug:slug>/", views.feature, name="feature"),
    path("api/v1/features/<slug:slug>/", include("metrics.api.urls")),
]
