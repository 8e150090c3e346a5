"""Figures of reviewers. No Django here: metrics.stats reads them too."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OneLookFigure:
    """A share or a coefficient; low to high: its one-look 95 % interval. n: items that it is made of.

    value None: reason says why, in plain words.
    """

    value: float | None
    n: int
    low: float | None
    high: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AccuracyWithoutError(OneLookFigure):
    """A version's accuracy with its reviewers' errors taken out. as_of: None before the first look."""

    as_of: datetime | None = None
