"""Reading the environment: strict, by name, and nothing unknown passes in silence."""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

# Every TOUCHSTONE_* name that something reads; another one is reported by a system check.
KNOWN = {
    "TOUCHSTONE_ALLOWED_HOSTS",
    "TOUCHSTONE_BASE_URL",
    "TOUCHSTONE_DATA_DIR",
    "TOUCHSTONE_DEBUG",
    "TOUCHSTONE_IMAGE_ORIGINS",
    "TOUCHSTONE_INGEST_ITEMS_PER_MINUTE",
    "TOUCHSTONE_INGEST_REQUESTS_PER_MINUTE",
    "TOUCHSTONE_JOB_LEASE_SECONDS",
    "TOUCHSTONE_LOG_LEVEL",
    "TOUCHSTONE_PREPARED_STATEMENTS",
    "TOUCHSTONE_REQUIRE_BROWSER",
    "TOUCHSTONE_SECRET_KEY",
    "TOUCHSTONE_TRUSTED_PROXIES",
    "TOUCHSTONE_WORKERS",
}


def refuse(name: str, value: str, wanted: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} is {value!r}, but must be {wanted}. Correct it or leave it out.")


def flag(name: str, *, default: bool) -> bool:
    value = os.environ.get(name, "")
    if value == "":
        return default
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off"}:
        return False
    raise refuse(name, value, "1 or 0")


def whole_number(name: str, *, default: int, least: int, most: int) -> int:
    value = os.environ.get(name, "")
    if value == "":
        return default
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise refuse(name, value, f"a whole number from {least} to {most}")
    return int(value)


def one_of(name: str, *, default: str, choices: tuple[str, ...]) -> str:
    value = os.environ.get(name, "") or default
    if value not in choices:
        raise refuse(name, value, "one of " + ", ".join(choices))
    return value


def words(name: str, *, default: list[str]) -> list[str]:
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()] or default


def web_address(name: str, *, default: str) -> str:
    value = os.environ.get(name, "") or default
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise refuse(name, value, "an address like https://touchstone.example.org")
    return value.rstrip("/")


def origins(name: str) -> list[str]:
    """Sites, as https origins; none named: none. They go into a header, so nothing else passes."""
    named = [word.lower() for word in words(name, default=[])]
    for each in named:
        if not re.fullmatch(r"https://[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?", each):
            raise refuse(name, each, "origins like https://images.example.org, with commas between them")
    return named


def redis_url(name: str) -> str | None:
    value = os.environ.get(name, "")
    if value and _scheme(value) not in {"redis", "rediss", "unix"}:
        raise refuse(name, _without_password(value), "an address like redis://127.0.0.1:6379/0")
    return value or None


def database(name: str, *, sqlite_file: Path) -> dict[str, object]:
    """Django's settings of one database. SQLite: as measured in docs/decisions/0001."""
    value = os.environ.get(name, "")
    scheme = _scheme(value) if value else "sqlite"
    wrong = refuse(name, _without_password(value), "an address like postgres://user@host:5432/name")
    if scheme not in {"sqlite", "postgres", "postgresql"}:
        raise wrong
    if scheme == "sqlite":
        path = environ.Env.db_url_config(value)["NAME"] if value else str(sqlite_file)
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000",
            },
        }
    try:
        parsed = environ.Env.db_url_config(value)
    except ValueError:  # a port that is none, a bracket that is not closed
        raise wrong from None
    if "@" in str(parsed["NAME"]):  # a slash in the password, not written as %2F
        raise wrong
    return {
        **parsed,
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # An ingest transaction is limited to one minute: reviews and metrics look back two.
        "OPTIONS": {"connect_timeout": 5, "options": "-c statement_timeout=55000"},
    }


def _scheme(address: str) -> str:
    try:
        return urlsplit(address).scheme
    except ValueError:
        return ""


def _without_password(address: str) -> str:
    """An address to be shown: whatever stands before its host may be a password, however it is misspelt."""
    return re.sub(r"^([a-z]+://)?.*@", r"\1***@", address, flags=re.DOTALL)


def secret_key(name: str, *, file: Path) -> str:
    """From the environment, else from a file that only its owner reads, made on first start."""
    if value := os.environ.get(name, ""):
        return value
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        made = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
        with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as target:
            target.write(secrets.token_urlsafe(64))
        # Linked when it is whole: of two processes that start together, both read the key of the first.
        with suppress(FileExistsError):
            os.link(made, file)
        made.unlink()
    return _read_secret(file)


def _read_secret(file: Path) -> str:
    key = file.read_text().strip()
    if len(key) < 50:
        raise ImproperlyConfigured(f"{file} holds no usable secret key. Remove it; the next start makes one.")
    return key


def unknown_names() -> list[str]:
    return sorted(name for name in os.environ if name.startswith("TOUCHSTONE_") and name not in KNOWN)
