"""Adoption and accountability: the worked example, sums that are exact, and what each state says."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats import accountability, adoption, geometric, jackknife
from metrics.stats.account_counts import AccountCounts
from metrics.stats.adoption import COMPONENTS, Goal
from metrics.stats.score_states import adoption_state

EXACT = 1e-9
AFTER, BEFORE = adoption.WEIGHTS["after"], adoption.WEIGHTS["before"]
WORKED = dict(zip(COMPONENTS, [0.643, 0.583, 0.665, 0.626, 0.833], strict=True))
GOALS = {name: Goal(0.0, 1.0) for name in COMPONENTS}

shares = st.one_of(st.none(), st.floats(0, 1))
weights = st.fixed_dictionaries({name: st.floats(0, 1) for name in COMPONENTS}).filter(
    lambda w: sum(w.values()) > 0
)
parts = st.fixed_dictionaries(dict.fromkeys(COMPONENTS, shares))


def account(name="acme", **counts):
    honest = {
        "eligible": 10, "exposed": 8, "reached": 6, "value_actors": 6, "worth": 20.0, "resolved": 40, "cohort": 5,
        "returned": 3, "intervals_exposed": 30, "intervals_valued": 18, "horizon_passed": 15, "followed": 12,
    }  # fmt: skip
    return AccountCounts(account=name, **{**honest, **counts})


# --- the geometric mean


def test_the_worked_example_to_three_digits():
    assert geometric.geometric(WORKED, AFTER) == pytest.approx(66.695, abs=5e-4)
    lost = geometric.points_lost(WORKED, AFTER)
    assert [round(lost[name], 3) for name in COMPONENTS] == [7.262, 8.873, 8.386, 5.777, 3.005]
    assert geometric.arithmetic(WORKED, AFTER) == pytest.approx(67.2, abs=0.05)


def test_a_weak_link_hurts_where_the_plain_mean_hides_it():
    weak = {**WORKED, "retention": 0.05}
    assert geometric.arithmetic(weak, AFTER) == pytest.approx(51.8, abs=0.05)
    assert geometric.geometric(weak, AFTER) == pytest.approx(34.9, abs=0.05)


@given(parts, weights)
def test_points_lost_add_up_to_what_is_missing_to_100(some, weighed):
    value = geometric.geometric(some, weighed)
    if value is None:
        assert geometric.points_lost(some, weighed) == {}
    else:
        assert sum(geometric.points_lost(some, weighed).values()) == pytest.approx(100 - value, abs=EXACT)


@given(parts, weights)
def test_a_score_is_the_product_of_its_parts(some, weighed):
    """An oracle of another shape: a product of powers, over the components with data."""
    there = {name: max(0.01, n) for name, n in some.items() if n is not None and weighed[name] > 0}
    whole = sum(weighed[name] for name in there)
    if whole < 0.6 * sum(weighed.values()) - EXACT:
        assert geometric.geometric(some, weighed) is None
    elif whole > 0.6 * sum(weighed.values()) + EXACT:
        expected = 100 * math.prod(n ** (weighed[name] / whole) for name, n in there.items())
        assert geometric.geometric(some, weighed) == pytest.approx(expected, rel=1e-9)


def test_a_component_without_data_is_left_out_and_the_others_weigh_more():
    kept = geometric.rescaled({**WORKED, "retention": None}, AFTER)
    assert "retention" not in kept
    assert kept["reach"] == pytest.approx(0.20 / 0.75)
    assert sum(kept.values()) == pytest.approx(1)


def test_under_six_tenths_of_the_weight_there_is_no_score():
    exactly = {"reach": 0.5, "acceptance": 0.5, "retention": None, "stickiness": None, "follow_through": None}
    assert geometric.geometric(exactly, BEFORE) == pytest.approx(50)
    assert geometric.geometric(exactly, AFTER) is None


@pytest.mark.parametrize("missing", ["reach", "acceptance"])
def test_without_reach_or_acceptance_there_is_no_adoption(missing):
    assert geometric.geometric({**WORKED, missing: None}, AFTER) is not None
    assert adoption.adoption({**WORKED, missing: None}, AFTER) is None
    assert adoption.WITHOUT[missing] in adoption.why_no_score({**WORKED, missing: None}, AFTER)


def test_too_little_weight_says_what_is_missing():
    some = {"reach": 0.5, "acceptance": 0.5, "retention": None, "stickiness": None, "follow_through": None}
    assert adoption.why_no_score(some, AFTER).startswith("only 40 % of the weight has data: nobody's first use")


def test_a_goal_is_reached_between_lo_and_hi_and_never_quite_missed():
    found = [geometric.scaled(c, 0.2, 0.6) for c in (0.0, 0.2, 0.4, 0.6, 0.9)]
    assert found == pytest.approx([0.01, 0.01, 0.5, 1.0, 1.0])
    with pytest.raises(ValueError, match="lo must lie under"):
        geometric.scaled(0.5, 0.6, 0.6)


def test_a_heavier_component_moves_the_score_towards_itself():
    moved = geometric.sensitivity(WORKED, AFTER)
    assert moved["follow_through"] > 0 > moved["acceptance"]
    heavier = geometric.heavier(AFTER, "reach", 0.05)
    assert heavier["reach"] == pytest.approx(0.25)
    assert sum(heavier.values()) == pytest.approx(1)
    assert heavier["retention"] / heavier["stickiness"] == pytest.approx(0.25 / 0.15)


# --- adoption


def test_components_are_sums_over_sums():
    sums = adoption.sums_of([account(), account("other", eligible=30, reached=2)])
    found = adoption.components(sums, has_roster=True)
    assert found["reach"] == 8 / 40
    assert found["acceptance"] == 40 / 80
    assert adoption.components(sums, has_roster=False)["reach"] == 8 / 16


def test_an_empty_denominator_is_no_data_and_not_0():
    sums = adoption.sums_of([account(cohort=0, returned=0)])
    assert adoption.components(sums, has_roster=True)["retention"] is None


counts = st.builds(
    account,
    name=st.sampled_from(["", "a", "b"]),
    **{name: st.integers(0, 30) for name in adoption.SUMS if name != "worth"},
    worth=st.floats(0, 30),
)


@given(st.lists(counts, min_size=1, max_size=6), st.booleans(), st.sampled_from([BEFORE, AFTER]))
def test_many_scores_at_once_are_the_scores_one_by_one(accounts, has_roster, weighed):
    """The worker's arrays against the plain functions, of the whole and of each without one account."""
    named = [
        replace(each, account=f"{each.account}{i}" if each.account else "") for i, each in enumerate(accounts)
    ]
    clusters = jackknife.clusters_of(named)
    kind = {"has_roster": has_roster, "goals": GOALS, "weights": weighed}
    whole = adoption.parts(adoption.components(adoption.sums_of(named), has_roster=has_roster), GOALS)
    expected = adoption.adoption(whole, weighed)
    found = jackknife.scores(clusters.total()[None, :], **kind)[0]
    assert math.isnan(found) if expected is None else found == pytest.approx(expected, rel=1e-9)
    assert clusters.n == len(named)
    for name, value in zip(
        clusters.names, jackknife.scores(jackknife.without_each(clusters), **kind), strict=True
    ):
        if name:
            rest = [each for each in named if each.account != name]
            alone = adoption.adoption(
                adoption.parts(adoption.components(adoption.sums_of(rest), has_roster=has_roster), GOALS), weighed
            )
            assert math.isnan(value) if alone is None else value == pytest.approx(alone, rel=1e-6)


