"""The quality alarm by simulation, for bench_statistics: false alarms, and how soon a drop is found.

A stream as the product makes it: days of predictions with scores that are off, drawn by the uncertainty design and
reviewed in queue order; the share of hard cases swings from week to week, which is no drop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool

import numpy as np

from metrics.stats.alarm import LEARNED_FROM, Review, watch

RUNS = 300
A_DAY, REVIEWS_A_DAY = 400, 100
WANTED = 36_500
HEAD = [
    "stream", "wanted", "runs", "reviews between false alarms", "false before the drop", "found after, mean",
    "median", "90 %", "not within 3,000",
]  # fmt: skip


@dataclass(frozen=True)
class Stream:
    """sharpness: how far apart the chances lie; off: how much too sure the scores are (1: not at all).

    drop: points of accuracy lost from review `at` on. shape: "spoiled" (every right answer alike), "harder" (all
    log odds alike) or "one label".
    """

    name: str
    drop: float = 0.0
    at: int = 3_000
    shape: str = "spoiled"
    off: float = 1.4
    swing: float = 0.5
    is_weighted: bool = True
    has_score: bool = True
    middle: float = 0.5
    sharpness: float = 2.9


def reviews_of(stream: Stream, n: int, rng: np.random.Generator) -> list[Review]:
    made: list[Review] = []
    day = 0
    while len(made) < n:
        made += _day(stream, day, n_before=len(made), rng=rng)
        day += 1
    return made[:n]


def _day(stream: Stream, day: int, *, n_before: int, rng: np.random.Generator) -> Iterator[Review]:
    middle = stream.middle + stream.swing * np.sin(2 * np.pi * day / 28)
    log_odds = rng.normal(middle, stream.sharpness, A_DAY)
    label = log_odds > 0
    log_odds = np.abs(log_odds)
    score = 1 / (1 + np.exp(-log_odds * stream.off))
    spread = np.sqrt(score * (1 - score))
    weight = 0.9 * spread / spread.mean() + 0.1 if stream.is_weighted else np.ones(A_DAY)
    key = rng.exponential(size=A_DAY) / weight
    order = np.argsort(key)[: REVIEWS_A_DAY + 1]
    p = -np.expm1(-key[order[-1]] * weight)
    place = n_before + np.arange(REVIEWS_A_DAY)
    chance = _chance(stream, log_odds[order[:-1]], label[order[:-1]], place >= stream.at)
    right = rng.random(REVIEWS_A_DAY) < chance
    for i, at in enumerate(order[:-1]):
        sent = float(score[at]) if stream.has_score else None
        yield Review(str(int(label[at])), sent, float(right[i]), float(1 / p[at]))


def _chance(stream, log_odds, label, is_after):
    before = 1 / (1 + np.exp(-log_odds))
    if stream.shape == "harder":
        after = 1 / (1 + np.exp(shift_for(stream) - log_odds))
    elif stream.shape == "one label":
        after = before * (1 - 2 * stream.drop / accuracy(stream) * label)
    else:
        after = before * (1 - stream.drop / accuracy(stream))
    return np.where(is_after, after, before)


def _traffic(stream):
    return np.abs(np.random.default_rng(0).normal(stream.middle, stream.sharpness, 200_000))


def accuracy(stream, shift=0.0, _kept={}):  # noqa: B006  computed once for each
    key = (stream.middle, stream.sharpness, shift)
    if key not in _kept:
        _kept[key] = float((1 / (1 + np.exp(shift - _traffic(stream)))).mean())
    return _kept[key]


def shift_for(stream, _kept={}):  # noqa: B006
    key = (stream.middle, stream.sharpness, stream.drop)
    if key not in _kept:
        low, high = 0.0, 5.0
        for _ in range(30):
            middle = (low + high) / 2
            is_too_far = accuracy(stream) - accuracy(stream, middle) > stream.drop
            low, high = (low, middle) if is_too_far else (middle, high)
        _kept[key] = low
    return _kept[key]


def first_alarm(stream: Stream, wanted: float, n: int, seed: int) -> int | None:
    """Reviews until the alarm, learning included; None: not within n. Looked at in longer and longer parts."""
    seen = min(n, max(1_500, stream.at + 800 if stream.drop else 0))
    while True:
        found = watch(reviews_of(stream, seen, np.random.default_rng(seed)), threshold=wanted)
        if found.alarms:
            return found.alarms[0].at + 1
        if seen == n:
            return None
        seen = min(n, 2 * seen)


def between_false_alarms(stream: Stream, wanted: float, runs: int = RUNS) -> list[object]:
    """Cut at 6 times the wanted number, which makes the mean too small, never too large."""
    n = int(6 * wanted) + LEARNED_FROM
    found = [first_alarm(stream, wanted, n, seed) or n for seed in range(runs)]
    bets = np.array(found) - LEARNED_FROM
    mean, error = bets.mean(), bets.std() / np.sqrt(runs)
    return [stream.name, f"{wanted:,.0f}", runs, f"{mean:,.0f} ± {1.96 * error:,.0f}", "", "", "", "", ""]


def until_found(stream: Stream, wanted: float = WANTED, runs: int = RUNS) -> list[object]:
    n = stream.at + 3_000
    found = [first_alarm(stream, wanted, n, seed) for seed in range(runs)]
    after = np.array([(at or n) - stream.at for at in found if at is None or at > stream.at])
    n_false = sum(at is not None and at <= stream.at for at in found)
    n_missed = sum(at is None for at in found)
    spread = [f"{value:,.0f}" for value in (after.mean(), np.median(after), np.quantile(after, 0.9))]
    return [stream.name, f"{wanted:,.0f}", runs, "", f"{100 * n_false / runs:.1f} %", *spread, n_missed]


def parts():
    even = partial(Stream, at=10**9)
    yield partial(between_false_alarms, even("as right as before"), 1_000)
    yield partial(between_false_alarms, even("as right as before, scores far too sure", off=2.5), 1_000)
    too_sure = even("the same, hard cases as many every week", off=2.5, swing=0.0)
    yield partial(between_false_alarms, too_sure, 1_000)
    unscored = {"has_score": False, "is_weighted": False}
    yield partial(between_false_alarms, even("as right as before, no scores", **unscored), 1_000)
    yield partial(until_found, Stream("6 points, right answers spoiled alike", 0.06))
    yield partial(until_found, Stream("6 points, everything harder", 0.06, shape="harder"))
    yield partial(until_found, Stream("6 points, all in one label", 0.06, shape="one label"))
    yield partial(until_found, Stream("6 points, after 1,000 reviews", 0.06, at=1_000))
    yield partial(until_found, Stream("6 points, no scores", 0.06, **unscored))
    yield partial(until_found, Stream("12 points", 0.12))
    yield partial(until_found, Stream("3 points", 0.03))


def run(runs: int = RUNS) -> list[list[object]]:
    """Rows under HEAD. Seeds are 0 to 299: the same rows every time."""
    with Pool() as pool:
        jobs = [pool.apply_async(part, kwds={"runs": runs}) for part in parts()]
        return [job.get() for job in jobs]


if __name__ == "__main__":
    import sys
    import time

    from tests.benchmarks.report import table

    began = time.monotonic()
    print(table(HEAD, run(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)))
    print(f"{time.monotonic() - began:.0f} s")
