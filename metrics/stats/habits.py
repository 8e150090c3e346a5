"""Whether people come back: cohorts, retention, stickiness, life cycle, from summed days. Worker only."""

import math
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import stdtrit

from metrics.stats.account_counts import AccountCounts
from metrics.stats.intervals import wilson
from metrics.stats.usage import COUNTS, Bools, Floats, Ints, distinct

# Days of one interval by cadence, and after how many intervals somebody should have come back.
INTERVAL = MappingProxyType({"day": 1, "week": 7, "month": 28})
HORIZON = MappingProxyType({"before": 1, "after": 4})
LEVEL = 0.975
AN_INT = np.int64


@dataclass(frozen=True, slots=True)
class People:
    """One row for each person. account: number of its name; accounts without a name ("") are one person each.

    first_valued: day (since 1970) of the first value, -1 without one. has_roster: somebody was ever eligible.
    """

    accounts: list[str]
    account: Ints
    is_eligible: Bools
    is_opted_out: Bools
    first_valued: Ints
    has_roster: bool

    @property
    def n(self) -> int:
        return len(self.account)

    def clusters(self) -> tuple[Ints, list[str]]:
        """Of each person the number of their cluster, and the clusters' names."""
        if "" not in self.accounts:
            return self.account, self.accounts
        is_alone = self.account == self.accounts.index("")
        numbers = self.account.copy()
        numbers[is_alone] = len(self.accounts) + np.arange(is_alone.sum())
        return numbers, [*self.accounts, *[""] * int(is_alone.sum())]


@dataclass(frozen=True, slots=True)
class DayTable:
    """Summed days: person, day since 1970, counts with columns as COUNTS."""

    actor: Ints
    day: Ints
    counts: Floats

    def between(self, first: int, end: int) -> "DayTable":
        """Those of [first, end)."""
        which = (self.day >= first) & (self.day < end)
        return DayTable(self.actor[which], self.day[which], self.counts[which])

    def column(self, name: str) -> Floats:
        return self.counts[:, COUNTS.index(name)]

    def total(self, name: str) -> int:
        return round(float(self.column(name).sum()))

    def by_person(self, name: str, n: int) -> Floats:
        return np.bincount(self.actor, self.column(name), n).astype(np.float64)

    def has(self, name: str, n: int) -> Bools:
        """Of each person whether any of these days has one."""
        return self.by_person(name, n) > 0


@dataclass(frozen=True, slots=True)
class Share:
    """value None: nothing to divide by. low, high None: with one account nothing can be said of others."""

    value: float | None
    low: float | None
    high: float | None
    numerator: float
    denominator: float
    n_accounts: int


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """Of the interval that begins on `first` (day since 1970): people with a value by what they did before it.

    new: for the first time. returning: in the interval before, too. resurrected: earlier, not in the one before.
    gone: in the one before, not in this.
    """

    first: int
    new: int
    returning: int
    resurrected: int
    gone: int


def account_counts(
    people: People, days: DayTable, *, window: tuple[int, int], interval: int, horizon: int
) -> list[AccountCounts]:
    """What each account adds to the components of adoption in window [first, end), days since 1970.

    days: must reach back (horizon + 1) intervals before the window, for those who came back. An account of which
    nothing is known in the window is left out. The cohort: people whose interval number `horizon` after their
    first value ended inside the window; interval 0 begins on the day of the first value.
    """
    inside, n = days.between(*window), people.n
    exposed, valued = inside.has("n_exposures", n), inside.has("n_values", n)
    denominator = people.is_eligible if people.has_roster else exposed
    cohort, returned = came_back(people, days, window=window, interval=interval, after=horizon)
    n_exposed, n_valued = intervals_of(inside, window[0], interval, n)
    columns: dict[str, Floats | Bools] = {
        "eligible": people.is_eligible,
        "exposed": exposed,
        "reached": denominator & valued,
        "value_actors": valued,
        "worth": inside.by_person("worth", n),
        "resolved": inside.by_person("n_resolved", n),
        "cohort": cohort,
        "returned": returned,
        "intervals_exposed": n_exposed,
        "intervals_valued": n_valued,
        "horizon_passed": inside.by_person("n_horizon_passed", n),
        "followed": inside.by_person("n_followed", n),
    }
    numbers, names = people.clusters()
    sums = {name: np.bincount(numbers, column, len(names)) for name, column in columns.items()}
    there = np.flatnonzero(sum(column > 0 for column in sums.values())) if n else np.zeros(0, dtype=AN_INT)
    order = sorted(there.tolist(), key=lambda number: (names[number], number))
    return [
        AccountCounts(
            account=names[number],
            **{
                name: float(np.round(column[number], 9)) if name == "worth" else int(column[number])
                for name, column in sums.items()
            },  # type: ignore[arg-type]  # worth alone is a float
        )
        for number in order
    ]


