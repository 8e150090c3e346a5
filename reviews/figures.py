"""Figures of reviewers as the worker keeps them. No Django here: metrics.stats reads them too."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredFigure:
    """A share or a coefficient with its one-look 95 % interval; value None: reason says why, in plain words."""

    value: float | None
    n: int
    low: float | None
    high: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AccuracyWithoutError(StoredFigure):
    """A version's accuracy with its reviewers' errors taken out. as_of: None before the first look."""

    as_of: datetime | None = None
