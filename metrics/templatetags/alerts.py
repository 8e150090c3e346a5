"""Alerts and drift as people read them. Formatting only."""

from django import template

register = template.Library()


@register.filter
def points_alone(share: float) -> str:
    """A share in points, without a unit: 0.062 -> "6.2"."""
    return f"{100 * share:.1f}".replace("-", "\u2212")


@register.filter
def distance(value: float) -> str:
    """A distance of 0 to 1 with two digits: "0.23"."""
    return f"{value:.2f}"


@register.filter
def of_alarm(share: float) -> str:
    """How much of an alarm's threshold is reached: "under 1 %", "42 %"."""
    return "under 1\u00a0%" if share < 0.01 else f"{100 * min(1.0, share):.0f}\u00a0%"
