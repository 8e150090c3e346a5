"""From usage events to days and states of people: pulled, incremental, the same whatever the order."""

import json
from datetime import date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.actions.erasing import erase_actor
from feedback.actions.ingest import record_events
from feedback.models import Erasure, Feature, Look, UsageEvent
from metrics.actions import usage_events, using
from metrics.actions.retaining import purge
from metrics.actions.using import adoption_inputs, prepare_usage
from metrics.models import ActorDay, ActorState, UsageSummary
from tests.factories import NOON, make_feature
from tests.metrics.usage_story import DAY, HOUR, make_event, see
from tests.metrics.work import work
from tests.stats.usage_by_hand import days_by_hand

pytestmark = pytest.mark.django_db
LATER, TOMORROW = NOON + 2 * HOUR, NOON.date() + DAY
KINDS = ["exposed", "opened", "accepted", "edited", "overridden", "dismissed", "auto_applied", "undone",
         "completed", "reverted", "eligible", "ineligible", "opted_out", "opted_in", "snoozed"]  # fmt: skip


@pytest.fixture
def feature():
    return make_feature("claims", follow_through_hours=30)


def summed(now=LATER):
    return work("sum_usage", now=now)


def days():
    fields = [field.name for field in ActorDay._meta.fields if field.name != "id"]
    return sorted(ActorDay.objects.values_list(*fields))


def states():
    fields = [field.name for field in ActorState._meta.fields if field.name != "id"]
    return sorted(map(repr, ActorState.objects.values_list(*fields)))


def day_of(actor, **found):
    return ActorDay.objects.get(actor=actor, **found)


# --- one function of the set of events


@st.composite
def a_sent_event(draw, number):
    kind = draw(st.sampled_from(KINDS))
    sent = {
        "id": f"e{number}", "feature": "claims", "kind": kind, "actor": draw(st.sampled_from(["u1", "u2"])),
        "account": draw(st.sampled_from(["", "a", "b"])),
        "occurred_at": (NOON - draw(st.integers(0, 30)) * 4 * HOUR).isoformat(),
        "is_internal": draw(st.sampled_from([False] * 5 + [True])),
    }  # fmt: skip
    if kind in KINDS[:10]:
        sent |= draw(st.sampled_from([{"prediction": "p1"}, {"prediction": "p2"}, {"set": "s1", "rank": 2}]))
    if kind == "edited":
        sent["props"] = draw(st.sampled_from([{}, {"edit_fraction": 0.25}, {"edit_fraction": 1}]))
    return sent


@st.composite
def a_history_and_a_delivery_of_it(draw):
    n = draw(st.integers(0, 15))
    history = [draw(a_sent_event(number)) for number in range(n)]
    repeated = draw(st.lists(st.sampled_from(history), max_size=8)) if history else []
    shuffled = draw(st.permutations([*history, *repeated]))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    return history, [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]


def deliver(batches, *, is_summed_between):
    at = NOON
    for batch in batches:
        at += timedelta(minutes=5)
        items = [json.dumps(sent).encode() for sent in batch]
        assert not record_events(items=items, features=Feature.objects.all(), now=at).refused
        if is_summed_between:
            summed(at + timedelta(minutes=1))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a_history_and_a_delivery_of_it())
def test_shuffled_repeated_and_split_events_end_in_the_same_days_and_states(feature, drawn):
    """The whole history at once, and in pieces that are each summed up as they come: incremental equals full."""
    history, batches = drawn
    ends = []
    for way, is_summed_between in (([history], False), (batches, True)):
        with transaction.atomic():
            deliver(way, is_summed_between=is_summed_between)
            summed(NOON + 10 * DAY)
            ends.append((days(), states()))
            transaction.set_rollback(True)
    assert ends[0] == ends[1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a_history_and_a_delivery_of_it())
def test_stored_days_are_those_of_a_plain_reading(feature, drawn):
    history, batches = drawn
    now = NOON + DAY
    with transaction.atomic():
        deliver(batches, is_summed_between=True)
        summed(now)
        told = {
            (row["actor"], row["day"]): {
                name: n
                for name, n in row.items()
                if n and name not in ("id", "feature_id", "day", "account", "actor")
            }
            for row in ActorDay.objects.values()
        }
        transaction.set_rollback(True)
    plain = [
        {
            "id": sent["id"], "kind": sent["kind"], "actor": sent["actor"],
            "pair": sent.get("prediction") or sent.get("set"), "is_internal": sent["is_internal"],
            "at": datetime.fromisoformat(sent["occurred_at"]), "edit": sent.get("props", {}).get("edit_fraction"),
        }
        for sent in history
    ]  # fmt: skip
    expected = days_by_hand(plain, now=now, follow_through=timedelta(hours=30))
    assert told == {key: counts for key, counts in expected.items() if counts}


