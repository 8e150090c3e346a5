"""Which parts of the traffic are served worse, or better, than the rest (statistics.md §2)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metrics.stats.intervals import MIN_IN_DOMAIN, Z95

FALSE_DISCOVERY_RATE = 0.1


@dataclass(frozen=True, slots=True)
class SegmentFigure:
    """A figure of one part of the traffic, or of all the rest.

    value: in [0, 1]. variance: v of statistics.md §2, > 0 (of one look, not the anytime one). n: counted items
    in the figure's domain. population: predictions of the covered days.
    """

    value: float
    variance: float
    n: int
    population: int


@dataclass(frozen=True, slots=True)
class RankedSegment:
    """One segment against the rest. difference: value - rest's value, with its one-look 95 % interval.

    p: of the two-sided test that there is no difference. q: p adjusted for how many segments were tested; found
    when q is at most the wanted false discovery rate.
    """

    name: str
    figure: SegmentFigure
    rest: SegmentFigure
    difference: float
    low: float
    high: float
    p: float
    q: float
    is_found: bool

    @property
    def is_worse(self) -> bool:
        return self.difference < 0


def worst_segments(
    figures: Mapping[str, SegmentFigure],
    rest: Mapping[str, SegmentFigure],
    *,
    false_discovery_rate: float = FALSE_DISCOVERY_RATE,
    at_least: int = MIN_IN_DOMAIN,
) -> list[RankedSegment]:
    """The segments that differ from the rest, worst in front, then those of which that cannot be said.

    figures: of each segment, by name. rest: under the same name, the same estimator on everything else of the
    same days. A segment with under at_least counted items in the domain, on either side, is left out before
    anything is adjusted: size does not depend on the outcome. No segment left -> []. Both samples are disjoint,
    and each prediction is drawn by a luck of its own, so their variances add. Of the segments called found, no
    more than the false discovery rate are expected to be none.
    Raises KeyError for a segment without its rest and ValueError for a variance that is not above 0. For one
    look at a closed window; starts and stops nothing. Segments that overlap are tested all the same: Benjamini &
    Hochberg's bound holds under positive dependence (Benjamini & Yekutieli 2001, Annals of Statistics 29(4)).
    Source: Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57(1), p. 293.
    """
    tested = [
        (name, figure, rest[name]) for name, figure in figures.items() if min(figure.n, rest[name].n) >= at_least
    ]
    p_values = [_p_value(figure, other) for _, figure, other in tested]
    ranked = [
        _ranked(name, figure, other, p, q, is_found=q <= false_discovery_rate)
        for (name, figure, other), p, q in zip(tested, p_values, adjusted(p_values), strict=True)
    ]
    return sorted(ranked, key=lambda segment: (not segment.is_found, segment.difference, segment.name))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg q-values, in the order given: the smallest rate at which each would be found.

    p_values: in [0, 1], any order. q_(i) = min over j >= i of p_(j) m / j. Empty -> []. Raises ValueError
    outside [0, 1]. Source: Benjamini & Hochberg 1995, eq. 1, read from its largest p.
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("p-values lie between 0 and 1")
    m, smallest = len(p_values), 1.0
    found = [1.0] * m
    order = sorted(range(m), key=lambda at: p_values[at])
    for rank in range(m, 0, -1):
        at = order[rank - 1]
        smallest = min(smallest, p_values[at] * m / rank)
        found[at] = smallest
    return found


def _spread(figure: SegmentFigure, rest: SegmentFigure) -> float:
    if not (0 < figure.variance < math.inf and 0 < rest.variance < math.inf):
        raise ValueError(f"variances must be above 0 and finite, not {figure.variance} and {rest.variance}")
    return math.sqrt(figure.variance + rest.variance)


def _p_value(figure: SegmentFigure, rest: SegmentFigure) -> float:
    """Two-sided, of the normal distribution."""
    return math.erfc(abs(figure.value - rest.value) / _spread(figure, rest) / math.sqrt(2))


def _ranked(
    name: str, figure: SegmentFigure, rest: SegmentFigure, p: float, q: float, *, is_found: bool
) -> RankedSegment:
    difference, reach = figure.value - rest.value, Z95 * _spread(figure, rest)
    low, high = max(-1.0, difference - reach), min(1.0, difference + reach)
    return RankedSegment(name, figure, rest, difference, low, high, p, q, is_found)
