"""One opinion, two, a decision, an audit; gold and targeted items beside them; answers given blind."""

from random import Random

import pytest

from reviews.actions.answers import checked
from reviews.actions.desk import (
    adjudicated_by,
    claim_decision,
    give_own_answer,
    revise,
    set_policy,
    set_rubric,
    skip,
    undo,
)
from reviews.actions.draw import draw_received
from reviews.actions.leading import make_gold, stock_gold, target, void
from reviews.draw import luck, overlap_luck
from reviews.errors import LeaseLost, Refused
from reviews.models import Assignment, GoldReference, Judgment, ReviewItem
from tests.factories import NOON, make_feature, make_membership, make_outcome, make_prediction
from tests.reviews.steps import MINUTE, answer, claim, item_of, queue, reviewers

pytestmark = pytest.mark.django_db
WRONG = {"verdict": "wrong", "corrected": "lost"}


class Coin(Random):
    """Always falls on this side."""

    def __init__(self, side):
        super().__init__()
        self.side = side

    def random(self):
        return self.side


GOLD, NO_GOLD = Coin(0.0), Coin(0.999)


@pytest.fixture
def feature():
    return make_feature("claims")


@pytest.fixture
def raters(feature):
    return reviewers(feature, 2)


@pytest.fixture
def judge(feature):
    return reviewers(feature, 1, "adjudicator")[0]


def both_say(feature, raters, first, second, **policy):
    """A case on which two gave these answers."""
    case, _ = queue(feature, 1, **{"overlap_share": 1.0, "audit_share": 0.0, **policy})
    pairs = zip(raters, (first, second), strict=True)
    return case, [answer(claim(feature, who), who, **said) for who, said in pairs]


def decide(case, judge, **entered):
    return answer(case, judge, **{"comment": "see the receipt", **entered})


# --- the share of second opinions


def test_second_opinions_are_drawn_with_the_share_as_their_probability(feature):
    queue(feature, 400, overlap_share=0.25)
    n = ReviewItem.objects.filter(n_opinions=2).count()
    assert n == pytest.approx(100, abs=4 * (400 * 0.25 * 0.75) ** 0.5)  # four standard errors
    assert Assignment.objects.count() == 400 + n
    for item in ReviewItem.objects.select_related("prediction"):
        u = overlap_luck(
            slug="claims", external_id=item.prediction.external_id, salt=feature.sampling_salt.encode()
        )
        assert item.n_opinions == (2 if u < 0.25 else 1)


def test_second_opinions_lie_all_along_the_queue():
    salt, ids = b"s" * 64, [f"p{i}" for i in range(4000)]
    first = sum(
        overlap_luck(slug="f", external_id=i, salt=salt) < 0.25
        for i in ids
        if luck(slug="f", external_id=i, salt=salt) > 0.5
    )
    assert first == pytest.approx(500, abs=4 * (2000 * 0.25 * 0.75) ** 0.5)  # four standard errors


# --- settling


def test_one_of_two_opinions_leaves_the_item_in_review(feature, raters):
    case, _ = queue(feature, 1, overlap_share=1.0)
    answer(claim(feature, raters[0]), raters[0])
    assert (item_of(case).state, item_of(case).verdict) == ("in_review", "")
    assert claim(feature, raters[0]) is None


def test_the_two_opinions_on_an_item_are_of_two_people(feature, raters):
    queue(feature, 1, overlap_share=1.0)
    first, second = (claim(feature, each) for each in raters)
    assert (first.item_id, first.pk) != (second.item_id, second.pk)
    assert first.item_id == second.item_id


def test_two_that_agree_make_the_item_final(feature, raters):
    case, _ = both_say(feature, raters, WRONG, WRONG)
    item = item_of(case)
    assert (item.state, item.verdict, item.truth) == ("final", "wrong", "lost")
    assert not Assignment.objects.to_decide().exists()


@pytest.mark.parametrize("second", [{}, {"verdict": "wrong", "corrected": "on_time"}, {"verdict": "cannot_judge"}])
def test_two_that_disagree_need_an_adjudication(feature, raters, second):
    case, _ = both_say(feature, raters, WRONG, second)
    assert (item_of(case).state, item_of(case).verdict) == ("needs_adjudication", "")
    decision = Assignment.objects.get(lane="adjudication")
    assert (decision.state, decision.ordinal, decision.item_id) == ("open", 3, case.item_id)


def test_with_nobody_left_for_the_second_opinion_the_item_needs_a_lead(feature):
    (ann,) = reviewers(feature, 1)
    case, _ = queue(feature, 1, overlap_share=1.0)
    answer(claim(feature, ann), ann)
    assert item_of(case).state == "needs_lead"
    (bob,) = reviewers(feature, 1)
    answer(claim(feature, bob), bob)
    assert item_of(case).state == "final"


