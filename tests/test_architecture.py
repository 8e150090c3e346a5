"""The arrows of docs/design: feedback <- reviews <- metrics, config on top, nothing points back."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "feedback": {"feedback"},
    "reviews": {"feedback", "reviews"},
    "metrics": {"feedback", "reviews", "metrics"},
    "config": {"config", "feedback", "reviews", "metrics"},
}
OURS = set(MAY_IMPORT)


def sources(app):
    return sorted((ROOT / app).rglob("*.py"))


def imports(tree):
    """Every module named by an import, those inside functions and type-checking blocks included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def wrong_arrows(app, source):
    named = {module.split(".")[0] for module in imports(ast.parse(source))}
    return sorted((named & OURS) - MAY_IMPORT[app])


@pytest.mark.parametrize("app", sorted(MAY_IMPORT))
def test_an_app_imports_only_what_lies_to_its_left(app):
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in sources(app)
        if (found := wrong_arrows(app, path.read_text()))
    }
    assert wrong == {}


def test_a_wrong_arrow_is_found_even_inside_a_function():
    assert wrong_arrows("feedback", "def late():\n    from metrics.models import Estimate\n") == ["metrics"]


@pytest.mark.parametrize("app", ["reviews", "metrics"])
def test_keys_to_the_left_leave_no_reverse_accessor_there(app):
    """A reverse accessor would let the left app read the right one without an import."""
    from django.apps import apps

    leaking = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if field.is_relation and field.concrete and field.related_model._meta.app_label != app
        if not field.remote_field.hidden
    ]
    assert leaking == []


def test_no_signals_of_our_own():
    for app in ("feedback", "reviews", "metrics"):
        for path in sources(app):
            assert "django.db.models.signals" not in path.read_text(), path


def test_statistics_know_no_django(tmp_path):
    """They are pure: each can be imported where nothing is configured, and brings no Django along."""
    names = [f"metrics.stats.{path.stem}" for path in (ROOT / "metrics" / "stats").glob("[a-z]*.py")]
    code = f"import importlib, sys; [*map(importlib.import_module, {names})]; sys.exit('django' in sys.modules)"
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    assert len(names) > 20
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=False).returncode == 0


def test_web_code_imports_no_pandas(tmp_path):
    code = (
        "import django, sys; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns;"
        "import config.wsgi;"
        "sys.exit(1 if {'pandas', 'numpy', 'scipy', 'pyarrow'} & set(sys.modules) else 0)"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "TOUCHSTONE_DATA_DIR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=False).returncode == 0
