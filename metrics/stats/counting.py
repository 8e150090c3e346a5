"""From rows to counts. numpy groups; nothing loops over predictions, only over hours and segments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from metrics.stats import histograms
from metrics.stats.counts import MEASURES, Counts, NumberCounts
from metrics.stats.fields import MISSING, OUT_OF_TYPE, UNSEEN, bins_of
from metrics.stats.joint import BINS, FINE_BINS, NO_SCORE, Joint, added_up, losses

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
HourSegment = tuple[datetime, str]  # start of the UTC hour; "" for all of it, or a segment's name

ALL = ""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECONDS = 3_600_000_000  # of an hour
# An error beyond counts as this: the sum of the squares of ten million of them is still a number.
LARGEST_ERROR = 1e150
NO_BIN = -(2**40)  # of a value that is missing; no logarithm comes near


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may lie from the truth and be right: in its unit, or as a share of the truth."""

    size: float
    is_relative: bool

    @property
    def name(self) -> str:
        """What counts made with it are kept under."""
        return f"{'relative' if self.is_relative else 'absolute'} {self.size!r}"


@dataclass(frozen=True, slots=True)
class Rows:
    """n predictions as columns, in any order.

    at: microseconds since 1970. label, truth: text, or None. score, value, truth_value, lag_hours and each of
    measures: floats, NaN where missing. inputs: field -> any JSON, None where missing. segments: key -> name of
    the prediction's segment, None without one.
    """

    at: Ints
    has_actor: Bools
    label: Sequence[str | None]
    truth: Sequence[str | None]
    score: Floats
    value: Floats
    truth_value: Floats
    lag_hours: Floats
    measures: Mapping[str, Floats]
    inputs: Mapping[str, Sequence[Any]]
    segments: Mapping[str, Sequence[str | None]]


