"""Threads on one queue, each with a connection of its own; on SQLite they need a file to meet in."""

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from urllib.parse import quote

import pytest
from django.db import connection, connections

from config.processes import end_with_parent
from feedback.models import Prediction
from reviews.actions.desk import claim_next, release, set_policy, submit
from reviews.actions.draw import draw_received
from reviews.errors import LeaseLost
from reviews.models import Assignment, Judgment, ReviewItem
from tests.factories import NOON, make_feature, make_membership, make_prediction, make_user, make_version
from tests.faults.installation import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def feature(shared_database):
    feature = make_feature("claims")
    set_policy(feature=feature, user=None, now=NOON, design="all")
    return feature


def fill(feature, n):
    version = make_version(feature)
    for i in range(n):
        make_prediction(version, f"p{i}", occurred_at=NOON)


def together(work, arguments):
    """Do work(argument) for each, all at the same moment; answers in the order of the arguments."""
    start = Barrier(len(arguments))

    def one(argument):
        try:
            start.wait()
            return work(argument)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(one, arguments))


def later(n=1):
    return NOON.replace(hour=12 + n)


def test_twenty_reviewers_of_twelve_cases_get_twelve_different_ones(feature):
    fill(feature, 12)
    draw_received(now=later())
    people = [make_membership(make_user(), feature).user for _ in range(20)]
    claimed = together(lambda person: claim_next(reviewer=person, features=[feature], now=later()), people)
    got = [assignment.pk for assignment in claimed if assignment]
    assert len(got) == len(set(got)) == 12
    assert Assignment.objects.filter(state="leased").count() == 12
    assert ReviewItem.objects.filter(state="in_review").count() == 12


def test_fifty_claims_of_forty_cases_take_forty_and_no_item_twice(feature):
    """F17: twenty items of two opinions each, and the two are never of one person."""
    set_policy(feature=feature, user=None, now=NOON, overlap_share=1.0)
    fill(feature, 20)
    draw_received(now=later())
    people = [make_membership(make_user(), feature).user for _ in range(50)]
    claimed = together(lambda person: claim_next(reviewer=person, features=[feature], now=later()), people)
    got = [assignment for assignment in claimed if assignment]
    assert len({assignment.pk for assignment in got}) == len(got) == 40
    held = Assignment.objects.filter(state="leased").values_list("item", "reviewer")
    assert len(set(held)) == 40


def test_reviewers_at_once_finish_every_case_and_no_item_has_more_judgments_than_were_asked_for(feature):
    """Claims and submits by eight people until nothing is left; each item with its number, of different people."""
    set_policy(feature=feature, user=None, now=NOON, overlap_share=0.5, audit_share=0.0)
    fill(feature, 30)
    draw_received(now=later())
    people = [make_membership(make_user(), feature).user for _ in range(8)]

    def work(person):
        n = 0
        while (case := claim_next(reviewer=person, features=[feature], now=later())) is not None:
            submit(
                assignment_id=case.pk,
                token=case.lease_token,
                reviewer=person,
                verdict="right",
                idempotency_key="k",
                now=later(),
            )
            n += 1
        return n

    asked = Assignment.objects.count()
    assert asked > 30
    assert sum(together(work, people)) == Judgment.objects.count() == asked
    assert set(ReviewItem.objects.values_list("state", "verdict")) == {("final", "right")}
    judged = Judgment.objects.values_list("assignment__item", "reviewer")
    assert len(set(judged)) == asked


def test_a_case_that_comes_back_while_others_claim_is_never_passed_for_good(feature):
    fill(feature, 24)
    draw_received(now=later())
    people = [make_membership(make_user(), feature).user for _ in range(8)]

    def work(person):
        for n in range(3):
            case = claim_next(reviewer=person, features=[feature], now=later())
            if n == 1:
                release(assignment_id=case.pk, token=case.lease_token, reviewer=person)
                case = claim_next(reviewer=person, features=[feature], now=later())
            submit(
                assignment_id=case.pk,
                token=case.lease_token,
                reviewer=person,
                verdict="right",
                idempotency_key="k",
                now=later(),
            )

    together(work, people)
    assert Judgment.objects.count() == 24
    assert not Assignment.objects.exclude(state="submitted").exists()


