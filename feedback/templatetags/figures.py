"""Figures as people read them. Formatting only: no queries, no arithmetic of statistics."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

NBSP = "\u00a0"
COARSE = 0.06  # an interval wider than this says nothing about tenths of a percent
STEPS = ((86_400, "d"), (3600, "h"), (60, "min"))


def decimals(low: float | None, high: float | None) -> int:
    """Of a percentage: tenths only where the interval is narrow enough to mean them."""
    return 0 if low is None or high is None or high - low > COARSE else 1


def percent(share: float, digits: int) -> str:
    return f"{100 * share:.{digits}f}"


@register.simple_tag
def share(value: float, low: float | None = None, high: float | None = None) -> str:
    """0.9013 -> "90.1 %"; with a wide interval "90 %"."""
    return f"{percent(value, decimals(low, high))}{NBSP}%"


@register.simple_tag
def plus_minus(low: float, high: float) -> str:
    """Half an interval's width in points: "±1.1"."""
    return f"±{percent((high - low) / 2, decimals(low, high))}"


@register.simple_tag
def span(low: float, high: float) -> str:
    """An interval of shares: "89.0 to 91.2 %"."""
    digits = decimals(low, high)
    return f"{percent(low, digits)} to {percent(high, digits)}{NBSP}%"


@register.filter
def points(difference: float) -> str:
    """A difference of shares, in points with its sign: "+1.2 points"."""
    return f"{100 * difference:+.1f}{NBSP}points".replace("-", "\u2212")


@register.filter
def count(n: float) -> str:
    return f"{n:,.0f}"


@register.filter
def duration_ms(value: float | None) -> str:
    """Milliseconds with three digits that count: "8.3 ms", "123 ms", "1.25 s". None: a dash."""
    if value is None:
        return "–"
    return f"{value / 1000:.3g}{NBSP}s" if value >= 999.5 else f"{value:.3g}{NBSP}ms"


@register.filter
def megabytes(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value / 1000:.3g}{NBSP}GB" if value >= 999.5 else f"{value:.3g}{NBSP}MB"


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """How long ago, the instant itself on hover: "2 min ago"."""
    if at is None:
        return "never"
    seconds = max(0.0, (timezone.now() - at).total_seconds())
    size, unit = next((step for step in STEPS if seconds >= step[0]), (1, ""))
    words = f"{seconds // size:.0f}{NBSP}{unit} ago" if unit else "now"
    instant = f"{at:%Y-%m-%d %H:%M} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), instant, words)


@register.filter
def spark_points(series: Sequence[float]) -> str:
    """The points of a polyline in a box of 100 × 30, higher is better. Its scale: at least 10 points high."""
    if not series:
        return ""
    middle, height = (max(series) + min(series)) / 2, max(0.1, max(series) - min(series))
    step = 100 / max(1, len(series) - 1)
    return " ".join(f"{i * step:.1f},{15 - 26 * (value - middle) / height:.1f}" for i, value in enumerate(series))


@register.filter
def bars(hours: Sequence[Any]) -> list[dict[str, Any]]:
    """A bar for each value with an `n`, in a box 10 wide for each and 60 high; what is not 0 can be seen."""
    most = max((hour.n for hour in hours), default=0) or 1
    heights = [max(2.0, 60 * hour.n / most) if hour.n else 0.0 for hour in hours]
    return [
        {"at": hour.at, "n": hour.n, "x": 10 * place + 1, "y": f"{60 - height:.1f}", "height": f"{height:.1f}"}
        for place, (hour, height) in enumerate(zip(hours, heights, strict=True))
    ]


@register.filter
def per_mille(value: float) -> str:
    """A share as a coordinate of a bar 1,000 wide."""
    return f"{1000 * value:.1f}"


@register.filter
def period(days: int) -> str:
    """A length of the chart's periods in words: "week", "4 weeks", "quarter"."""
    return {7: "week", 28: "4 weeks", 91: "quarter"}.get(days, f"{days} days")


@register.filter
def called(label: str, names: dict[str, Any]) -> str:
    """A label in the feature's own words, where it has some: "on_time" -> "on time"."""
    return str(names.get(label, label))
