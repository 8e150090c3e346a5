"""The additive counts of an hour (statistics.md §6): made from rows once, then only ever added."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from metrics.stats import histograms
from metrics.stats.joint import BINS, FINE_BINS, Cell, Joint, JointKey, coarse

__all__ = ["BINS", "FINE_BINS", "MEASURES", "Cell", "Counts", "JointKey", "NumberCounts", "coarse", "total"]
MEASURES = ("latency_ms", "cpu_ms", "rss_mb")
Histogram = dict[int, int]


@dataclass(slots=True)
class NumberCounts:
    """Predictions whose answer is a number, and how far from the truth they were, in the number's own unit.

    n_truth: truth arrived. n_judged: of those, held against a tolerance, by its name: hours whose rows are gone
    keep the one they were counted with. n_right: within it. sum_error: of answer - truth; sum_abs, sum_squares:
    of the same. abs_hist: log-histogram of |error|; pct_hist: of |error| / |truth| where truth is not 0.
    """

    n: int = 0
    n_truth: int = 0
    n_judged: dict[str, int] = field(default_factory=dict)
    n_right: dict[str, int] = field(default_factory=dict)
    sum_error: float = 0.0
    sum_abs: float = 0.0
    sum_squares: float = 0.0
    abs_hist: Histogram = field(default_factory=dict)
    pct_hist: Histogram = field(default_factory=dict)


HISTOGRAMS = ("abs_hist", "pct_hist")
BY_TOLERANCE = ("n_judged", "n_right")
NUMBERS = tuple(each.name for each in fields(NumberCounts) if each.name not in HISTOGRAMS + BY_TOLERANCE)


@dataclass(slots=True)
class Counts:
    """What is known of a set of predictions by adding alone.

    joint: JointKey -> Cell. measures: name -> log-histogram. missing: input field -> predictions without it.
    lag: log-histogram of hours from prediction to truth. fields: input field -> bin of the version's
    FieldReference -> predictions; what fits none of them is in unseen (another category, or a number outside the
    reference's range) or out_of_type (no number where the reference has numbers). Of a segment, joint has
    bins of 20 only, each named by the first of the 1,000 in it, and nothing is known of its inputs.
    """

    n: int = 0
    n_with_actor: int = 0
    joint: Mapping[JointKey, Cell] = field(default_factory=dict)
    numbers: NumberCounts = field(default_factory=NumberCounts)
    measures: dict[str, Histogram] = field(default_factory=dict)
    lag: Histogram = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    fields: dict[str, Histogram] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)
    out_of_type: dict[str, int] = field(default_factory=dict)

    def plus(self, other: "Counts") -> "Counts":
        """The counts of both sets together; neither is changed. Associative, commutative, Counts() is zero."""
        return total((self, other))

    def to_json(self) -> dict[str, Any]:
        numbers = {name: getattr(self.numbers, name) for name in NUMBERS}
        numbers |= {name: histograms.to_json(getattr(self.numbers, name)) for name in HISTOGRAMS}
        numbers |= {name: dict(sorted(getattr(self.numbers, name).items())) for name in BY_TOLERANCE}
        return {
            "n": self.n,
            "n_with_actor": self.n_with_actor,
            "joint": Joint.of(self.joint).to_json(),
            "numbers": numbers if self.numbers.n else None,
            "measures": {name: histograms.to_json(hist) for name, hist in sorted(self.measures.items())},
            "lag": histograms.to_json(self.lag),
            "missing": dict(sorted(self.missing.items())),
            "fields": {name: histograms.to_json(hist) for name, hist in sorted(self.fields.items())},
            "unseen": dict(sorted(self.unseen.items())),
            "out_of_type": dict(sorted(self.out_of_type.items())),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Counts":
        return cls(
            n=stored["n"],
            n_with_actor=stored["n_with_actor"],
            joint=Joint.from_json(stored["joint"]),
            numbers=_numbers_from_json(stored["numbers"]),
            measures={name: histograms.from_json(hist) for name, hist in stored["measures"].items()},
            lag=histograms.from_json(stored["lag"]),
            missing=dict(stored["missing"]),
            fields={name: histograms.from_json(hist) for name, hist in stored["fields"].items()},
            unseen=dict(stored["unseen"]),
            out_of_type=dict(stored["out_of_type"]),
        )

    def population(self) -> dict[tuple[str, int | None], tuple[int, float]]:
        """(label, score bin of 20) -> predictions and the sum of their scores: what the estimator needs."""
        joint = Joint.of(self.joint)
        n_bins = BINS + 1
        n, scores = _added(joint, joint.label * n_bins + _coarse_column(joint), len(joint.words) * n_bins)
        return {
            (joint.words[at // n_bins], _bin_or_none(at % n_bins)): (int(n[at]), float(scores[at]))
            for at in np.flatnonzero(n).tolist()
        }

    def confusion(self) -> dict[tuple[str, str], int]:
        """(label, truth) -> predictions, of those whose truth has arrived."""
        joint = Joint.of(self.joint)
        n_words = len(joint.words)
        n, _ = _added(joint, joint.label * n_words + joint.truth, n_words**2, only=joint.truth >= 0)
        return {
            (joint.words[at // n_words], joint.words[at % n_words]): int(n[at])
            for at in np.flatnonzero(n).tolist()
        }

    def score_bins(self) -> dict[tuple[int | None, bool], tuple[int, float]]:
        """(score bin of 20, was it right) -> predictions and the sum of their scores, truth known."""
        joint = Joint.of(self.joint)
        place = _coarse_column(joint) * 2 + (joint.label == joint.truth)
        n, scores = _added(joint, place, 2 * (BINS + 1), only=joint.truth >= 0)
        return {
            (_bin_or_none(at // 2), bool(at % 2)): (int(n[at]), float(scores[at]))
            for at in np.flatnonzero(n).tolist()
        }


def total(parts: Iterable[Counts]) -> Counts:
    """The sum of many counts in one pass; no parts -> Counts()."""
    whole, joints = Counts(), []
    for part in parts:
        whole.n += part.n
        whole.n_with_actor += part.n_with_actor
        joints.append(Joint.of(part.joint))
        _add_numbers(whole.numbers, part.numbers)
        _add_histograms(whole.measures, part.measures)
        _add_all(whole.lag, part.lag)
        _add_all(whole.missing, part.missing)
        _add_histograms(whole.fields, part.fields)
        _add_all(whole.unseen, part.unseen)
        _add_all(whole.out_of_type, part.out_of_type)
    whole.joint = Joint.total(joints)
    return whole


def _numbers_from_json(stored: Mapping[str, Any] | None) -> NumberCounts:
    if stored is None:
        return NumberCounts()
    numbers = NumberCounts(**{name: stored[name] for name in NUMBERS})
    numbers.abs_hist, numbers.pct_hist = (histograms.from_json(stored[name]) for name in HISTOGRAMS)
    if "n_judged" in stored:  # else nobody remembers with which tolerance: counted by an earlier version of ours
        numbers.n_judged, numbers.n_right = (dict(stored[name]) for name in BY_TOLERANCE)
    return numbers


def _coarse_column(joint: Joint) -> Any:
    """0 without a score, else 1 + the bin of 20, for every cell."""
    return np.where(joint.bin < 0, 0, joint.bin * BINS // FINE_BINS + 1)


def _bin_or_none(at: int) -> int | None:
    return at - 1 if at else None


def _added(joint: Joint, place: Any, size: int, *, only: Any = slice(None)) -> tuple[Any, Any]:
    """Per place: predictions and sum of scores of the cells."""
    place = place[only]
    n = np.bincount(place, weights=joint.n[only], minlength=size)
    return n, np.bincount(place, weights=joint.sums[0][only], minlength=size)


def _add_numbers(into: NumberCounts, more: NumberCounts) -> None:
    for name in NUMBERS:
        setattr(into, name, getattr(into, name) + getattr(more, name))
    _add_all(into.abs_hist, more.abs_hist)
    _add_all(into.pct_hist, more.pct_hist)
    _add_all(into.n_judged, more.n_judged)
    _add_all(into.n_right, more.n_right)


def _add_histograms(into: dict[str, Histogram], more: Mapping[str, Histogram]) -> None:
    for name, hist in more.items():
        _add_all(into.setdefault(name, {}), hist)


def _add_all(into: dict[Any, int], more: Mapping[Any, int]) -> None:
    for key, count in more.items():
        into[key] = into.get(key, 0) + count
