"""Debates: blind placements, a reveal with a quorum, and an end in a decision."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from feedback.models import Decision, Feature
from metrics.actions.debating import Outcome, Place, decide, open_round, open_second, place, reveal
from metrics.actions.scoring import place_change
from metrics.agreements import cell_of
from metrics.debate_reading import debate_reports
from metrics.functions import FUNCTIONS
from metrics.models import DebateRound, Expectation, FitChange, Placement, PlacementRevision, ScoreSnapshot
from metrics.quadrant_reading import quadrant_rows
from tests.factories import NOON, make_feature, make_membership, make_user
from tests.metrics.agreements import DAY, HOUR, make_agreed, make_round, make_score, make_team, vote

pytestmark = pytest.mark.django_db
AGREED = [(7, 3), (7, 3), (8, 2), (9, 3), (7, 2), (8, 3)]
CONTESTED = [(1, 3), (2, 3), (8, 2), (9, 3), (5, 2), (5, 3)]


@pytest.fixture
def team():
    return make_team()


def voted(round_, people, places=AGREED):
    for function, (x, y) in zip(FUNCTIONS, places, strict=False):
        vote(round_, people, function, x, y)
    return round_


def revealed(feature, people, places=AGREED, **fields):
    round_ = voted(make_round(feature, people, **fields), people, places)
    return reveal(round_=round_, user=people["product"], now=NOON + 2 * HOUR)


def report_of(round_, user):
    rounds = DebateRound.objects.filter(pk=round_.pk)
    return debate_reports(rounds, user=user, features=Feature.objects.visible_to(user))[0]


def measured(feature):
    for kind, value in (("adoption", 61.0), ("accountability", 48.0)):
        make_score(feature, kind, value=value, half=5)


# --- voting


def test_a_function_changes_its_mind_and_what_it_said_before_is_kept(team):
    feature, people = team
    round_ = make_round(feature, people)
    vote(round_, people, "design", 3, 4, reason="At first")
    vote(round_, people, "design", 5, 6, reason="On second\nthought ")
    vote(round_, people, "design", 5, 6, reason="On second thought")  # the same once more
    placed, before = Placement.objects.get(), PlacementRevision.objects.get()
    assert (placed.x, placed.y, placed.reason) == (5, 6, "On second thought")
    assert (before.x, before.y, before.reason) == (3, 4, "At first")


def test_a_second_person_of_a_function_is_told_who_has_voted_and_overwrites_nothing(team):
    feature, people = team
    round_ = make_round(feature, people)
    vote(round_, people, "design", 3, 4)
    second = make_membership(make_user(), feature, "design").user
    with pytest.raises(ValidationError, match=f"{people['design']} has voted for design already"):
        vote(round_, {"design": second}, "design", 9, 9)
    assert (Placement.objects.get().user, Placement.objects.get().x) == (people["design"], 3)


def test_one_person_speaks_for_one_function_in_a_round(team):
    feature, people = team
    make_membership(people["design"], feature, "engineering")
    round_ = make_round(feature, people)
    vote(round_, people, "design")
    with pytest.raises(ValidationError, match="You have spoken for another function"):
        vote(round_, {"engineering": people["design"]}, "engineering")


def test_a_vote_needs_the_role_of_its_function_and_staff_are_no_exception(team):
    feature, people = team
    round_ = make_round(feature, people)
    with pytest.raises(
        ValidationError, match=r"You cannot vote for design: it is not your function \(yours: product"
    ):
        vote(round_, {"design": people["product"]}, "design")
    with pytest.raises(ValidationError, match="you have none in this feature"):
        vote(round_, {"design": make_user(is_staff=True)}, "design")


def test_a_function_that_is_not_invited_does_not_vote(team):
    feature, people = team
    round_ = make_round(feature, people, functions=["product", "design"], quorum=2)
    with pytest.raises(ValidationError, match="Engineering is not invited"):
        vote(round_, people, "engineering")


@pytest.mark.parametrize("at", [(0, 5), (5, 10), (-1, 5)])
def test_a_place_lies_on_the_board(team, at):
    feature, people = team
    with pytest.raises(ValidationError):
        vote(make_round(feature, people), people, "design", *at)
    assert not Placement.objects.exists()


def test_after_the_reveal_nobody_votes_or_changes_anything(team):
    feature, people = team
    round_ = revealed(feature, people, AGREED[:4])
    for function in ("product", "operations"):
        with pytest.raises(ValidationError, match="This round was revealed"):
            vote(round_, people, function, 1, 1)
    assert Placement.objects.count() == 4
    assert not Placement.objects.filter(x=1).exists()


# --- the reveal


def test_without_a_quorum_the_reveal_says_what_is_missing(team):
    feature, people = team
    round_ = voted(make_round(feature, people), people, AGREED[:3])
    with pytest.raises(ValidationError) as refused:
        reveal(round_=round_, user=people["product"], now=NOON + HOUR)
    assert refused.value.messages == [
        "3 of the 4 functions that are needed have voted: 1 more of design, operations and customer success"
        " must say where they see it."
    ]
    with pytest.raises(ValidationError, match="1 more of"):
        reveal(round_=round_, user=people["product"], now=NOON + 9 * DAY)


def test_before_the_deadline_the_facilitator_reveals_and_after_it_any_invited_function(team):
    feature, people = team
    round_ = voted(make_round(feature, people), people)
    onlooker = make_membership(make_user(), feature, "reviewer").user
    with pytest.raises(ValidationError, match=f"{people['product']} reveals this round"):
        reveal(round_=round_, user=people["design"], now=NOON + HOUR)
    with pytest.raises(ValidationError, match="invited function"):
        reveal(round_=round_, user=onlooker, now=NOON + 3 * DAY)
    assert reveal(round_=round_, user=people["design"], now=NOON + 3 * DAY).state == "revealed"


def test_revealing_again_changes_nothing(team):
    feature, people = team
    first = revealed(feature, people)
    again = reveal(round_=first, user=people["product"], now=NOON + 5 * HOUR)
    assert again.revealed_at == first.revealed_at == NOON + 2 * HOUR


def test_the_reveal_shows_placements_medians_verdicts_and_the_measured_point(team):
    feature, people = team
    measured(feature)
    round_ = revealed(feature, people)
    report = report_of(round_, people["design"])
    assert [(each.function, each.x, each.y) for each in report.placements] == [
        (function, x, y) for function, (x, y) in zip(FUNCTIONS, AGREED, strict=True)
    ]
    assert [(axis.name, axis.verdict, axis.median) for axis in report.axes] == [
        ("Adoption", "agreed", 7.5), ("Accountability", "agreed", 3.0),
    ]  # fmt: skip
    assert report.axes[0].sentence == "Adoption: agreed, high; nobody sees it otherwise (median 7.5, from 7 to 9)."
    assert report.cell == "Borrowed trust"
    assert [(each.value, each.place) for each in report.measured] == [(61.0, 5.88), (48.0, 4.84)]


def test_the_measured_point_is_that_of_the_opening(team):
    feature, people = team
    measured(feature)
    round_ = make_round(feature, people)
    ScoreSnapshot.objects.update(value=10, low=5, high=15)
    reveal(round_=voted(round_, people), user=people["product"], now=NOON + HOUR)
    assert report_of(round_, people["design"]).measured[0].value == 61.0


# --- the second round and the end


def test_a_second_round_is_blind_again_and_both_are_kept(team):
    feature, people = team
    first = revealed(feature, people, CONTESTED)
    second = open_second(round_=first, deadline=NOON + 5 * DAY, user=people["product"], now=NOON + 3 * HOUR)
    assert (second.number, second.previous, second.functions) == (2, first, list(FUNCTIONS))
    assert report_of(second, people["design"]).placements == []
    assert len(report_of(first, people["design"]).placements) == 6
    with pytest.raises(ValidationError, match="Two rounds"):
        open_second(round_=first, deadline=NOON + 5 * DAY, user=people["product"], now=NOON + 3 * HOUR)
    with pytest.raises(ValidationError, match="A second round follows"):
        decide(round_=first, outcome=Outcome(True, "trusted", "x"), user=people["product"], now=NOON)
    voted(second, people)
    reveal(round_=second, user=people["product"], now=NOON + 4 * HOUR)
    with pytest.raises(ValidationError, match="Two rounds"):
        open_second(round_=second, deadline=NOON + 5 * DAY, user=people["product"], now=NOON + 5 * HOUR)


def test_a_debate_ends_in_a_decision_with_its_placements_as_evidence(team):
    feature, people = team
    measured(feature)
    round_ = revealed(feature, people)
    outcome = Outcome(is_agreed=True, chosen="borrowed_trust", why="Nobody answers for it")
    decision = decide(round_=round_, outcome=outcome, user=people["product"], now=NOON + DAY)
    round_.refresh_from_db()
    assert (round_.state, round_.decision) == ("decided", decision)
    assert (decision.title, decision.chosen) == ("Debate: Borrowed trust", "Borrowed trust")
    assert decision.options == ["Explore", "Borrowed trust", "Proven but unused", "Trusted"]
    assert decision.evidence["Placements"]["Design"].startswith("Adoption 9, Accountability 3 (fairly sure): ")
    assert decision.evidence["Measured"]["Adoption"] == "61 (56 to 66)"
    with pytest.raises(ValidationError, match="decided already"):
        decide(round_=round_, outcome=outcome, user=people["product"], now=NOON + DAY)


def test_what_is_contested_needs_an_owner_a_day_and_the_evidence_that_would_move(team):
    feature, people = team
    round_ = revealed(feature, people, CONTESTED)
    with pytest.raises(ValidationError) as refused:
        decide(round_=round_, outcome=Outcome(True, "trusted", "x"), user=people["product"], now=NOON)
    assert refused.value.message_dict["is_agreed"][0].startswith("Adoption is contested")
    with pytest.raises(ValidationError) as refused:
        decide(round_=round_, outcome=Outcome(False, "", " "), user=people["product"], now=NOON)
    assert set(refused.value.message_dict) == {"why", "owner", "review_on", "would_move"}
    contested = Outcome(False, "", "We differ", people["design"], (NOON + 30 * DAY).date(), "Use in two regions")
    decision = decide(round_=round_, outcome=contested, user=people["product"], now=NOON)
    assert decision.evidence["What evidence would move us"] == "Use in two regions"
    assert (decision.owner, Decision.objects.count()) == (people["design"], 1)


def test_only_the_facilitator_or_staff_close_a_round_and_never_unseen(team):
    feature, people = team
    outcome = Outcome(True, "explore", "x")
    with pytest.raises(ValidationError, match="Reveal the round first"):
        decide(round_=make_round(feature, people), outcome=outcome, user=people["product"], now=NOON)
    DebateRound.objects.all().delete()
    round_ = revealed(feature, people)
    with pytest.raises(ValidationError, match="only they, or staff, close it"):
        decide(round_=round_, outcome=outcome, user=people["design"], now=NOON)
    assert decide(round_=round_, outcome=outcome, user=make_user(is_staff=True), now=NOON).chosen == "Explore"


def test_a_feature_goes_with_its_debates_decisions_and_expectations(team):
    feature, people = team
    round_ = revealed(feature, people)
    second = open_second(round_=round_, deadline=NOON + 5 * DAY, user=people["product"], now=NOON)
    reveal(round_=voted(second, people), user=people["product"], now=NOON)
    decide(round_=second, outcome=Outcome(True, "explore", "x"), user=people["product"], now=NOON)
    make_agreed(feature, people, target=0.7, replaces=make_agreed(feature, people))
    feature.delete()
    assert not any(model.objects.exists() for model in (DebateRound, Placement, Decision, Expectation))


# --- opening


def test_one_round_over_a_quadrant_is_open_at_a_time(team):
    feature, people = team
    make_round(feature, people)
    with pytest.raises(ValidationError, match="open already"):
        make_round(feature, people)
    make_round(feature, people, quadrant="behaviour_product")


def test_a_team_smaller_than_the_quorum_can_end_its_round_after_the_deadline():
    feature = make_feature()
    ann = make_membership(feature=feature, role="product").user
    ben = make_membership(feature=feature, role="design").user
    sent = {"feature": feature, "quadrant": "adoption_accountability", "user": ann, "now": NOON}
    functions = ["product", "design", "engineering"]
    round_ = open_round(functions=functions, deadline=NOON + HOUR, quorum=3, **sent)
    place(round_=round_, function="product", user=ann, at=Place(2, 2, 2, "so"), now=NOON)
    with pytest.raises(ValidationError, match="1 of the 2 functions that are needed have voted"):
        reveal(round_=round_, user=ann, now=NOON + HOUR)
    place(round_=round_, function="design", user=ben, at=Place(2, 3, 2, "so"), now=NOON)
    with pytest.raises(ValidationError, match="2 of the 3 functions that are needed have voted"):
        reveal(round_=round_, user=ann, now=NOON)
    assert reveal(round_=round_, user=ann, now=NOON + HOUR).is_revealed


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"functions": ["product", "design"]}, "2 functions are invited: 4 of them can never be heard"),
        ({"quorum": 1}, "At least two functions"),
        ({"deadline": NOON}, "must lie ahead"),
        ({"quadrant": "mood"}, "mood"),
    ],
)
def test_a_round_that_cannot_work_is_refused_in_words(team, fields, said):
    feature, people = team
    with pytest.raises(ValidationError, match=said):
        make_round(feature, people, **fields)


def test_whoever_has_no_function_opens_no_debate_and_the_owner_does(team):
    feature, _ = team
    fields = {"functions": FUNCTIONS, "deadline": NOON + DAY, "quorum": 4, "now": NOON, "feature": feature}
    with pytest.raises(ValidationError, match="you have none"):
        open_round(quadrant="behaviour_product", user=make_membership(feature=feature).user, **fields)
    owner = make_membership(make_user(), feature, "owner").user
    assert open_round(quadrant="behaviour_product", user=owner, **fields).facilitator == owner


# --- what the database itself refuses


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"x": 10}, "on_the_board"),
        ({"y": 0}, "on_the_board"),
        ({"confidence": 4}, "on_the_board"),
        ({"function": "owner"}, "function_is_known"),
        ({"function": "product"}, "(?i)unique"),
    ],
)
def test_the_database_keeps_votes_on_the_board_and_one_for_each_function(team, change, name):
    feature, people = team
    round_ = make_round(feature, people)
    vote(round_, people, "product")
    placed = vote(round_, people, "design")
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Placement.objects.filter(pk=placed.pk).update(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "revealed"}, {"state": "decided", "revealed_at": NOON}, {"quorum": 7}, {"number": 3},
        {"number": 2}, {"deadline": NOON - timedelta(1)}, {"quadrant": "mood"},
    ],
)  # fmt: skip
def test_the_database_keeps_a_round_whole(team, change):
    feature, people = team
    round_ = make_round(feature, people)
    with pytest.raises(IntegrityError), transaction.atomic():
        DebateRound.objects.filter(pk=round_.pk).update(**change)


# --- what a debate does to the quadrants


def test_agreed_on_what_it_asks_and_gives_the_feature_is_placed_inside_that_cell(team):
    feature, people = team
    round_ = revealed(feature, people, [(3, 5)] * 6, quadrant="behaviour_product")
    outcome = Outcome(is_agreed=True, chosen="smash_hit", why="It gives more than we said")
    decision = decide(round_=round_, outcome=outcome, user=people["product"], now=NOON)
    placed = FitChange.objects.of(feature).placements().get()
    assert (placed.decision, placed.made_by) == (decision, people["product"])
    assert (placed.behaviour, placed.product, cell_of(placed).code) == (3, 6, "smash_hit")


def test_while_a_debate_is_blind_the_quadrants_do_not_show_what_it_is_about(team):
    feature, people = team
    measured(feature)
    place_change(feature=feature, behaviour=2, product=8, why="", user=people["product"], now=NOON)
    features = Feature.objects.filter(pk=feature.pk)
    (seen,) = quadrant_rows(features, now=NOON)
    assert (seen.adoption.value, seen.behaviour) == (61, 2)
    round_ = make_round(feature, people)
    make_round(feature, people, quadrant="behaviour_product")
    (blind,) = quadrant_rows(features, now=NOON)
    assert (blind.adoption.value, blind.placement, blind.trail, blind.behaviour) == (None, None, [], None)
    assert "blind" in blind.reason
    reveal(round_=voted(round_, people), user=people["product"], now=NOON)
    (shown,) = quadrant_rows(features, now=NOON)
    assert (shown.adoption.value, shown.behaviour) == (61, None)