def came_back(
    people: People, days: DayTable, *, window: tuple[int, int], interval: int, after: int
) -> tuple[Bools, Bools]:
    """The cohort whose interval number `after` ended inside (first, end] of the window; who had a value in it."""
    ends = people.first_valued + (after + 1) * interval
    cohort = (people.first_valued >= 0) & (ends > window[0]) & (ends <= window[1])
    valued = days.column("n_values") > 0
    actor = days.actor[valued]
    since = days.day[valued] - people.first_valued[actor]
    returned = np.zeros(people.n, dtype=bool)
    returned[actor[since // interval == after]] = True
    return cohort, returned & cohort


def intervals_of(inside: DayTable, first: int, interval: int, n: int) -> tuple[Floats, Floats]:
    """Of each person in how many intervals something was shown, and in how many of those they had a value."""
    number = (inside.day - first) // interval
    width = int(number.max(initial=0)) + 1
    key = inside.actor * width + number
    shown = distinct(key[inside.column("n_exposures") > 0])
    valued = distinct(key[inside.column("n_values") > 0])
    valued = valued[np.isin(valued, shown, assume_unique=True)]
    return tuple(  # type: ignore[return-value]  # of two
        np.bincount(keys // width, minlength=n).astype(float) for keys in (shown, valued)
    )


def life_cycle(people: People, days: DayTable, *, end: int, interval: int, n_intervals: int) -> list[LifeCycle]:
    """The last complete intervals before `end`, oldest first. days: must reach back one interval more."""
    valued = days.column("n_values") > 0
    first = end - (n_intervals + 1) * interval
    number = (days.day[valued] - first) // interval
    is_inside = (number >= 0) & (number <= n_intervals)
    has_value = np.zeros((n_intervals + 1, people.n), dtype=bool)
    has_value[number[is_inside], days.actor[valued][is_inside]] = True
    strip = []
    for place in range(1, n_intervals + 1):
        start = first + place * interval
        now, before = has_value[place], has_value[place - 1]
        is_new = now & (people.first_valued >= start)
        strip.append(
            LifeCycle(
                first=start,
                new=int(is_new.sum()),
                returning=int((now & before).sum()),
                resurrected=int((now & ~before & ~is_new).sum()),
                gone=int((before & ~now).sum()),
            )
        )
    return strip


def clustered_share(numerators: Floats, denominators: Floats, clusters: Ints) -> Share:
    """A ratio of sums with its 95 % interval, people of one account hanging together.

    numerators, denominators, clusters: (n,) each, 0 <= numerator <= denominator. The variance of a ratio between
    clusters, never less than that of independent trials; t with K - 1 degrees of freedom, on the logit. Nothing
    or everything: Wilson of K trials. One cluster -> no interval; no denominator -> no value.
    Source: Cochran 1977, Sampling Techniques, §6.3 and §9A (ratio of cluster totals).
    """
    below, above = (
        np.bincount(clusters, part) if len(clusters) else np.zeros(0) for part in (denominators, numerators)
    )
    above, below = above[below > 0], below[below > 0]
    k, total = len(below), float(below.sum())
    if not k:
        return Share(None, None, None, 0.0, 0.0, 0)
    share = min(1.0, float(above.sum()) / total)
    above_all = float(np.round(above.sum(), 9))
    if k == 1:
        return Share(share, None, None, above_all, total, k)
    if share in (0, 1):
        low, high = wilson(share * k, k)
        return Share(share, min(share, low), max(share, high), above_all, total, k)
    variance = k / (k - 1) * float(((above - share * below) ** 2).sum()) / total**2
    spread = share * (1 - share)
    half = float(stdtrit(k - 1, LEVEL)) * math.sqrt(max(variance, spread / total)) / spread
    middle = math.log(share / (1 - share))
    return Share(share, _logistic(middle - half), _logistic(middle + half), above_all, total, k)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
