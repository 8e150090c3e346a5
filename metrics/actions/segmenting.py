"""Estimates of each segment, and which of them differ from the rest."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from metrics.actions.estimating import Made, Source, Span, Window, estimate
from metrics.actions.gathering import Evidence
from metrics.models import EstimateSet
from metrics.reports import SegmentRow
from metrics.stats.figures import RULE_OF_THREE
from metrics.stats.intervals import MIN_IN_DOMAIN, Z95, clip
from metrics.stats.reviewed import CountedItem, Population, estimate_reviewed
from metrics.stats.segments import RankedSegment, SegmentFigure, worst_segments
from metrics.summaries import segments_of

WINDOWS = (Window.VERSION, Window.LAST_28_DAYS, Window.ALL)
MOST_SHOWN = 20
NOTHING_SENT = "no segment is sent with the predictions"
TOO_FEW = {
    Source.REVIEWED: f"no segment has {MIN_IN_DOMAIN} reviews that decide, with as many outside of it",
    Source.OBSERVED: f"no segment has {MIN_IN_DOMAIN} known truths, with as many outside of it",
}


def estimate_segments(evidence: Evidence, wholes: Sequence[tuple[Span, Made]], now: datetime) -> list[Made]:
    """The estimates of every segment in every window but those of the chart, those without traffic left out.

    wholes: the windows of everything with what was made of them. The ranking is written on their heads.
    """
    chosen = [(span, whole) for span, whole in wholes if span.window in WINDOWS]
    parts: dict[int, dict[str, Made]] = {at: {} for at in range(len(chosen))}
    for name in segments_of(evidence.feature):
        of_segment = evidence.of_segment(name)
        for at, (span, whole) in enumerate(chosen):
            if any(span.holds(key) for key in of_segment.counts):
                parts[at][name] = estimate(of_segment, span, Source(whole.head.source), now)
    for at, (_, whole) in enumerate(chosen):
        _rank(evidence, whole, parts[at])
    return [made for of_window in parts.values() for made in of_window.values()]


def _rank(evidence: Evidence, whole: Made, parts: Mapping[str, Made]) -> None:
    """Which segments differ from the rest, on the head of the whole."""
    figures, rest = {}, {}
    for name, part in parts.items():
        of_part = _figure(part)
        of_rest = _rest(evidence, whole, part, name) if of_part and of_part.n >= MIN_IN_DOMAIN else None
        if of_part and of_rest:
            figures[name], rest[name] = of_part, of_rest
    ranked = worst_segments(figures, rest)
    found = [segment for segment in ranked if segment.is_found]
    shown = [*found, *[segment for segment in ranked if not segment.is_found][: max(0, MOST_SHOWN - len(found))]]
    whole.head.segments = [asdict(_row(segment, parts[segment.name])) for segment in shown]
    whole.head.segments_reason = "" if shown else _why_none(whole.head, parts)


def _why_none(head: EstimateSet, parts: Mapping[str, Made]) -> str:
    return head.reason or (TOO_FEW[Source(head.source)] if parts else NOTHING_SENT)


def _row(segment: RankedSegment, part: Made) -> SegmentRow:
    accuracy, rest_reach = part.accuracy, Z95 * math.sqrt(segment.rest.variance)
    return SegmentRow(
        name=segment.name,
        value=segment.figure.value,
        low=accuracy.low or 0.0,
        high=1.0 if accuracy.high is None else accuracy.high,
        n=segment.figure.n,
        population=segment.figure.population,
        rest=segment.rest.value,
        rest_low=clip(segment.rest.value - rest_reach),
        rest_high=clip(segment.rest.value + rest_reach),
        rest_n=segment.rest.n,
        difference=segment.difference,
        difference_low=segment.low,
        difference_high=segment.high,
        q=segment.q,
        is_found=segment.is_found,
    )


def _figure(made: Made) -> SegmentFigure | None:
    if made.accuracy.value is None:
        return None
    if made.head.accuracy_variance is None:
        return _proportion(made.accuracy.value, made.accuracy.n, made.head.population)
    return SegmentFigure(made.accuracy.value, made.head.accuracy_variance, made.accuracy.n, made.head.population)


def _proportion(share: float, n: int, population: int) -> SegmentFigure:
    """All known truths: binomial, with the rule of three so that n alike ones claim no certainty."""
    return SegmentFigure(share, share * (1 - share) / n + (RULE_OF_THREE / n) ** 2, n, population)


def _rest(evidence: Evidence, whole: Made, part: Made, name: str) -> SegmentFigure | None:
    """The same figure of everything else in the same days. None: there is nothing else."""
    population = whole.head.population - part.head.population
    if whole.head.source == Source.OBSERVED:
        n = whole.accuracy.n - part.accuracy.n
        right = (whole.accuracy.value or 0) * whole.accuracy.n - (part.accuracy.value or 0) * part.accuracy.n
        return _proportion(min(1.0, max(0.0, right / n)), n, population) if n > 0 else None
    others: list[CountedItem] = [item for item in whole.items if name not in item.segments]
    found = estimate_reviewed(
        _without(whole.population, part.population),
        others,
        labels=evidence.labels(whole.head.version),
        positive_label=None,
        n_star=evidence.n_star,
        share_with_actor=(whole.n_with_actor - part.n_with_actor) / population if population > 0 else 0.0,
    )
    value, variance = found.metrics["accuracy"].value, found.accuracy_variance
    if value is None or variance is None:
        return None
    return SegmentFigure(value, variance, found.decided, found.population)


def _without(whole: Population, part: Population) -> Population:
    """The cells of the whole less those of the part; both are counts of the same days."""
    left = {}
    for cell, (n, scores) in whole.items():
        n_part, part_scores = part.get(cell, (0, 0.0))
        if n > n_part:
            left[cell] = (n - n_part, scores - part_scores)
    return left
