"""What bench_statistics reviews: the demo's flights, a rare class, traffic that changes meanwhile."""

from functools import cache
from pathlib import Path

import numpy as np

from tests.benchmarks.statistics_simulation import World

FLIGHTS = Path(__file__).parent.parent.parent / "config" / "demo" / "data" / "flights.parquet"
DAYS_IN_ONE = 5  # the demo has one flight in ten: five days together make a day worth drawing from


@cache
def flights() -> World:
    """Version 2-boosted of the demo's delay alert, day by day as it happened. Right in 90 %."""
    import pandas as pd

    rows = pd.read_parquet(FLIGHTS)
    rows = rows[(rows["version"] == "2-boosted") & rows["truth"].notna()].sort_values("occurred_at")
    late, positive = rows["probability_late"].to_numpy(), (rows["label"] == "late").to_numpy()
    right = (rows["label"] == rows["truth"]).to_numpy().astype(float)
    day = rows["occurred_at"].dt.normalize().rank(method="dense").astype(int).to_numpy() - 1
    return World(positive, np.where(positive, late, 1 - late), right, day)


def flights_in_any_order(rng: np.random.Generator) -> World:
    """Its days shuffled and joined by five: whenever a run stops, it has seen the same kind of traffic."""
    return _joined(flights(), rng.permutation(flights().n_days))


def flights_in_order(rng: np.random.Generator) -> World:
    """As they happened: the best month in September, the worst in December."""
    return _joined(flights(), np.arange(flights().n_days))


def _joined(world: World, order: np.ndarray) -> World:
    place = np.empty(world.n_days, dtype=int)
    place[order] = np.arange(world.n_days) // DAYS_IN_ONE
    day = place[world.day]
    at = np.argsort(day, kind="stable")
    return World(world.positive[at], world.score[at], world.right[at], day[at])


def rare_class(rng: np.random.Generator) -> World:
    """Three in a hundred are positive; a score that tells them well. 40 days of 2,000; recall about 0.77."""
    share, apart, n_days, a_day = 0.03, 3.5, 40, 2_000
    is_true = rng.random(n_days * a_day) < share
    evidence = rng.normal(np.where(is_true, apart, 0), 1)
    odds = np.log(share / (1 - share)) + apart * evidence - apart**2 / 2
    chance = 1 / (1 + np.exp(-odds))
    positive = chance > 0.5
    score = np.where(positive, chance, 1 - chance)
    return World(positive, score, (positive == is_true).astype(float), np.repeat(np.arange(n_days), a_day))


def changing_mix(rng: np.random.Generator) -> World:
    """Hard cases rise from a tenth to four tenths, scores are too sure of them. 30 days of 300."""
    n_days, a_day = 30, 300
    day = np.repeat(np.arange(n_days), a_day)
    is_hard = rng.random(len(day)) < 0.1 + 0.3 * day / (n_days - 1)
    score = np.where(is_hard, rng.beta(4, 2, len(day)), rng.beta(14, 1.2, len(day)))
    positive = rng.random(len(day)) < np.where(is_hard, 0.4, 0.15)
    right = rng.random(len(day)) < score - 0.12 * is_hard
    return World(positive, score, right.astype(float), day)


def without_scores(world: World, rng: np.random.Generator) -> World:
    return world.with_scores(np.full(len(world.score), np.nan))


def with_useless_scores(world: World, rng: np.random.Generator) -> World:
    """Everybody's score belongs to somebody else."""
    return world.with_scores(rng.permutation(world.score))
