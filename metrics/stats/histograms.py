"""Log-histograms that merge by addition and answer any percentile (statistics.md §6).

In Python a histogram is a dict bin -> count with whole-number bins; in JSON, whose keys are texts, two lists.
"""

import math
import sys
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

GAMMA = 1.02 / 0.98
LOG_GAMMA = math.log(GAMMA)
RELATIVE_ERROR = (GAMMA - 1) / (GAMMA + 1)  # 0.02
ZERO_BIN = -1_000_000  # below every bin of a positive float (-18,609 and up), so sorting puts it first
NEAR_EDGE = 1e-6


def log_bin(x: float) -> int:
    """The bin of one value: ceil(ln x / ln gamma), which holds (gamma**(i-1), gamma**i]. x <= 0 -> ZERO_BIN.

    x: finite. Raises ValueError for NaN and infinity. Source: Masson, Rim & Lee 2019 (DDSketch), VLDB
    12(12), p. 2195.
    """
    if not math.isfinite(x):
        raise ValueError(f"only finite values can be counted, not {x}")
    return math.ceil(math.log(x) / LOG_GAMMA) if x > 0 else ZERO_BIN


def log_bins(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The bins of many values, exactly as log_bin one by one.

    values: (n,) finite floats -> (n,) whole numbers. Raises ValueError when one is NaN or infinite: leave
    missing ones out. numpy's vectorised logarithm may differ from C's in the last digit, so values within a
    millionth of a bin of an edge go through log_bin itself.
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(x).all():
        raise ValueError("only finite values can be counted")
    is_positive = x > 0
    place = np.log(x, where=is_positive, out=np.zeros_like(x)) / LOG_GAMMA
    bins = np.where(is_positive, np.ceil(place), ZERO_BIN).astype(np.int64)
    for at in np.flatnonzero(is_positive & (np.abs(place - np.rint(place)) < NEAR_EDGE)):
        bins[at] = log_bin(float(x[at]))
    return bins


def count_log_bins(values: npt.ArrayLike) -> dict[int, int]:
    """Counts per bin of many values; empty -> {}. Raises as log_bins."""
    found, counts = np.unique(log_bins(values), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def add(a: Mapping[int, int], b: Mapping[int, int]) -> dict[int, int]:
    """The histogram of both sets of values together. Order does not matter; neither argument is changed."""
    return {bin_: a.get(bin_, 0) + b.get(bin_, 0) for bin_ in sorted(a.keys() | b.keys())}


def percentile(hist: Mapping[int, int], q: float) -> float | None:
    """The value below or at which a share q of the values lies: nearest rank, the ceil(q n)-th smallest.

    q: in [0, 1]; 0 -> the smallest. Answer in the unit of the values: 2 gamma**i / (gamma + 1), the point of
    the bin whose relative distance to both its ends is the same; 0.0 for values <= 0. No values -> None.
    The relative error is at most (gamma - 1) / (gamma + 1) = 2 %, reached at the ends of a bin.
    (statistics.md §6 says 1 %; that would take gamma = 1.01 / 0.99.) Raises ValueError for q outside [0, 1].
    Not valid outside 1e-300 to 1e300; never more than the largest float.
    """
    if not 0 <= q <= 1:
        raise ValueError(f"q must lie between 0 and 1, not {q}")
    n = sum(hist.values())
    rank = max(1, math.ceil(q * n * (1 - 1e-12)))  # 0.07 * 100 is 7.000000000000001: still the 7th
    seen = 0
    for bin_ in sorted(hist):
        seen += hist[bin_]
        if seen >= rank:
            return 0.0 if bin_ == ZERO_BIN else _middle(bin_)
    return None


def _middle(bin_: int) -> float:
    try:
        return min(2 * GAMMA**bin_ / (GAMMA + 1), sys.float_info.max)
    except OverflowError:
        return sys.float_info.max


def to_json(hist: Mapping[int, int]) -> list[list[int]]:
    """[bins, counts], as it is stored in a summary."""
    bins = sorted(hist)
    return [bins, [hist[bin_] for bin_ in bins]]


def from_json(stored: Sequence[Sequence[int]]) -> dict[int, int]:
    """The histogram back from to_json. Raises ValueError where there are not as many bins as counts."""
    return dict(zip(*stored, strict=True))
