from django.urls import include, path

from feedback import views

app_name = "feedback"
urlpatterns = [
    path("login/once/<str:token>/", views.one_time_login, name="one_time_login"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("ingest/", views.ingest_warnings, name="ingest_warnings"),
    path("api/v1/", include("feedback.api.urls")),
]
