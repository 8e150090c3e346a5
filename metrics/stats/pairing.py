"""Which predictions of two versions answered the same case. No Django, no numpy."""

import json
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

WITHIN = timedelta(hours=1)
Asked = tuple[Hashable | None, datetime]  # what was asked (None: unknown), and when


def case_of(inputs: Mapping[str, Any] | None) -> bytes | None:
    """What was asked, the same for equal inputs in any order; None without inputs: then nothing is known of it."""
    if not inputs:
        return None
    return blake2b(json.dumps(inputs, sort_keys=True).encode(), digest_size=16).digest()


def matched(new: Sequence[Asked], old: Sequence[Asked], *, within: timedelta = WITHIN) -> list[tuple[int, int]]:
    """Pairs (place in new, place in old) of one case asked of both versions at most so long apart.

    Each prediction is in one pair at most; earliest goes with earliest, which makes as many pairs as there can
    be. The same for any order of the arguments' rows that differ in time.
    """
    of_new, of_old = _by_case(new), _by_case(old)
    return [
        pair
        for case in of_new.keys() & of_old.keys()
        for pair in _in_order(new, old, of_new[case], of_old[case], within)
    ]


def _by_case(asked: Sequence[Asked]) -> dict[Hashable, list[int]]:
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place in sorted(range(len(asked)), key=lambda at: asked[at][1]):
        case = asked[place][0]
        if case is not None:
            places[case].append(place)
    return places


def _in_order(
    new: Sequence[Asked], old: Sequence[Asked], of_new: list[int], of_old: list[int], within: timedelta
) -> list[tuple[int, int]]:
    pairs, i, j = [], 0, 0
    while i < len(of_new) and j < len(of_old):
        gap = new[of_new[i]][1] - old[of_old[j]][1]
        if abs(gap) <= within:
            pairs.append((of_new[i], of_old[j]))
            i, j = i + 1, j + 1
        elif gap < timedelta():
            i += 1
        else:
            j += 1
    return pairs
