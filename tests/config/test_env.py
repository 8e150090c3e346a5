"""The environment: a wrong value stops the start and is named, an unknown name is reported."""

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env
from config.checks import environment_names

ROOT = Path(__file__).parent.parent.parent
NAME = "TOUCHSTONE_TEST"
READERS = {
    "flag": lambda: env.flag(NAME, default=False),
    "whole_number": lambda: env.whole_number(NAME, default=2, least=1, most=64),
    "one_of": lambda: env.one_of(NAME, default="INFO", choices=("INFO", "ERROR")),
    "words": lambda: env.words(NAME, default=["localhost"]),
    "web_address": lambda: env.web_address(NAME, default="http://127.0.0.1:8000"),
    "origins": lambda: env.origins(NAME),
    "redis_url": lambda: env.redis_url(NAME),
    "database": lambda: env.database(NAME, sqlite_file=Path("touchstone.sqlite3")),
}
SECRET = "hunter-2-hunter"


def read(monkeypatch, helper, value):
    monkeypatch.setenv(NAME, value)
    return READERS[helper]()


def start(tmp_path, **variables):
    """`manage.py check` as a process of its own, with these variables set."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TOUCHSTONE_")}
    for name in ("DATABASE_URL", "REDIS_URL"):
        inherited.pop(name, None)
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**inherited, "TOUCHSTONE_DATA_DIR": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("helper", "value"),
    [
        ("flag", "maybe"),
        ("flag", "2"),
        ("whole_number", "many"),
        ("whole_number", "2.5"),
        ("whole_number", "-1"),
        ("whole_number", "0"),
        ("whole_number", "65"),
        ("whole_number", "²"),
        ("one_of", "info"),
        ("web_address", "touchstone.example.org"),
        ("web_address", "ftp://touchstone.example.org"),
        ("web_address", "https://"),
        ("origins", "http://img.example"),
        ("origins", "img.example"),
        ("origins", "https://img.example/"),
        ("origins", "https://*.example"),
        ("origins", "https://a@img.example"),
        ("origins", "https://img.example; script-src *"),
        ("origins", "https://img.example https://b.example"),
        ("redis_url", "localhost:6379"),
        ("redis_url", "http://localhost:6379"),
        ("database", "mysql://root@localhost/touchstone"),
        ("database", "touchstone.sqlite3"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch, helper, value):
    with pytest.raises(ImproperlyConfigured, match=f"^{NAME} is .*, but must be .*Correct it or leave it out"):
        read(monkeypatch, helper, value)


@pytest.mark.parametrize(
    ("helper", "value", "expected"),
    [
        ("flag", "Yes", True),
        ("flag", "off", False),
        ("whole_number", "64", 64),
        ("one_of", "ERROR", "ERROR"),
        ("words", " a.example , ,b.example", ["a.example", "b.example"]),
        ("web_address", "https://touchstone.example.org/", "https://touchstone.example.org"),
        (
            "origins",
            "https://Img.example:8443, https://b.example",
            ["https://img.example:8443", "https://b.example"],
        ),
        ("redis_url", "rediss://cache:6380/1", "rediss://cache:6380/1"),
    ],
)
def test_a_right_value_is_taken(monkeypatch, helper, value, expected):
    assert read(monkeypatch, helper, value) == expected


@pytest.mark.parametrize(
    ("helper", "expected"),
    [
        ("flag", False),
        ("whole_number", 2),
        ("one_of", "INFO"),
        ("words", ["localhost"]),
        ("web_address", "http://127.0.0.1:8000"),
        ("origins", []),
        ("redis_url", None),
    ],
)
def test_an_empty_value_is_the_default(monkeypatch, helper, expected):
    assert read(monkeypatch, helper, "") == expected


def test_without_an_address_the_database_is_the_sqlite_file(monkeypatch):
    found = read(monkeypatch, "database", "")
    assert (found["ENGINE"], found["NAME"]) == ("django.db.backends.sqlite3", "touchstone.sqlite3")
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_an_address_of_postgresql_is_taken_apart(monkeypatch):
    found = read(monkeypatch, "database", f"postgres://ann:{SECRET}@db.example:5433/touchstone")
    taken = [found[part] for part in ("ENGINE", "USER", "PASSWORD", "HOST", "PORT", "NAME")]
    assert taken == ["django.db.backends.postgresql", "ann", SECRET, "db.example", 5433, "touchstone"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOUCHSTONE_WORKERS", "many"),
        ("TOUCHSTONE_BASE_URL", "touchstone.example.org"),
        ("DATABASE_URL", f"mysql://ann:{SECRET}@db.example/touchstone"),
    ],
)
def test_a_wrong_value_stops_the_start_and_is_named(tmp_path, name, value):
    ended = start(tmp_path, **{name: value})
    assert ended.returncode != 0
    assert re.search(rf"\b{name} is '.*', but must be", ended.stderr)
    assert SECRET not in ended.stdout + ended.stderr


def test_an_unknown_name_is_reported_and_stops_nothing(tmp_path):
    ended = start(tmp_path, TOUCHSTONE_WORKER="3")
    assert ended.returncode == 0
    assert "(touchstone.W001) TOUCHSTONE_WORKER is set, but nothing reads it. Misspelt?" in ended.stderr


def test_each_unknown_name_is_reported_and_no_known_one(monkeypatch):
    for name in (*env.KNOWN, "TOUCHSTONE_B", "TOUCHSTONE_A", "OTHER_NAME"):
        monkeypatch.setenv(name, "x")
    assert env.unknown_names() == ["TOUCHSTONE_A", "TOUCHSTONE_B"]
    assert [warning.id for warning in environment_names(None)] == ["touchstone.W001"] * 2


def test_the_readme_lists_the_names_that_are_read():
    listed = set(re.findall(r"^\| `(TOUCHSTONE_\w+)`", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert listed == env.KNOWN - {"TOUCHSTONE_REQUIRE_BROWSER"}  # of the tests alone
    for name in listed:
        assert f'"{name}"' in (ROOT / "config" / "settings.py").read_text()


# --- what must not be seen


@pytest.mark.parametrize(
    "value",
    [
        f"mysql://ann:{SECRET}@db.example/touchstone",
        f"postgresq://ann:{SECRET}@db.example:5432/touchstone",
        f"ann:{SECRET}@db.example/touchstone",
        f"//ann:{SECRET}@db.example/touchstone",
        f"postgres//ann:{SECRET}@db.example/touchstone",
        f"postgres://ann:{SECRET}@db.example:port/touchstone",
        f"postgres://ann:{SECRET}/{SECRET}@db.example/touchstone",
        f"postgres://ann:{SECRET}@[db.example/touchstone",
    ],
)
def test_a_wrong_address_of_the_database_is_named_without_its_password(monkeypatch, value):
    with pytest.raises(ImproperlyConfigured, match=f"^{NAME} is ") as refused:
        read(monkeypatch, "database", value)
    assert SECRET not in str(refused.value)


def test_a_wrong_address_of_redis_is_named_without_its_password(monkeypatch):
    with pytest.raises(ImproperlyConfigured, match=f"^{NAME} is ") as refused:
        read(monkeypatch, "redis_url", f"http://:{SECRET}@cache.example:6379/0")
    assert SECRET not in str(refused.value)


# --- the secret key


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    return tmp_path / "data" / "secret_key"


def test_the_first_start_makes_a_key_that_only_its_owner_reads(file):
    key = env.secret_key(NAME, file=file)
    assert len(key) >= 50
    assert file.read_text() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_every_later_start_reads_the_same_key(file):
    assert env.secret_key(NAME, file=file) == env.secret_key(NAME, file=file)


def test_a_key_from_the_environment_makes_no_file(file, monkeypatch):
    monkeypatch.setenv(NAME, "from outside")
    assert env.secret_key(NAME, file=file) == "from outside"
    assert not file.exists()


@pytest.mark.parametrize("left", ["", "short"])
def test_a_file_without_a_usable_key_is_named(file, left):
    file.parent.mkdir()
    file.write_text(left)
    with pytest.raises(ImproperlyConfigured, match=f"^{re.escape(str(file))} holds no usable secret key"):
        env.secret_key(NAME, file=file)


def test_eight_that_start_at_once_have_one_key(file):
    for number in range(25):
        together, one = Barrier(8, timeout=20), file.with_name(f"key{number}")

        def begin(_, together=together, one=one):
            together.wait()
            return env.secret_key(NAME, file=one)

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(begin, range(8)))) == 1
        assert stat.S_IMODE(one.stat().st_mode) == 0o600
