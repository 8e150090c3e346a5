"""Figures as sentences for people: what a product manager reads in five seconds."""

from collections.abc import Sequence

from feedback.models import Feature, ModelVersion
from metrics.reports import Figure, SeriesPoint

OF_TEN = 10


def verdict(feature: Feature, right: Figure, *, source: str, version: str) -> tuple[str, str]:
    """One sentence, and the line under it: how sure it is and where it comes from."""
    if right.value is None or right.low is None or right.high is None:
        return (
            f"Nobody can say yet how often {feature.name} is right.",
            f"Because {right.reason or 'nothing arrived yet'}.",
        )
    found = f"about {100 * right.value:.0f} are right"
    sentence = f"Of 100 answers of {feature.name} {found} ({100 * right.low:.0f} to {100 * right.high:.0f})."
    where = "reviews" if source == "reviewed" else "predictions whose truth is known"
    detail = f"Version {version}, from {right.n:,} {where}."
    if right.state == "collecting":
        return sentence, f"{detail} Not sure yet: {right.reason}."
    if right.anytime_low is not None and right.anytime_high is not None:
        detail += (
            f" However often you look, it stays between {100 * right.anytime_low:.0f}"
            f" and {100 * right.anytime_high:.0f}."
        )
    return sentence, detail


def chart_title(versions: Sequence[ModelVersion], series: Sequence[SeriesPoint]) -> str:
    """The finding, not the metric's name; periods weigh as their number of predictions."""
    if not series or not versions:
        return "No figures to draw yet"
    newest = versions[-1].name
    sources = {point.source for point in series if point.version == newest}
    source = "observed" if "observed" in sources else "reviewed"
    points = [point for point in series if point.version == newest and point.source == source]
    if not points:
        return f"Version {newest} has no figures yet"
    share = sum(point.value * point.n for point in points) / max(1, sum(point.n for point in points))
    return f"Right {OF_TEN * share:.0f} of {OF_TEN} times since version {newest}"