def count_hours(
    rows: Rows, *, references: Mapping[str, Mapping[str, Any]], tolerance: Tolerance | None
) -> dict[HourSegment, Counts]:
    """Counts of each UTC hour that has predictions, and of each segment in it; no rows -> {}.

    references: field -> its bins (metrics.stats.fields); a field of rows.inputs without them is only looked
    through for missing values. Predictions without a label are in n, measures, lag and perhaps numbers, not in
    joint. The order of rows changes nothing, not even the last digit of a sum: floats are added by size.
    """
    if not len(rows.at):
        return {}
    hours = rows.at // MICROSECONDS
    first, hour = int(hours.min()), hours - hours.min()
    columns = _columns(rows, tolerance)
    whole = _counts(columns, hour, tolerance)
    for name, values in rows.inputs.items():
        for at, hist in _histograms(hour, bins_of(values, references.get(name))):
            _put_field(whole[at], name, hist, is_binned=name in references)
    counted = {(_start(first + at), ALL): counts for at, counts in whole.items()}
    for names in rows.segments.values():
        found, (place,) = _coded(names)
        inside = np.flatnonzero(place >= 0)
        group = hour[inside] * len(found) + place[inside]
        for at, counts in _counts(_taken(_folded(columns), inside), group, tolerance).items():
            counted[_start(first + at // len(found)), found[at % len(found)]] = counts
    return counted


@dataclass(frozen=True, slots=True)
class _Columns:
    """What is counted of each prediction, as (n,) numbers.

    label, truth: places among the words, -1 without one. fine: bin of 1,000, or NO_SCORE. loss: 0 without score
    or truth. error: NaN unless answer and truth are numbers. bins: (measures and others, n), NO_BIN where missing.
    """

    words: list[str]
    label: Ints
    truth: Ints
    fine: Ints
    score: Floats
    loss: Floats
    has_actor: Bools
    is_number: Bools
    is_within: Bools
    error: Floats
    bins: dict[str, Ints]


def _columns(rows: Rows, tolerance: Tolerance | None) -> _Columns:
    words, (label, truth) = _coded(rows.label, rows.truth)
    has_score = ~np.isnan(rows.score)
    score = np.where(has_score, rows.score, 0.0)
    fine = np.minimum(np.floor(score * FINE_BINS), FINE_BINS - 1).astype(np.int64)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        error = np.clip(rows.value - rows.truth_value, -LARGEST_ERROR, LARGEST_ERROR)
        share = np.minimum(np.abs(error / rows.truth_value), LARGEST_ERROR)
    share[rows.truth_value == 0] = np.nan
    measured = {**rows.measures, "lag": rows.lag_hours, "abs_hist": np.abs(error), "pct_hist": share}
    return _Columns(
        words=words,
        label=label,
        truth=truth,
        fine=np.where(has_score, fine, NO_SCORE),
        score=score,
        loss=np.where(has_score & (truth >= 0), losses(score, label == truth), 0.0),
        has_actor=rows.has_actor,
        is_number=~np.isnan(rows.value),
        is_within=_is_within(error, rows.truth_value, tolerance),
        error=error,
        bins={name: _log_bins(values) for name, values in measured.items()},
    )


def _coded(*columns: Sequence[str | None]) -> tuple[list[str], list[Ints]]:
    """The words in all columns, sorted; and each column as places among them, -1 for None."""
    seen: list[str] = []

    @cache
    def first_seen(word: str | None) -> int:
        if word is None:
            return -1
        seen.append(word)
        return len(seen) - 1

    coded = [np.fromiter(map(first_seen, column), np.int64, len(column)) for column in columns]
    words = sorted(seen)
    place = {word: at for at, word in enumerate(words)}
    places = np.array([*(place[word] for word in seen), -1], dtype=np.int64)  # the last one is that of -1
    return words, [places[column] for column in coded]


def _is_within(error: Floats, truth: Floats, tolerance: Tolerance | None) -> Bools:
    if tolerance is None:
        return np.zeros(len(error), dtype=np.bool_)
    allowed = tolerance.size * np.abs(truth) if tolerance.is_relative else tolerance.size
    return np.asarray(np.abs(error) <= allowed)  # never where it is NaN


def _log_bins(values: Floats) -> Ints:
    bins = np.full(len(values), NO_BIN, dtype=np.int64)
    is_known = ~np.isnan(values)
    bins[is_known] = histograms.log_bins(values[is_known])
    return bins


def _taken(columns: _Columns, at: Ints) -> _Columns:
    """Some of the predictions."""
    arrays = {each.name: getattr(columns, each.name) for each in fields(columns)}
    arrays = {name: array[at] for name, array in arrays.items() if isinstance(array, np.ndarray)}
    return replace(columns, bins={name: bins[at] for name, bins in columns.bins.items()}, **arrays)


def _folded(columns: _Columns) -> _Columns:
    """With bins of 20 only, each named by the first of the 1,000 in it: enough for all but AUC (§6)."""
    width = FINE_BINS // BINS
    return replace(columns, fine=np.where(columns.fine < 0, NO_SCORE, columns.fine // width * width))


def _counts(columns: _Columns, group: Ints, tolerance: Tolerance | None) -> dict[int, Counts]:
    """Counts of each group, all but those of inputs."""
    n = np.bincount(group)
    n_with_actor = np.bincount(group[columns.has_actor], minlength=len(n)).tolist()
    counted = {
        at: Counts(n=int(n[at]), n_with_actor=n_with_actor[at], measures={name: {} for name in MEASURES})
        for at in np.flatnonzero(n).tolist()
    }
    for at, joint in _joints(columns, group):
        counted[at].joint = joint
    if columns.is_number.any():
        for at, numbers in _numbers(columns, group, tolerance):
            counted[at].numbers = numbers
    for name, bins in columns.bins.items():
        is_known = bins != NO_BIN
        for at, hist in _histograms(group[is_known], bins[is_known]):
            _put_histogram(counted[at], name, hist)
    return counted


def _put_histogram(counts: Counts, name: str, hist: dict[int, int]) -> None:
    if name in MEASURES:
        counts.measures[name] = hist
    elif name == "lag":
        counts.lag = hist
    else:
        setattr(counts.numbers, name, hist)


def _put_field(counts: Counts, name: str, hist: dict[int, int], *, is_binned: bool) -> None:
    for bin_, into in ((MISSING, counts.missing), (UNSEEN, counts.unseen), (OUT_OF_TYPE, counts.out_of_type)):
        if n := hist.pop(bin_, 0):
            into[name] = n
    if is_binned and hist:
        counts.fields[name] = hist


def _joints(columns: _Columns, group: Ints) -> Iterator[tuple[int, Joint]]:
    order = np.argsort(columns.score)
    order = order[columns.label[order] >= 0]
    n_words, n_bins = len(columns.words), FINE_BINS + 1
    pair = columns.label[order] * (n_words + 1) + columns.truth[order] + 1
    place = (group[order] * (n_words * (n_words + 1)) + pair) * n_bins + columns.fine[order] + 1
    score = columns.score[order]
    found, n, sums = added_up(place, score, score**2, columns.loss[order])
    pairs, fine = found // n_bins, found % n_bins - 1
    label, truth = pairs // (n_words + 1) % max(n_words, 1), pairs % (n_words + 1) - 1
    for at, part in _parts(pairs // max(n_words * (n_words + 1), 1)):
        yield at, Joint(columns.words, label[part], truth[part], fine[part], n[part], sums[:, part])


def _numbers(columns: _Columns, group: Ints, tolerance: Tolerance | None) -> Iterator[tuple[int, NumberCounts]]:
    """All but the histograms, for the groups that have numbers."""
    n = np.bincount(group[columns.is_number])
    n_right = np.bincount(group[columns.is_within], minlength=len(n)).tolist()
    order = np.argsort(columns.error)
    order = order[~np.isnan(columns.error[order])]
    error = columns.error[order]
    found, n_truth, sums = added_up(group[order], error, np.abs(error), error**2)
    known = dict(zip(found.tolist(), zip(n_truth.tolist(), *sums.tolist(), strict=True), strict=True))
    for at in np.flatnonzero(n).tolist():
        truths, error_, abs_, squares = known.get(at, (0, 0.0, 0.0, 0.0))
        numbers = NumberCounts(n=int(n[at]), n_truth=truths, sum_error=error_, sum_abs=abs_, sum_squares=squares)
        if tolerance is not None and truths:
            numbers.n_judged, numbers.n_right = {tolerance.name: truths}, {tolerance.name: n_right[at]}
        yield at, numbers


def _histograms(group: Ints, values: Ints) -> Iterator[tuple[int, dict[int, int]]]:
    """Group -> value -> how often, for the groups that have any."""
    if not len(group):
        return
    low, width = int(values.min()), int(np.ptp(values)) + 1
    found, n, _ = added_up(group * width + (values - low))
    value = found % width + low
    for at, part in _parts(found // width):
        yield at, dict(zip(value[part].tolist(), n[part].tolist(), strict=True))


def _parts(keys: Ints) -> Iterator[tuple[int, slice]]:
    """Each key of a sorted column, and where it stands."""
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    for start, end in pairwise([*starts.tolist(), len(keys)]):
        yield int(keys[start]), slice(start, end)


def _start(hours: int) -> datetime:
    return EPOCH + timedelta(hours=hours)
