from django.urls import include, path

from reviews import adjudication_views, guideline_views, judged_views, own_views, target_views, views
from reviews.api import exports

app_name = "reviews"
urlpatterns = [
    path("desk/", views.desk, name="desk"),
    path("desk/claim/", views.claim, name="claim"),
    path("desk/<int:pk>/", views.case, name="case"),
    path("desk/<int:pk>/submit/", views.submit, name="submit"),
    path("desk/<int:pk>/skip/", views.skip, name="skip"),
    path("desk/<int:pk>/release/", views.release, name="release"),
    path("features/<slug:slug>/guideline/", guideline_views.guideline, name="guideline"),
    path("features/<slug:slug>/guideline/preview/", guideline_views.guideline_preview, name="guideline_preview"),
    path("features/<slug:slug>/target/", target_views.target, name="target"),
    path("desk/<int:pk>/answer/", views.own_answer, name="own_answer"),
    path("desk/<int:pk>/beat/", views.beat, name="beat"),
    path("desk/drafts/<int:pk>/discard/", views.discard_draft, name="discard_draft"),
    path("desk/judgments/<int:pk>/undo/", views.undo, name="undo"),
    path("desk/judgments/<int:pk>/revise/", judged_views.revise, name="revise"),
    path("desk/last/", judged_views.last_ten, name="last_ten"),
    path("desk/me/", own_views.me, name="me"),
    path("features/<slug:slug>/adjudication/", adjudication_views.adjudication, name="adjudication"),
    path("api/v1/review/", include("reviews.api.urls")),
    path("api/v1/exports/", exports.Exports.as_view(), name="api-exports"),
    path("api/v1/exports/<int:pk>/", exports.OneExport.as_view(), name="api-export"),
    path("api/v1/exports/<int:pk>/file/", exports.ExportFile.as_view(), name="api-export-file"),
]