def test_an_item_settled_by_two_is_not_undone_by_one(feature, raters):
    case, (first, second) = both_say(feature, raters, {}, {})
    for judgment, rater in zip((first, second), raters, strict=True):
        with pytest.raises(Refused, match="another opinion"):
            undo(judgment_id=judgment.pk, reviewer=rater, now=NOON)
        with pytest.raises(Refused, match="another opinion"):
            revise(judgment_id=judgment.pk, reviewer=rater, now=NOON, idempotency_key="k2", **WRONG)
    assert item_of(case).state == "final"


def test_before_the_second_opinion_the_first_can_be_undone(feature, raters):
    case, _ = queue(feature, 1, overlap_share=1.0)
    judgment = answer(claim(feature, raters[0]), raters[0])
    again = undo(judgment_id=judgment.pk, reviewer=raters[0], now=NOON)
    answer(again, raters[0], key="k2", **WRONG)
    answer(claim(feature, raters[1]), raters[1])
    assert item_of(case).state == "needs_adjudication"


# --- adjudication and audit


def test_the_adjudicators_answer_is_final_be_it_a_third_one(feature, raters, judge):
    case, _ = both_say(feature, raters, WRONG, {})
    decision = claim_decision(adjudicator=judge, features=[feature], now=NOON)
    assert claim_decision(adjudicator=judge, features=[feature], now=NOON) == decision
    decide(decision, judge, verdict="partly", corrected="on_time")
    item = item_of(case)
    assert (item.state, item.verdict, item.truth) == ("final", "partly", "on_time")
    assert claim_decision(adjudicator=judge, features=[feature], now=NOON) is None


def test_an_adjudicator_must_say_why(feature, raters, judge):
    case, _ = both_say(feature, raters, WRONG, {})
    decision = claim_decision(adjudicator=judge, features=[feature], now=NOON)
    with pytest.raises(Refused) as refused:
        decide(decision, judge, comment=" ")
    assert list(refused.value.errors) == ["comment"]
    assert item_of(case).state == "needs_adjudication"


def test_a_rater_who_is_an_adjudicator_too_does_not_decide_on_their_own(feature, raters, judge):
    make_membership(raters[0], feature, "adjudicator")
    both_say(feature, raters, WRONG, {})
    assert adjudicated_by(raters[0]) == [feature]
    assert claim_decision(adjudicator=raters[0], features=[feature], now=NOON) is None
    assert claim_decision(adjudicator=judge, features=[feature], now=NOON) is not None


def test_decisions_never_come_among_the_cases_to_judge(feature, raters, judge):
    both_say(feature, raters, WRONG, {})
    assert claim(feature, judge) is None
    decision = claim_decision(adjudicator=judge, features=[feature], now=NOON)
    assert decision.lane == "adjudication"
    assert claim(feature, judge) is None


def test_a_decision_can_be_undone_and_made_again(feature, raters, judge):
    case, _ = both_say(feature, raters, WRONG, {})
    judgment = decide(claim_decision(adjudicator=judge, features=[feature], now=NOON), judge)
    again = undo(judgment_id=judgment.pk, reviewer=judge, now=NOON)
    assert item_of(case).state == "needs_adjudication"
    decide(again, judge, key="k2", **WRONG)
    assert (item_of(case).state, item_of(case).truth) == ("final", "lost")


def test_a_skipped_decision_is_for_another_adjudicator(feature, raters, judge):
    both_say(feature, raters, WRONG, {})
    decision = claim_decision(adjudicator=judge, features=[feature], now=NOON)
    skip(assignment_id=decision.pk, token=decision.lease_token, reviewer=judge, reason="biased", now=NOON)
    assert claim_decision(adjudicator=judge, features=[feature], now=NOON) is None
    (other,) = reviewers(feature, 1, "adjudicator")
    assert claim_decision(adjudicator=other, features=[feature], now=NOON) == decision


def test_a_share_of_those_who_agree_is_audited_and_the_item_stays_as_it_is(feature, raters, judge):
    case, _ = both_say(feature, raters, {}, {}, audit_share=1.0)
    before = item_of(case)
    audit = claim_decision(adjudicator=judge, features=[feature], now=NOON)
    decide(audit, judge, **WRONG)
    after = item_of(case)
    assert (audit.lane, before.state) == ("audit", "final")
    assert (after.verdict, after.truth, after.final_at) == (before.verdict, before.truth, before.final_at)


