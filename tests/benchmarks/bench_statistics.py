"""What the sampling designs save, and whether the intervals keep what they promise, by simulation.

Seeds are fixed: the same figures every time. BENCH_RUNS: runs of each row (400; 300 at least for a verdict).
Two processes. Writes into docs/statistics.md.
"""

import os
import time
from collections.abc import Callable
from multiprocessing import Pool
from typing import NamedTuple

import numpy as np

from metrics.stats.intervals import MIN_COUNTED, MIN_IN_DOMAIN, Z95, anytime_multiplier
from tests.benchmarks import statistics_alarm, statistics_worlds
from tests.benchmarks.report import PAGE, publish, table
from tests.benchmarks.statistics_simulation import METRICS, World, looks
from tests.benchmarks.statistics_undecided import covered_with_undecided

RUNS = int(os.environ.get("BENCH_RUNS", "400"))
PROCESSES = 2
STATISTICS = PAGE.with_name("statistics.md")
SEED = 2026
NEVER_WITHIN = 10**9
DESIGNS = ("uniform", "uncertainty", "balanced", "focused")


class Case(NamedTuple):
    """A world and how it is reviewed. scores: the name of what is done to them, or empty."""

    world: str
    design: str
    reviews_per_day: float
    scores: str = ""
    metric: str = "accuracy"
    width: float = 0.02
    every: int = 5

    def made(self, seed: int) -> tuple[World, np.random.Generator]:
        rng = np.random.default_rng([SEED, seed])
        world = getattr(statistics_worlds, self.world)(rng)
        return (getattr(statistics_worlds, self.scores)(world, rng) if self.scores else world), rng


def reviews_until(case: Case, seed: int) -> float:
    """How many reviews until the one-look interval is as narrow as wanted; NaN: not in this world."""
    world, rng = case.made(seed)
    for look in looks(world, rng, design=case.design, reviews_per_day=case.reviews_per_day, every=5):
        if look.n >= MIN_COUNTED and look.found[case.metric].half_width() <= case.width:
            return look.n
    return np.nan


def at_the_end(case: Case, seed: int) -> list[float]:
    """Error and whether the one-look interval holds the truth, metric by metric."""
    world, rng = case.made(seed)
    *_, look = looks(world, rng, design=case.design, reviews_per_day=case.reviews_per_day, every=None)
    truth = look.covered.truth
    return [
        n for metric in METRICS for n in (look.found[metric].value - truth[metric], not look.is_wrong(metric, Z95))
    ]


def is_ever_wrong(case: Case, seed: int) -> bool:
    """Whether the anytime interval misses the truth at any of the looks that may decide something.

    Looks are at the end of each day and, within it, every so many reviews.
    """
    world, rng = case.made(seed)
    return any(
        look.is_wrong(case.metric, anytime_multiplier(look.n))
        for look in looks(world, rng, design=case.design, reviews_per_day=case.reviews_per_day, every=case.every)
        if look.n >= MIN_COUNTED and look.found[case.metric].n >= MIN_IN_DOMAIN
    )


def every_run(pool: Pool, of: Callable, case: Case, runs: int = RUNS) -> np.ndarray:
    return np.array(pool.starmap(of, [(case, seed) for seed in range(runs)], chunksize=10), dtype=float)


def verdict(is_reached: bool) -> str:
    return "reached" if is_reached else "**missed**"


