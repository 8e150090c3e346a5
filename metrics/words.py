"""Figures as sentences for people: what a product manager reads in five seconds."""

from collections.abc import Sequence

from feedback.models import Feature, ModelVersion
from metrics.reports import Figure, SegmentRow, SeriesPoint
from metrics.stats.comparing import Difference
from metrics.stats.intervals import MOST_REVIEWS_TO_GO

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


def segments_title(segments: Sequence[SegmentRow]) -> str:
    """What was found among the parts of the traffic; those that differ stand in front, the worst first."""
    worse = [segment.name for segment in segments if segment.is_found and segment.difference < 0]
    if worse:
        others = f" and {len(worse) - 1} more" if len(worse) > 1 else ""
        return f"Worse than the rest: {worse[0]}{others}"
    if any(segment.is_found for segment in segments):
        return "No part of the traffic is worse than luck would make it"
    return "No part of the traffic differs more than luck would make it" if segments else "Parts of the traffic"


def comparison_sentence(version: str, against: str, found: Difference | str, *, source: str) -> str:
    """Whether a version is better than another one, and how sure that is. found: the difference, or why not."""
    if isinstance(found, str):
        return f"Version {version} cannot be compared with {against} yet, because {found}."
    low, high = _points(found.anytime_low), _points(found.anytime_high)
    if found.is_sure:
        word = "better" if found.value > 0 else "worse"
        ends = f"{low} to {high}"
        if found.value < 0:
            ends = f"{_points(-found.anytime_high)} to {_points(-found.anytime_low)}"
        return f"Version {version} is {_points(abs(found.value))} points {word} than {against} ({ends})."
    seen = (
        f"it looks {_points(abs(found.value))} points {'better' if found.value > 0 else 'worse'} ({low} to {high})"
    )
    if found.value == 0:
        seen = f"no difference is seen ({low} to {high})"
    return f"Not sure yet whether version {version} is better than {against}: {seen}; {_more(found, source)}."


def _more(found: Difference, source: str) -> str:
    if found.n_to_go >= MOST_REVIEWS_TO_GO:
        return "more of the same would not decide it"
    if found.method == "paired":
        return f"about {found.n_to_go:,} more pairs would decide it, if it stays so"
    unit = "reviews" if source == "reviewed" else "known truths"
    return f"about {found.n_to_go:,} more {unit} of each would decide it, if it stays so"


def _points(share: float) -> str:
    """A difference of shares in points: whole ones from 10 on, tenths below."""
    points = 100 * share
    text = f"{points:.0f}" if abs(points) >= 10 else f"{points:.1f}".removesuffix(".0")
    return text.replace("-", "\u2212") if float(text) else "0"
