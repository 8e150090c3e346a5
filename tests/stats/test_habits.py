"""Cohorts, retention, stickiness, life cycle: against a plain reading person by person."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.account_counts import AccountCounts
from metrics.stats.habits import DayTable, People, account_counts, clustered_share, life_cycle
from metrics.stats.usage import COUNTS

END = 200
WINDOW = (END - 28, END)
INT_SUMS = [field.name for field in fields(AccountCounts) if field.name not in ("account", "worth")]


@st.composite
def lives(draw):
    """account, eligible, {day: counts} of some people; a value day has a pair and what it was worth."""
    people = []
    for _ in range(draw(st.integers(0, 5))):
        days = {}
        for day in draw(st.lists(st.integers(END - 90, END - 1), max_size=8, unique=True)):
            n = draw(st.integers(0, 3))
            n_values = draw(st.integers(0, n))
            days[day] = {
                "n_events": 1, "n_exposures": draw(st.integers(0, 2)), "n_pairs": n, "n_resolved": n,
                "n_values": n_values, "worth": 0.5 * n_values, "n_horizon_passed": n_values,
                "n_followed": draw(st.integers(0, n_values)),
            }  # fmt: skip
        people.append((draw(st.sampled_from(["", "a", "b"])), draw(st.booleans()), days))
    return people


def first_value(days):
    return min((day for day, counts in days.items() if counts["n_values"]), default=None)


def as_tables(people, has_roster):
    accounts = ["", "a", "b"]
    firsts = [first_value(days) for _, _, days in people]
    table = [
        (number, day, [counts.get(name, 0) for name in COUNTS])
        for number, (_, _, days) in enumerate(people)
        for day, counts in days.items()
    ]
    return (
        People(
            accounts,
            np.array([accounts.index(account) for account, _, _ in people], dtype=np.int64),
            np.array([has_roster and eligible for _, eligible, _ in people], dtype=bool),
            np.zeros(len(people), dtype=bool),
            np.array([-1 if first is None else first for first in firsts], dtype=np.int64),
            has_roster,
        ),
        DayTable(
            np.array([row[0] for row in table], dtype=np.int64),
            np.array([row[1] for row in table], dtype=np.int64),
            np.array([row[2] for row in table], dtype=np.float64).reshape(-1, len(COUNTS)),
        ),
    )


def by_hand(people, has_roster, interval, horizon):
    """(account, then the sums) of each account, of those without one each by itself."""
    rows = []
    for account, eligible, days in people:
        row = dict.fromkeys([*INT_SUMS, "worth"], 0)
        inside = {day: counts for day, counts in days.items() if WINDOW[0] <= day < WINDOW[1]}
        shown = {(day - WINDOW[0]) // interval for day, counts in inside.items() if counts["n_exposures"]}
        used = {(day - WINDOW[0]) // interval for day, counts in inside.items() if counts["n_values"]}
        row["eligible"] = has_roster and eligible
        row["exposed"], row["value_actors"] = bool(shown), bool(used)
        row["reached"] = bool(used) and (eligible if has_roster else bool(shown))
        row["intervals_exposed"], row["intervals_valued"] = len(shown), len(shown & used)
        for name, column in (("worth", "worth"), ("resolved", "n_resolved"), 
                             ("horizon_passed", "n_horizon_passed"), ("followed", "n_followed")):  # fmt: skip
            row[name] = sum(counts[column] for counts in inside.values())
        first = first_value(days)
        if first is not None and WINDOW[0] < first + (horizon + 1) * interval <= WINDOW[1]:
            back = range(first + horizon * interval, first + (horizon + 1) * interval)
            row["cohort"] = 1
            row["returned"] = any(day in days and days[day]["n_values"] for day in back)
        rows.append((account, row))
    alone = [(account, row) for account, row in rows if not account]
    together = [
        (name, {key: sum(row[key] for account, row in rows if account == name) for key in [*INT_SUMS, "worth"]})
        for name in ("a", "b")
    ]
    return sorted(
        (account, [(key, float(n)) for key, n in sorted(row.items())])
        for account, row in alone + together
        if any(row.values())
    )


@given(lives(), st.booleans(), st.sampled_from([1, 7, 28]), st.sampled_from([1, 4]))
def test_what_accounts_add_is_that_of_a_plain_reading(people, has_roster, interval, horizon):
    found = account_counts(*as_tables(people, has_roster), window=WINDOW, interval=interval, horizon=horizon)
    told = [
        (each.account, sorted((name, float(getattr(each, name))) for name in [*INT_SUMS, "worth"]))
        for each in found
    ]
    assert sorted(told) == by_hand(people, has_roster, interval, horizon)


@given(lives(), st.sampled_from([1, 7]))
def test_the_life_cycle_is_that_of_a_plain_reading(people, interval):
    steps = life_cycle(*as_tables(people, False), end=END, interval=interval, n_intervals=5)
    for step in steps:
        told = {"new": 0, "returning": 0, "resurrected": 0, "gone": 0}
        for _, _, days in people:
            used = {day for day, counts in days.items() if counts["n_values"]}
            now = used & set(range(step.first, step.first + interval))
            before = used & set(range(step.first - interval, step.first))
            if now:
                is_new = min(used) >= step.first
                told["new" if is_new else "returning" if before else "resurrected"] += 1
            elif before:
                told["gone"] += 1
        assert told == {name: getattr(step, name) for name in told}
    assert [step.first for step in steps] == [END - back * interval for back in (5, 4, 3, 2, 1)]


def share_of(*accounts):
    """accounts: (numerator, denominator) of each."""
    return clustered_share(
        np.array([a for a, _ in accounts], dtype=float), np.array([b for _, b in accounts], dtype=float),
        np.arange(len(accounts)),
    )  # fmt: skip


def test_nothing_to_divide_by_is_no_share():
    assert share_of((0, 0)).value is None
    assert share_of().value is None


def test_one_account_says_nothing_of_others():
    found = share_of((3, 10))
    assert (found.value, found.low, found.high, found.n_accounts) == (0.3, None, None, 1)


@pytest.mark.parametrize("share", [0, 1])
def test_nothing_or_all_of_few_accounts_is_not_sure(share):
    found = share_of(*[(10 * share, 10)] * 5)
    assert found.value == share
    assert found.high - found.low == pytest.approx(0.434, abs=0.001)  # Wilson of 5


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)).map(sorted), min_size=2, max_size=12))
def test_the_interval_holds_the_share_and_stays_a_share(accounts):
    found = share_of(*accounts)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_accounts_that_differ_make_it_wider_than_answers_by_themselves():
    """The same 50 of 100: five accounts of all or nothing, and five of half each."""
    apart, alike = share_of(*[(20, 20)] * 2, (10, 20), *[(0, 20)] * 2), share_of(*[(10, 20)] * 5)
    assert apart.value == alike.value == 0.5
    assert apart.high - apart.low > 2 * (alike.high - alike.low)


def test_the_interval_covers_what_accounts_have_in_common():
    """1,000 draws of 12 accounts whose own shares vary around .6; binomial error of the coverage: .007."""
    rng = np.random.default_rng(5)
    n = rng.integers(5, 60, size=(1000, 12))
    taken = rng.binomial(n, rng.beta(6, 4, size=n.shape))
    held = 0
    for row, of in zip(taken, n, strict=True):
        found = share_of(*zip(row, of, strict=True))
        held += found.low <= 0.6 <= found.high
    assert 0.92 <= held / 1000 <= 0.975
