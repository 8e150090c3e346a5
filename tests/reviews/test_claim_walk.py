"""The claim at the head of a long queue: what is not theirs is walked past once, and nothing is lost by that."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feedback.models import Prediction
from reviews import claiming
from reviews.actions.claims import new_token
from reviews.actions.desk import expire_leases, release, set_policy, skip
from reviews.actions.draw import draw_received
from reviews.actions.leading import set_skills
from reviews.models import Assignment, ClaimWalk, Exclusion
from reviews.statements import rows_of
from tests.factories import NOON, make_feature, make_prediction, make_version
from tests.reviews.steps import LEASE, MINUTE, answer, claim, queue, reviewers

pytestmark = pytest.mark.django_db


@pytest.fixture
def feature():
    return make_feature("claims")


@pytest.fixture
def ann(feature):
    return reviewers(feature, 1)[0]


@pytest.fixture
def bob(feature):
    return reviewers(feature, 1)[0]


def long_queue(feature, n):
    version = make_version(feature)
    like = make_prediction(version, "first", occurred_at=NOON - MINUTE)
    Prediction.objects.bulk_create(
        Prediction(
            feature=feature,
            version=version,
            external_id=f"p{i}",
            fingerprint=-i,
            label="late",
            occurred_at=like.occurred_at,
            received_at=like.received_at,
        )
        for i in range(1, n)
    )
    set_policy(feature=feature, user=None, now=NOON, design="all")
    draw_received(now=NOON)
    return list(Assignment.objects.order_by("queue_key"))


def block(cases, reviewer):
    Exclusion.objects.bulk_create(
        Exclusion(item_id=case.item_id, reviewer=reviewer, reason="x", created_at=NOON) for case in cases
    )


def walk_of(reviewer):
    return ClaimWalk.objects.get(reviewer=reviewer)


def statements_of_a_claim(feature, reviewer):
    """What a claim sends, transactions' own words left out."""
    with CaptureQueriesContext(connection) as captured:
        case = claim(feature, reviewer)
    sent = [query["sql"] for query in captured]
    return case, [sql for sql in sent if not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]


def test_a_claim_takes_one_statement_where_one_is_enough(feature, ann):
    queue(feature)
    case, sent = statements_of_a_claim(feature, ann)
    assert case.state == "leased"
    assert len(sent) == (1 if connection.vendor == "postgresql" else 12)


def test_what_is_not_theirs_is_walked_past_once(feature, ann):
    cases = long_queue(feature, 60)
    block(cases[:50], ann)
    for n in range(3):
        case, sent = statements_of_a_claim(feature, ann)
        assert (case, walk_of(ann).queue_key) == (cases[50 + n], cases[50 + n].queue_key)
        assert len(sent) <= 15
        answer(case, ann)


def plan_nodes(plan):
    yield plan
    for inner in plan.get("Plans", []):
        yield from plan_nodes(inner)


def test_the_claim_begins_in_its_index_where_the_reviewer_was_last(feature, ann):
    cases = long_queue(feature, 3000)
    block(cases[:2500], ann)
    answer(claim(feature, ann), ann)
    if connection.vendor == "sqlite":
        with CaptureQueriesContext(connection) as captured:
            claim(feature, ann)
        (head,) = [q["sql"] for q in captured if 'queue_key" >=' in q["sql"] and q["sql"].startswith("SELECT")]
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {head}")
            plan = [row[3] for row in cursor.fetchall()]
        assert any("assignment_open (feature_id=? AND lane=? AND queue_key>?)" in line for line in plan), plan
        return
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    sql, values = claiming.statement_of(claiming.Claim(ann, feature, NOON, new_token(ann), 0.9))
    ((found,),) = rows_of(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values)
    (plan,) = json.loads(found) if isinstance(found, str) else found
    nodes = list(plan_nodes(plan["Plan"]))
    heads = [node for node in nodes if node.get("Index Name") == "assignment_open" and node["Actual Loops"]]
    touched = [
        node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in nodes if "Relation Name" in node
    ]
    assert heads
    assert not [node for node in nodes if node["Node Type"] == "Sort" and node["Actual Rows"] > 10]
    assert sum(touched) < 60


