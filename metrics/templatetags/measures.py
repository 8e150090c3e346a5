"""Numbers that are no shares, as people read them. Formatting only."""

from django import template

from feedback.templatetags.figures import NBSP

register = template.Library()
MINUS = "\u2212"
DAY, WEEKS_FROM = 24, 14 * 24


@register.filter
def decimal(value: float) -> str:
    """A score without a unit, to three places: "0.087"."""
    return f"{value:.3f}".replace("-", MINUS)


@register.filter
def amount(value: float) -> str:
    """In a feature's own unit, with three digits that count: "0.0123", "45.6", "12,300"; huge ones as a power."""
    if abs(value) >= 1e15:
        return f"{value:.2e}".replace("-", MINUS)
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", MINUS)


@register.filter
def signed_amount(value: float) -> str:
    return f"+{amount(value)}" if value > 0 else amount(value)


@register.filter
def percentage(value: float) -> str:
    """A ratio that may lie over 1: "7.4 %"."""
    return f"{amount(100 * value)}{NBSP}%"


@register.filter
def in_unit(value: float, unit: str) -> str:
    """unit: "decimal", "amount", "signed" or "percent"."""
    return UNITS[unit](value)


UNITS = {"decimal": decimal, "amount": amount, "signed": signed_amount, "percent": percentage}


@register.filter
def long_time(hours: float) -> str:
    """Hours in the unit that people would use: "20 min", "6 hours", "3 days", "5 weeks"."""
    if hours < 1:
        return f"{60 * hours:.0f}{NBSP}min"
    if hours < 2 * DAY:
        return _counted(hours, "hour")
    return _counted(hours / DAY, "day") if hours < WEEKS_FROM else _counted(hours / DAY / 7, "week")


def _counted(n: float, unit: str) -> str:
    text = f"{n:.2g}" if n < 100 else f"{n:,.0f}"
    return f"{text}{NBSP}{unit}{'' if text == '1' else 's'}"


@register.filter
def margin(difference: float) -> str:
    """A difference of shares in points with its sign, tenths below 10: "+1.2", "−14"."""
    points = 100 * difference
    return (f"{points:+.0f}" if abs(points) >= 10 else f"{points:+.1f}").replace("-", MINUS)
