"""A slow second reading of statistics.md §1 to §4, loop by loop, sharing no code with what it checks.

Everything is plain: predictions are (label, score) pairs, one for each prediction; items are Item tuples.
Figures are dicts with value, low, high, anytime_low, anytime_high, n and variance, or None for no_data.
"""

import hashlib
import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize

FigureDict = dict[str, float]


class Item(NamedTuple):
    """A counted item: what was predicted with which score, its inclusion probability, what people said."""

    label: str
    score: float | None
    p: float
    verdict: str
    truth: str | None = None
    actor: str | None = None


# §1 · who gets reviewed


def luck_by_hand(slug: str, external_id: str, salt: bytes) -> Fraction:
    """u as an exact fraction."""
    hashed = hashlib.blake2b(slug.encode("utf-8") + b"\x00" + external_id.encode("utf-8"), key=salt)
    x = 0
    for byte in hashed.digest()[0:8]:
        x = x * 256 + byte
    return Fraction(2 * x + 1, 2 * 2**64)


class Judged(NamedTuple):
    """A counted item as the draw looks back on it."""

    label: str | None
    verdict: str
    truth: str | None
    p: float


def log_odds_by_hand(score: float | None) -> float:
    if score is None:
        return 0.0
    inside_ = sorted([0.001, score, 0.999])[1]
    return math.log(inside_) - math.log(1 - inside_)


def calibration_by_hand(items: Sequence[tuple[str, float | None, float]]) -> tuple[dict[str, float], float]:
    """({label: intercept}, slope). items: (label, score, z). By a root finder, step by step."""
    if not items:
        return {}, 1.0
    names = sorted({label for label, _, _ in items})
    mean = {}
    for name in names:
        own = [log_odds_by_hand(score) for label, score, _ in items if label == name]
        mean[name] = sum(own) / len(own)
    line, slope = _levels_by_hand(items, mean, None)
    flat, _ = _levels_by_hand(items, mean, 0.0)
    gain = _posterior_by_hand(items, mean, line, slope) - _posterior_by_hand(items, mean, flat, 0.0)
    chance = 1 / (1 + math.exp(0.5 * math.log(_bend_by_hand(items, mean, line, slope)) - gain))
    levels, shrunk = _levels_by_hand(items, mean, slope * chance)
    return {name: levels[name] - shrunk * mean[name] for name in names}, shrunk


def _odds_by_hand(label: str, score: float | None, mean: Any, levels: Any, slope: float) -> float:
    return float(levels[label] + slope * (log_odds_by_hand(score) - mean[label]))


def _levels_by_hand(items: Any, mean: dict[str, float], fixed: float | None) -> tuple[dict[str, float], float]:
    """Where every derivative is 0: of the levels, and of the slope unless it is fixed."""
    names = list(mean)

    def derivatives(at: Any) -> list[float]:
        levels, slope = dict(zip(names, at, strict=False)), at[-1] if fixed is None else fixed
        pulls, tilt = {name: mean[name] - levels[name] for name in names}, 1 - slope
        for label, score, z in items:
            left = z - 1 / (1 + math.exp(-_odds_by_hand(label, score, mean, levels, slope)))
            pulls[label] += left
            tilt += left * (log_odds_by_hand(score) - mean[label])
        return [*pulls.values()] + ([tilt] if fixed is None else [])

    start = [each + 1 for each in mean.values()] + ([1.0] if fixed is None else [])  # from 0 lm takes no step
    found = optimize.root(derivatives, start, method="lm", options={"xtol": 1e-13, "ftol": 1e-13}).x.tolist()
    return dict(zip(names, found, strict=False)), float(found[-1]) if fixed is None else fixed


