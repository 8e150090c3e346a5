"""Scores as people read them. Formatting only."""

from django import template

register = template.Library()
MINUS = "\u2212"


@register.filter
def signed(points: float) -> str:
    """Points with their sign: "+4.1", "−0.3"; what rounds to nothing has none."""
    text = f"{points:+.1f}".replace("-", MINUS)
    return "0.0" if text in {"+0.0", f"{MINUS}0.0"} else text


@register.filter
def to_full(value: float) -> str:
    """What is missing to 100: "33.3"."""
    return f"{100 - value:.1f}"
