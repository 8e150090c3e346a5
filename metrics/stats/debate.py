"""Where functions agree and where they do not: medians and tertiles on a scale of 1 to 9 (RAND/UCLA)."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Verdict = Literal["agreed", "mixed", "contested"]
LOWEST, HIGHEST = 1, 9


@dataclass(frozen=True, slots=True)
class AxisVerdict:
    """median, spread: in steps of the scale; spread is the mean distance from the median.

    n_outside: placements outside the median's tertile.
    """

    verdict: Verdict
    median: float
    spread: float
    lowest: int
    highest: int
    n: int
    n_low: int
    n_high: int
    n_outside: int


def tertile(place: float) -> int:
    """0 for 1 to 3, 1 for 4 to 6, 2 for 7 to 9; halfway between two, the upper one.

    Raises ValueError outside 1 to 9. Source: Fitch et al. 2001, The RAND/UCLA Appropriateness Method User's
    Manual, ch. 8: medians of 3.5 and 6.5 go to the higher category.
    """
    if not LOWEST <= place <= HIGHEST:
        raise ValueError(f"a place lies between 1 and 9, not {place}")
    return (place >= 3.5) + (place >= 6.5)


def axis_verdict(places: Sequence[int]) -> AxisVerdict:
    """Whether functions agree on one axis.

    places: one whole number of 1 to 9 for each function. Contested if at least a third of them sit in each
    outer tertile; else agreed if at most a third are outside the median's tertile; else mixed. With two places
    at both ends: contested. Raises ValueError without any, or outside 1 to 9.
    Source: product.md §5; Fitch et al. 2001 (RAND/UCLA).
    """
    if not places:
        raise ValueError("nobody has placed anything")
    tertiles = [tertile(place) for place in places]
    n, middle = len(places), float(median(places))
    n_low, n_high = tertiles.count(0), tertiles.count(2)
    n_outside = n - tertiles.count(tertile(middle))
    return AxisVerdict(
        verdict=_verdict(n, n_low=n_low, n_high=n_high, n_outside=n_outside),
        median=middle,
        spread=sum(abs(place - middle) for place in places) / n,
        lowest=min(places),
        highest=max(places),
        n=n,
        n_low=n_low,
        n_high=n_high,
        n_outside=n_outside,
    )


def _verdict(n: int, *, n_low: int, n_high: int, n_outside: int) -> Verdict:
    if 3 * n_low >= n and 3 * n_high >= n:
        return "contested"
    return "agreed" if 3 * n_outside <= n else "mixed"


def on_the_board(score: float) -> float:
    """A score of 0 to 100 as a place of 1 to 9, its ends at the ends. Raises ValueError outside 0 to 100."""
    if not 0 <= score <= 100:
        raise ValueError(f"a score lies between 0 and 100, not {score}")
    return LOWEST + (HIGHEST - LOWEST) * score / 100