def _posterior_by_hand(items: Any, mean: dict[str, float], levels: dict[str, float], slope: float) -> float:
    answer = -((slope - 1) ** 2) / 2 if slope else 0.0
    answer -= sum((levels[name] - mean[name]) ** 2 / 2 for name in mean)
    for label, score, z in items:
        chance = 1 / (1 + math.exp(-_odds_by_hand(label, score, mean, levels, slope)))
        answer += z * math.log(chance) + (1 - z) * math.log(1 - chance)
    return answer


def _bend_by_hand(items: Any, mean: dict[str, float], levels: dict[str, float], slope: float) -> float:
    """1 / variance of the slope: from the whole matrix of second derivatives."""
    names = list(mean)
    matrix = np.eye(len(names) + 1)
    for label, score, _ in items:
        chance = 1 / (1 + math.exp(-_odds_by_hand(label, score, mean, levels, slope)))
        row = np.zeros(len(names) + 1)
        row[names.index(label)], row[-1] = 1, log_odds_by_hand(score) - mean[label]
        matrix += chance * (1 - chance) * np.outer(row, row)
    return float(1 / np.linalg.inv(matrix)[-1, -1])


def recall_by_hand(judged: Sequence[Judged], labels: Sequence[str], positive: str) -> float:
    """R: hits over hits and misses, each item 1/p heavy (mean 1 over those that are one), and 5 of 0.5 more."""
    hits: list[tuple[float, float]] = []
    misses: list[tuple[float, float]] = []
    for label, verdict, truth, p in judged:
        if label is None or verdict == "cannot_judge":
            continue
        item = Item(label, None, p, verdict, truth)
        if label == positive and rightness(verdict) > 0:
            hits.append((rightness(verdict), 1 / p))
        if label != positive and truth_of(item, labels) == positive and rightness(verdict) < 1:
            misses.append((1 - rightness(verdict), 1 / p))
    both = hits + misses
    scale = sum(weight for _, weight in both) / len(both) if both else 1.0
    found = sum(part * weight / scale for part, weight in hits)
    missed = sum(part * weight / scale for part, weight in misses)
    return (found + 5 * 0.5) / (found + missed + 5)


def informativeness_by_hand(
    design: str, traffic: Sequence[tuple[str | None, float]], positive: str, recall: float
) -> list[float]:
    """g of every prediction. traffic: (label, chance that it is right), one for each prediction of the day."""
    answer = []
    n = len(traffic)
    labelled = [(label, chance) for label, chance in traffic if label is not None]
    truly = sum(chance if label == positive else 1 - chance for label, chance in labelled)
    for label, chance in traffic:
        deviation = (chance * (1 - chance)) ** 0.5
        alike = sum(1 for other, _ in traffic if other == label)
        if design in ("uniform", "all"):
            answer.append(1.0)
        elif design == "balanced":
            answer.append(n / alike)
        elif design == "uncertainty" or label is None or positive == "":
            answer.append(deviation)
        else:
            is_positive = 1 if label == positive else 0
            a = n / alike if is_positive else 0.0
            b = abs(is_positive - recall) / max(truly / len(labelled), 1e-6)
            answer.append(deviation * (a * a + b * b) ** 0.5)
    return answer


def cohort_by_hand(
    items: Sequence[tuple[float, float, bool]], k_cap: float
) -> tuple[float, list[tuple[float, float]]]:
    """t_d, and (k, p) of each counted item. items: (k, w, is final) of a cohort's probability items."""
    t = k_cap
    for k, _w, is_final in items:
        if not is_final and k < t:
            t = k
    counted = []
    for k, w, is_final in items:
        if is_final and k < t:
            counted.append((k, 1.0 - math.exp(-t * w)))
    return t, counted


# §2 and §3 · reviews


def bin_of(score: float | None) -> int | None:
    if score is None:
        return None
    for i in range(20):
        if score < (i + 1) / 20:
            return i
    return 19


def rightness(verdict: str) -> float:
    return {"right": 1.0, "partly": 0.5, "wrong": 0.0}[verdict]


