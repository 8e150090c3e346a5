from collections import Counter

import numpy as np
import pytest

from metrics.stats.labels import MOST_LABELS, OTHER_LABELS, named_labels
from metrics.stats.observed import estimate_observed
from metrics.stats.reviewed import CountedItem, estimate_reviewed

OWN = [f"often {number:02}" for number in range(MOST_LABELS)]
RARE = [f"rare {number:04}" for number in range(1_500)]


def test_declared_labels_stand_in_front_and_the_heaviest_others_follow():
    weights = dict.fromkeys(OWN, 2.0) | dict.fromkeys(RARE, 1.0) | {"declared": 0.0}
    assert named_labels(weights, first=["declared", "too"]) == (["declared", "too", *OWN], True)
    assert named_labels({"b": 1, "a": 1}, first=[]) == (["a", "b"], False)


def many_pairs():
    """(answer, truth): 30 right of each frequent label, and each rare one once wrong with another rare one."""
    pairs = [(label, label) for label in OWN for _ in range(30)]
    pairs += [(OWN[0], OWN[1])] * 10
    return [*pairs, *zip(RARE, RARE[1:] + RARE[:1], strict=True)]


def test_a_thousand_observed_labels_make_a_small_table_and_the_same_accuracy():
    pairs = many_pairs()
    found = estimate_observed(Counter(pairs), population=len(pairs), labels=[], positive_label=None)
    assert found.metrics["accuracy"].value == pytest.approx(1_500 / 3_010)
    assert [*found.per_label] == OWN
    assert found.per_label[OWN[0]]["precision"].value == 30 / 40
    assert found.confusion.labels == [*OWN, OTHER_LABELS]
    assert found.confusion.rows[-1][-1] == 1_500
    assert sum(map(sum, found.confusion.rows)) == len(pairs)


def test_a_thousand_reviewed_labels_make_a_small_table_and_the_same_accuracy():
    pairs = many_pairs()
    items = [
        CountedItem(label, None, 1.0, "right" if label == truth else "wrong", None if label == truth else truth)
        for label, truth in pairs
    ]
    population = {(label, None): (n, 0.0) for label, n in Counter(label for label, _ in pairs).items()}
    found = estimate_reviewed(population, items, labels=["never"], positive_label="seldom")
    assert found.metrics["accuracy"].value == pytest.approx(1_500 / 3_010)
    assert len(found.per_label) == MOST_LABELS + 1  # and "seldom" is one of the 50
    assert {"never", "seldom", OWN[0]} <= found.per_label.keys()
    assert OTHER_LABELS not in found.per_label
    assert found.per_label[OWN[0]]["precision"].value == pytest.approx(30 / 40)
    rows = np.array(found.confusion.rows)
    assert found.confusion.labels[-1] == OTHER_LABELS
    assert rows[-1, -1] == pytest.approx((1_500 + 30) / 3_010)  # "seldom" took the place of a frequent one
    assert rows.sum() == pytest.approx(1)
