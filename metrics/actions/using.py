"""From usage events to days and states of people. Pull: whoever has new events, or whose pairs have come due."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, repeat
from typing import Any

import numpy as np
from django.db.models import QuerySet

from feedback.actions.looks import look_at
from feedback.ingest.store import insert_once
from feedback.models import Erasure, Feature, Look, UsageEvent
from feedback.models.erasures import erasure_mark
from metrics.actions.usage_events import EPOCH, Read, in_portions, instant, micros, read_events
from metrics.models import ActorDay, ActorState, UsageSummary
from metrics.stats.account_counts import AdoptionInputs
from metrics.stats.habits import HORIZON, INTERVAL, DayTable, People, account_counts
from metrics.stats.usage import CODE, COUNTS, NEVER, Days, Ints, Pairs, actor_days, latest_of_each, resolve_pairs

WINDOW = timedelta(days=28)
CHUNK = 5_000
FIRST_DAY = EPOCH.date()
DAY_COLUMNS = ("feature_id", "actor", "day", "account", *COUNTS)
STATE_COLUMNS = (
    "feature_id", "actor", "account", "account_at", "roster", "roster_at", "eligible_at", "is_opted_out",
    "opted_at", "first_exposed_on", "last_exposed_on", "first_valued_on", "last_valued_on", "pending_until",
)  # fmt: skip
LIFE = ("first_exposed_on", "last_exposed_on", "first_valued_on", "last_valued_on")
Fact = tuple[datetime, str] | None
States = dict[str, dict[str, Any]]
WORTH, EXPOSURES, VALUES = (COUNTS.index(name) for name in ("worth", "n_exposures", "n_values"))


def look_name(feature: Feature) -> str:
    return f"usage {feature.pk}"


def features_with_news(*, now: datetime) -> list[int]:
    """The features with events that are not summed up yet, pairs that have come due, or somebody erased."""
    due = set(ActorState.objects.come_due(now).order_by().values_list("feature", flat=True).distinct())
    due |= set(Erasure.objects.values_list("feature", flat=True))
    return [
        feature.pk
        for feature in Feature.objects.order_by("pk")
        if feature.pk in due or _new_events(feature, now)[0].exists()
    ]


def _new_events(feature: Feature, now: datetime) -> tuple[QuerySet[UsageEvent], Callable[[], None]]:
    return look_at(UsageEvent.objects.of(feature).order_by(), name=look_name(feature), now=now)


@dataclass(frozen=True, slots=True)
class Portion:
    """Some people of a feature: what their events say now. erased: those of whom nothing old may stay."""

    actors: list[str]
    erased: frozenset[str]
    days: Days
    account: list[Fact]
    roster: list[Fact]
    eligible: list[Fact]
    opted: list[Fact]
    pending: Ints


def prepare_usage(*, feature: Feature, now: datetime) -> Callable[[], int]:
    """Sum up the people of a feature with new events, with pairs that have come due, or who were erased.

    Reads outside a transaction; the answer wants one, and replaces these people's days and states where they
    have changed. Says how many people. Replay: changes nothing. Race: jobs of one feature write one after the
    other; one that ends without its lease is rolled back with its job. Days of which raw events may be purged
    stay as they are.
    """
    received, remember = _new_events(feature, now)
    erasures = list(Erasure.objects.filter(feature=feature))
    changed = set(received.values_list("actor", flat=True).distinct())
    changed |= set(ActorState.objects.of(feature).come_due(now).values_list("actor", flat=True))
    erased = _erased(feature, {erasure.mark for erasure in erasures})
    portions = [_summed(feature, actors, erased, now) for actors in in_portions(feature, changed | erased)]

    def write() -> int:
        locked = Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
        for portion in portions:
            _replace(locked, portion)
        Erasure.objects.filter(pk__in=[erasure.pk for erasure in erasures]).delete()
        remember()
        if portions:
            UsageSummary.objects.update_or_create(feature=locked, defaults={"stale_at": now})
        return sum(len(portion.actors) for portion in portions)

    return write


def _erased(feature: Feature, marks: set[str]) -> set[str]:
    if not marks:
        return set()
    known = ActorState.objects.of(feature).values_list("actor", flat=True).iterator()
    return {actor for actor in known if erasure_mark(feature, actor) in marks}


def _summed(feature: Feature, actors: list[str], erased: set[str], now: datetime) -> Portion:
    read = read_events(UsageEvent.objects.of(feature).filter(actor__in=actors), actors=actors)
    own = read.events.chosen(~read.events.is_internal)
    pairs = resolve_pairs(own, now=micros(now), follow_through=feature.follow_through_hours * 3600 * 1_000_000)
    n = len(actors)
    return Portion(
        actors=actors,
        erased=frozenset(erased & set(actors)),
        days=actor_days(read.events, pairs),
        account=_facts(read, own.account > 0, n, read.accounts),
        roster=_facts(read, np.isin(own.kind, [CODE["eligible"], CODE["ineligible"]]), n),
        eligible=_facts(read, own.kind == CODE["eligible"], n, is_first=True),
        opted=_facts(read, np.isin(own.kind, [CODE["opted_in"], CODE["opted_out"]]), n),
        pending=_pending(pairs, n),
    )


def _facts(
    read: Read, which: Any, n: int, accounts: list[str] | None = None, *, is_first: bool = False
) -> list[Fact]:
    """Of each actor the latest (or the first) of the chosen events: when, and its account or else its kind."""
    own = read.events.chosen(~read.events.is_internal).chosen(which)
    names = accounts if accounts is not None else list(CODE)
    number = own.account if accounts is not None else own.kind
    rank = {name: place for place, name in enumerate(sorted(names))}
    tie = np.array([rank[name] for name in names], dtype=np.int64)[number]
    at = -own.at if is_first else own.at
    last = latest_of_each(own.actor, at, tie, n)
    return [None if row < 0 else (instant(own.at[row]), names[number[row]]) for row in last]


def _pending(pairs: Pairs, n: int) -> Ints:
    pending = np.full(n, NEVER)
    np.minimum.at(pending, pairs.actor, pairs.next_at)
    return pending


def _replace(feature: Feature, portion: Portion) -> None:
    """Days before the purge stay; of the others only what has changed is deleted and inserted."""
    old = {row[0]: row for row in _stored(ActorState, feature, portion.actors, STATE_COLUMNS[1:])}
    states = _merged_states(portion, old)
    final = feature.purged_until.date() if feature.purged_until else date.min
    stored = {row[1:]: row[0] for row in _stored(ActorDay, feature, portion.actors, ("pk", *DAY_COLUMNS))}
    wanted = [row for row in _day_rows(feature, portion, states) if row[2] >= final]
    for row in stored:
        if row[2] < final and row[1] not in portion.erased:
            wanted.append((*row[:3], states[row[1]]["account"], *row[4:]))
    fresh, gone = wanted, []
    if stored:
        there = set(wanted)
        fresh = [row for row in wanted if row not in stored]
        gone = [pk for row, pk in stored.items() if row not in there]
    _remove(ActorDay.objects.all(), gone)
    insert_once(ActorDay, columns=DAY_COLUMNS, key=("feature_id", "actor", "day"), rows=fresh)
    _replace_states(feature, old, _with_lives(feature, portion, states, wanted))


def _day_rows(feature: Feature, portion: Portion, states: States) -> Iterator[tuple[Any, ...]]:
    """The days that events say now, as rows of DAY_COLUMNS."""
    days = portion.days
    dates = {day: FIRST_DAY + timedelta(days=day) for day in set(days.day.tolist())}
    accounts = [states[actor]["account"] for actor in portion.actors]
    columns = [
        days.counts[:, place].tolist() if place == WORTH else days.counts[:, place].astype(np.int64).tolist()
        for place in range(len(COUNTS))
    ]
    return zip(
        repeat(feature.pk, len(days.day)),
        [portion.actors[number] for number in days.actor.tolist()],
        [dates[day] for day in days.day.tolist()],
        [accounts[number] for number in days.actor.tolist()],
        *columns,
        strict=True,
    )


def _with_lives(
    feature: Feature, portion: Portion, states: States, days: list[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Rows of STATE_COLUMNS with first and last days, without people of whom nothing is known any more."""
    for _, actor, day, _, *counts in days:
        state = states[actor]
        state["is_known"] = True
        for name, place in (("exposed_on", EXPOSURES), ("valued_on", VALUES)):
            if counts[place]:
                first, last = f"first_{name}", f"last_{name}"
                state[first] = min(day, state[first] or day)
                state[last] = max(day, state[last] or day)
    return [
        (feature.pk, actor, *(state[name] for name in STATE_COLUMNS[2:]))
        for actor, state in states.items()
        if state["is_known"] or state["account_at"] or state["roster_at"] or state["opted_at"]
    ]