def truth_of(item: Item, labels: Sequence[str]) -> str | None:
    """What is known of the true label. Wrong, of two labels, with no (or no other) correction: the other."""
    if item.verdict == "right":
        return item.label
    if item.verdict == "partly":
        return item.truth
    if item.truth is not None and item.truth != item.label:
        return item.truth
    if len(labels) == 2 and item.label == labels[0]:
        return labels[1]
    if len(labels) == 2 and item.label == labels[1]:
        return labels[0]
    return None


def z_of(what: str, about: Any, item: Item, labels: Sequence[str]) -> float:
    """What one judged item brings to a total. about: the label, or (predicted, true) for a table cell."""
    r = rightness(item.verdict)
    truth = truth_of(item, labels)
    if what == "right":
        return r
    if what == "tp":
        return r if item.label == about else 0.0
    if what == "fp":
        return 1.0 - r if item.label == about else 0.0
    if what == "fn":
        return 1.0 - r if item.label != about and truth == about else 0.0
    predicted, true = about
    if item.label != predicted:
        return 0.0
    if predicted == true:
        return r
    return 1.0 - r if truth == true else 0.0


class Forecast:
    """chat of every cell, and what is forecast from it for a prediction that nobody reviewed."""

    def __init__(
        self, predictions: Sequence[tuple[str, float | None]], decided: Sequence[Item], labels: Sequence[str]
    ) -> None:
        self.predictions, self.decided, self.labels = predictions, decided, labels
        missing = 0
        for _label, score in predictions:
            if score is None:
                missing += 1
        self.is_off = missing > len(predictions) / 2
        self.known: dict[tuple[str, int | None], float] = {}

    def chat(self, label: str, bin_: int | None) -> float:
        if (label, bin_) not in self.known:
            self.known[label, bin_] = self._chat(label, bin_)
        return self.known[label, bin_]

    def _chat(self, label: str, bin_: int | None) -> float:
        scores = [s for lab, s in self.predictions if lab == label and bin_of(s) == bin_ and s is not None]
        mean_score = sum(scores) / len(scores) if scores else 0.5
        all_weights = 0.0
        for item in self.decided:
            all_weights += 1 / item.p
        up, down = 5 * mean_score, 5.0
        for item in self.decided:
            if item.label == label and bin_of(item.score) == bin_:
                weight = (1 / item.p) / (all_weights / len(self.decided))
                up += weight * rightness(item.verdict)
                down += weight
        return up / down

    def share(self, predicted: str, true: str) -> float:
        """Of what was wrongly predicted so, how much was that in truth."""
        if predicted == true:
            return 0.0
        if len(self.labels) == 2:
            return 1.0 if true in self.labels else 0.0
        up = down = 0.0
        for item in self.decided:
            if item.label == predicted and item.verdict == "wrong":
                down += 1 / item.p
                if truth_of(item, self.labels) == true:
                    up += 1 / item.p
        return up / down if down > 0 else 0.0

    def zhat(self, what: str, about: Any, label: str, score: float | None) -> float:
        if self.is_off:
            return 0.0
        c = self.chat(label, bin_of(score))
        if what == "right":
            return c
        if what == "tp":
            return c if label == about else 0.0
        if what == "fp":
            return 1 - c if label == about else 0.0
        if what == "fn":
            return (1 - c) * self.share(label, about) if label != about else 0.0
        predicted, true = about
        if label != predicted:
            return 0.0
        return c if predicted == true else (1 - c) * self.share(predicted, true)


def b_by_hand(n: int, n_star: int) -> float:
    a = 0.05
    r = (-2 * math.log(a) + math.log(-2 * math.log(a) + 1)) / n_star
    return math.sqrt((2 * (n * r + 1)) / (n * r) * math.log(math.sqrt(n * r + 1) / a))


def inside(x: float) -> float:
    if x < 0:
        return 0.0
    if x > 1:
        return 1.0
    return x