def test_what_a_snapshot_stores_of_accounts_is_what_comes_back():
    clusters = jackknife.clusters_of([account("a"), account(""), account(""), account("b", worth=1.5)])
    again = jackknife.clusters_from(jackknife.rows_of(clusters))
    assert again.names == clusters.names == ("a", "b", "")
    assert (again.counts == clusters.counts).all()
    assert again.times.tolist() == [1, 1, 2]


def test_influence_is_adoption_with_minus_adoption_without():
    accounts = [account("good", worth=38.0), account("bad", worth=2.0), account("fair")]
    value, _, replicates = jackknife.adoption_interval(
        jackknife.clusters_of(accounts), has_roster=True, goals=GOALS, weights=AFTER
    )
    found = dict(jackknife.influence(jackknife.clusters_of(accounts), value, replicates))
    assert found["good"] > 0 > found["bad"]
    rest = adoption.components(adoption.sums_of(accounts[1:]), has_roster=True)
    assert found["good"] == pytest.approx(value - adoption.adoption(adoption.parts(rest, GOALS), AFTER))


def test_one_account_or_one_without_which_there_is_no_score_leaves_the_interval_open():
    alone = [account("only"), account("other", worth=0.0, resolved=0)]
    for accounts in (alone, alone[:1]):
        _, interval, _ = jackknife.adoption_interval(
            jackknife.clusters_of(accounts), has_roster=True, goals=GOALS, weights=BEFORE
        )
        assert (interval.low, interval.high) == (0, 100)