def test_two_answers_on_one_item_at_once_settle_it(feature):
    set_policy(feature=feature, user=None, now=NOON, overlap_share=1.0)
    fill(feature, 1)
    draw_received(now=later())
    pairs = []
    for verdict in ("right", "wrong"):
        person = make_membership(make_user(), feature).user
        pairs.append((person, claim_next(reviewer=person, features=[feature], now=later()), verdict))

    def answer(pair):
        person, case, verdict = pair
        given = {"verdict": verdict, "idempotency_key": "k", "now": later()}
        submit(assignment_id=case.pk, token=case.lease_token, reviewer=person, **given)

    together(answer, pairs)
    assert ReviewItem.objects.get().state == "needs_adjudication"
    assert Assignment.objects.filter(lane="adjudication", state="open").count() == 1


def test_one_reviewer_claiming_eight_times_at_once_holds_one_case(feature):
    fill(feature, 12)
    draw_received(now=later())
    ann = make_membership(make_user(), feature).user
    claimed = together(lambda _: claim_next(reviewer=ann, features=[feature], now=later()), range(8))
    assert len({assignment.pk for assignment in claimed}) == 1
    assert Assignment.objects.filter(state="leased").count() == 1


@pytest.mark.parametrize("keys", ["same", "own"])
def test_one_answer_sent_eight_times_at_once_is_one_judgment(feature, keys):
    fill(feature, 1)
    draw_received(now=later())
    ann = make_membership(make_user(), feature).user
    case = claim_next(reviewer=ann, features=[feature], now=later())

    def answer(n):
        try:
            return submit(
                assignment_id=case.pk,
                token=case.lease_token,
                reviewer=ann,
                verdict="right",
                idempotency_key=f"k{n if keys == 'own' else 0}",
                now=later(),
            ).pk
        except LeaseLost:
            return None

    stored = [pk for pk in together(answer, range(8)) if pk]
    assert len(stored) == (8 if keys == "same" else 1)
    assert Judgment.objects.count() == len(set(stored)) == 1


def test_two_draws_at_once_draw_what_one_draws(feature):
    fill(feature, 40)
    assert max(together(lambda _: draw_received(now=later()), range(2))) > 0
    assert ReviewItem.objects.count() == Assignment.objects.count() == 40


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="NOT TESTED: SQLite lets one write at a time")
def test_ten_thousand_claims_and_submits_at_once_give_every_item_its_number(feature):
    """Two processes of eight people each, until nothing is left; a few give cases back, or answer twice."""
    n_items, processes, each = 3_400, 2, 8
    set_policy(feature=feature, user=None, now=NOON, overlap_share=0.5, audit_share=0.0)
    version = make_version(feature)
    like = {"feature": feature, "version": version, "label": "late", "occurred_at": NOON, "received_at": NOON}
    Prediction.objects.bulk_create(Prediction(external_id=f"p{n}", fingerprint=n, **like) for n in range(n_items))
    draw_received(now=later())
    for _ in range(processes * each):
        make_membership(make_user(), feature)
    asked = Assignment.objects.count()
    done = crowd(processes, each)
    assert done["claims"] + done["submits"] > 10_000
    assert done["submits"] == Judgment.objects.count() == asked
    assert done["claims"] == done["submits"] + done["releases"]
    assert done["refused"] > 0
    assert not Assignment.objects.filter(lane="opinion").exclude(state="submitted").exists()
    judged = list(Judgment.objects.values_list("assignment__item", "reviewer"))
    assert len(set(judged)) == asked
    n_given = Counter(item for item, _ in judged)
    for pk, n_opinions, state in ReviewItem.objects.values_list("pk", "n_opinions", "state"):
        assert n_given[pk] == n_opinions
        assert state == "final" or (n_opinions, state) == (2, "needs_adjudication")


def crowd(processes, each):
    """What tests.reviews.desk_crowd says, of as many processes, on the database of this test."""
    at = connection.settings_dict
    login = quote(at["USER"]) + (f":{quote(at['PASSWORD'], safe='')}" if at["PASSWORD"] else "")
    url = f"postgres://{login}@{at['HOST'] or '127.0.0.1'}:{at['PORT'] or 5432}/{at['NAME']}"
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-m", "tests.reviews.desk_crowd"]
    started = [
        subprocess.Popen(
            [*command, str(first), str(each)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            preexec_fn=partial(end_with_parent, parent=os.getpid()),
        )
        for first in range(0, processes * each, each)
    ]
    said = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * processes
    return sum((Counter(json.loads(each)) for each in said), Counter())
