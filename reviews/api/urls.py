from django.urls import path

from reviews.api import views

urlpatterns = [
    path("claim/", views.Claim.as_view(), name="api-claim"),
    path("assignments/<int:pk>/submit/", views.Submit.as_view(), name="api-submit"),
    path("assignments/<int:pk>/skip/", views.Skip.as_view(), name="api-skip"),
    path("assignments/<int:pk>/release/", views.Release.as_view(), name="api-release"),
]
