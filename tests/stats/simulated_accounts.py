"""Accounts of very different sizes, each with its own habits; what adoption truly is, is known."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from metrics.stats import adoption, jackknife
from metrics.stats.adoption import COMPONENTS, SUMS, Goal
from metrics.stats.score_states import GateWeek, gate

MONDAY, WEEK = date(2026, 3, 2), timedelta(weeks=1)

GOALS = {name: Goal(0.0, 0.9) for name in COMPONENTS}
MEANS = {"reach": 0.55, "acceptance": 0.5, "retention": 0.45, "stickiness": 0.5, "follow_through": 0.7}
CONCENTRATION = 8  # of the beta that an account's own share is drawn from: 8 scatters by 0.17
KIND = {"has_roster": True, "goals": GOALS, "weights": adoption.WEIGHTS["after"]}


def true_adoption(means=MEANS):
    return adoption.adoption(adoption.parts(means, GOALS), adoption.WEIGHTS["after"])


def habits(chance, k, means=MEANS):
    """(k, 5): each account's own shares."""
    m = np.array([means[name] for name in COMPONENTS])
    return chance.beta(m * CONCENTRATION, (1 - m) * CONCENTRATION, size=(k, len(COMPONENTS)))


def sizes(chance, k):
    """People in each account: the largest has some ten times the median."""
    return 3 + chance.negative_binomial(1.2, 0.08, size=k)


def month(chance, own, people):
    """What k accounts with these habits add up to in 28 days, as jackknife.Clusters."""
    resolved = chance.poisson(6 * people) + 1
    worth = chance.binomial(resolved, own[:, 1])
    reached = chance.binomial(people, own[:, 0])
    cohort = np.maximum(1, chance.binomial(people, 0.4))
    intervals = chance.poisson(3 * people) + 1
    passed = chance.binomial(resolved, 0.5) + 1
    columns = {
        "eligible": people, "exposed": people, "reached": reached, "value_actors": reached, "worth": worth,
        "resolved": resolved, "cohort": cohort, "returned": chance.binomial(cohort, own[:, 2]),
        "intervals_exposed": intervals, "intervals_valued": chance.binomial(intervals, own[:, 3]),
        "horizon_passed": passed, "followed": chance.binomial(passed, own[:, 4]),
    }  # fmt: skip
    rows = np.column_stack([columns[name] for name in SUMS]).astype(float)
    return jackknife.Clusters(tuple(f"a{i}" for i in range(len(people))), rows, np.ones(len(people)))


def coverage(*, k, runs, seed):
    """Share of runs whose interval holds the true adoption."""
    chance, truth, held = np.random.default_rng(seed), true_adoption(), 0
    for _ in range(runs):
        clusters = month(chance, habits(chance, k), sizes(chance, k))
        _, interval, _ = jackknife.adoption_interval(clusters, **KIND)
        held += interval.low <= truth <= interval.high
    return held / runs


def wrong_arrows(*, k, runs, seed):
    """Share of runs with an arrow, though the same accounts with the same habits were counted twice."""
    chance, arrows = np.random.default_rng(seed), 0
    for _ in range(runs):
        own, people = habits(chance, k), sizes(chance, k)
        before, after = month(chance, own, people), month(chance, own, people)
        _, interval = jackknife.difference(before, after, **KIND)
        arrows += not interval.low <= 0 <= interval.high
    return arrows / runs


def gate_flips(*, level, k, years, seed, opens_at=None):
    """How often a year the gate changes where adoption wanders about a level; opens_at: by one threshold alone.

    A week's adoption is counted anew each time, though its four weeks overlap with the last one's: more noise, not
    less. The level itself wanders: a year's worth of fashions and holidays, an AR(1) of 0.3 on the logit.
    """
    chance = np.random.default_rng(seed)
    factor = level / true_adoption()
    means = {name: factor * share for name, share in MEANS.items()}
    flips = 0
    for _ in range(years):
        own, people, drift, weeks = habits(chance, k, means), sizes(chance, k), 0.0, []
        for number in range(52):
            drift = 0.8 * drift + chance.normal(0, 0.3 * 0.6)
            clusters = month(chance, shifted(own, drift), people)
            value = float(jackknife.scores(clusters.total()[None, :], **KIND)[0])
            using = clusters.counts[:, jackknife.PLACE["value_actors"]]
            weeks.append(GateWeek(MONDAY + number * WEEK, value, int(using.sum()), int((using > 0).sum())))
        if opens_at is not None:
            is_open = [week.value >= opens_at for week in weeks]
        else:
            is_open = [gate(weeks[: n + 1]).is_open for n in range(len(weeks))]
        flips += sum(a != b for a, b in pairwise(is_open[4:]))
    return flips / years * 52 / 48


def shifted(shares, by):
    inside = np.clip(shares, 1e-4, 1 - 1e-4)
    odds = inside / (1 - inside) * np.exp(by)
    return odds / (1 + odds)
