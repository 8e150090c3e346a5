import itertools
import logging
import os
import re
import sqlite3
import sys
from contextlib import closing
from functools import cache as cache_of_answers
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache, caches
from django.db import connection, connections
from django.test import Client

from tests import factories

OURS = str(Path(__file__).parent.parent / "templates")


def pytest_xdist_make_scheduler(config, log):
    """By file, so that what a file sets up is set up once; those of the browser that share one demo together.

    The longest of these has a demo of its own: together they would be what everything waits for.
    """
    from xdist.scheduler import LoadScopeScheduling

    @cache_of_answers
    def is_on_the_demo(path):
        if not path.startswith("tests/browser/") or path.endswith("test_first_light.py"):
            return False
        return re.search(r"\bdemo\b", Path(path).read_text()) is not None

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path = nodeid.split("::", 1)[0]
            return "demo" if is_on_the_demo(path) else path

    return ByFile(config, log)


class Undefined(str):
    """Stands for an undefined template variable: an error in our own pages, nothing in those of others."""

    def __contains__(self, sought):
        return sought == "%s"

    def __mod__(self, variable):
        context = sys._getframe(1).f_locals.get("context")
        template = getattr(context, "template", None)
        if template is not None and str(template.origin.name).startswith(OURS):
            raise AssertionError(f"{template.origin.name} uses {variable}, which is not defined.")
        return ""


@pytest.fixture(autouse=True, scope="session")
def _settings_for_tests(tmp_path_factory):
    """Changed once, before the first template or password: changing them for each test would cost reloading."""
    django_settings.STATIC_ROOT = str(tmp_path_factory.mktemp("static"))  # whitenoise warns of a missing one
    django_settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    django_settings.TEMPLATES[0]["OPTIONS"]["string_if_invalid"] = Undefined("undefined")
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if django_settings.REDIS_URL:
        django_settings.REDIS_URL = own_redis_database(django_settings.REDIS_URL)
        django_settings.CACHES["default"]["LOCATION"] = django_settings.REDIS_URL
        caches["default"] = caches.create_connection("default")  # the open one has the address of before
    # Set up while pytest captured some test's output: a stream that is closed when that test ends.
    (handler,) = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    with open(os.devnull, "w") as nowhere:
        handler.stream = nowhere
        yield
        handler.stream = sys.__stderr__


def own_redis_database(url):
    """Of this worker of xdist alone: each test empties its cache."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{int(parts.path.strip('/') or 0) + number}"))


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture(autouse=True)
def _numbers_from_one(monkeypatch):
    """What a test makes has the same names whatever ran before it, and with them the same draws."""
    monkeypatch.setattr(factories, "numbers", itertools.count(1))


@pytest.fixture
def client_for():
    """client_for(user): a browser in which this person is logged in."""

    def log_in(user):
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return log_in


@pytest.fixture
def api():
    """api(key): a service that sends this key, as make_key presents it."""

    def with_key(presented):
        return Client(headers={"Authorization": f"Bearer {presented}"})

    return with_key


@pytest.fixture
def shared_database(tmp_path, transactional_db):
    """Threads have a connection each: on SQLite they need a file to meet in."""
    if connection.vendor != "sqlite":
        yield
        return
    in_memory = connections["default"]
    settings = in_memory.settings_dict
    file = tmp_path / "shared.sqlite3"
    in_memory.ensure_connection()
    with closing(sqlite3.connect(file)) as copy:
        in_memory.connection.backup(copy)  # the migrated tables, a hundred times faster than to migrate again
        copy.execute("PRAGMA journal_mode=WAL")  # as migrate leaves it; two that connect first would both try
    name, settings["NAME"] = settings["NAME"], str(file)
    del connections["default"]
    yield
    connections["default"].close()
    settings["NAME"] = name
    connections["default"] = in_memory