def test_what_comes_back_to_the_queue_behind_them_is_found_first(feature, ann, bob):
    first, second, *_ = queue(feature, 5)
    case = claim(feature, bob)
    answer(claim(feature, ann), ann)
    assert case == first
    release(assignment_id=case.pk, token=case.lease_token, reviewer=bob)
    assert claim(feature, ann) == first
    assert second.pk != first.pk


@pytest.mark.parametrize("how", ["expiry", "skip"])
def test_so_is_what_expired_or_was_skipped(feature, ann, bob, how):
    first, *_ = queue(feature, 5)
    case = claim(feature, bob)
    answer(claim(feature, ann), ann)
    if how == "expiry":
        expire_leases(NOON + LEASE)
    else:
        skip(assignment_id=case.pk, token=case.lease_token, reviewer=bob, reason="biased", now=NOON)
    assert claim(feature, ann) == first


def test_what_is_drawn_behind_them_is_found_first(feature, ann):
    queue(feature, 30)
    for _ in range(15):
        answer(claim(feature, ann), ann)
    at = walk_of(ann).queue_key
    version = make_version(feature)
    for i in range(30):
        make_prediction(version, f"fresh-{i}", occurred_at=NOON)
    draw_received(now=NOON + MINUTE)
    smallest = Assignment.objects.filter(state="open").order_by("queue_key").first()
    assert smallest.queue_key < at
    assert claim(feature, ann) == smallest


def test_a_claim_under_way_when_something_comes_back_does_not_walk_on(feature, ann):
    first, *_ = queue(feature, 5)
    answer(claim(feature, ann), ann)
    walk = walk_of(ann)
    claiming.rewind(feature_id=feature.pk, queue_key=first.queue_key / 2)
    moved = ClaimWalk.objects.filter(pk=walk.pk, n_rewinds=walk.n_rewinds).update(queue_key=99.0)
    assert (moved, walk_of(ann).queue_key) == (0, first.queue_key / 2)


def test_with_nothing_left_beyond_the_whole_queue_is_looked_at(feature, ann):
    first, *_ = queue(feature, 2)
    Exclusion.objects.create(item=first.item, reviewer=ann, reason="x", created_at=NOON)
    answer(claim(feature, ann), ann)
    Exclusion.objects.all().delete()
    assert walk_of(ann).queue_key > first.queue_key
    assert claim(feature, ann) == first


def test_a_case_that_needs_a_skill_goes_to_who_has_it(feature, ann, bob):
    segments = [{"language": "de"}, {"language": "fr"}, {}]
    cases = queue(feature, 3, segments=segments, skill_segment="language")
    assert sorted(case.skill for case in cases) == ["", "de", "fr"]
    assert set_skills(feature=feature, reviewer=bob, tags=["fr", " ", "fr"]) == ["fr"]
    got = []
    for who in (ann, bob):
        while (case := claim(feature, who)) is not None:
            got.append((who, case.skill))
            answer(case, who)
    assert got == [(ann, ""), (bob, "fr")]
    set_skills(feature=feature, reviewer=ann, tags=["de"])
    assert claim(feature, ann).skill == "de"


def test_a_case_whose_skill_nobody_else_has_needs_a_lead_when_skipped(feature, ann, bob):
    (case,) = queue(feature, 1, segments=[{"language": "de"}], skill_segment="language")
    set_skills(feature=feature, reviewer=ann, tags=["de"])
    held = claim(feature, ann)
    skip(assignment_id=held.pk, token=held.lease_token, reviewer=ann, reason="unclear", now=NOON)
    case.item.refresh_from_db()
    assert case.item.state == "needs_lead"
