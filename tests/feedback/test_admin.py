import pytest
from django.contrib import admin
from django.urls import reverse

from feedback.actions.jobs import enter_job
from feedback.actions.people import find_key
from feedback.models import Job, User
from tests.factories import NOON, make_key, make_outcome, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client_for):
    return client_for(make_user("staff@example.org", is_staff=True))


def act(client, model, action, *rows):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return client.post(address, {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True)


def test_every_list_of_the_administration_opens(staff):
    make_outcome()
    make_key()
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        assert staff.get(reverse(name)).status_code == 200, name


def test_facts_cannot_be_changed_added_or_removed(staff):
    outcome = make_outcome()
    for name, args in (("change", [outcome.pk]), ("delete", [outcome.pk]), ("add", [])):
        address = reverse(f"admin:feedback_outcome_{name}", args=args)
        assert staff.post(address, {"post": "yes", "truth_label": "late"}).status_code == 403


def test_a_revoked_key_lets_nobody_in(staff):
    key, presented = make_key()
    assert b"1 keys are revoked" in act(staff, type(key), "revoke", key).content
    assert find_key(presented, NOON) is None


def test_neither_a_hash_nor_a_salt_is_shown(staff):
    key, _ = make_key()
    feature = make_outcome().feature
    shown = staff.get(reverse("admin:feedback_apikey_change", args=[key.pk])).content
    shown += staff.get(reverse("admin:feedback_feature_change", args=[feature.pk])).content
    assert key.sha256.encode() not in shown
    assert feature.sampling_salt.encode() not in shown


def test_a_dead_job_is_tried_again(staff):
    enter_job("draw", run_after=NOON, now=NOON)
    Job.objects.update(state="dead", attempts=5, finished_at=NOON)
    assert b"1 jobs will be tried again" in act(staff, Job, "retry", Job.objects.get()).content
    assert (Job.objects.get().state, Job.objects.get().attempts) == ("ready", 0)


def test_a_dead_job_stays_where_another_does_its_work_already(staff):
    enter_job("draw", run_after=NOON, now=NOON)
    Job.objects.update(state="dead", attempts=5, finished_at=NOON)
    enter_job("draw", run_after=NOON, now=NOON)
    assert b"0 jobs will be tried again" in act(staff, Job, "retry", Job.objects.get(state="dead")).content


def test_a_person_is_let_out_and_nobody_lets_themselves_out(staff):
    person = make_user()
    address = reverse("admin:feedback_user_change", args=[person.pk])
    assert staff.post(address, {}).status_code == 302
    assert not User.objects.get(pk=person.pk).is_active
    own = User.objects.get(email="staff@example.org")
    assert staff.post(reverse("admin:feedback_user_change", args=[own.pk]), {}).status_code == 403
