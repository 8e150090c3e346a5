from django.urls import path

from reviews.api import leading, views

urlpatterns = [
    path("claim/", views.Claim.as_view(), name="api-claim"),
    path("assignments/<int:pk>/submit/", views.Submit.as_view(), name="api-submit"),
    path("assignments/<int:pk>/answer/", views.OwnAnswer.as_view(), name="api-own-answer"),
    path("assignments/<int:pk>/beat/", views.Beat.as_view(), name="api-beat"),
    path("assignments/<int:pk>/skip/", views.Skip.as_view(), name="api-skip"),
    path("assignments/<int:pk>/release/", views.Release.as_view(), name="api-release"),
    path("assignments/<int:pk>/reassign/", leading.Reassign.as_view(), name="api-reassign"),
    path("assignments/<int:pk>/void/", leading.Void.as_view(), name="api-void"),
    path("judgments/", leading.Judgments.as_view(), name="api-judgments"),
    path("judgments/<int:pk>/revise/", views.Revise.as_view(), name="api-revise"),
    path("judgments/<int:pk>/undo/", views.Undo.as_view(), name="api-undo"),
    path("targets/", leading.Targets.as_view(), name="api-targets"),
    path("gold/", leading.Gold.as_view(), name="api-gold"),
    path("skills/", leading.Skills.as_view(), name="api-skills"),
]
