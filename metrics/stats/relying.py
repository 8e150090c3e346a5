"""Whether people rely on right answers and refuse wrong ones: from judged predictions and what was done."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metrics.stats.intervals import wilson

LEAST_OF_EACH = 10  # right and wrong predictions, before reliance is told


@dataclass(frozen=True, slots=True)
class JudgedUse:
    """One judged prediction and its resolved pairs: with how many people it was used, refused, or ignored.

    p: chance that it was judged, in (0, 1]; 1 where its truth arrived by itself. right: 1, 0.5 (partly) or 0.
    """

    p: float
    right: float
    n_used: int
    n_refused: int
    n_ignored: int


@dataclass(frozen=True, slots=True)
class UseShare:
    """value None: no such pair was judged. n: predictions."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class RelianceSums:
    """Weighted pairs: they add. n_right, n_wrong: predictions wholly right, wholly wrong."""

    right_used: float = 0.0
    right_shown: float = 0.0
    wrong_used: float = 0.0
    wrong_shown: float = 0.0
    n_right: int = 0
    n_wrong: int = 0


def weighted_share(parts: Sequence[tuple[float, float]]) -> UseShare:
    """A share of pairs, a prediction being the unit: Wilson at Kish's effective number of predictions.

    parts: (weight > 0, share in [0, 1]) of each prediction. Nothing -> no value. Not for weights that depend on
    the share. Sources: Hajek 1971 (the ratio); Kish 1965, Survey Sampling, §11.7 (the effective number).
    """
    total = math.fsum(weight for weight, _ in parts)
    if not total:
        return UseShare(None, None, None, 0)
    share = min(1.0, math.fsum(weight * value for weight, value in parts) / total)
    n_effective = total**2 / math.fsum(weight**2 for weight, _ in parts)
    low, high = wilson(share * n_effective, n_effective)
    return UseShare(share, min(share, low), max(share, high), len(parts))


def wrong_but_used(judged: Iterable[JudgedUse]) -> UseShare:
    """Of the pairs in which an answer was used, the share in which it was wrong; partly right counts a half."""
    return weighted_share([(each.n_used / each.p, 1 - each.right) for each in judged if each.n_used])


def right_but_refused(judged: Iterable[JudgedUse]) -> UseShare:
    """Of the pairs in which an answer was refused (overridden, dismissed, undone), the share that was right."""
    return weighted_share([(each.n_refused / each.p, each.right) for each in judged if each.n_refused])


def reliance_sums(judged: Iterable[JudgedUse]) -> RelianceSums:
    """What reliance is computed from. Shown: used, refused or ignored."""
    rows = [each for each in judged if each.n_used + each.n_refused + each.n_ignored]

    def total(of_right: bool, *, is_used: bool) -> float:
        return math.fsum(
            (each.right if of_right else 1 - each.right)
            * (each.n_used if is_used else each.n_used + each.n_refused + each.n_ignored)
            / each.p
            for each in rows
        )

    return RelianceSums(
        right_used=total(True, is_used=True),
        right_shown=total(True, is_used=False),
        wrong_used=total(False, is_used=True),
        wrong_shown=total(False, is_used=False),
        n_right=sum(each.right == 1 for each in rows),
        n_wrong=sum(each.right == 0 for each in rows),
    )


def why_no_reliance(sums: RelianceSums) -> str:
    """What is missing before reliance can be told; empty when nothing is."""
    missing = [
        f"{LEAST_OF_EACH - n} more {name} answers that were shown to somebody and judged"
        for name, n in (("right", sums.n_right), ("wrong", sums.n_wrong))
        if n < LEAST_OF_EACH
    ]
    return f"needs {' and '.join(missing)}" if missing else ""
