from django.urls import path

from metrics.api import views

urlpatterns = [
    path("estimates/", views.Estimates.as_view(), name="estimates"),
    path("runtime/", views.Runtime.as_view(), name="runtime"),
]