def test_a_voided_opinion_takes_the_decision_with_it(feature, raters, judge):
    case, _ = both_say(feature, raters, WRONG, {})
    decide(claim_decision(adjudicator=judge, features=[feature], now=NOON), judge)
    rated = Assignment.objects.get(item=case.item_id, reviewer=raters[0])
    fresh = void(assignment_id=rated.pk, lead=judge, reason="old guideline", now=NOON)
    assert Assignment.objects.get(lane="adjudication").state == "void"
    assert (item_of(case).state, item_of(case).truth) == ("in_review", "")
    (cleo,) = reviewers(feature, 1)
    assert claim(feature, cleo) == fresh


# --- gold


def adjudicated(feature, raters, judge):
    """A prediction of which an adjudicator has said that it was lost."""
    case, _ = both_say(feature, raters, WRONG, {})
    decide(claim_decision(adjudicator=judge, features=[feature], now=NOON), judge, **WRONG)
    return item_of(case).prediction


def test_a_gold_item_comes_when_the_coin_says_so_once_to_each_and_settles_nothing(feature, raters, judge):
    prediction = adjudicated(feature, raters, judge)
    cleo, dora = reviewers(feature, 2)
    reference = make_gold(prediction=prediction, lead=judge, now=NOON)
    assert (reference.truth, reference.source) == ("lost", "adjudicated")
    assert make_gold(prediction=prediction, lead=judge, now=NOON) == reference
    queue(feature, 3, gold_share=0.1)
    for who in (cleo, dora):
        assert claim(feature, who, rng=NO_GOLD).lane == "opinion"
        answer(claim(feature, who), who)
        gold = claim(feature, who, rng=GOLD)
        assert (gold.lane, gold.item_id) == ("gold", reference.item_id)
        answer(gold, who)
    assert claim(feature, cleo, rng=GOLD).lane == "opinion"
    assert (reference.item.state, ReviewItem.objects.get(arm="gold").state) == ("open", "open")


def test_who_has_met_the_prediction_before_is_not_tried_by_it(feature, raters, judge):
    make_gold(prediction=adjudicated(feature, raters, judge), lead=judge, now=NOON)
    queue(feature, 3, gold_share=0.1)
    assert {claim(feature, who, rng=GOLD).lane for who in [*raters, judge]} == {"opinion"}


def test_truth_that_arrived_makes_gold_too(feature, judge):
    queue(feature, 2)
    right, wrong = (item.prediction for item in ReviewItem.objects.order_by("pk"))
    make_outcome(right, truth="late")
    make_outcome(wrong, truth="lost")
    assert make_gold(prediction=right, lead=judge, now=NOON).verdict == "right"
    assert make_gold(prediction=wrong, lead=judge, now=NOON).verdict == "wrong"


def test_an_answer_nobody_knows_is_no_gold(feature, judge):
    queue(feature, 1)
    with pytest.raises(Refused):
        make_gold(prediction=ReviewItem.objects.get().prediction, lead=judge, now=NOON)
    assert not GoldReference.objects.exists()


def test_gold_is_stocked_for_who_joins_later(feature, judge):
    queue(feature, 1)
    prediction = ReviewItem.objects.get().prediction
    make_outcome(prediction, truth="late")
    make_gold(prediction=prediction, lead=judge, now=NOON)
    reviewers(feature, 2)
    assert (stock_gold(feature), stock_gold(feature)) == (2, 0)


# --- targeted


def test_targeted_items_come_first_and_at_most_every_second_time(feature):
    (ann,) = reviewers(feature, 1)
    version = queue(feature, 3)[0].item.version
    for i in range(3):
        target(prediction=make_prediction(version, f"t{i}", occurred_at=NOON + MINUTE), now=NOON)
    lanes = []
    while (case := claim(feature, ann)) is not None:
        lanes.append(case.lane)
        answer(case, ann)
    assert lanes == ["targeted", "opinion"] * 3


def test_with_nothing_else_left_targeted_items_follow_each_other(feature):
    (ann,) = reviewers(feature, 1)
    version = queue(feature, 1)[0].item.version
    answer(claim(feature, ann), ann)
    for i in range(2):
        target(prediction=make_prediction(version, f"t{i}", occurred_at=NOON + MINUTE), now=NOON)
    assert [answer(claim(feature, ann), ann).assignment.lane for _ in range(2)] == ["targeted"] * 2


def test_a_targeted_item_is_one_and_counts_in_no_probability_sample(feature):
    (ann,) = reviewers(feature, 1)
    queue(feature, 1)
    (item,) = ReviewItem.objects.all()
    first, is_new = target(prediction=item.prediction, now=NOON)
    assert is_new
    assert target(prediction=item.prediction, now=NOON) == (first, False)
    answer(claim(feature, ann), ann)
    assert ReviewItem.objects.get(arm="targeted").state == "final"
    assert list(ReviewItem.objects.in_probability_sample()) == [item]


# --- blind