def reviewed_by_hand(  # noqa: C901 - one long recipe, in the order of the text
    predictions: Sequence[tuple[str, float | None]],
    items: Sequence[Item],
    *,
    labels: Sequence[str],
    n_star: int = 500,
    share_with_actor: float = 0.0,
) -> dict[str, Any]:
    """All figures of a population and its counted items.

    predictions: (label, score) of every prediction of the covered cohorts. labels: those of the version.
    Answers accuracy, {label: {precision, recall, f1}}, the confusion table as {(predicted, true): share},
    undecided_share, and calibration as {bin: (n, mean score, share right, low, high)}.
    """
    decided = [item for item in items if item.verdict != "cannot_judge"]
    all_labels = list(labels)
    for name in sorted(
        {label for label, _ in predictions}
        | {item.label for item in decided}
        | {truth for item in decided if (truth := truth_of(item, labels)) is not None}
    ):
        if name not in all_labels:
            all_labels.append(name)
    answer: dict[str, Any] = {
        "population": len(predictions),
        "counted": len(items),
        "undecided_share": None,
        "accuracy": None,
        "per_label": {label: {"precision": None, "recall": None, "f1": None} for label in all_labels},
        "confusion": None,
        "calibration": _calibration_by_hand(predictions, decided),
    }
    if items:
        undecided = sum(1 / item.p for item in items if item.verdict == "cannot_judge")
        answer["undecided_share"] = undecided / sum(1 / item.p for item in items)
    if not decided or not predictions:
        return answer

    forecast = Forecast(predictions, decided, labels)
    big_n, n_hat = len(predictions), sum(1 / item.p for item in decided)
    share_decided = n_hat / sum(1 / item.p for item in items)

    def total(what: str, about: Any) -> float:
        t = 0.0
        for label, score in predictions:
            t += forecast.zhat(what, about, label, score)
        for item in decided:
            z = z_of(what, about, item, labels)
            t += (big_n / n_hat) * (z - forecast.zhat(what, about, item.label, item.score)) / item.p
        return max(t, 0.0)

    def difference(what: str, about: Any, item: Item) -> float:
        return z_of(what, about, item, labels) - forecast.zhat(what, about, item.label, item.score)

    def figure(value: float, influences: list[float], n_dom: int) -> FigureDict:
        ubar = sum(u / item.p for u, item in zip(influences, decided, strict=True)) / n_hat
        groups: dict[Any, float] = {}
        for number, (u, item) in enumerate(zip(influences, decided, strict=True)):
            has_group = share_with_actor > 0.5 and item.actor
            group = ("actor", item.actor) if has_group else ("alone", number)
            groups[group] = groups.get(group, 0.0) + (1 - item.p) ** 0.5 / item.p * (u - ubar) / share_decided
        v = sum(c * c for c in groups.values()) + (1.5 / n_dom) ** 2
        b = b_by_hand(len(items), n_star)
        return {
            "value": inside(value),
            "low": inside(value - 1.96 * v**0.5),
            "high": inside(value + 1.96 * v**0.5),
            "anytime_low": inside(value - b * v**0.5),
            "anytime_high": inside(value + b * v**0.5),
            "n": n_dom,
            "variance": v,
        }

    errors = [difference("right", None, item) / big_n for item in decided]
    answer["accuracy"] = figure(total("right", None) / big_n, errors, len(decided))
    for label in all_labels:
        tp, fp, fn = total("tp", label), total("fp", label), total("fn", label)
        n_tp_fp = n_tp_fn = n_any = 0
        for item in decided:
            z_tp, z_fp, z_fn = (z_of(what, label, item, labels) for what in ("tp", "fp", "fn"))
            n_tp_fp += z_tp + z_fp > 0
            n_tp_fn += z_tp + z_fn > 0
            n_any += z_tp + z_fp + z_fn > 0
        if n_tp_fp and tp + fp > 1e-9:
            d, value = tp + fp, tp / (tp + fp)
            u = [
                ((1 - value) * difference("tp", label, i) - value * difference("fp", label, i)) / d
                for i in decided
            ]
            answer["per_label"][label]["precision"] = figure(value, u, n_tp_fp)
        if n_tp_fn and tp + fn > 1e-9:
            d, value = tp + fn, tp / (tp + fn)
            u = [
                ((1 - value) * difference("tp", label, i) - value * difference("fn", label, i)) / d
                for i in decided
            ]
            answer["per_label"][label]["recall"] = figure(value, u, n_tp_fn)
        if n_any and 2 * tp + fp + fn > 1e-9:
            d, value = 2 * tp + fp + fn, 2 * tp / (2 * tp + fp + fn)
            u = [
                (
                    2 * (1 - value) * difference("tp", label, i)
                    - value * (difference("fp", label, i) + difference("fn", label, i))
                )
                / d
                for i in decided
            ]
            answer["per_label"][label]["f1"] = figure(value, u, n_any)
    answer["confusion"] = {
        (predicted, true): inside(total("cell", (predicted, true)) / big_n)
        for predicted in all_labels
        for true in all_labels
    }
    return answer