def test_microseconds_come_back_as_they_were_sent(feature):
    at = NOON.replace(second=59, microsecond=999_999)
    make_event(feature, "exposed", at=at)
    make_event(feature, "exposed", at=NOON)
    read = usage_events.read_events(UsageEvent.objects.all())
    assert [usage_events.instant(each) for each in sorted(read.events.at)] == [NOON, at]


# --- incremental


def test_only_people_with_new_events_are_summed_again(feature):
    see(feature, "u1", "p1", NOON, "accepted")
    see(feature, "u2", "p1", NOON)
    summed()
    kept = day_of("u1").pk
    make_event(feature, "dismissed", "u2", at=LATER)
    assert "usage of 1 people summed" in summed(LATER + HOUR)
    assert day_of("u1").pk == kept
    assert day_of("u2").n_refused == 1


def test_what_did_not_change_is_not_written_again(feature):
    see(feature, "u1", "p1", NOON, "accepted")
    see(feature, "u1", "p2", NOON - DAY, "accepted")
    summed()
    kept = day_of("u1", day=date(2026, 3, 1)).pk
    see(feature, "u1", "p3", LATER)
    summed(LATER + HOUR)
    assert day_of("u1", day=date(2026, 3, 1)).pk == kept
    assert day_of("u1", day=date(2026, 3, 2)).n_pairs == 2


def test_nothing_new_is_no_work(feature):
    see(feature)
    assert summed()
    assert summed() == []


def test_a_pair_is_ignored_when_its_time_comes_without_any_event(feature):
    see(feature)
    summed()
    assert ActorState.objects.get().pending_until == NOON + 72 * HOUR
    summed(NOON + 71 * HOUR)
    assert day_of("u1").n_ignored == 0
    summed(NOON + 72 * HOUR)
    assert day_of("u1").n_ignored == 1
    assert ActorState.objects.get().pending_until is None


def test_an_event_that_comes_late_counts_on_its_own_day(feature):
    see(feature, "u1", "p1", NOON, "accepted")
    summed()
    make_event(feature, "exposed", "u1", "p0", NOON - 5 * DAY, received_at=LATER)
    summed(LATER + HOUR)
    assert day_of("u1", day=date(2026, 2, 25)).n_pairs == 1


def test_people_beyond_one_portion_are_all_summed(feature, monkeypatch):
    monkeypatch.setattr(usage_events, "MOST_ACTORS", 3)
    monkeypatch.setattr(usage_events, "MOST_EVENTS", 4)
    for number in range(10):
        see(feature, f"u{number}", "p1", NOON, "accepted")
    summed()
    assert ActorDay.objects.filter(n_accepted=1).count() == ActorState.objects.count() == 10


def test_the_number_of_queries_does_not_grow_with_the_people(feature):
    counted = []
    for first in (0, 40):
        for number in range(first, first + 3 + first):
            see(feature, f"u{number}", "p1", NOON + first * HOUR, "accepted")
        write = prepare_usage(feature=feature, now=NOON + (first + 3) * HOUR)
        with transaction.atomic(), CaptureQueriesContext(connection) as captured:
            write()
        counted.append(len(captured))
    assert counted[1] <= counted[0] + 2


def test_a_crash_before_the_writing_loses_nothing(feature):
    see(feature, "u1", "p1", NOON, "accepted")
    prepare_usage(feature=feature, now=LATER)
    assert not Look.objects.exists()
    summed()
    assert day_of("u1").n_accepted == 1


# --- bad input, each defined


def test_an_answer_without_exposure_counts_and_is_told(feature):
    make_event(feature, "accepted")
    summed()
    assert (day_of("u1").n_implied, day_of("u1").n_accepted) == (1, 1)
    make_event(feature, "exposed", at=NOON - HOUR, received_at=LATER)
    summed(LATER + HOUR)
    assert day_of("u1").n_implied == 0


def test_an_undo_before_the_take_is_told_and_the_latest_holds(feature):
    see(feature, "u1", "p1", NOON, "undone", "accepted")
    summed(NOON + 3 * HOUR)
    assert (day_of("u1").n_early_undos, day_of("u1").n_accepted) == (1, 1)


def test_our_own_people_are_left_out_and_counted(feature):
    see(feature, "u1", "p1", NOON, "accepted", is_internal=True)
    summed()
    assert (day_of("u1").n_internal, day_of("u1").n_pairs, day_of("u1").n_events) == (2, 0, 0)