def _replace_states(feature: Feature, old: dict[str, tuple[Any, ...]], rows: list[tuple[Any, ...]]) -> None:
    moved = [row for row in rows if old.get(row[1]) != row[1:]]
    outdated = (set(old) - {row[1] for row in rows}) | {row[1] for row in moved if row[1] in old}
    for some in _chunks(sorted(outdated)):
        ActorState.objects.of(feature).filter(actor__in=some).delete()
    insert_once(ActorState, columns=STATE_COLUMNS, key=("feature_id", "actor"), rows=moved)


def _stored(model: Any, feature: Feature, actors: list[str], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(model.objects.of(feature).filter(actor__in=actors).order_by().values_list(*columns))


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def _remove(rows: QuerySet[ActorDay], pks: list[int]) -> None:
    for some in _chunks(pks):
        rows.filter(pk__in=some).delete()


def _merged_states(portion: Portion, old: dict[str, tuple[Any, ...]]) -> States:
    """What events say now and what older ones, purged by now, have said: the later of both holds."""
    states = {}
    for place, actor in enumerate(portion.actors):
        row = old.get(actor) if actor not in portion.erased else None
        was = dict(zip(STATE_COLUMNS[1:], row, strict=True)) if row else {}
        account = _later(portion.account[place], _fact(was, "account_at", "account"))
        roster = _later(portion.roster[place], _fact(was, "roster_at", "roster"))
        opted = _later(
            portion.opted[place],
            (was["opted_at"], "opted_out" if was["is_opted_out"] else "opted_in") if was.get("opted_at") else None,
        )
        first = portion.eligible[place]
        known = [at for at in (first[0] if first else None, was.get("eligible_at")) if at]
        pending = portion.pending[place]
        states[actor] = {
            "account": account[1] if account else "",
            "account_at": account[0] if account else None,
            "roster": roster[1] if roster else "",
            "roster_at": roster[0] if roster else None,
            "eligible_at": min(known, default=None),
            "is_opted_out": bool(opted and opted[1] == "opted_out"),
            "opted_at": opted[0] if opted else None,
            "pending_until": instant(pending) if pending < NEVER else None,
            "is_known": False,
            **dict.fromkeys(LIFE),
        }
    return states


def _fact(was: dict[str, Any], at: str, text: str) -> Fact:
    return (was[at], was[text]) if was.get(at) else None


def _later(one: Fact, other: Fact) -> Fact:
    return max((fact for fact in (one, other) if fact), default=None)


def events_seen_until(feature: Feature) -> datetime | None:
    """Events received before this are summed up, give or take the overlap; None: nobody has looked yet."""
    look = Look.objects.filter(name=look_name(feature)).first()
    return look.looked_until if look else None


def load_people(feature: Feature, *, until: date) -> tuple[People, dict[str, int]]:
    """Everybody of whom something is known, as of the end of the day before `until`, and their numbers."""
    end = datetime.combine(until, time(), UTC)
    columns = (
        "actor", "account", "roster", "roster_at", "eligible_at", "is_opted_out", "opted_at", "first_valued_on",
    )  # fmt: skip
    rows = list(ActorState.objects.of(feature).order_by("actor").values_list(*columns))
    accounts = sorted({row[1] for row in rows} | {""})
    place = {account: number for number, account in enumerate(accounts)}
    is_eligible = [
        eligible_at is not None and eligible_at < end and not (roster == "ineligible" and roster_at < end)
        for _, _, roster, roster_at, eligible_at, *_ in rows
    ]
    people = People(
        accounts=accounts,
        account=np.array([place[row[1]] for row in rows], dtype=np.int64),
        is_eligible=np.array(is_eligible, dtype=bool),
        is_opted_out=np.array([row[5] and row[6] < end for row in rows], dtype=bool),
        first_valued=np.array(
            [-1 if row[7] is None else (row[7] - FIRST_DAY).days for row in rows], dtype=np.int64
        ),
        has_roster=any(row[4] is not None and row[4] < end for row in rows),
    )
    return people, {row[0]: number for number, row in enumerate(rows)}


def load_days(feature: Feature, numbers: dict[str, int], *, from_on: date, to_on: date) -> DayTable:
    """The days [from_on, to_on) of the people numbered."""
    stored = ActorDay.objects.of(feature).between(from_on, to_on).order_by().values_list("actor", "day", *COUNTS)
    actors, days, parts = [], [], []
    rows = stored.iterator(chunk_size=20_000)
    while some := list(islice(rows, 20_000)):
        kept = [row for row in some if row[0] in numbers]
        actors += [numbers[row[0]] for row in kept]
        days += [(row[1] - FIRST_DAY).days for row in kept]
        parts.append(np.array([row[2:] for row in kept], dtype=np.float64).reshape(-1, len(COUNTS)))
    counts = np.concatenate(parts) if parts else np.zeros((0, len(COUNTS)), dtype=np.float64)
    return DayTable(np.array(actors, dtype=np.int64), np.array(days, dtype=np.int64), counts)


def adoption_inputs(
    feature: Feature, *, end_on: date, market_fit: str, horizon: int | None = None
) -> AdoptionInputs:
    """What adoption is computed from: the 28 complete UTC days before end_on, by account.

    horizon: after how many intervals people should have come back; None: as usual before or after market fit
    (market_fit: "before" or "after"). The roster and the opted-out as of end_on. Reads summed days only; worker
    only.
    """
    interval, horizon = INTERVAL[feature.cadence], horizon or HORIZON[market_fit]
    from_on = end_on - WINDOW
    people, numbers = load_people(feature, until=end_on)
    first_needed = min(from_on, end_on - WINDOW - timedelta(days=(horizon + 1) * interval))
    days = load_days(feature, numbers, from_on=first_needed, to_on=end_on)
    window = ((from_on - FIRST_DAY).days, (end_on - FIRST_DAY).days)
    inside = days.between(*window)
    active = inside.has("n_events", people.n)
    return AdoptionInputs(
        from_on=from_on,
        to_on=end_on,
        has_roster=people.has_roster,
        accounts=account_counts(people, days, window=window, interval=interval, horizon=horizon),
        n_events=inside.total("n_events"),
        n_internal=inside.total("n_internal"),
        n_implied_exposures=inside.total("n_implied"),
        n_no_account=int((active & (people.account == people.accounts.index(""))).sum()),
    )