# --- states


def state(**found):
    honest = {
        "n_accounts": 30,
        "n_actors": 200,
        "n_resolved": 900,
        "width": 12.0,
        "largest": ("", 0.1),
        "no_score": "",
    }
    return adoption_state(**{**honest, **found})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, ("measured", "")),
        ({"n_actors": 0, "n_accounts": 0, "n_resolved": 0, "width": None},
         ("no_data", "no usage of it has arrived in the 28 days")),
        ({"n_actors": 12}, ("collecting", "12 of 20 actors")),
        ({"n_accounts": 3, "n_resolved": 49}, ("collecting", "3 of 5 accounts, 49 of 50 resolved answers")),
        ({"width": None, "no_score": "nobody saw it"}, ("no_data", "nobody saw it")),
        ({"width": 25.0}, ("measured", "")),
        ({"width": 31.4}, ("provisional", "its interval is 31 points wide, over 25")),
        ({"n_accounts": 19}, ("provisional", "19 of 20 accounts")),
        ({"largest": ("acme", 0.5)}, ("measured", "")),
        ({"largest": ("acme", 0.61)}, ("provisional", "acme alone makes up 61 % of a component")),
        ({"largest": ("", 0.61)}, ("provisional", "one person alone makes up 61 % of a component")),
    ],
)  # fmt: skip
def test_a_score_says_how_far_it_can_be_trusted(found, expected):
    assert state(**found) == expected


# --- accountability


def test_evidence_is_the_agreed_half_width_over_the_one_there_is():
    assert accountability.evidence(0.10, agreed=0.05, n=90, of="reviews").value == 0.5
    assert accountability.evidence(0.02, agreed=0.05, n=900, of="reviews").value == 1.0
    assert accountability.evidence(None, agreed=0.05, n=0, of="").value == 0.0


def test_unmeasured_promises_count_nothing_and_none_agreed_is_0():
    assert accountability.promises([0.9, None, 0.6]).value == pytest.approx(0.5)
    assert accountability.promises([]).value == 0.0


def test_reliance_is_a_geometric_mean_and_absent_without_evidence():
    assert accountability.reliance(0.81, 0.49, 100, 40, "").value == pytest.approx(0.63)
    absent = accountability.reliance(0.81, None, 100, 0, "nobody saw a wrong one")
    assert (absent.value, absent.reason) == (None, "nobody saw a wrong one")


def test_answering_is_half_triage_and_half_closing():
    found = accountability.answering(n_triaged=8, n_triage_due=10, n_closed=1, n_close_due=4)
    assert found.value == pytest.approx(0.5 * 0.8 + 0.5 * 0.25)
    assert accountability.answering(n_triaged=8, n_triage_due=10, n_closed=0, n_close_due=0).value == 0.8
    assert accountability.answering(n_triaged=0, n_triage_due=0, n_closed=0, n_close_due=0).value is None


def test_readiness_is_the_least_of_its_sections():
    found = accountability.readiness({"ownership": [True, True], "oversight": [True, False, False], "x": []})
    assert found.value == pytest.approx(1 / 3)
    assert found.reason == "least in oversight: 1 of 3 hold"


def whole_parts(**values):
    made = dict.fromkeys(accountability.COMPONENTS, 0.5) | values
    return {name: accountability.Part(value, 0.001, 50, "") for name, value in made.items()}


def test_accountability_is_never_quite_0_and_leaves_out_what_is_unknown():
    found = accountability.accountability(whole_parts(promises=0.0), accountability.WEIGHTS["before"])
    assert found == pytest.approx(100 * 0.5**0.9 * 0.01**0.1)
    unknown = whole_parts(reliance=None, answering=None)
    assert accountability.accountability(unknown, accountability.WEIGHTS["before"]) == pytest.approx(50)


def test_the_interval_of_accountability_holds_it_and_narrows_with_the_variance():
    low, high = accountability.interval(whole_parts(), accountability.WEIGHTS["after"])
    assert 0 < low < 50 < high < 100
    sure = {name: replace(part, variance=0.0) for name, part in whole_parts().items()}
    assert accountability.interval(sure, accountability.WEIGHTS["after"]) == pytest.approx((50, 50))


@pytest.mark.parametrize("stage", ["before", "after"])
def test_the_default_weights_add_up_to_1(stage):
    assert sum(adoption.WEIGHTS[stage].values()) == pytest.approx(1)
    assert sum(accountability.WEIGHTS[stage].values()) == pytest.approx(1)