def savings(pool: Pool) -> list[list[object]]:
    """Rows of how many reviews each design takes, against a uniform sample without scores."""
    rows = []
    for label, base, cases in (
        (
            "accuracy ± 2 points, flights",
            Case("flights_in_any_order", "uniform", 36, "without_scores"),
            (
                ("uniform, with their scores", Case("flights_in_any_order", "uniform", 36), None),
                ("`uncertainty`", Case("flights_in_any_order", "uncertainty", 36), 0.75),
                ("`uncertainty`, useless scores",
                 Case("flights_in_any_order", "uncertainty", 36, "with_useless_scores"), 1.02),
                ("`focused`", Case("flights_in_any_order", "focused", 36), None),
            ),
        ),
        (
            "recall ± 8 points, 3 % positive",
            Case("rare_class", "uniform", 140, "without_scores", "recall", 0.08),
            (
                ("`uncertainty`", Case("rare_class", "uncertainty", 45, metric="recall", width=0.08), None),
                ("`focused`", Case("rare_class", "focused", 45, metric="recall", width=0.08), 0.2),
            ),
        ),
    ):  # fmt: skip
        runs = 3 * RUNS if base.world != "rare_class" else max(300, RUNS // 2)  # two percent are told apart
        uniform = every_run(pool, reviews_until, base, runs)
        rows.append([f"{label}: uniform", runs, f"{np.nanmean(uniform):,.0f}", "1", "-", _missing(uniform)])
        for name, case, goal in cases:
            found = every_run(pool, reviews_until, case, runs)
            ratio = np.nanmean(found) / np.nanmean(uniform)
            error = ratio * np.hypot(*(np.nanstd(x) / np.nanmean(x) / np.sqrt(runs) for x in (found, uniform)))
            told = f"at most {goal}: {verdict(ratio <= goal)}" if goal else "-"
            rows.append(
                [f"{label}: {name}", runs, f"{np.nanmean(found):,.0f}", f"{ratio:.3f} ± {1.96 * error:.3f}", told,
                 _missing(found)]
            )  # fmt: skip
    return rows


def _missing(found: np.ndarray) -> str:
    return f"{np.isnan(found).mean():.1%}"


def honesty(pool: Pool) -> list[list[object]]:
    """Rows of bias and one-look coverage of each design in each world."""
    rows = []
    for title, world, rate, metrics in (
        ("flights", "flights_in_any_order", 20, METRICS),
        ("flights, in order", "flights_in_order", 20, ("accuracy",)),
        ("mix that changes", "changing_mix", 25, METRICS),
    ):
        for design in DESIGNS:
            found = every_run(pool, at_the_end, Case(world, design, rate), 2 * RUNS)
            rows += [_told(title, design, metric, found) for metric in metrics]
    rare = every_run(pool, at_the_end, Case("rare_class", "focused", 20), RUNS)
    return rows + [_told("3 % positive", "focused", metric, rare) for metric in ("precision", "recall")]


def _told(title: str, design: str, metric: str, found: np.ndarray) -> list[object]:
    at, runs = 2 * METRICS.index(metric), len(found)
    bias, cover = 100 * np.nanmean(found[:, at]), found[:, at + 1].mean()
    errors = 100 * 1.96 * np.nanstd(found[:, at]) / np.sqrt(runs), 1.96 * np.sqrt(cover * (1 - cover) / runs)
    is_reached = 0.93 <= cover <= 0.97 and (metric != "accuracy" or abs(bias) < 0.3)
    return [
        title, f"`{design}`", metric, runs, f"{bias:+.2f} ± {errors[0]:.2f}", f"{cover:.3f} ± {errors[1]:.3f}",
        verdict(is_reached),
    ]  # fmt: skip


def patience(pool: Pool) -> list[list[object]]:
    """Rows of how often the anytime interval was wrong at any look of a whole run."""
    rows = []
    for title, case in (
        ("flights, accuracy", Case("flights_in_any_order", "uniform", 36)),
        ("flights, accuracy", Case("flights_in_any_order", "uncertainty", 36)),
        ("flights, recall", Case("flights_in_any_order", "focused", 36, metric="recall")),
        ("mix that changes, accuracy", Case("changing_mix", "uncertainty", 30)),
        ("3 % positive, recall", Case("rare_class", "focused", 45, metric="recall")),
    ):
        runs = 3 * RUNS if case.world == "rare_class" else RUNS  # close to what is promised
        at_ends = every_run(pool, is_ever_wrong, case._replace(every=NEVER_WITHIN), runs).mean()
        within = every_run(pool, is_ever_wrong, case, runs).mean()
        told = f"at most 5 %: {verdict(at_ends <= 0.05)}"
        rows.append([title, f"`{case.design}`", runs, f"{at_ends:.1%}", told, f"{within:.1%}"])
    return rows


def main() -> None:
    began = time.monotonic()
    if not statistics_worlds.FLIGHTS.exists():
        print("The demo's flights are not here: nothing to simulate on.")
        return
    with Pool(PROCESSES) as pool:
        told = [
            "Reviews until the interval is narrow enough, and the ratio to a uniform sample without scores:\n",
            table(["what", "runs", "reviews", "ratio", "goal", "not reached in the data"], savings(pool)),
            "\nOne look at the end of a run. Goals: coverage .93 to .97; accuracy's bias under 0.3 points:\n",
            table(["traffic", "design", "figure", "runs", "bias, points", "covered", "goals"], honesty(pool)),
            "\nThe anytime interval from 100 reviews on, ever wrong; looks when days are done, or all along:\n",
            table(["what", "design", "runs", "days done", "goal", "within days too"], patience(pool)),
            "\nUndecided at random, covered by one look, `uncertainty`, the platform's own estimator:\n",
            table(["undecided", "runs", *METRICS], covered_with_undecided(pool, max(300, RUNS // 2))),
        ]
    told += ["\nThe alarm:\n", table(statistics_alarm.HEAD, statistics_alarm.run())]
    told.append(f"\nAll of it took {time.monotonic() - began:.0f} s.")
    publish("statistics", "Measured by simulation", "\n".join(told), page=STATISTICS)


if __name__ == "__main__":
    main()
