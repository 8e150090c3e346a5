"""Which labels have figures of their own, when there are too many for a table."""

from collections.abc import Iterable, Mapping

OTHER_LABELS = "other labels"
MOST_LABELS = 50


def named_labels(weights: Mapping[str, float], *, first: Iterable[str]) -> tuple[list[str], bool]:
    """The labels that stand by themselves, and whether others are left, which share OTHER_LABELS.

    first: labels that always have a place, in this order. weights: every label that occurs -> predictions with it,
    as an answer or in truth. Of those, the 50 heaviest follow, in the order of the alphabet; alike ones by name.
    Tables grow with the square of the labels, so free text sent as a label would fill the memory.
    """
    named = dict.fromkeys(first)
    more = sorted((label for label in weights if label not in named), key=lambda label: (-weights[label], label))
    return [*named, *sorted(more[:MOST_LABELS])], len(more) > MOST_LABELS