def own(case, reviewer, said):
    return give_own_answer(assignment_id=case.pk, token=case.lease_token, reviewer=reviewer, own_answer=said)


def test_blind_the_own_answer_comes_first_and_both_are_kept(feature, raters):
    queue(feature, 1, is_blind=True)
    case = claim(feature, raters[0])
    with pytest.raises(Refused) as refused:
        answer(case, raters[0])
    assert list(refused.value.errors) == ["own_answer"]
    own(case, raters[0], "lost")
    assert own(case, raters[0], "on_time").own_answer == "lost"
    judgment = answer(case, raters[0])
    assert (judgment.own_answer, judgment.verdict) == ("lost", "right")


@pytest.mark.parametrize("said", ["", "never", "x" * 201])
def test_an_own_answer_is_one_of_the_labels(feature, raters, said):
    queue(feature, 1, is_blind=True)
    case = claim(feature, raters[0])
    with pytest.raises(Refused):
        own(case, raters[0], said)


def test_an_own_answer_is_the_holders(feature, raters):
    queue(feature, 1, is_blind=True)
    case = claim(feature, raters[0])
    with pytest.raises(LeaseLost):
        own(case, raters[1], "lost")


def test_after_an_undo_the_own_answer_stays_what_it_was(feature, raters):
    queue(feature, 1, is_blind=True)
    case = claim(feature, raters[0])
    own(case, raters[0], "lost")
    again = undo(judgment_id=answer(case, raters[0]).pk, reviewer=raters[0], now=NOON)
    assert own(again, raters[0], "late").own_answer == "lost"


def test_the_next_reviewer_of_a_blind_case_starts_blind(feature, raters):
    queue(feature, 1, is_blind=True)
    case = claim(feature, raters[0])
    own(case, raters[0], "lost")
    assert claim(feature, raters[1], now=NOON + 20 * MINUTE).own_answer == ""


# --- the rubric


QUESTIONS = [
    {"code": "damage", "label": "Damage", "kind": "choice", "options": ["none", "some"], "is_required": True},
    {"code": "euro", "label": "Euro", "kind": "number"},
    {"code": "note", "label": "Note", "kind": "text"},
]


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({}, "answers.damage"),
        ({"damage": "huge"}, "answers.damage"),
        ({"damage": "some", "euro": "much"}, "answers.euro"),
        ({"damage": "some", "euro": "inf"}, "answers.euro"),
        ({"damage": "some", "note": "x" * 2001}, "answers.note"),
        ({"damage": "some", "unasked": "1"}, "answers"),
    ],
)
def test_an_answer_that_the_rubric_does_not_take_is_refused_by_name(feature, raters, answers, field):
    set_rubric(feature=feature, now=NOON, questions=QUESTIONS)
    queue(feature, 1)
    with pytest.raises(Refused) as refused:
        answer(claim(feature, raters[0]), raters[0], answers=answers)
    assert list(refused.value.errors) == [field]
    assert not Judgment.objects.exists()


def test_what_the_rubric_asks_is_kept_with_the_judgment(feature, raters):
    set_rubric(feature=feature, now=NOON, questions=QUESTIONS)
    queue(feature, 1)
    case, answers = claim(feature, raters[0]), {"damage": "some", "euro": "12.5", "note": " "}
    judgment = answer(case, raters[0], answers=answers)
    assert judgment.answers == {"damage": "some", "euro": 12.5}


def test_a_guideline_changed_meanwhile_is_said(feature, raters):
    old = set_rubric(feature=feature, now=NOON, guideline="Be strict.")
    queue(feature, 1)
    case = claim(feature, raters[0])
    new = set_rubric(feature=feature, now=NOON, guideline="Be kind.")
    with pytest.raises(Refused, match="guideline was changed"):
        answer(case, raters[0], rubric=old.number)
    assert answer(case, raters[0], rubric=new.number).rubric == new


def test_a_verdict_that_the_rubric_leaves_out_is_refused(feature, raters):
    rubric = set_rubric(feature=feature, now=NOON, verdicts=["right", "wrong"])
    queue(feature, 1)
    case = claim(feature, raters[0])
    with pytest.raises(Refused):
        checked({"verdict": "cannot_judge"}, case, rubric)
    assert checked({"verdict": "right"}, case, rubric)["verdict"] == "right"


def test_a_redraw_keeps_the_number_of_opinions(feature):
    queue(feature, 20, overlap_share=0.5)
    before = sorted(Assignment.objects.values_list("item", "ordinal"))
    set_policy(feature=feature, user=None, now=NOON, overlap_share=1.0)
    assert draw_received(now=NOON + MINUTE) == 0
    assert sorted(Assignment.objects.values_list("item", "ordinal")) == before
