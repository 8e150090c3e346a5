"""A link that logs in once: a GET, as mail scanners send it, changes nothing."""

from datetime import timedelta

import pytest
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.test import Client
from django.utils import timezone

from feedback.actions.people import new_login_link
from feedback.models import OneTimeLogin
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PAGE = "feedback/one_time_login.html"


@pytest.fixture(autouse=True)
def _page(settings):
    """Until the page's own template is there, a plain one with the same button stands for it."""
    try:
        get_template(PAGE)
    except TemplateDoesNotExist:
        plain = "{% if is_valid %}{{ email }}<form method=post>{% csrf_token %}</form>{% endif %}"
        (engine,) = settings.TEMPLATES
        loaders = [("django.template.loaders.locmem.Loader", {PAGE: plain})]
        settings.TEMPLATES = [{**engine, "APP_DIRS": False, "OPTIONS": {**engine["OPTIONS"], "loaders": loaders}}]


@pytest.fixture
def person():
    return make_user("ann@example.org")


@pytest.fixture
def path(person):
    return new_login_link(user=person, now=timezone.now())


def test_get_shows_a_button_and_uses_nothing_up(client, path):
    for _ in range(3):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.context["is_valid"]
        assert answer.context["email"] == "ann@example.org"
    assert OneTimeLogin.objects.get().used_at is None
    assert "_auth_user_id" not in client.session


def test_head_uses_nothing_up(client, path):
    assert client.head(path).status_code == 200
    assert OneTimeLogin.objects.get().used_at is None


def test_post_logs_in_once(client, path, person):
    answer = client.post(path)
    assert (answer.status_code, answer["Location"]) == (302, "/features/")
    assert client.session["_auth_user_id"] == str(person.pk)
    second = Client()
    assert second.post(path).status_code == 410
    assert "_auth_user_id" not in second.session


def test_a_used_or_expired_or_unknown_link_is_gone(client, person, path):
    client.post(path)
    expired = new_login_link(user=person, now=timezone.now() - timedelta(hours=25))
    for gone in (path, expired, "/login/once/unknown/"):
        answer = Client().get(gone)
        assert answer.status_code == 410
        assert answer.context["email"] == ""
        assert not answer.context["is_valid"]
        assert Client().post(gone).status_code == 410


def test_a_link_is_for_its_own_person_whoever_is_logged_in(client_for, path, person):
    other = client_for(make_user())
    before = other.session.session_key
    other.post(path)
    assert other.session["_auth_user_id"] == str(person.pk)
    assert other.session.session_key != before


def test_post_needs_the_csrf_token(path):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path).status_code == 403
    assert OneTimeLogin.objects.get().used_at is None


def test_the_page_is_not_kept_by_caches(client, path):
    assert client.get(path)["Cache-Control"] == "no-store, private"


def test_the_log_line_holds_no_token(client, path, caplog):
    caplog.set_level("INFO", logger="touchstone.request")
    answer = client.post(path)
    token = path.split("/")[-2]
    (line,) = [record.msg for record in caplog.records if record.name == "touchstone.request"]
    assert (line["path"], line["status"], line["request_id"]) == ("/login/once/…", 302, answer["X-Request-ID"])
    assert token not in caplog.text