def test_the_roster_and_the_account_are_the_latest(feature):
    make_event(feature, "eligible", account="a")
    make_event(feature, "ineligible", at=NOON + HOUR, account="b")
    make_event(feature, "eligible", at=NOON - HOUR)
    summed()
    state = ActorState.objects.get()
    assert (state.roster, state.roster_at, state.eligible_at) == ("ineligible", NOON + HOUR, NOON - HOUR)
    assert state.account == day_of("u1").account == "b"


def test_an_account_that_moves_takes_its_days_along(feature):
    see(feature, "u1", "p1", NOON, account="a")
    summed()
    see(feature, "u1", "p2", NOON + DAY, account="b")
    summed(NOON + DAY + HOUR)
    assert set(ActorDay.objects.values_list("account", flat=True)) == {"b"}


def test_whoever_opted_out_and_in_again_is_in(feature):
    make_event(feature, "opted_out")
    summed()
    assert ActorState.objects.get().is_opted_out
    make_event(feature, "opted_in", at=LATER)
    summed(LATER + HOUR)
    assert not ActorState.objects.get().is_opted_out


@pytest.mark.parametrize("actor", ["ann@example.org", "+49 170 1234567"])
def test_somebody_named_by_an_address_never_gets_as_far_as_a_day(feature, actor):
    sent = {"id": "e1", "feature": "claims", "kind": "exposed", "prediction": "p1", "actor": actor}
    receipt = record_events(items=[json.dumps(sent).encode()], features=Feature.objects.all(), now=NOON)
    assert [refusal.code for refusal in receipt.refused] == ["looks_personal"]
    assert summed() == []
    assert not ActorState.objects.exists()


def test_the_database_refuses_a_day_whose_parts_do_not_add_up(feature):
    with pytest.raises(IntegrityError, match="metrics_actorday_resolved_is_its_parts"), transaction.atomic():
        ActorDay.objects.create(
            feature=feature, day=NOON.date(), actor="u1", n_pairs=2, n_resolved=2, n_accepted=1
        )


# --- erasing and purging


def test_an_erased_actor_is_nowhere_within_a_run(feature):
    see(feature, "u1", "p1", NOON, "accepted", account="a")
    see(feature, "u2", "p1", NOON, "accepted", account="a")
    summed()
    call_command("actor", "erase", "u1")
    summed(LATER + HOUR)
    for model in (ActorDay, ActorState):
        assert set(model.objects.values_list("actor", flat=True)) == {"u2"}
    assert not Erasure.objects.exists()
    assert "u1" not in json.dumps(UsageSummary.objects.get().figures)


def test_an_erasure_names_nobody(feature):
    erase_actor(actor="u1", features=Feature.objects.all())
    assert "u1" not in Erasure.objects.get().mark


def test_purged_days_of_an_erased_actor_go_too(feature):
    see(feature, "u1", "p1", NOON - 40 * DAY, "accepted")
    see(feature, "u1", "p2", NOON, "accepted")
    summed()
    Feature.objects.update(purged_until=NOON - 10 * DAY)
    erase_actor(actor="u1", features=Feature.objects.all())
    summed(LATER + HOUR)
    assert not ActorDay.objects.exists()


def test_what_is_sent_after_an_erasure_is_summed_by_itself(feature):
    see(feature, "u1", "p1", NOON - DAY, "accepted")
    summed()
    erase_actor(actor="u1", features=Feature.objects.all())
    make_event(feature, "exposed", at=LATER)
    summed(LATER + HOUR)
    assert list(ActorDay.objects.values_list("day", "n_accepted")) == [(LATER.date(), 0)]


def test_purging_changes_no_summed_day_and_no_state(feature):
    Feature.objects.update(retention_days=30)
    make_event(feature, "eligible", "u1", at=NOON - 60 * DAY, account="a")
    for back in (60, 40, 31, 30, 29, 1):
        # Seen before midnight and answered after it: some of these pairs lie on both sides of the limit.
        see(feature, "u1", f"p{back}", NOON + 11 * HOUR - back * DAY, "opened", "accepted", account="a")
    now = NOON + 12 * DAY
    for kind in ("draw", "sum_up", "sum_usage"):
        work(kind, now=NOON + 2 * DAY)
    before = days(), states()
    at = NOON + 2 * DAY + HOUR
    assert purge(feature=Feature.objects.get(), now=at) > 0
    make_event(feature, "snoozed", "u1", at=at)
    summed(at + HOUR)
    assert [day for day in days() if day[1] != at.date()] == before[0]
    state = ActorState.objects.get()
    assert (state.roster, state.account, state.first_valued_on) == ("eligible", "a", date(2026, 1, 2))
    summed(now)
    assert UsageEvent.objects.filter(occurred_at__lt=NOON - 40 * DAY).count() == 0


