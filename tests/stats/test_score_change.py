"""What moved a score adds up exactly, whatever moved; the gate; the quadrants."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats import score_change
from metrics.stats.adoption import COMPONENTS, INDISPENSABLE, WEIGHTS, Goal
from metrics.stats.quadrants import Axis, change_cell, needed, place, retention_intervals
from metrics.stats.score_change import ScoreInputs
from metrics.stats.score_states import GateWeek, gate
from tests.stats.simulated_accounts import gate_flips

EXACT = 1e-9
MONDAY = date(2026, 3, 2)

goals = st.tuples(st.floats(0, 0.4), st.floats(0.05, 0.6)).map(lambda pair: Goal(pair[0], pair[0] + pair[1]))
tables = st.fixed_dictionaries({name: st.floats(0.05, 1) for name in COMPONENTS})
shares = {
    name: st.floats(0, 1) if name in INDISPENSABLE else st.one_of(st.none(), st.floats(0, 1))
    for name in COMPONENTS
}
inputs = st.builds(
    ScoreInputs,
    components=st.fixed_dictionaries(shares),
    goals=st.fixed_dictionaries(dict.fromkeys(COMPONENTS, goals)),
    weights=st.fixed_dictionaries({"before": tables, "after": tables}),
    market_fit=st.sampled_from(["before", "after"]),
)


@given(inputs, inputs)
def test_a_change_adds_up_by_cause_and_by_component(before, after):
    found = score_change.change(before, after)
    assert found.total == pytest.approx(after.value() - before.value(), abs=EXACT)
    assert sum(found.by_cause.values()) == pytest.approx(found.total, abs=EXACT)
    assert sum(found.by_component.values()) == pytest.approx(found.total, abs=EXACT)


def one(**told):
    honest = {
        "components": dict(zip(COMPONENTS, [0.4, 0.5, 0.3, 0.6, 0.8], strict=True)),
        "goals": dict.fromkeys(COMPONENTS, Goal(0.0, 0.9)),
        "weights": WEIGHTS,
        "market_fit": "after",
    }
    return ScoreInputs(**{**honest, **told})


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ("behaviour", {"components": dict(zip(COMPONENTS, [0.5, 0.5, 0.2, 0.6, None], strict=True))}),
        ("goals", {"goals": dict.fromkeys(COMPONENTS, Goal(0.1, 0.6))}),
        ("weights", {"weights": {"before": WEIGHTS["before"], "after": WEIGHTS["before"]}}),
        ("stage", {"market_fit": "before"}),
    ],
)
def test_one_cause_alone_takes_all_the_points(cause, told):
    found = score_change.change(one(), one(**told))
    assert abs(found.total) > 0.5
    assert found.by_cause == pytest.approx({**dict.fromkeys(score_change.CAUSES, 0.0), cause: found.total})


def test_backwards_is_the_same_change_with_the_other_sign():
    before, after = one(), one(market_fit="before", goals=dict.fromkeys(COMPONENTS, Goal(0.0, 0.5)))
    there, back = score_change.change(before, after), score_change.change(after, before)
    assert {cell: -points for cell, points in back.cells.items()} == pytest.approx(there.cells)


def test_the_logarithmic_mean_of_two_alike_is_their_value():
    assert score_change.logarithmic_mean(40, 40) == 40
    assert score_change.logarithmic_mean(40, 40 + 1e-6) == pytest.approx(40 + 5e-7)


# --- the gate


def weeks(*values, n_actors=40, n_accounts=8):
    return [
        GateWeek(MONDAY + i * timedelta(days=7), value, n_actors, n_accounts, "" if value else "12 of 20 actors")
        for i, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "is_open"),
    [
        ((), False),
        ((80,), False),
        ((24, 24.9, 24), False),
        ((25, 25), True),
        ((30, 20, 30), False),
        ((30, None, 30), False),
        ((30, 30, 20, 16, 20), True),
        ((30, 30, 14, 16, 14), True),
        ((30, 30, 14, 14), False),
        ((30, 30, 14, 14, 30), False),
        ((30, 30, 14, 14, 30, 30), True),
        ((30, 30, None, None, None), True),
    ],
)
def test_the_gate_opens_and_closes_after_two_weeks_running(values, is_open):
    assert gate(weeks(*values)).is_open is is_open
    assert gate(list(reversed(weeks(*values)))).is_open is is_open


def test_the_gate_needs_people_of_several_accounts():
    assert not gate(weeks(40, 40, n_actors=9)).is_open
    assert not gate(weeks(40, 40, n_accounts=2)).is_open
    assert gate(weeks(40, 40, n_actors=10, n_accounts=3)).is_open


def test_the_gate_closes_when_nobody_uses_it_though_there_is_no_score():
    gone = [GateWeek(MONDAY + timedelta(days=days), None, 0, 0, "no usage") for days in (21, 28)]
    assert gate(weeks(40, 40)).is_open
    assert not gate(weeks(40, 40) + gone).is_open


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (weeks(12), "not asked yet: adoption 12, opens at 25"),
        (weeks(31), "not asked yet: adoption 31 in one week, opens after two running at 25"),
        (weeks(None), "not asked yet: adoption is not known yet (12 of 20 actors), opens at 25"),
        (weeks(31, n_actors=8, n_accounts=2),
         "not asked yet: adoption 31 from 8 people of 2 accounts, opens with 10 of 3"),
        ([], "not asked yet: no complete week of adoption, opens at 25"),
        (weeks(40, 40), "asked since 9 March 2026, when adoption had been 25 or more twice"),
    ],
)  # fmt: skip
def test_the_gate_says_why(found, sentence):
    assert gate(found).sentence == sentence


def test_what_applies_by_itself_is_asked_at_once():
    found = gate([], bypass="it applies by itself")
    assert (found.is_open, found.sentence) == (True, "asked at once, because it applies by itself")


# --- quadrants


def axis(value, half=2.0, name="adoption", **told):
    return Axis(name, value, value - half, value + half, **{"n": 40, "unit": "accounts", **told})


@pytest.mark.parametrize(
    ("a", "b", "name"),
    [(20, 20, "Explore"), (80, 20, "Borrowed trust"), (20, 80, "Proven but unused"), (80, 80, "Trusted"),
     (50, 50.0, "Trusted")],
)  # fmt: skip
def test_each_cell_has_its_name_and_its_advice_by_stage(a, b, name):
    found = place(axis(a, 0), axis(b, 0, "accountability"))
    assert (found.sentence, found.next_evidence) == (name, None)
    assert found.cell.advice["before"] != found.cell.advice["after"]


def test_an_interval_across_a_cut_says_either_or_and_what_would_settle_it():
    found = place(axis(80), axis(45, 10, "accountability", n=100, unit="reviews", per_day=20))
    assert found.sentence == "either Borrowed trust or Trusted"
    assert (
        found.next_evidence.sentence
        == "about 300 more reviews, 15 more days at today's rate would settle accountability"
    )


def test_the_cheapest_evidence_is_the_one_with_the_fewest_days():
    found = place(axis(52, 10, n=30), axis(55, 10, "accountability", n=100, unit="reviews", per_day=50))
    assert found.sentence == "any of the four"
    assert (found.cell.name, found.next_evidence.axis) == ("Trusted", "accountability")


def test_on_the_cut_itself_no_amount_settles_it():
    assert needed(axis(50, 10)).sentence == "adoption stands on the cut: more evidence will not settle it soon"


@pytest.mark.parametrize(
    ("behaviour", "product", "name", "after"),
    [(5, 5, "Easy sell", 4), (1, 9, "Smash hit", 4), (9, 6, "Long haul", 8), (6, 5, "Sure failure", 4)],
)
def test_what_it_asks_and_gives_sets_the_goals_and_the_time_to_come_back(behaviour, product, name, after):
    cell = change_cell(behaviour, product)
    assert cell.name == name
    assert cell.goals.keys() == set(COMPONENTS)
    assert retention_intervals("after", cell) == after
    assert retention_intervals("before", cell) == after / 4
    with pytest.raises(ValueError, match="between 1 and 9"):
        change_cell(0, 5)


def test_the_gate_changes_at_most_twice_a_year_where_one_threshold_would_flutter():
    """10 simulated years about 20, of 10 accounts; 3 standard errors of a yearly count of 2: 1.4."""
    told = {"level": 20, "k": 10, "years": 10, "seed": 4}
    assert gate_flips(**told) <= 2 + 3 * (2 / 10) ** 0.5
    assert gate_flips(**told, opens_at=20) > 2 + 3 * (2 / 10) ** 0.5
