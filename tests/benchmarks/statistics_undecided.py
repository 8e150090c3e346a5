"""Coverage where reviewers could not judge a part of what was drawn, with the platform's own estimator."""

from multiprocessing.pool import Pool

import numpy as np

from metrics.stats.reviewed import CountedItem, estimate_reviewed
from reviews.draw import score_bin
from tests.benchmarks.statistics_simulation import METRICS, cap, weights

SHARES = (0.0, 0.1, 0.3, 0.5)
N, REVIEWS, LABELS = 6_000, 400, ("late", "on_time")


def held(share: float, seed: int) -> list[bool]:
    """Whether the one-look interval of each metric holds the truth of what can be judged."""
    rng = np.random.default_rng([7, seed])
    score, label = rng.beta(4, 1.5, N), np.where(rng.random(N) < 0.3, *LABELS)
    right, is_decided = rng.random(N) < 0.03 + 0.9 * score, rng.random(N) >= share
    g = np.sqrt(score * (1 - score))
    w = weights(g, g.mean())
    p = -np.expm1(-cap(w, 1.0, REVIEWS) * w)
    verdict = np.where(is_decided, np.where(right, "right", "wrong"), "cannot_judge")
    drawn = np.flatnonzero(rng.random(N) < p)
    items = [CountedItem(str(label[i]), score_bin(score[i]), float(p[i]), str(verdict[i])) for i in drawn]
    population: dict[tuple[str, int | None], tuple[int, float]] = {}
    for name, chance in zip(label.tolist(), score.tolist(), strict=True):
        n, total = population.get((name, score_bin(chance)), (0, 0.0))
        population[name, score_bin(chance)] = (n + 1, total + chance)
    found = estimate_reviewed(population, items, labels=LABELS, positive_label="late").metrics
    is_late = label == "late"
    hits = (is_late & right & is_decided).sum()
    truth = {
        "accuracy": right[is_decided].mean(),
        "precision": hits / (is_late & is_decided).sum(),
        "recall": hits / (hits + (~is_late & ~right & is_decided).sum()),
    }
    return [found[metric].low <= truth[metric] <= found[metric].high for metric in METRICS]


def covered_with_undecided(pool: Pool, runs: int) -> list[list[object]]:
    rows = []
    for share in SHARES:
        covered = np.mean(pool.starmap(held, [(share, seed) for seed in range(runs)], chunksize=10), axis=0)
        rows.append([f"{share:.0%}", runs, *(f"{each:.3f}" for each in covered)])
    return rows
