"""Threads on one round and on one proposal, each with a connection of its own."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from metrics.actions.checking import prepare_checks
from metrics.actions.debating import Outcome, Place, decide, open_round, place, reveal
from metrics.actions.expecting import sign, withdraw
from metrics.functions import FUNCTIONS
from metrics.models import DebateRound, Expectation, ExpectationStatus, Placement
from tests.factories import NOON, make_membership, make_user
from tests.metrics.agreements import DAY, HOUR, make_agreed, make_proposal, make_round, make_team, vote
from tests.reviews.test_claim_race import together

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="NOT TESTED: rows are locked on PostgreSQL alone"
    ),
]
HERE = Place(5, 5, 2, "At the same moment")


def refused(work):
    """What an action said no with; None where it went through."""
    try:
        work()
    except ValidationError as error:
        return error.messages[0]
    return None


def test_two_people_of_one_function_voting_at_once_leave_one_vote(transactional_db):
    feature, people = make_team()
    round_ = make_round(feature, people)
    voters = [people["design"], *(make_membership(make_user(), feature, "design").user for _ in range(7))]
    said = together(
        lambda user: refused(lambda: place(round_=round_, function="design", user=user, at=HERE, now=NOON)), voters
    )
    assert said.count(None) == Placement.objects.count() == 1
    winner = Placement.objects.get().user
    assert all(f"{winner} has voted for design already" in text for text in said if text)


def test_one_person_voting_eight_times_at_once_has_one_vote(transactional_db):
    feature, people = make_team()
    round_ = make_round(feature, people)
    said = together(
        lambda _: refused(
            lambda: place(round_=round_, function="design", user=people["design"], at=HERE, now=NOON)
        ),
        range(8),
    )
    assert said == [None] * 8
    assert Placement.objects.count() == 1


def test_no_vote_lands_after_a_reveal_at_the_same_moment(transactional_db):
    for attempt in range(5):
        feature, people = make_team()
        round_ = make_round(feature, people)
        for function in FUNCTIONS[:4]:
            vote(round_, people, function)

        def act(who, round_=round_, people=people):
            if who == "reveal":
                return refused(lambda: reveal(round_=round_, user=people["product"], now=NOON + HOUR))
            return refused(lambda: place(round_=round_, function=who, user=people[who], at=HERE, now=NOON + HOUR))

        said = dict(zip(acts := ["reveal", "operations", "customer_success"], together(act, acts), strict=True))
        round_.refresh_from_db()
        assert (said["reveal"], round_.state) == (None, "revealed"), attempt
        landed = {row.function for row in Placement.objects.of(round_)} - set(FUNCTIONS[:4])
        assert landed == {who for who in acts[1:] if said[who] is None}


def test_two_people_signing_for_one_function_at_once_leave_one_signature(transactional_db):
    feature, people = make_team()
    proposal = make_proposal(feature, people)
    signers = [people["product"], *(make_membership(make_user(), feature, "product").user for _ in range(7))]
    said = together(
        lambda user: refused(
            lambda: sign(
                expectation=Expectation.objects.get(pk=proposal.pk), user=user, function="product", p=0.5, now=NOON
            )
        ),
        signers,
    )
    assert said.count(None) == 1
    row = Expectation.objects.get()
    assert (row.state, row.product_signed_by) == ("agreed", signers[said.index(None)])
    assert all("has signed for product already" in text for text in said if text)


def test_of_a_signature_and_a_withdrawal_at_once_one_wins(transactional_db):
    feature, people = make_team()
    proposal = make_proposal(feature, people)

    def act(what):
        row = Expectation.objects.get(pk=proposal.pk)
        if what == "sign":
            return refused(
                lambda: sign(expectation=row, user=people["product"], function="product", p=0.5, now=NOON)
            )
        return refused(lambda: withdraw(expectation=row, user=people["data_science"]))

    said = together(act, ["sign", "withdraw"])
    assert said.count(None) == 1
    assert Expectation.objects.get().state == ("agreed" if said[0] is None else "withdrawn")


def test_two_renegotiations_at_once_are_one(transactional_db):
    feature, people = make_team()
    agreed = make_agreed(feature, people)
    said = together(
        lambda target: refused(lambda: make_proposal(feature, people, target=target, replaces=agreed)),
        [0.6, 0.65, 0.7, 0.75],
    )
    assert said.count(None) == Expectation.objects.filter(replaces=agreed).count() == 1


def test_two_rounds_opened_and_two_decisions_made_at_once_are_one(transactional_db):
    feature, people = make_team()
    fields = {"functions": FUNCTIONS, "deadline": NOON + DAY, "quorum": 2, "user": people["product"], "now": NOON}
    opened = together(
        lambda _: refused(lambda: open_round(feature=feature, quadrant="behaviour_product", **fields)),
        range(4),
    )
    assert opened.count(None) == DebateRound.objects.count() == 1
    round_ = DebateRound.objects.get()
    for function in ("product", "design"):
        vote(round_, people, function)
    reveal(round_=round_, user=people["product"], now=NOON)
    ended = together(
        lambda _: refused(
            lambda: decide(
                round_=round_, outcome=Outcome(True, "easy_sell", "Clear"), user=people["product"], now=NOON
            )
        ),
        range(4),
    )
    assert (ended.count(None), ended.count("This round is decided already.")) == (1, 3)


def test_two_checks_at_once_store_one_status(transactional_db):
    feature, people = make_team()
    make_agreed(feature, people)
    writes = [prepare_checks(feature=feature, now=NOON) for _ in range(4)]
    assert sorted(together(lambda write: write(), writes)) == [0, 0, 0, 1]
    assert ExpectationStatus.objects.count() == 1