def _calibration_by_hand(
    predictions: Sequence[tuple[str, float | None]], decided: Sequence[Item]
) -> dict[int, tuple[float, ...]]:
    bars: dict[int, tuple[float, ...]] = {}
    for i in range(20):
        mine = [item for item in decided if bin_of(item.score) == i]
        if not mine:
            continue
        scores = [s for _, s in predictions if s is not None and bin_of(s) == i]
        mean_score = sum(scores) / len(scores) if scores else (i + 0.5) / 20
        share = sum(rightness(j.verdict) / j.p for j in mine) / sum(1 / j.p for j in mine)
        n_effective = sum(1 / j.p for j in mine) ** 2 / sum((1 / j.p) ** 2 for j in mine)
        bars[i] = (len(mine), mean_score, share, *wilson_by_hand(share, n_effective, 1.96))
    return bars


# §4 · truth that arrives by itself


def wilson_by_hand(share: float, n: float, z: float) -> tuple[float, float]:
    """The roots of (share - x)^2 = z^2 x (1 - x) / n, the equation that Wilson's interval solves.

    28 digits, because the square root subtracts numbers that are nearly the same.
    """
    s, m, zz = Decimal(share), Decimal(n), Decimal(z) ** 2
    a, b, c = m + zz, -(2 * m * s + zz), m * s * s
    root = max(b * b - 4 * a * c, Decimal(0)).sqrt()
    return inside(float((-b - root) / (2 * a))), inside(float((-b + root) / (2 * a)))


def observed_by_hand(pairs: Sequence[tuple[str, str]], n_star: int = 500) -> dict[str, Any]:
    """All figures from (label, truth) of every prediction whose truth is known."""
    n = len(pairs)

    def figure(hits: int, of: int, is_f1: bool = False) -> FigureDict | None:
        if of == 0:
            return None
        numbers = [hits / of, *wilson_by_hand(hits / of, of, 1.96)]
        numbers += wilson_by_hand(hits / of, of, b_by_hand(n, n_star))
        if is_f1:
            numbers = [2 * j / (1 + j) for j in numbers]
        names = ("value", "low", "high", "anytime_low", "anytime_high")
        return {**dict(zip(names, numbers, strict=True)), "n": of}

    per_label = {}
    for label in sorted({name for pair in pairs for name in pair}):
        tp = fp = fn = 0
        for predicted, truth in pairs:
            tp += predicted == label and truth == label
            fp += predicted == label and truth != label
            fn += predicted != label and truth == label
        per_label[label] = {
            "precision": figure(tp, tp + fp),
            "recall": figure(tp, tp + fn),
            "f1": figure(tp, tp + fp + fn, is_f1=True),
        }
    right = 0
    for predicted, truth in pairs:
        right += predicted == truth
    return {"accuracy": figure(right, n), "per_label": per_label}
