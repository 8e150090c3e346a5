from django.urls import include, path

from feedback import form_views, inbox_views, plan_views, thread_views, views

app_name = "feedback"
urlpatterns = [
    path("login/once/<str:token>/", views.one_time_login, name="one_time_login"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("ingest/", views.ingest_warnings, name="ingest_warnings"),
    path("feedback/inbox/", inbox_views.inbox, name="inbox"),
    path("feedback/inbox/bulk/", inbox_views.bulk, name="inbox_bulk"),
    path("feedback/inbox/<int:pk>/state/", inbox_views.set_state, name="item_state"),
    path("feedback/inbox/<int:pk>/severity/", inbox_views.set_severity, name="item_severity"),
    path("feedback/inbox/<int:pk>/theme/", inbox_views.set_theme, name="item_theme"),
    path("feedback/inbox/<int:pk>/release/", inbox_views.release, name="item_release"),
    path("feedback/themes/", inbox_views.themes, name="themes"),
    path("feedback/themes/new/", inbox_views.new_theme, name="new_theme"),
    path("feedback/themes/merge/", inbox_views.merge_themes, name="merge_themes"),
    path("feedback/themes/<int:pk>/unmerge/", inbox_views.unmerge_theme, name="unmerge_theme"),
    path("feedback/notes/new/", inbox_views.call_note, name="call_note"),
    path("feedback/forms/<slug:slug>/", form_views.form_settings, name="form_settings"),
    path("f/<slug:form_slug>/", form_views.form, name="form"),
    path("f/<slug:form_slug>/embed/", form_views.embed, name="embed"),
    path("explorations/", plan_views.explorations, name="explorations"),
    path("explorations/new/", plan_views.exploration_new, name="exploration_new"),
    path("explorations/<int:pk>/", plan_views.exploration, name="exploration"),
    path("decisions/", plan_views.decisions, name="decisions"),
    path("decisions/<int:pk>/", plan_views.decision, name="decision"),
    path("features/<slug:slug>/discuss/", thread_views.discuss, name="discuss"),
    path("comments/<int:pk>/edit/", thread_views.comment_edit, name="comment_edit"),
    path("comments/<int:pk>/remove/", thread_views.comment_remove, name="comment_remove"),
    path("api/v1/", include("feedback.api.urls")),
]
