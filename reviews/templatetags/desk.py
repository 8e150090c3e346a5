"""Formatting for the desk's pages."""

from collections.abc import Mapping
from typing import Any

from django import template

register = template.Library()


@register.filter
def entry(entries: Mapping[str, Any], name: str) -> Any:
    """What stands under this name; nothing: an empty text."""
    return entries.get(name, "")


@register.filter
def key_at(place: int, keys: str) -> str:
    """The key of the choice at this place, from 0; none: an empty text."""
    return keys[place : place + 1]
