"""Expectations as people read them. Formatting only."""

from typing import Any

from django import template

from metrics.expectation_reading import ExpectationReport

register = template.Library()
NBSP = "\u00a0"


@register.filter
def spoken(direction: str) -> str:
    """at_least -> "at least"."""
    return direction.replace("_", " ")


@register.simple_tag
def chance(p: float) -> str:
    """0.93 -> "93 %"; the ends of what data can say: "over 98 %", "under 2 %"."""
    if p >= 0.985:
        return f"over 98{NBSP}%"
    return f"under 2{NBSP}%" if p < 0.015 else f"{100 * p:.0f}{NBSP}%"


@register.inclusion_tag("metrics/_expectation_bar.html")
def expectation_bar(report: ExpectationReport) -> dict[str, Any]:
    """Interval, value and target on a line 1,000 wide, from 0 to the most it can be; of a time, to a bit more."""
    low, high, value = report.low or 0.0, report.high or 0.0, report.value or 0.0
    top = {"adoption": 100.0, "latency_p95_ms": 1.25 * max(high, report.target)}.get(report.metric, 1.0)
    at = {"low": low, "high": high, "value": value, "target": report.target}
    return {"status": report.status, **{name: f"{1000 * each / top:.1f}" for name, each in at.items()}}
