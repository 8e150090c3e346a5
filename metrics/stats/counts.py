"""The additive counts of an hour (statistics.md §6): made from rows once, then only ever added."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from metrics.stats import histograms

FINE_BINS = 1000
BINS = 20
MEASURES = ("latency_ms", "cpu_ms", "rss_mb")

# (label, fine score bin or None without a score, truth or None while it has not arrived)
JointKey = tuple[str, int | None, str | None]


@dataclass(slots=True)
class Counts:
    """What is known of a set of predictions by adding alone.

    joint: JointKey -> [predictions, sum of their scores]. measures: name -> log-histogram. missing: input
    field -> predictions without it. lag: log-histogram of hours from prediction to truth.
    """

    n: int = 0
    n_with_actor: int = 0
    joint: dict[JointKey, tuple[int, float]] = field(default_factory=dict)
    measures: dict[str, dict[int, int]] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    lag: dict[int, int] = field(default_factory=dict)

    def plus(self, other: "Counts") -> "Counts":
        """The counts of both sets together; neither is changed. Associative, commutative, Counts() is zero."""
        return total((self, other))

    def to_json(self) -> dict[str, Any]:
        order = sorted(self.joint.items(), key=lambda entry: tuple(str(part) for part in entry[0]))
        return {
            "n": self.n,
            "n_with_actor": self.n_with_actor,
            "joint": [[*key, count, scores] for key, (count, scores) in order],
            "measures": {name: histograms.to_json(hist) for name, hist in self.measures.items()},
            "missing": self.missing,
            "lag": histograms.to_json(self.lag),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Counts":
        return cls(
            n=stored["n"],
            n_with_actor=stored["n_with_actor"],
            joint={(label, bin_, truth): (count, scores) for label, bin_, truth, count, scores in stored["joint"]},
            measures={name: histograms.from_json(hist) for name, hist in stored["measures"].items()},
            missing=dict(stored["missing"]),
            lag=histograms.from_json(stored["lag"]),
        )

    def population(self) -> dict[tuple[str, int | None], tuple[int, float]]:
        """(label, score bin of 20) -> predictions and the sum of their scores: what the estimator needs."""
        cells: dict[tuple[str, int | None], tuple[int, float]] = {}
        for (label, fine, _), (count, scores) in self.joint.items():
            _add_pair(cells, (label, coarse(fine)), count, scores)
        return cells

    def confusion(self) -> dict[tuple[str, str], int]:
        """(label, truth) -> predictions, of those whose truth has arrived."""
        pairs: dict[tuple[str, str], int] = {}
        for (label, _, truth), (count, _) in self.joint.items():
            if truth is not None:
                pairs[label, truth] = pairs.get((label, truth), 0) + count
        return pairs

    def score_bins(self) -> dict[tuple[int | None, bool], tuple[int, float]]:
        """(score bin of 20, was it right) -> predictions and the sum of their scores, truth known."""
        bins: dict[tuple[int | None, bool], tuple[int, float]] = {}
        for (label, fine, truth), (count, scores) in self.joint.items():
            if truth is not None:
                _add_pair(bins, (coarse(fine), label == truth), count, scores)
        return bins


def coarse(fine: int | None) -> int | None:
    """The bin of 20 that holds a bin of 1,000; None (no score) stays None."""
    return None if fine is None else fine * BINS // FINE_BINS


def total(parts: Iterable[Counts]) -> Counts:
    """The sum of many counts in one pass; no parts -> Counts()."""
    whole = Counts()
    for part in parts:
        whole.n += part.n
        whole.n_with_actor += part.n_with_actor
        for key, (count, scores) in part.joint.items():
            _add_pair(whole.joint, key, count, scores)
        for name, hist in part.measures.items():
            _add_all(whole.measures.setdefault(name, {}), hist)
        _add_all(whole.missing, part.missing)
        _add_all(whole.lag, part.lag)
    return whole


def count_hours(rows: pd.DataFrame, *, fields: Iterable[str]) -> list[tuple[datetime, Counts]]:
    """Counts of each UTC hour that has predictions, in order.

    rows: one a prediction, columns occurred_at (aware), label and truth (text or None), score, lag_hours,
    latency_ms, cpu_ms, rss_mb (floats, NaN where missing), actor (empty: none), inputs (dict or None).
    fields: the inputs whose absence is counted. Predictions without a label (numbers, free output) are in n
    and the measures only. No rows -> []. One pass over all hours: pandas groups, nothing loops over hours.
    """
    if rows.empty:
        return []
    hour = rows["occurred_at"].dt.floor("h")
    by_hour = {
        at.to_pydatetime(): Counts(n=n, measures={name: {} for name in MEASURES})
        for at, n in hour.value_counts(sort=False).sort_index().items()
    }
    for at, n in hour[rows["actor"] != ""].value_counts(sort=False).items():
        by_hour[at.to_pydatetime()].n_with_actor = int(n)
    for name in MEASURES:
        for at, bin_, n in _binned(hour, rows[name]):
            by_hour[at].measures[name][bin_] = n
    for at, bin_, n in _binned(hour, rows["lag_hours"]):
        by_hour[at].lag[bin_] = n
    _count_joint(by_hour, hour, rows)
    for name in fields:
        is_missing = pd.Series([(given or {}).get(name) is None for given in rows["inputs"]], index=rows.index)
        for at, n in hour[is_missing].value_counts(sort=False).items():
            by_hour[at.to_pydatetime()].missing[name] = int(n)
    return list(by_hour.items())


def _binned(hour: pd.Series, values: pd.Series) -> Iterator[tuple[datetime, int, int]]:
    """(hour, log bin, values in it)."""
    known = values.notna()
    if not known.any():
        return
    bins = histograms.log_bins(values[known].to_numpy(float))
    frame = pd.DataFrame({"hour": hour[known].to_numpy(), "bin": bins})
    counted = frame.groupby(["hour", "bin"], as_index=False).size()
    for at, bin_, n in zip(counted["hour"], counted["bin"], counted["size"], strict=True):
        yield at.to_pydatetime().replace(tzinfo=UTC), int(bin_), int(n)


def _count_joint(by_hour: dict[datetime, Counts], hour: pd.Series, rows: pd.DataFrame) -> None:
    score = rows["score"]
    frame = pd.DataFrame(
        {
            "hour": hour,
            "label": rows["label"],
            "fine": np.minimum(np.floor(score.fillna(-1) * FINE_BINS), FINE_BINS - 1).astype(int),
            "truth": rows["truth"].where(rows["truth"].notna(), None),
            "score": score.fillna(0.0),
        }
    )[rows["label"].notna()]
    cells = frame.groupby(["hour", "label", "fine", "truth"], dropna=False)["score"].agg(["size", "sum"])
    for (at, label, fine, truth), n, scores in cells.itertuples():
        key = (label, int(fine) if fine >= 0 else None, truth if isinstance(truth, str) else None)
        by_hour[at.to_pydatetime()].joint[key] = (int(n), float(scores))


def _add_pair(into: dict[Any, tuple[int, float]], key: Any, count: int, scores: float) -> None:
    held = into.get(key, (0, 0.0))
    into[key] = (held[0] + count, held[1] + scores)


def _add_all(into: dict[Any, int], more: Mapping[Any, int]) -> None:
    for key, count in more.items():
        into[key] = into.get(key, 0) + count
