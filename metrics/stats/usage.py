"""From usage events to pairs (an answer before a person) to days of a person: a function of the set of events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

# The place in this list breaks a tie of one instant: the later one holds.
KINDS = (
    "eligible", "ineligible", "opted_in", "opted_out", "fallback_shown", "escalated", "snoozed", "exposed",
    "opened", "auto_applied", "accepted", "edited", "overridden", "dismissed", "undone", "completed", "reverted",
)  # fmt: skip
CODE = {kind: code for code, kind in enumerate(KINDS)}
VALUE_KINDS = np.array([CODE["auto_applied"], CODE["accepted"], CODE["edited"]])
FIRST_ANSWER, LAST_ANSWER = CODE["auto_applied"], CODE["undone"]
UNKNOWN_EDIT = 0.5
SECOND = 1_000_000  # microseconds, the unit of every instant here
DAY = 86_400 * SECOND
PATIENCE = timedelta(hours=72)  # an answer that nobody reacted to in this time was ignored
NEVER = np.iinfo(np.int64).max
COUNTS = (
    "n_events", "n_internal", "n_exposures", "n_implied", "n_pairs", "n_opened", "n_resolved", "n_accepted",
    "n_edited", "n_auto", "n_refused", "n_undone", "n_ignored", "worth", "n_values", "n_horizon_passed",
    "n_followed", "n_early_undos", "n_fallbacks", "n_escalated", "n_snoozed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one feature as columns, in any order, each once.

    actor, account, pair: numbers of texts; account 0 is none, pair -1 is none (an event about no answer).
    kind: place in KINDS. at: microseconds since 1970. edit: share changed, NaN where unknown or no edit. tie:
    tells two of one instant and kind apart, the same in every order of arrival.
    """

    actor: Ints
    account: Ints
    pair: Ints
    kind: Ints
    at: Ints
    is_internal: Bools
    edit: Floats
    tie: Ints

    def chosen(self, which: Bools) -> "Events":
        return Events(*(getattr(self, name)[which] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Pairs:
    """One row for each answer that was before a person. Instants in microseconds.

    start: first exposure, or first reaction where none was sent (is_implied). kind: code of the latest reaction,
    -1 without one. is_resolved: somebody reacted, or 72 hours have passed. is_value: accepted, edited, or applied
    by itself and not undone. worth: 1, less the share that was changed, 0 for whatever was not taken.
    """

    actor: Ints
    pair: Ints
    start: Ints
    is_implied: Bools
    kind: Ints
    answered_at: Ints
    is_resolved: Bools
    is_value: Bools
    worth: Floats
    is_opened: Bools
    is_horizon_passed: Bools
    is_followed: Bools
    is_early_undo: Bools
    next_at: Ints  # when time alone will change the row: NEVER where it will not


@dataclass(frozen=True, slots=True)
class Days:
    """counts: one row for each (actor, day), columns as COUNTS. day: days since 1970."""

    actor: Ints
    day: Ints
    counts: Floats


def resolve_pairs(events: Events, *, now: int, follow_through: int) -> Pairs:
    """What became of each answer before each person, as known at `now`.

    events: internal ones already left out. now, follow_through: microseconds. The latest reaction holds, however
    late; of one instant the one later in KINDS, then the greater tie. A reaction without an exposure implies one
    at the first reaction. Interest (opened) and follow-through alone make no pair. The work counts as followed
    through when the last of completed and reverted until follow_through after the reaction is completed.
    Empty events -> empty pairs.
    """
    kind, at = events.kind, events.at
    has_pair = events.pair >= 0
    is_answer = has_pair & (kind >= FIRST_ANSWER) & (kind <= LAST_ANSWER)
    is_seen = has_pair & (kind == CODE["exposed"])
    width = int(events.pair.max(initial=0)) + 1
    key = events.actor * width + events.pair
    pairs = distinct(key[is_answer | is_seen])
    place = np.searchsorted(pairs, key)
    is_known = has_pair & (place < len(pairs))
    is_known[is_known] = pairs[place[is_known]] == key[is_known]

    def least(which: Bools) -> Ints:
        found = np.full(len(pairs), NEVER)
        np.minimum.at(found, place[which], at[which])
        return found

    seen_at, reacted_at = least(is_seen), least(is_answer)
    last = _last_of_each(events, is_answer, place, len(pairs))
    has_answer = last >= 0
    answer = np.where(has_answer, kind[last], -1)
    answered_at = np.where(has_answer, at[last], NEVER)
    is_value = np.isin(answer, VALUE_KINDS)
    edit = np.nan_to_num(events.edit[last], nan=UNKNOWN_EDIT)
    worth = np.where(answer == CODE["edited"], 1 - edit, 1.0) * is_value
    start = np.where(seen_at < NEVER, seen_at, reacted_at)
    patience = int(PATIENCE / timedelta(microseconds=1))
    ignored_at = np.where(has_answer, NEVER, start + patience)
    judged_at = np.where(is_value, answered_at, NEVER - follow_through) + follow_through
    is_horizon_passed = is_value & (judged_at <= now)
    is_work = is_known & ((kind == CODE["completed"]) | (kind == CODE["reverted"]))
    is_work[is_work] = at[is_work] <= judged_at[place[is_work]]
    work = _last_of_each(events, is_work, place, len(pairs))
    is_completed = (work >= 0) & (kind[work] == CODE["completed"])
    taken_at = least(has_pair & np.isin(kind, VALUE_KINDS))
    undone_at = least(has_pair & (kind == CODE["undone"]))
    is_opened = np.zeros(len(pairs), dtype=bool)
    is_opened[place[is_known & (kind == CODE["opened"])]] = True
    next_at = np.minimum(
        np.where(ignored_at > now, ignored_at, NEVER), np.where(is_value & (judged_at > now), judged_at, NEVER)
    )
    return Pairs(
        actor=pairs // width,
        pair=pairs % width,
        start=start,
        is_implied=seen_at == NEVER,
        kind=answer,
        answered_at=answered_at,
        is_resolved=has_answer | (ignored_at <= now),
        is_value=is_value,
        worth=worth,
        is_opened=is_opened,
        is_horizon_passed=is_horizon_passed,
        is_followed=is_horizon_passed & is_completed,
        is_early_undo=undone_at < taken_at,
        next_at=next_at,
    )


def _last_of_each(events: Events, which: Bools, place: Ints, n: int) -> Ints:
    """The row of the latest of the chosen events of each pair, -1 without one."""
    last = np.full(n, -1)
    rows = np.flatnonzero(which)
    rows = rows[np.lexsort((events.tie[rows], events.kind[rows], events.at[rows]))]
    last[place[rows]] = rows  # of several to one place the last one stays
    return last


def actor_days(events: Events, pairs: Pairs) -> Days:
    """The sums of each (actor, UTC day): events on their day, pairs on that of their start, value on its own.

    events: all of the actors, internal ones too: they are counted as such and in nothing else. pairs: of the
    others, from resolve_pairs. Fractions only in `worth`.
    """
    own = events.chosen(~events.is_internal)
    internal = events.chosen(events.is_internal)
    answer = pairs.kind
    parts: list[tuple[str, Ints, Ints, Floats | None]] = [
        ("n_events", own.actor, own.at, None),
        ("n_internal", internal.actor, internal.at, None),
        *(
            (name, own.actor[own.kind == CODE[kind]], own.at[own.kind == CODE[kind]], None)
            for name, kind in (
                ("n_exposures", "exposed"), ("n_fallbacks", "fallback_shown"),
                ("n_escalated", "escalated"), ("n_snoozed", "snoozed"),
            )
        ),
        *(
            (name, pairs.actor[which], pairs.start[which], None)
            for name, which in {
                "n_pairs": pairs.start < NEVER,
                "n_implied": pairs.is_implied,
                "n_opened": pairs.is_opened,
                "n_resolved": pairs.is_resolved,
                "n_accepted": answer == CODE["accepted"],
                "n_edited": answer == CODE["edited"],
                "n_auto": answer == CODE["auto_applied"],
                "n_refused": (answer == CODE["overridden"]) | (answer == CODE["dismissed"]),
                "n_undone": answer == CODE["undone"],
                "n_ignored": pairs.is_resolved & (answer < 0),
                "n_horizon_passed": pairs.is_horizon_passed,
                "n_followed": pairs.is_followed,
                "n_early_undos": pairs.is_early_undo,
            }.items()
        ),
        ("n_exposures", pairs.actor[pairs.is_implied], pairs.start[pairs.is_implied], None),
        ("worth", pairs.actor, pairs.start, pairs.worth),
        ("n_values", pairs.actor[pairs.is_value], pairs.answered_at[pairs.is_value], None),
    ]  # fmt: skip
    return _summed(parts)


def _summed(parts: Sequence[tuple[str, Ints, Ints, Floats | None]]) -> Days:
    """Add (column, actor, instant, amount; None: 1 each) up by actor and day."""
    days = [at // DAY for _, _, at, _ in parts]
    first = min((int(day.min()) for day in days if len(day)), default=0)
    width = max((int(day.max()) for day in days if len(day)), default=0) - first + 1
    keys = [actor * width + day - first for (_, actor, _, _), day in zip(parts, days, strict=True)]
    cells = distinct(np.concatenate(keys))
    counts = np.zeros((len(cells), len(COUNTS)))
    for (name, _, _, amount), key in zip(parts, keys, strict=True):
        counts[:, COUNTS.index(name)] += np.bincount(np.searchsorted(cells, key), amount, len(cells))
    # Worths add up in the order in which pairs are numbered: rounded, two computations end in the same bits.
    return Days(actor=cells // width, day=cells % width + first, counts=np.round(counts, 9))


def distinct(keys: Ints) -> Ints:
    """As np.unique, which takes six times as long for keys that come several times in a row."""
    ordered = np.sort(keys)
    is_first = np.ones(len(ordered), dtype=bool)
    is_first[1:] = ordered[1:] > ordered[:-1]
    return ordered[is_first]


def latest_of_each(actor: Ints, at: Ints, tie: Ints, n_actors: int) -> Ints:
    """The row of each actor's latest event (ties: the greater `tie`), -1 without one."""
    last = np.full(n_actors, -1)
    order = np.lexsort((tie, at))
    last[actor[order]] = order
    return last
