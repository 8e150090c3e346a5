"""The inputs of a case as a reviewer reads them: hostile, so text, unless it is checked here to be more."""

import json
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from reviews.desk import CaseField

HINTS = {"text", "long_text", "number", "money", "date", "link", "image", "code", "json"}
LONG = 120


def fields_of(inputs: Any, declared: list[dict[str, Any]]) -> list[CaseField]:
    """The inputs in the feature's order, without those it hides; what it does not declare comes after."""
    if inputs is None:
        return []
    if not isinstance(inputs, dict):
        return [CaseField("input", "Input", _usual_hint(inputs), text_of(inputs))]
    known = {field["name"]: field for field in declared if "name" in field}
    names = [*[name for name in known if name in inputs], *[name for name in inputs if name not in known]]
    shown = [name for name in names if not known.get(name, {}).get("is_hidden")]
    return [_field(name, inputs[name], known.get(name, {})) for name in shown]


def _field(name: str, value: Any, declared: dict[str, Any]) -> CaseField:
    hint, text = declared.get("hint", ""), text_of(value)
    if hint in {"number", "money"} and isinstance(value, int | float) and not isinstance(value, bool):
        text = f"{value:,.2f}" if hint == "money" and isinstance(value, float) else f"{value:,}"
    elif hint == "date":
        text = _date_text(text)
    return CaseField(name, declared.get("label") or name, _checked_hint(hint, value, text), text)


def _checked_hint(hint: str, value: Any, text: str) -> str:
    """What was declared, where this value can be shown so."""
    if hint == "image" and is_web_address(text):
        return "image" if is_allowed_image(text) else "image_elsewhere"
    if hint not in HINTS or hint == "image" or (hint == "link" and not is_web_address(text)):
        return _usual_hint(value)
    return hint


def is_web_address(text: str) -> bool:
    """What may be clicked: http or https, and nothing in it that a browser would read as another address."""
    is_plain = text.isprintable() and not set(text) & set(' \\"<>')
    return text.startswith(("https://", "http://")) and is_plain


def is_allowed_image(address: str) -> bool:
    """On one of the sites that whoever runs this named; the slash ends the site's name."""
    return any(address.startswith(f"{origin}/") for origin in settings.IMAGE_ORIGINS)


def _usual_hint(value: Any) -> str:
    if isinstance(value, dict | list):
        return "json"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return "long_text" if isinstance(value, str) and (len(value) > LONG or "\n" in value) else "text"


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return format(value, ".15g") if isinstance(value, float) else str(value)


def _date_text(text: str) -> str:
    """An ISO date or instant in the words of every other time here; what is none stays as it was sent."""
    try:
        instant = datetime.fromisoformat(text)
        in_utc = None if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):  # in UTC it may fall before the year 1, or after 9999
        return text
    if len(text) <= len("2026-11-24"):
        return f"{instant:%-d %b %Y}"
    if in_utc is None:
        return f"{instant:%-d %b %Y, %H:%M}"
    return f"{in_utc:%-d %b %Y, %H:%M} UTC"
