"""Expectations: two people of two functions agree, and nothing that was agreed is ever changed."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from metrics.actions.expecting import promises, propose, sign, withdraw
from metrics.expectation_reading import expectations_page
from metrics.models import Expectation, ExpectationStatus
from metrics.overview import agreed_of
from tests.factories import NOON, make_membership, make_user, make_version
from tests.metrics.agreements import DAY, HOUR, make_agreed, make_proposal, make_team, make_terms

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_team()


def page_of(feature):
    from feedback.models import Feature

    return expectations_page(feature, visible=Feature.objects.all())


# --- signing


def test_a_proposal_is_signed_by_whoever_makes_it_and_agreed_when_the_other_function_signs(team):
    feature, people = team
    proposal = make_proposal(feature, people, p=0.9)
    assert (proposal.state, proposal.p_data_science, proposal.product_signed_by) == ("proposed", 0.9, None)
    agreed = sign(expectation=proposal, user=people["product"], function="product", p=0.6, now=NOON + HOUR)
    assert (agreed.state, agreed.p_product, agreed.product_signed_by) == ("agreed", 0.6, people["product"])


def test_the_owner_counts_as_product(team):
    feature, people = team
    owner = make_membership(make_user(), feature, "owner").user
    agreed = sign(expectation=make_proposal(feature, people), user=owner, function="product", p=0.5, now=NOON)
    assert (agreed.state, agreed.product_signed_by) == ("agreed", owner)


def test_the_same_person_does_not_sign_for_both_functions(team):
    feature, people = team
    make_membership(people["data_science"], feature, "product")
    proposal = make_proposal(feature, people)
    with pytest.raises(ValidationError, match=r"You have signed for data science: a second person must sign"):
        sign(expectation=proposal, user=people["data_science"], function="product", p=0.5, now=NOON)
    proposal.refresh_from_db()
    assert proposal.state == "proposed"


@pytest.mark.parametrize(
    ("who", "function", "said"),
    [
        ("design", "product", "You are of neither"),
        ("data_science", "product", "You do not sign for product: your function here is data science"),
        ("product", "design", "You do not sign for this function"),
    ],
)
def test_nobody_signs_for_a_function_that_they_do_not_have(team, who, function, said):
    feature, people = team
    proposal = make_proposal(feature, people)
    with pytest.raises(ValidationError, match=said):
        sign(expectation=proposal, user=people[who], function=function, p=0.5, now=NOON)


def test_staff_without_a_function_sign_nothing(team):
    feature, people = team
    with pytest.raises(ValidationError, match="You are of neither"):
        sign(
            expectation=make_proposal(feature, people), user=make_user(is_staff=True), function="product", p=0.5,
            now=NOON,
        )  # fmt: skip


def test_a_second_person_of_the_same_function_is_told_who_has_signed(team):
    feature, people = team
    make_agreed(feature, people)
    second = make_membership(make_user(), feature, "product").user
    with pytest.raises(ValidationError, match=f"{people['product']} has signed for product already"):
        sign(expectation=Expectation.objects.get(), user=second, function="product", p=0.1, now=NOON)
    assert Expectation.objects.get().p_product == 0.7


def test_a_withdrawn_proposal_cannot_be_signed_nor_an_agreed_one_withdrawn(team):
    feature, people = team
    proposal = make_proposal(feature, people)
    withdraw(expectation=proposal, user=people["product"])
    with pytest.raises(ValidationError, match="was withdrawn"):
        sign(expectation=proposal, user=people["product"], function="product", p=0.5, now=NOON)
    agreed = make_agreed(feature, people)
    with pytest.raises(ValidationError, match="Only a proposal can be withdrawn"):
        withdraw(expectation=agreed, user=people["product"])
    with pytest.raises(ValidationError, match="You are of neither"):
        withdraw(expectation=agreed, user=people["design"])


@pytest.mark.parametrize(
    "terms",
    [
        {"target": 1.2}, {"target": -0.1}, {"metric": "latency_p95_ms", "target": 0.0},
        {"metric": "adoption", "target": 101.0}, {"by_on": NOON.date()}, {"why": " "}, {"metric": "mae"},
    ],
)  # fmt: skip
def test_terms_that_do_not_fit_are_refused_in_words(team, terms):
    feature, people = team
    with pytest.raises(ValidationError):
        make_proposal(feature, people, **terms)
    assert not Expectation.objects.exists()


def test_a_version_of_another_feature_is_refused(team):
    feature, people = team
    with pytest.raises(ValidationError, match="of another feature"):
        make_proposal(feature, people, version=make_version())


# --- renegotiating


def test_renegotiating_keeps_the_chain_and_says_how_often_the_goalpost_moved(team):
    feature, people = team
    first = make_agreed(feature, people, target=0.9)
    second = make_agreed(feature, people, target=0.85, replaces=first, why="A new region", now=NOON + DAY)
    third = make_agreed(feature, people, target=0.8, replaces=second, why="Winter", now=NOON + 2 * DAY)
    (report,) = page_of(feature).in_force
    assert (report.id, report.n_moved) == (third.pk, 2)
    assert [(link.target, link.why_moved) for link in report.moved] == [(0.85, "Winter"), (0.9, "A new region")]
    assert [row.state for row in Expectation.objects.order_by("pk")] == ["replaced", "replaced", "agreed"]


def test_what_is_agreed_stays_in_force_until_its_replacement_is_signed(team):
    feature, people = team
    first = make_agreed(feature, people, target=0.9)
    make_proposal(feature, people, target=0.8, replaces=first)
    assert [report.id for report in page_of(feature).in_force] == [first.pk]
    with pytest.raises(ValidationError, match="Another proposal to replace this one is there already"):
        make_proposal(feature, people, by="product", target=0.7, replaces=first)


def test_an_agreed_metric_cannot_be_promised_anew_beside_its_chain(team):
    feature, people = team
    first = make_agreed(feature, people)
    with pytest.raises(ValidationError, match="renegotiate that one"):
        make_proposal(feature, people, target=0.7)
    with pytest.raises(ValidationError, match="Only an agreed expectation"):
        make_proposal(feature, people, target=0.7, replaces=make_proposal(feature, people, metric="recall"))
    other, others = make_team()
    with pytest.raises(ValidationError, match="Only an agreed expectation of this feature"):
        make_proposal(other, others, target=0.7, replaces=first)


def test_of_two_proposals_on_one_metric_only_one_becomes_agreed(team):
    feature, people = team
    one, other = make_proposal(feature, people), make_proposal(feature, people, target=0.7)
    sign(expectation=one, user=people["product"], function="product", p=0.5, now=NOON)
    with pytest.raises(ValidationError, match="renegotiate that one"):
        sign(expectation=other, user=people["product"], function="product", p=0.5, now=NOON)
    assert [row.state for row in Expectation.objects.order_by("pk")] == ["agreed", "proposed"]


# --- what the database itself refuses


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda people: {"product_signed_by": people["data_science"]}, "two_people_sign"),
        (lambda people: {"product_signed_by": None, "product_signed_at": None, "p_product": None}, "by_both"),
        (lambda people: {"p_product": 1.5}, "chances_are"),
        (lambda people: {"p_product": None}, "signature_has"),
        (lambda people: {"target": 7}, "target_fits"),
        (lambda people: {"state": "sure"}, "state_is_known"),
        (lambda people: {"state": "withdrawn"}, "withdrawn_by"),
    ],
)
def test_the_database_refuses_what_breaks_an_agreement(team, change, name):
    feature, people = team
    agreed = make_agreed(feature, people)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Expectation.objects.filter(pk=agreed.pk).update(**change(people))


def test_the_database_refuses_a_second_successor_and_a_second_one_in_force(team):
    feature, people = team
    first = make_agreed(feature, people)
    fields = {
        "feature": feature, "metric": "accuracy", "direction": "at_least", "target": 0.5, "by_on": NOON.date(),
        "why": "x", "proposed_by": people["product"], "proposed_at": NOON,
    }  # fmt: skip
    Expectation.objects.create(**fields, replaces=first)
    with pytest.raises(IntegrityError), transaction.atomic():
        Expectation.objects.create(**fields, replaces=first)
    both = {
        f"{function}_signed_{what}": value
        for function in ("product", "data_science")
        for what, value in (("by", people[function]), ("at", NOON))
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Expectation.objects.create(**fields, **both, state="agreed", p_product=0.5, p_data_science=0.5)


def test_a_status_without_a_value_decides_nothing(team):
    feature, people = team
    agreed = make_agreed(feature, people)
    with pytest.raises(IntegrityError, match="decides_only"), transaction.atomic():
        ExpectationStatus.objects.create(expectation=agreed, status="met", since=NOON, checked_at=NOON)


# --- what others read


def test_promises_are_the_agreed_ones_with_their_chance(team):
    feature, people = team
    agreed = make_agreed(feature, people)
    make_proposal(feature, people, metric="recall")
    (promise,) = promises(feature, now=NOON)
    assert (promise.expectation_id, promise.status, promise.p_met) == (agreed.pk, "unknown", None)
    assert promise.sentence == "Nobody can say yet how often it is right; product and data science agreed on 80."
    (promise,) = promises(feature, now=NOON + 31 * DAY)
    assert (promise.status, promise.p_met) == ("expired", 0.0)


def test_the_sentence_says_what_was_found_and_what_was_agreed(team):
    feature, people = team
    agreed = make_agreed(feature, people)
    found = {"value": 0.82, "low": 0.78, "high": 0.86, "p_met": 0.9, "n": 640}
    ExpectationStatus.objects.create(expectation=agreed, status="not_sure", since=NOON, checked_at=NOON, **found)
    assert promises(feature, now=NOON)[0].sentence == (
        "Of 100 answers about 82 (78 to 86) are right; product and data science agreed on 80."
    )


def test_what_is_over_cannot_be_signed_with_hindsight():
    feature, people = make_team()
    proposal = make_proposal(feature, people)
    later = NOON + 31 * DAY
    with pytest.raises(ValidationError, match="Its day has passed"):
        sign(expectation=proposal, user=people["product"], function="product", p=0.99, now=later)
    assert Expectation.objects.get().state == "proposed"


@pytest.mark.parametrize("part", [{"segment": "origin:JFK"}, {"version": True}])
def test_adoption_is_promised_of_the_whole_feature_alone(part):
    feature, people = make_team()
    terms = {"version": make_version(feature)} if "version" in part else part
    with pytest.raises(ValidationError, match="scored for the whole feature"):
        make_proposal(feature, people, metric="adoption", target=60, baseline=None, **terms)


def test_the_dashed_line_is_the_agreed_accuracy_of_all_traffic():
    feature, people = make_team()
    make_agreed(feature, people, target=0.7)
    make_agreed(feature, people, target=0.5, segment="origin:JFK")
    agreed = agreed_of(feature, now=NOON)
    assert (agreed.target, len(agreed.promises)) == (0.7, 2)


def test_proposing_takes_one_of_the_two_functions():
    feature, people = make_team()
    with pytest.raises(ValidationError, match="You are of neither"):
        propose(feature=feature, terms=make_terms(), user=people["design"], function="product", p=0.5, now=NOON)
    with pytest.raises(ValidationError, match="chance"):
        make_proposal(feature, people, p=1.5)


# --- the record of each function


def resolve(feature, people, *, n, said, is_met, first=0):
    """n promises on parts of the traffic whose day has passed."""
    for i in range(first, first + n):
        row = make_agreed(feature, people, segment=f"part:{i}", p=said, p_product=0.5)
        ExpectationStatus.objects.create(
            expectation=row, status="met" if is_met else "broken", since=NOON, checked_at=NOON, value=0.8
        )
        Expectation.objects.filter(pk=row.pk).update(resolved_at=NOON)


def test_a_record_begins_with_the_twentieth_resolved_promise(team):
    feature, people = team
    resolve(feature, people, n=12, said=0.8, is_met=True)
    make_agreed(feature, people)  # not resolved
    before = page_of(feature).calibration
    assert [(record.function, record.sentence, record.brier) for record in before] == [
        ("data_science", "12 of 20 resolved", None),
        ("product", "12 of 20 resolved", None),
    ]
    resolve(feature, people, n=8, said=0.8, is_met=False, first=12)
    science, product = page_of(feature).calibration
    assert science.brier == pytest.approx((12 * 0.04 + 8 * 0.64) / 20)
    assert science.sentence == "It said 80 of 100 would be met, 60 of 100 were (20 resolved)."
    assert product.brier == 0.25


def test_expired_ones_are_in_no_record_and_a_record_counts_only_what_one_sees(team):
    from feedback.models import Feature

    feature, people = team
    resolve(feature, people, n=1, said=0.8, is_met=True)
    expired = make_agreed(feature, people)
    ExpectationStatus.objects.create(expectation=expired, status="expired", since=NOON, checked_at=NOON)
    Expectation.objects.filter(pk=expired.pk).update(resolved_at=NOON)
    other, others = make_team()
    resolve(other, others, n=1, said=0.8, is_met=True)
    mine = expectations_page(feature, visible=Feature.objects.visible_to(people["design"]))
    assert mine.calibration[0].n_resolved == 1
    assert page_of(feature).calibration[0].n_resolved == 2
