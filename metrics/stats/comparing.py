"""Is one version better than another? Differences of shares with their intervals. No numpy."""

import math
from dataclasses import dataclass

from metrics.reports import Figure
from metrics.stats.intervals import (
    DEFAULT_N_STAR,
    MIN_COUNTED,
    MOST_REVIEWS_TO_GO,
    Z95,
    anytime_multiplier,
    reviews_to_go,
    wilson,
)

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Share:
    """A version's share right. n: counted items; variance: of value, where it was estimated from reviews."""

    value: float
    n: int
    variance: float | None = None


@dataclass(frozen=True, slots=True)
class Pairs:
    """Cases that both versions answered and whose truth is known, by who was right."""

    both: int = 0
    only_new: int = 0
    only_old: int = 0
    neither: int = 0

    @property
    def n(self) -> int:
        return self.both + self.only_new + self.only_old + self.neither

    def plus(self, other: "Pairs") -> "Pairs":
        return Pairs(
            self.both + other.both,
            self.only_new + other.only_new,
            self.only_old + other.only_old,
            self.neither + other.neither,
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """Share right of the new version less that of the old one, in [-1, 1].

    low, high: one look; anytime_low, anytime_high: right however often people look, the only ones that decide.
    n_new, n_old: counted items of each (pairs: the same). n_to_go: how many more of each until it is decided,
    at the difference seen; 0 where it is.
    """

    value: float
    low: float
    high: float
    anytime_low: float
    anytime_high: float
    n_new: int
    n_old: int
    method: str
    n_to_go: int

    @property
    def is_sure(self) -> bool:
        """Whether one of the two is better, so that looking again does not change it."""
        return self.n_to_go == 0


def reviewed_difference(new: Share, old: Share, *, n_star: int = DEFAULT_N_STAR) -> Difference:
    """The difference of two independent estimates from reviews: v = v_new + v_old.

    Both with a variance (ValueError without), n >= 1. One look: ± 1.96 sqrt(v). Anytime: ± b sqrt(v), b the
    larger of b(n_new) and b(n_old): the difference is as much correlated from look to look as the estimates
    are, or more, so that by Slepian's inequality it leaves its band no more often than one of them its own.
    Not for versions that were reviewed on the same cases: use paired_difference.
    Source: statistics.md §3; Slepian 1962, Bell System Technical Journal 41(2), p. 463.
    """
    if new.variance is None or old.variance is None:
        raise ValueError("both shares need their variance")
    value, spread = new.value - old.value, math.sqrt(new.variance + old.variance)
    wide = spread * _multiplier(new.n, old.n, n_star)
    return _difference(
        value,
        one_look=(value - Z95 * spread, value + Z95 * spread),
        anytime=(value - wide, value + wide),
        n_new=new.n,
        n_old=old.n,
        method="unpaired",
        n_star=n_star,
    )


def observed_difference(new: Share, old: Share, *, n_star: int = DEFAULT_N_STAR) -> Difference:
    """The difference of two independent proportions: Newcombe's hybrid of their Wilson intervals.

    n: predictions with truth, >= 1. Anytime: the same with z = b, as in reviewed_difference.
    Source: Newcombe 1998, Statistics in Medicine 17(8), p. 873, method 10.
    """

    def ends(z: float) -> Ends:
        return _hybrid(new.value, old.value, _wilson(new, z), _wilson(old, z), correlation=0.0)

    return _difference(
        new.value - old.value,
        one_look=ends(Z95),
        anytime=ends(_multiplier(new.n, old.n, n_star)),
        n_new=new.n,
        n_old=old.n,
        method="newcombe",
        n_star=n_star,
    )


def paired_difference(pairs: Pairs, *, n_star: int = DEFAULT_N_STAR) -> Difference:
    """The difference on the same cases: what both know and both miss takes no part in it, so it is far surer.

    pairs: n >= 1 (ValueError for none). The hybrid of both Wilson intervals with the correlation phi of the
    answers, which is corrected for continuity. Anytime: the same with z = b(n).
    Source: Newcombe 1998, Statistics in Medicine 17(22), p. 2635, method 10.
    """
    if not pairs.n:
        raise ValueError("there is no pair")
    new = Share((pairs.both + pairs.only_new) / pairs.n, pairs.n)
    old = Share((pairs.both + pairs.only_old) / pairs.n, pairs.n)

    def ends(z: float) -> Ends:
        return _hybrid(new.value, old.value, _wilson(new, z), _wilson(old, z), correlation=_phi(pairs))

    return _difference(
        (pairs.only_new - pairs.only_old) / pairs.n,
        one_look=ends(Z95),
        anytime=ends(_multiplier(pairs.n, pairs.n, n_star)),
        n_new=pairs.n,
        n_old=pairs.n,
        method="paired",
        n_star=n_star,
    )


def ends_of_difference(a: Figure, b: Figure) -> Ends | None:
    """One-look 95 % ends of a - b from the ends of both, the two taken as independent; None without either.

    Too wide rather than too narrow where both come from the same predictions. Source: Newcombe 1998, method 10.
    """
    if a.value is None or a.low is None or a.high is None or b.value is None or b.low is None or b.high is None:
        return None
    return _hybrid(a.value, b.value, (a.low, a.high), (b.low, b.high), correlation=0)


def _multiplier(n_new: int, n_old: int, n_star: int) -> float:
    return max(anytime_multiplier(n_new, n_star), anytime_multiplier(n_old, n_star))


def _wilson(share: Share, z: float) -> Ends:
    return wilson(min(share.n, max(0.0, share.value * share.n)), share.n, z=z)


def _hybrid(p: float, q: float, of_p: Ends, of_q: Ends, *, correlation: float) -> Ends:
    """Ends of p - q from those of p and of q; the correlation of both takes away from the width."""

    def reach(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b))

    value = p - q
    below = reach(p - of_p[0], of_q[1] - q)
    above = reach(of_p[1] - p, q - of_q[0])
    return max(-1.0, value - below), min(1.0, value + above)


def _phi(pairs: Pairs) -> float:
    """The correlation of being right; with a positive one, n/2 of its numerator is taken off."""
    a, b, c, d = pairs.both, pairs.only_new, pairs.only_old, pairs.neither
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if not margins:
        return 0.0
    product = a * d - b * c
    return (max(0.0, product - pairs.n / 2) if product > 0 else product) / math.sqrt(margins)


def _difference(
    value: float, *, one_look: Ends, anytime: Ends, n_new: int, n_old: int, method: str, n_star: int
) -> Difference:
    n = min(n_new, n_old)
    is_enough = n >= MIN_COUNTED
    is_sure = is_enough and (anytime[0] > 0 or anytime[1] < 0)
    return Difference(
        value=value,
        low=max(-1.0, one_look[0]),
        high=min(1.0, one_look[1]),
        anytime_low=max(-1.0, anytime[0]),
        anytime_high=min(1.0, anytime[1]),
        n_new=n_new,
        n_old=n_old,
        method=method,
        n_to_go=0 if is_sure else max(1, MIN_COUNTED - n, _to_go(value, anytime, n, n_star)),
    )


def _to_go(value: float, anytime: Ends, n: int, n_star: int) -> int:
    """How many more of each until the end that faces 0 reaches it, at the difference seen."""
    if value == 0:
        return MOST_REVIEWS_TO_GO
    side = value - anytime[0] if value > 0 else anytime[1] - value
    variance = (side / anytime_multiplier(n, n_star)) ** 2
    return reviews_to_go(variance=variance, n_now=n, distance=abs(value), n_star=n_star)
