"""Settings. Everything that differs between installations comes from the environment (README, "Settings")."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog

from config import env
from config.logs import without_keys

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("TOUCHSTONE_DATA_DIR") or BASE_DIR / "var").resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

# --- where it runs
DEBUG = env.flag("TOUCHSTONE_DEBUG", default=False)
SECRET_KEY = env.secret_key("TOUCHSTONE_SECRET_KEY", file=DATA_DIR / "secret_key")
BASE_URL = env.web_address("TOUCHSTONE_BASE_URL", default="http://127.0.0.1:8000")
IS_HTTPS = BASE_URL.startswith("https://")
ALLOWED_HOSTS = env.words(
    "TOUCHSTONE_ALLOWED_HOSTS", default=sorted({"127.0.0.1", "localhost", urlsplit(BASE_URL).hostname or ""})
)
CSRF_TRUSTED_ORIGINS = [BASE_URL]
WORKERS = env.whole_number("TOUCHSTONE_WORKERS", default=2, least=1, most=64)
# How many of our own proxies stand in front: only what these wrote into X-Forwarded-For is believed.
TRUSTED_PROXIES = env.whole_number("TOUCHSTONE_TRUSTED_PROXIES", default=0, least=0, most=5)

# --- parts
INSTALLED_APPS = [
    "config",
    "feedback",
    "reviews",
    "metrics",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "feedback.middleware.request_log",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "feedback.middleware.enforce_policy",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- data
DATABASES = {"default": env.database("DATABASE_URL", sqlite_file=DATA_DIR / "touchstone.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # feedback_user_email_is_unique holds it, whatever the case
# 0 behind a pooler that hands one connection to many (PgBouncer by transaction).
PREPARED_STATEMENTS = env.flag("TOUCHSTONE_PREPARED_STATEMENTS", default=True)
REDIS_URL = env.redis_url("REDIS_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# --- people
AUTH_USER_MODEL = "feedback.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "metrics:features"
ACCOUNT_ADAPTER = "feedback.accounts.ClosedSignup"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

# --- safety in the browser
SECURE_CSP_STYLE = "'sha256-jSYQUrW7J0b3jPqhZP9C2Xh1PyJKHKXd4s0fpGGKrww='"  # the one <style> of Observable Plot
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", SECURE_CSP_STYLE],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
# The sites whose images a reviewer may see in a case: an image tells its site who looks at what.
IMAGE_ORIGINS = env.origins("TOUCHSTONE_IMAGE_ORIGINS")
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_NAME = "__Host-sessionid" if IS_HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if IS_HTTPS else "csrftoken"
CSRF_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
# A body is read by the ingest views themselves, up to their own limit; everything else is a small form.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

# --- words, times, files
LANGUAGE_CODE = "en-gb"
USE_I18N = False
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "feedback.api.doors.KeyAuthentication",
        "feedback.api.doors.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["feedback.api.doors.DeclaredPolicy"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "feedback.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Touchstone",
    "VERSION": "1",
    "DESCRIPTION": "Is it right, is it used, and can someone answer for it? For every ML feature in a product.",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "OAS_VERSION": "3.1.1",
    # The state of a figure: one name, whatever answer it stands in.
    "ENUM_NAME_OVERRIDES": {"FigureStateEnum": ["no_data", "collecting", "measured"]},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "feedback.api.schema.describe_items",
    ],
}

# --- how much one key may send (feedback/api/limits.py); 0: no limit
INGEST_REQUESTS_PER_MINUTE = env.whole_number(
    "TOUCHSTONE_INGEST_REQUESTS_PER_MINUTE", default=6000, least=0, most=10_000_000
)
INGEST_ITEMS_PER_MINUTE = env.whole_number(
    "TOUCHSTONE_INGEST_ITEMS_PER_MINUTE", default=3_000_000, least=0, most=1_000_000_000
)

# --- work in the background (docs/decisions/0003)
JOB_LEASE_SECONDS = env.whole_number("TOUCHSTONE_JOB_LEASE_SECONDS", default=20, least=2, most=280)

# --- logs: one JSON line an event, never a body
LOG_LEVEL = env.one_of("TOUCHSTONE_LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_CHAIN: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
structlog.configure(
    processors=[*LOG_CHAIN, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "structlog.stdlib.ProcessorFormatter",
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
                without_keys,
            ],
            "foreign_pre_chain": LOG_CHAIN,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
    },
}
