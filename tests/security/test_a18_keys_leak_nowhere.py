"""A18: wherever a key is sent, only its prefix is found again: not in logs, database, pages, answers or jobs."""

import io
import json
import logging

import pytest
from django.apps import apps
from django.test import Client

from feedback.actions.jobs import enter_job
from feedback.models import ApiKey, Job
from tests.factories import NOON, make_feature, make_key, make_user, make_version

pytestmark = pytest.mark.django_db
SENDING = "/api/v1/predictions/"
SENT = {"content_type": "application/json"}


@pytest.fixture
def presented():
    make_version(make_feature("delay-alert"), "v1")
    return make_key(scopes=["ingest", "read", "manage"])[1]


@pytest.fixture
def logged():
    """What our handler writes, as it would stand on stderr."""
    (handler,) = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    before = handler.setStream(io.StringIO())
    yield lambda: handler.stream.getvalue()
    handler.setStream(before)


def secret_of(presented):
    return presented.split("_", 2)[2]


def misplaced(presented):
    """The key in every place where somebody may put it."""
    right, item = Client(headers={"Authorization": f"Bearer {presented}"}), {"id": presented, "feature": presented}
    wrong = Client(headers={"Authorization": f"Basic {presented}", "User-Agent": presented, "Referer": presented})
    known = {"id": "p1", "feature": "delay-alert", "version": presented, "label": presented}
    yield right.get("/api/v1/features/")
    yield right.post(
        SENDING, [item, known, {presented: 1}, {**known, "version": "v1", "actor": [presented]}], **SENT
    )
    yield right.post(SENDING, f'[{{"id": "a", "x": {presented}}}]'.encode(), **SENT)
    yield right.post(
        SENDING, f'{{"id": "a"}}\n{{"broken": "{presented}'.encode(), content_type="application/x-ndjson"
    )
    yield right.post(SENDING, b"{}", content_type=f"text/{presented}")
    yield right.post(SENDING, b"{}", **SENT, headers={"Content-Encoding": presented})
    yield right.post("/api/v1/features/", {"slug": f"no slug {presented}", "name": "x"}, **SENT)
    yield right.get(f"/api/v1/features/{presented}/")
    yield wrong.post(SENDING, json.dumps(item), **SENT)
    yield Client().get(f"/api/v1/features/?key={presented}&api_key={presented}")
    yield Client().get(f"/nothing/{presented}/", headers={"Cookie": f"sessionid={presented}"})
    yield Client().post("/accounts/login/", {"login": presented, "password": presented})


def everything_stored():
    ours = [
        model
        for app in ("feedback", "reviews", "metrics", "sessions", "admin")
        for model in apps.get_app_config(app).get_models()
    ]
    return {model.__name__: repr(list(model.objects.values())) for model in ours}


def test_only_the_prefix_is_logged(presented, logged):
    answers = list(misplaced(presented))
    assert logged().count('"request"') == len(answers)
    assert secret_of(presented) not in logged()
    assert presented.split("_")[1] in logged()


def test_nothing_of_it_is_stored_but_its_hash(presented):
    list(misplaced(presented))
    found = everything_stored()
    assert "…" in found["RefusalHour"], "a refusal with the key in it was to be kept, without the key"
    assert [name for name, rows in found.items() if secret_of(presented) in rows] == []
    assert len(ApiKey.objects.get().sha256) == 64


def test_no_page_shows_it(presented, client_for):
    list(misplaced(presented))
    staff = client_for(make_user(is_staff=True))
    for address in ("/ingest/", "/ingest/?format=csv", "/features/", "/admin/", "/api/v1/features/"):
        assert secret_of(presented) not in staff.get(address).content.decode(), address


def test_a_crash_logs_no_key(presented, logged):
    """The network is faked: a database that answers nonsense ends in a traceback."""
    from django.db.backends.utils import CursorWrapper

    def nonsense(self, sql, params=None):
        raise RuntimeError(f"could not read {presented}")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CursorWrapper, "execute", nonsense)
        service = Client(headers={"Authorization": f"Bearer {presented}"}, raise_request_exception=False)
        answer = service.post(SENDING, b"{}", **SENT)
    assert answer.status_code == 500
    assert secret_of(presented) not in answer.content.decode()
    assert "RuntimeError" in logged()
    assert secret_of(presented) not in logged()


def test_words_for_a_key_hold_its_prefix_alone(presented):
    key = ApiKey.objects.get()
    for words in (str(key), repr(key), f"{key}"):
        assert secret_of(presented) not in words
        assert key.sha256 not in words


def test_jobs_carry_no_key(presented):
    list(misplaced(presented))
    enter_job("clear_refusals", run_after=NOON, now=NOON)
    assert [job.key for job in Job.objects.all() if presented[:11] in job.key] == []


@pytest.mark.parametrize("name", ["key", "api_key", "token", "access_token", "Authorization"])
@pytest.mark.parametrize("address", [SENDING, "/api/v1/features/", "/ingest/", "/features/"])
def test_a_key_in_the_query_string_opens_nothing(presented, address, name):
    asked = f"{address}?{name}={presented}"
    for answer in (Client().get(asked), Client().post(asked, [], **SENT)):
        assert answer.status_code in {302, 401, 403}
