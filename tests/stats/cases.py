"""What the tests of the reviewed estimate share: plain predictions and items, turned into its arguments."""

import numpy as np

from metrics.stats.reviewed import CountedItem, estimate_reviewed
from reviews.draw import expected_informativeness, inclusion_probability, rate_cap, score_bin, weight
from tests.stats.brute_force import Item

BINARY = ("late", "on_time")
THREE = ("refund", "delivery", "other")


def cells_of(predictions):
    cells = {}
    for label, score in predictions:
        count, total = cells.get((label, score_bin(score)), (0, 0.0))
        cells[label, score_bin(score)] = (count + 1, total + (score or 0.0))
    return cells


def counted(item: Item) -> CountedItem:
    return CountedItem(item.label, score_bin(item.score), item.p, item.verdict, item.truth, item.actor)


def estimate(predictions, items, *, labels=BINARY, positive_label="late", **rest):
    return estimate_reviewed(
        cells_of(predictions),
        [counted(item) for item in items],
        labels=labels,
        positive_label=positive_label,
        **rest,
    )


def realistic_case(*, n=1_500, reviews=300, labels=THREE, seed=5, with_scores=True):
    """Uneven classes, over-confident scores, drawn by uncertainty; some partly right, some undecided."""
    rng = np.random.default_rng(seed)
    predictions, outcomes = [], []
    for at in range(n):
        label = str(rng.choice(labels, p=rng.dirichlet([8, 3, 1][: len(labels)])))
        score = float(rng.beta(5, 1.6))
        predictions.append((label, round(score, 4) if with_scores and at % 50 else None))
        verdict = "right" if rng.random() < 0.1 + 0.8 * score else "wrong"
        verdict = str(rng.choice([verdict, "partly", "cannot_judge"], p=[0.9, 0.06, 0.04]))
        outcomes.append((verdict, str(rng.choice([x for x in labels if x != label]))))
    g = [expected_informativeness("uncertainty", 0.5 if s is None else s) for _, s in predictions]
    w = [weight(x, float(np.mean(g))) for x in g]
    cap = rate_cap([(x, 1.0) for x in w], reviews)
    p = [inclusion_probability(cap, x) for x in w]
    items = []
    for at in np.flatnonzero(rng.random(n) < p):
        verdict, other = outcomes[at]
        truth = other if verdict in ("wrong", "partly") and rng.random() < 0.8 else None
        items.append(Item(*predictions[at], p[at], verdict, truth, f"customer {at % 90}"))
    return predictions, items
