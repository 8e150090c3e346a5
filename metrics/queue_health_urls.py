from django.urls import path

from metrics import queue_health_views as views

urlpatterns = [
    path("", views.health, name="queue_health"),
    path("give/", views.give, name="review_give"),
    path("void/", views.void, name="review_void"),
    path("unblock/", views.unblock, name="review_unblock"),
    path("skills/", views.skills, name="review_skills"),
    path("export/", views.export, name="review_export"),
    path("export/cancel/", views.cancel_export, name="review_export_cancel"),
]
