"""The administration: people and keys for those who run Touchstone, everything else to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from feedback.actions.jobs import retry_dead
from feedback.actions.people import revoke_keys
from feedback.models import ApiKey, Feature, Job, Membership, ModelVersion, Outcome, Prediction, User


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """What actions wrote. A changed row would make what follows from it dishonest."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Prediction, Outcome)
class WhatHappened(ReadOnly):
    list_display = ("external_id", "feature", "received_at")
    list_select_related = ("feature",)


@admin.register(ModelVersion)
class Versions(ReadOnly):
    list_display = ("name", "feature", "is_baseline", "deployed_at")


@admin.register(Feature)
class Features(ReadOnly):
    list_display = ("name", "slug", "stage", "owner")
    exclude = ("sampling_salt",)


@admin.register(Membership)
class Memberships(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("user", "role", "feature")
    list_filter = ("role", "feature")
    list_select_related = ("user", "feature")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class People(ReadOnly):
    """Invite with `manage.py person create`; here a person is only let out or in again."""

    list_display = ("email", "is_active", "is_staff", "last_login")
    search_fields = ("email",)
    fields = ("email", "is_active", "is_staff", "date_joined", "last_login")
    readonly_fields = ("email", "is_staff", "date_joined", "last_login")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj != request.user


@admin.register(ApiKey)
class Keys(ReadOnly):
    list_display = ("name", "prefix", "person", "created_at", "last_used_at", "expires_at", "revoked_at")
    exclude = ("sha256",)
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None  # the list, for its action

    @admin.action(description="Revoke the chosen keys, at once and for good")
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        self.message_user(request, f"{revoke_keys(keys, now=timezone.now())} keys are revoked.")


@admin.register(Job)
class Jobs(ReadOnly):
    list_display = ("kind", "key", "state", "attempts", "run_after", "finished_at")
    list_filter = ("state", "kind")
    actions = ("retry",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None

    @admin.action(description="Try again what was given up")
    def retry(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self.message_user(request, f"{retry_dead(jobs, now=timezone.now())} jobs will be tried again.")
