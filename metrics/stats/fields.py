"""Input fields in bins that a version's first days fix (statistics.md §6): 20 quantiles, or 30 categories."""

import json
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

QUANTILES, MOST_CATEGORIES, MOST_CHARACTERS = 20, 30, 100
SHARE_OF_NUMBERS = 0.95
MISSING, UNSEEN, OUT_OF_TYPE = -1, -2, -3  # in the place of a bin

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def reference_of(values: Sequence[Any]) -> dict[str, Any] | None:
    """The bins of a field, from its values in the reference days; None where it was never there.

    values: any JSON, None where missing. A number when at least 95 % of those present are numbers (true and false
    are none): 19 inner quantile edges with the lowest and the highest value. Else the 30 most frequent texts,
    the first in the alphabet of equally frequent ones.
    """
    present = [value for value in values if value is not None]
    if not present:
        return None
    x = _numbers(present)
    x = x[~np.isnan(x)]
    if len(x) >= SHARE_OF_NUMBERS * len(present):
        inner = np.quantile(x, np.arange(1, QUANTILES) / QUANTILES, method="lower")
        return {"kind": "number", "edges": inner.tolist(), "low": float(x.min()), "high": float(x.max())}
    n = Counter(map(text_of, present))
    order = sorted(n, key=lambda text: (-n[text], text))
    return {"kind": "category", "values": order[:MOST_CATEGORIES]}


def bins_of(values: Sequence[Any], reference: Mapping[str, Any] | None) -> Ints:
    """The bin of each value: 0 to 19 of a number, the place among its texts of a category; else what is wrong.

    values: (n,) any JSON, None where missing -> MISSING. A number outside [low, high] or a text that is not
    listed -> UNSEEN; no number where the reference has numbers -> OUT_OF_TYPE. A value on an edge belongs to
    the bin above it. Without a reference all that is there is in bin 0.
    """
    if reference is None:
        return np.array([MISSING if value is None else 0 for value in values], dtype=np.int64)
    if reference["kind"] == "category":
        return _categories(values, {text: at for at, text in enumerate(reference["values"])})
    x = _numbers(values)
    bins = np.searchsorted(np.array(reference["edges"]), x, side="right").astype(np.int64)
    bins[(x < reference["low"]) | (x > reference["high"])] = UNSEEN
    for at in np.flatnonzero(np.isnan(x)).tolist():
        bins[at] = MISSING if values[at] is None else OUT_OF_TYPE
    return bins


def text_of(value: Any) -> str:
    """A value as a category: text as it is, anything else as JSON; both cut at 100 characters."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text[:MOST_CHARACTERS]


def short(value: Any) -> Any:
    """The same to all of the above, and never larger than a short text: what need not be kept whole."""
    return value if value is None or isinstance(value, int | float) else text_of(value)


def _categories(values: Sequence[Any], place: Mapping[str, int]) -> Ints:
    def bin_of(value: Any) -> int:
        return MISSING if value is None else place.get(text_of(value), UNSEEN)

    if set(map(type, values)) <= {str, type(None)}:  # else 1 and true would be the same to the cache
        bin_of = cache(bin_of)
    return np.fromiter(map(bin_of, values), np.int64, len(values))


def _numbers(values: Sequence[Any]) -> Floats:
    """NaN for whatever is no number, None included; whole numbers beyond all floats are the largest of them."""
    if set(map(type, values)) <= {float, int, type(None)}:
        try:
            return np.array(values, dtype=np.float64)
        except OverflowError:
            pass
    return np.array([_number(value) for value in values], dtype=np.float64)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return sys.float_info.max if value > 0 else -sys.float_info.max
