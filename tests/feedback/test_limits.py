"""What one key may send in a minute, and that nobody else feels it."""

import io
import itertools
import socket
import time

import pytest
from django.test import Client

from feedback.api import limits
from feedback.models import Prediction
from tests.factories import make_feature, make_key, make_version

pytestmark = pytest.mark.django_db
URL = "/api/v1/predictions/"
ids = itertools.count()


@pytest.fixture(autouse=True)
def version():
    return make_version(make_feature("delay-alert"), "v1")


@pytest.fixture
def few(settings):
    """Four requests a minute and process, each counting as at least five items."""
    settings.WORKERS = 1
    settings.INGEST_REQUESTS_PER_MINUTE, settings.INGEST_ITEMS_PER_MINUTE = 4, 20


@pytest.fixture(autouse=True)
def _in_one_minute():
    """A minute that ends within a test would start the count again."""
    while time.time() % limits.WINDOW_S > limits.WINDOW_S - 3:
        time.sleep(0.2)


def post(service, n=1):
    items = [{"id": f"p{next(ids)}", "feature": "delay-alert", "version": "v1", "label": "late"} for _ in range(n)]
    return service.post(URL, items, content_type="application/json")


def test_a_request_over_the_limit_is_429_and_says_when_to_come_back(api, few):
    service = api(make_key()[1])
    answers = [post(service) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 4 + [429] * 2
    refused = answers[-1]
    assert refused["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused["Retry-After"]) <= 61
    assert refused.json()["status"] == 429
    assert Prediction.objects.count() == 4


def test_the_minute_after_the_key_sends_again(few):
    key = make_key()[0]
    assert [limits.spend(key, 5, now=now) for now in (59, 59.9, 60)] == [5, 10, 5]


def test_the_body_of_a_request_over_the_limit_is_not_read(api, few):
    class Unread(io.BytesIO):
        def read(self, *args):
            raise AssertionError("read")

    presented = make_key()[1]
    for _ in range(4):
        post(api(presented))
    asked = {"wsgi.input": Unread(), "CONTENT_LENGTH": "10", "CONTENT_TYPE": "application/json"}
    answer = Client(headers={"Authorization": f"Bearer {presented}"}).generic("POST", URL, **asked)
    assert answer.status_code == 429


def test_a_key_that_floods_limits_no_other(api, few):
    flooding, other = api(make_key()[1]), api(make_key()[1])
    assert [post(flooding).status_code for _ in range(5)][-1] == 429
    assert post(other).status_code == 201


def test_large_batches_use_the_limit_up_as_many_requests_do(api, few):
    service = api(make_key()[1])
    assert [post(service, 15).status_code for _ in range(3)] == [201, 201, 429]


def test_one_batch_over_the_limit_is_taken_whole_and_the_next_one_waits(api, few):
    service = api(make_key()[1])
    assert [post(service, 100).status_code, post(service).status_code] == [201, 429]


def test_without_redis_each_web_process_has_its_share(settings):
    settings.REDIS_URL, settings.WORKERS = None, 4
    assert limits.allowance() == limits.Allowance(items=750_000, of_a_request=500, per_item=True)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert limits.allowance() == limits.Allowance(items=3_000_000, of_a_request=500, per_item=True)


@pytest.mark.parametrize(
    ("requests", "items", "expected"),
    [
        (0, 0, None),
        (10, 0, limits.Allowance(10, 1, per_item=False)),
        (0, 10, limits.Allowance(10, 1, per_item=True)),
    ],
)
def test_either_limit_can_be_turned_off(settings, requests, items, expected):
    settings.WORKERS = 1
    settings.INGEST_REQUESTS_PER_MINUTE, settings.INGEST_ITEMS_PER_MINUTE = requests, items
    assert limits.allowance() == expected


def test_where_only_requests_are_limited_a_batch_is_one(api, few, settings):
    settings.INGEST_ITEMS_PER_MINUTE = 0
    service = api(make_key()[1])
    assert [post(service, 100).status_code for _ in range(5)] == [201] * 4 + [429]


def test_a_redis_that_is_away_limits_nobody_and_is_not_asked_every_time(api, few, settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        service = api(make_key()[1])
        started = time.monotonic()
        assert [post(service).status_code for _ in range(10)] == [201] * 10
        assert time.monotonic() - started < 2


def test_refused_callers_cost_no_key_anything(api, few, client):
    presented = make_key(scopes=["read"])[1]
    assert [post(api(presented)).status_code for _ in range(6)] == [403] * 6
    assert [post(client).status_code for _ in range(6)] == [401] * 6
