"""Every address. Each app brings its own; those of others get their policy in config.policies."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from config.policies import POLICIES

handler400 = "feedback.api.problems.bad_request"
handler403 = "feedback.api.problems.forbidden"
handler404 = "feedback.api.problems.not_found"
handler500 = "feedback.api.problems.server_error"
policies = POLICIES
# A page of our own around Swagger UI: theirs has an inline style, which our CSP refuses.
api_docs = SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html")

urlpatterns = [
    path("", include("feedback.urls")),
    path("", include("reviews.urls")),
    path("", include("metrics.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", api_docs, name="api-docs"),
]