def test_events_that_nobody_has_summed_up_are_not_purged(feature):
    Feature.objects.update(retention_days=30)
    see(feature, "u1", "p1", NOON, "accepted")
    for kind in ("draw", "sum_up"):
        work(kind, now=NOON + 40 * DAY)
    assert purge(feature=Feature.objects.get(), now=NOON + 41 * DAY) == 0


# --- what adoption is computed from


def inputs(feature, end=TOMORROW, market_fit="before"):
    found = adoption_inputs(feature, end_on=end, market_fit=market_fit)
    return found, {account.account: account for account in found.accounts}


def test_accounts_add_up_to_what_people_did(feature):
    for actor, account in (("u1", "a"), ("u2", "a"), ("u3", "b")):
        make_event(feature, "eligible", actor, at=NOON - 3 * DAY, account=account)
    see(feature, "u1", "p1", NOON - DAY, "accepted", "completed", account="a")
    see(feature, "u3", "p1", NOON - DAY, "dismissed", account="b")
    make_event(feature, "opted_out", "u2", account="a")
    summed(NOON + 5 * DAY)
    found, accounts = inputs(feature)
    a, b = accounts["a"], accounts["b"]
    assert (found.has_roster, found.to_on - found.from_on, found.n_events) == (True, 28 * DAY, 9)
    assert (a.eligible, a.exposed, a.reached, a.value_actors) == (2, 1, 1, 1)
    assert (a.worth, a.resolved, a.horizon_passed, a.followed) == (1.0, 1, 1, 1)
    assert (b.eligible, b.exposed, b.reached, b.worth, b.resolved) == (1, 1, 0, 0.0, 1)


def test_without_a_roster_reach_is_of_those_who_saw_something(feature):
    see(feature, "u1", "p1", NOON, "accepted", account="a")
    see(feature, "u2", "p1", NOON, account="a")
    summed()
    found, accounts = inputs(feature)
    assert not found.has_roster
    assert (accounts["a"].eligible, accounts["a"].exposed, accounts["a"].reached) == (0, 2, 1)


def test_people_without_an_account_are_an_account_each(feature):
    for number in range(3):
        see(feature, f"u{number}", "p1", NOON, "accepted")
    summed()
    found, _ = inputs(feature)
    assert [(each.account, each.exposed) for each in found.accounts] == [("", 1)] * 3
    assert found.n_no_account == 3


def test_whoever_left_the_roster_is_on_that_of_before(feature):
    make_event(feature, "eligible", at=NOON - 10 * DAY, account="a")
    make_event(feature, "ineligible", at=NOON, account="a")
    summed()
    assert inputs(feature, NOON.date())[1]["a"].eligible == 1
    assert not inputs(feature, NOON.date() + DAY)[0].accounts


def test_coming_back_is_asked_of_those_whose_interval_is_over(feature):
    """A week after the first use before product-market fit, four weeks after it afterwards."""
    see(feature, "u1", "p1", NOON - 15 * DAY, "accepted", account="a")
    see(feature, "u1", "p2", NOON - 6 * DAY, "accepted", account="a")
    see(feature, "u2", "p1", NOON - 5 * DAY, "accepted", account="a")
    summed()
    account = inputs(feature)[1]["a"]
    assert (account.cohort, account.returned) == (1, 1)  # nine days later; of u2 no second week is over
    later = inputs(feature, NOON.date() + 30 * DAY, market_fit="after")[1]["a"]
    assert (later.cohort, later.returned) == (2, 0)


def test_the_figures_of_a_day_do_not_move_with_days_that_are_not_over(feature):
    see(feature, "u1", "p1", NOON - DAY, "accepted", account="a")
    summed()
    before = inputs(feature, NOON.date())
    see(feature, "u1", "p2", NOON, "accepted", account="a")
    summed(LATER + HOUR)
    assert inputs(feature, NOON.date()) == before


def test_a_feature_without_any_event_has_inputs_without_accounts(feature):
    found, _ = inputs(feature)
    assert (found.accounts, found.has_roster, found.n_events) == ([], False, 0)


def test_days_of_other_features_are_left_alone(feature):
    other = make_feature("other")
    see(feature, "u1", "p1", NOON, "accepted", account="a")
    see(other, "u1", "p1", NOON, "dismissed", account="z")
    summed()
    assert inputs(feature)[1].keys() == {"a"}
    assert using.features_with_news(now=LATER) == []
