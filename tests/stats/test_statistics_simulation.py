"""The vectorised simulation of make bench-statistics does what the platform does."""

import math

import numpy as np
import pytest

from metrics.stats.reviewed import CountedItem, estimate_reviewed
from reviews import draw
from tests.benchmarks import statistics_simulation as simulation
from tests.benchmarks.statistics_simulation import METRICS, World, looks

LABELS = ("rare", "common")


def world(seed=0, *, n_days=6, a_day=300, with_scores=True):
    """Over-confident scores, one in eight predicted rare; a few without a score."""
    rng = np.random.default_rng(seed)
    n = n_days * a_day
    score = np.where(rng.random(n) < 0.05, np.nan, rng.beta(5, 1.5, n)) if with_scores else np.full(n, np.nan)
    right = rng.random(n) < np.where(np.isnan(score), 0.8, 0.1 + 0.85 * score)
    return World(rng.random(n) < 0.125, score, right.astype(float), np.repeat(np.arange(n_days), a_day))


def label_of(is_positive):
    return LABELS[0] if is_positive else LABELS[1]


def as_the_platform_has_it(some, look):
    population = {}
    for cell, (n, total) in enumerate(zip(look.covered.count, look.covered.score_sum, strict=True)):
        bin_ = cell % 21
        if n:
            population[label_of(cell > 20), None if bin_ == 20 else bin_] = (int(n), float(total))
    items = [
        CountedItem(
            label_of(some.positive[at]),
            draw.score_bin(None if math.isnan(some.score[at]) else float(some.score[at])),
            float(p),
            "right" if some.right[at] else "wrong",
        )
        for at, p in zip(look.items.at, look.items.p, strict=True)
    ]
    return estimate_reviewed(population, items, labels=LABELS, positive_label="rare").metrics


@pytest.mark.parametrize("with_scores", [True, False])
@pytest.mark.parametrize("design", ["uniform", "uncertainty", "balanced", "focused"])
def test_its_estimates_are_those_of_the_platform(design, with_scores):
    some = world(with_scores=with_scores)
    for look in list(looks(some, np.random.default_rng(1), design=design, reviews_per_day=40, every=35)):
        ours = as_the_platform_has_it(some, look)
        for metric in METRICS:
            found = look.found[metric]
            ends = (found.value - found.half_width(), found.value + found.half_width())
            assert ours[metric].value == pytest.approx(min(1, found.value), abs=1e-9)
            assert (ours[metric].low, ours[metric].high) == pytest.approx(np.clip(ends, 0, 1), abs=1e-9)


@pytest.mark.parametrize("design", ["uniform", "uncertainty", "balanced", "focused"])
@pytest.mark.parametrize("is_calibrated", [False, True])
def test_its_draw_is_that_of_the_platform(design, is_calibrated):
    """Weights, cap and keys of one day, from the pure functions, prediction by prediction."""
    some = world(2)
    luck = 1 - np.random.default_rng(3).random(len(some.day))
    so_far = simulation.NOTHING
    if is_calibrated:
        for day in range(3):
            items, _ = simulation.draw_day(some, day, so_far, luck, design=design, reviews_per_day=40)
            so_far = simulation.joined(so_far, items)
    day = 3 if is_calibrated else 0
    items, keys = simulation.draw_day(some, day, so_far, luck, design=design, reviews_per_day=40)

    def sent(at):
        return None if math.isnan(some.score[at]) else float(some.score[at])

    calibration = draw.fit_calibration((label_of(some.positive[at]), sent(at), some.right[at]) for at in so_far.at)
    spoken = [
        (*draw.found_and_missed(label=label, z=z, truth="", positive_label="rare", is_binary=True), p)
        for at, p in zip(so_far.at, so_far.p, strict=True)
        for label, z in [(label_of(some.positive[at]), float(some.right[at]))]
    ]

    def chance(at):
        if is_calibrated:
            return calibration.chance(label_of(some.positive[at]), sent(at))
        return 0.5 if sent(at) is None else sent(at)

    before = range(some.starts[0], some.starts[max(day, 1)])
    known = draw.Traffic(
        draw.shares_of_labels((label_of(some.positive[at]), 1) for at in before),
        "rare",
        draw.expected_positive_share(((label_of(some.positive[at]), chance(at), 1) for at in before), "rare"),
        draw.present_recall(spoken),
    )

    def g(at):
        label = label_of(some.positive[at])
        return draw.informativeness(design, label=label, chance_right=chance(at), traffic=known)

    gbar = draw.mean_informativeness((g(at), 1) for at in before)
    cap = draw.rate_cap([(draw.weight(g(at), gbar), 1 / max(day, 1)) for at in before], 40)
    expected = {}
    for at in range(some.starts[day], some.starts[day + 1]):
        w = draw.weight(g(at), gbar)
        key = draw.queue_key(float(luck[at]), w)
        if draw.is_counted(key, cap):
            expected[at] = (key, w, draw.inclusion_probability(cap, w))
    assert items.at.tolist() == sorted(expected, key=expected.get)
    for at, key, w, p in zip(items.at, keys, items.w, items.p, strict=True):
        assert (key, w, p) == pytest.approx(expected[at], rel=1e-6)


def test_a_look_in_the_middle_of_a_day_counts_up_to_the_first_open_key():
    some = world(4)
    early = list(looks(some, np.random.default_rng(5), design="uncertainty", reviews_per_day=40, every=10))
    assert [look.n for look in early] == sorted(look.n for look in early)
    for look in early[:3]:
        assert look.covered.count.sum() == 300
        assert len(set(look.items.at)) == look.n
    assert early[-1].covered.count.sum() == 1_800
    assert early[-1].covered.truth["accuracy"] == pytest.approx(some.right.mean())
