"""Pairs and days of people: against a plain reading of product.md, and a function of the set of events."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.usage import CODE, COUNTS, KINDS, Events, actor_days, resolve_pairs
from tests.stats.usage_by_hand import days_by_hand

NOW = datetime(2026, 3, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
FOLLOW = timedelta(hours=30)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ABOUT = KINDS[KINDS.index("exposed") :]


def micros(span):
    return span // timedelta(microseconds=1)


@st.composite
def an_event(draw, number):
    kind = draw(st.sampled_from([*ABOUT, *ABOUT, "eligible", "snoozed", "fallback_shown", "escalated"]))
    return {
        "id": f"e{number:03d}",
        "kind": kind,
        "actor": draw(st.integers(0, 2)),
        "pair": draw(st.integers(0, 2)) if kind in ABOUT else None,
        # Few instants, so that several events are of one.
        "at": NOW - draw(st.integers(0, 40)) * 3 * HOUR,
        "is_internal": draw(st.sampled_from([False] * 9 + [True])),
        "edit": draw(st.sampled_from([None, 0.0, 0.25, 1.0])) if kind == "edited" else None,
    }


histories = st.integers(0, 25).flatmap(lambda n: st.tuples(*(an_event(number) for number in range(n))))


def columns(events):
    ties = {id_: place for place, id_ in enumerate(sorted(event["id"] for event in events))}
    return Events(
        actor=np.array([event["actor"] for event in events], dtype=np.int64),
        account=np.zeros(len(events), dtype=np.int64),
        pair=np.array([-1 if event["pair"] is None else event["pair"] for event in events], dtype=np.int64),
        kind=np.array([CODE[event["kind"]] for event in events], dtype=np.int64),
        at=np.array([micros(event["at"] - EPOCH) for event in events], dtype=np.int64),
        is_internal=np.array([event["is_internal"] for event in events], dtype=bool),
        edit=np.array([np.nan if event["edit"] is None else event["edit"] for event in events], dtype=np.float64),
        tie=np.array([ties[event["id"]] for event in events], dtype=np.int64),
    )


def summed(events, now=NOW):
    """(actor, date) -> counts that are not 0."""
    read = columns(events)
    pairs = resolve_pairs(read.chosen(~read.is_internal), now=micros(now - EPOCH), follow_through=micros(FOLLOW))
    days = actor_days(read, pairs)
    return {
        (int(actor), (EPOCH + timedelta(days=int(day))).date()): {
            name: n for name, n in zip(COUNTS, row.tolist(), strict=True) if n
        }
        for actor, day, row in zip(days.actor, days.day, days.counts, strict=True)
    }


def event(kind, hours, *, pair=0, actor=0, edit=None, is_internal=False, id=None):
    at = NOW - 10 * timedelta(days=1) + hours * HOUR
    return {"id": id or f"{kind}{hours}", "kind": kind, "actor": actor, "pair": pair, "at": at,
            "is_internal": is_internal, "edit": edit}  # fmt: skip


def whole(events, now=NOW):
    """The sum of all days."""
    total = dict.fromkeys(COUNTS, 0)
    for day in summed(events, now).values():
        for name, n in day.items():
            total[name] += n
    return total


@given(histories)
def test_days_are_those_of_a_plain_reading(events):
    assert summed(events) == days_by_hand(events, now=NOW, follow_through=FOLLOW)


@given(histories.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))))
def test_the_order_of_events_makes_no_difference(drawn):
    events, shuffled = drawn
    assert summed(events) == summed(shuffled)


@given(histories, st.integers(0, 200))
def test_time_alone_changes_nothing_before_the_instant_that_was_told(events, hours):
    read = columns(events)
    own = read.chosen(~read.is_internal)
    early = NOW - 200 * HOUR
    pairs = resolve_pairs(own, now=micros(early - EPOCH), follow_through=micros(FOLLOW))
    later = early + hours * HOUR
    if micros(later - EPOCH) < pairs.next_at.min(initial=np.iinfo(np.int64).max):
        assert summed(events, later) == summed(events, early)


@given(histories)
def test_every_resolved_pair_is_one_thing(events):
    total = whole(events)
    parts = ("n_accepted", "n_edited", "n_auto", "n_refused", "n_undone", "n_ignored")
    assert sum(total[name] for name in parts) == total["n_resolved"] <= total["n_pairs"]
    assert 0 <= total["worth"] <= total["n_accepted"] + total["n_edited"] + total["n_auto"]


def test_no_event_is_no_day():
    assert summed(()) == {}


def test_the_latest_reaction_holds():
    total = whole([event("exposed", 0), event("accepted", 1), event("dismissed", 2)])
    assert (total["n_refused"], total["n_accepted"], total["worth"], total["n_values"]) == (1, 0, 0, 0)


def test_an_answer_that_nobody_reacted_to_is_ignored_after_72_hours():
    shown = [event("exposed", 0)]
    at = shown[0]["at"] + 72 * HOUR
    assert whole(shown, at - timedelta(microseconds=1))["n_resolved"] == 0
    assert whole(shown, at)["n_ignored"] == 1


def test_a_reaction_after_72_hours_still_holds():
    total = whole([event("exposed", 0), event("accepted", 100)])
    assert (total["n_accepted"], total["n_ignored"]) == (1, 0)


@pytest.mark.parametrize(("edit", "worth"), [(None, 0.5), (0.25, 0.75), (0.0, 1.0), (1.0, 0.0)])
def test_an_edited_answer_is_worth_what_was_left_of_it(edit, worth):
    total = whole([event("exposed", 0), event("edited", 1, edit=edit)])
    assert (total["worth"], total["n_values"]) == (worth, 1)


def test_a_reaction_without_exposure_implies_one_and_is_counted():
    total = whole([event("accepted", 5)])
    assert (total["n_pairs"], total["n_exposures"], total["n_implied"], total["n_accepted"]) == (1, 1, 1, 1)


def test_interest_alone_is_no_pair():
    assert whole([event("opened", 5)])["n_pairs"] == 0


def test_an_undo_before_the_take_is_counted_and_the_latest_holds():
    total = whole([event("exposed", 0), event("undone", 1), event("accepted", 2)])
    assert (total["n_early_undos"], total["n_accepted"], total["worth"]) == (1, 1, 1)


def test_what_applied_itself_is_a_value_unless_it_is_undone():
    applied = [event("exposed", 0), event("auto_applied", 1)]
    assert whole(applied)["n_values"] == 1
    total = whole([*applied, event("undone", 2)])
    assert (total["n_values"], total["n_undone"], total["n_early_undos"], total["worth"]) == (0, 1, 0, 0)


def test_of_one_instant_the_undo_holds():
    assert whole([event("exposed", 0), event("undone", 1), event("auto_applied", 1)])["n_undone"] == 1


@pytest.mark.parametrize(
    ("work", "followed"),
    [([("completed", 20)], 1), ([("completed", 20), ("reverted", 25)], 0), ([("completed", 40)], 0),
     ([("completed", 20), ("reverted", 40)], 1), ([], 0)],
)  # fmt: skip
def test_work_goes_through_within_its_time_and_stays(work, followed):
    """FOLLOW is 30 hours; what comes after it changes nothing any more."""
    taken = [event("exposed", 0), event("accepted", 1)]
    total = whole([*taken, *(event(kind, hours) for kind, hours in work)])
    assert (total["n_horizon_passed"], total["n_followed"]) == (1, followed)


def test_events_of_our_own_people_count_as_such_alone():
    total = whole([event("exposed", 0, is_internal=True), event("accepted", 1, is_internal=True)])
    assert {name for name, n in total.items() if n} == {"n_internal"}
    assert total["n_internal"] == 2


def test_a_pair_counts_on_the_day_it_was_shown_and_its_value_on_the_day_it_was_had():
    days = summed([event("exposed", 0), event("accepted", 26)])
    (shown, had) = (days[key] for key in sorted(days))
    assert (shown["n_pairs"], shown["n_accepted"], shown.get("n_values", 0)) == (1, 1, 0)
    assert (had["n_values"], had.get("n_pairs", 0)) == (1, 0)


def test_one_set_is_one_pair_whatever_was_taken_of_it():
    """A set is named by the pair; its ranks are not told apart."""
    assert whole([event("exposed", 0), event("accepted", 1), event("accepted", 2)])["n_accepted"] == 1
