from django.urls import include, path

from reviews import target_views, views

app_name = "reviews"
urlpatterns = [
    path("desk/", views.desk, name="desk"),
    path("desk/claim/", views.claim, name="claim"),
    path("desk/<int:pk>/", views.case, name="case"),
    path("desk/<int:pk>/submit/", views.submit, name="submit"),
    path("desk/<int:pk>/skip/", views.skip, name="skip"),
    path("desk/<int:pk>/release/", views.release, name="release"),
    path("features/<slug:slug>/target/", target_views.target, name="target"),
    path("desk/<int:pk>/answer/", views.own_answer, name="own_answer"),
    path("desk/<int:pk>/beat/", views.beat, name="beat"),
    path("desk/drafts/<int:pk>/discard/", views.discard_draft, name="discard_draft"),
    path("desk/judgments/<int:pk>/undo/", views.undo, name="undo"),
    path("api/v1/review/", include("reviews.api.urls")),
]
