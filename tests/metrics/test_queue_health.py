"""The lead's page: the queue, what is owed, who reviews and how; and who may see and do what of it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from metrics.models import ExpectationStatus
from metrics.queue_health import lead_lists, queue_health
from metrics.review_debt import review_debt, spoken
from reviews.actions.desk import claim_next, set_policy, skip
from reviews.actions.leading import void
from reviews.actions.reliability import prepare_reliability
from reviews.models import Assignment, Exclusion, Export, ReviewerSkill, ReviewItem
from reviews.reliability_store import reliability
from tests.factories import NOON, make_feature, make_membership, make_user, make_version
from tests.metrics.agreements import make_agreed, make_team
from tests.reviews.disputes import judged_by_two
from tests.reviews.steps import LEASE, MINUTE, answer, claim, item_of, queue, reviewers, stored

pytestmark = pytest.mark.django_db
ADDRESS = "/features/delay-alert/reviews/"
DAY = timedelta(days=1)
RIGHT, LOST = {"verdict": "right"}, {"verdict": "wrong", "corrected": "lost"}


@pytest.fixture
def feature():
    return make_feature("delay-alert")


@pytest.fixture
def lead(feature):
    return make_membership(make_user("lead@example.org"), feature, "owner").user


def skipped(case, reviewer, *, now=NOON, reason="broken"):
    skip(assignment_id=case.pk, token=case.lease_token, reviewer=reviewer, reason=reason, now=now)


def stuck_case(feature, reason="broken"):
    """The only reviewer has skipped the only case."""
    queue(feature, 1)
    [ann] = reviewers(feature, 1)
    case = claim(feature, ann)
    skipped(case, ann, reason=reason)
    return case, ann


# --- the queue


def test_the_queue_is_counted_by_what_it_waits_for(feature):
    ann, _ = judged_by_two(feature, [(RIGHT, LOST), (RIGHT, RIGHT), (RIGHT, None)], audit_share=0.0)
    queue(feature, 3)  # of the same day, so two opinions each
    claim(feature, ann)
    health = queue_health(feature, now=NOON + MINUTE)
    assert (health.n_open, health.n_leased, health.n_stuck) == (1 + 6 - 1, 1, 0)
    assert (health.n_to_decide, health.n_final) == (1, 1)
    assert health.oldest_at == ReviewItem.objects.order_by("pk").filter(state="in_review").first().drawn_at


def test_a_lease_that_ran_out_is_not_being_judged(feature):
    queue(feature, 1)
    claim(feature, *reviewers(feature, 1))
    assert queue_health(feature, now=NOON + LEASE).n_leased == 0


def test_pace_is_the_mean_of_the_thirteen_whole_days_before_today(feature):
    queue(feature, 4)
    [ann] = reviewers(feature, 1)
    for days_ago in (14, 3, 3, 0):
        at = NOON - days_ago * DAY
        answer(claim(feature, ann, now=at), ann, now=at + MINUTE, key=f"{days_ago} {timezone.now()}")
    health = queue_health(feature, now=NOON + MINUTE)
    assert [(day.at.day, day.n, day.minutes) for day in health.days if day.n] == [(27, 2, 2.0), (2, 1, 1.0)]
    assert (len(health.days), health.a_day, health.minutes_a_day) == (14, 2 / 13, 2 / 13)


def test_a_voided_judgment_is_no_pace(feature, lead):
    queue(feature, 1)
    [ann] = reviewers(feature, 1)
    case = claim(feature, ann)
    answer(case, ann)
    assert queue_health(feature, now=NOON).days[-1].n == 1
    void(assignment_id=case.pk, lead=lead, reason="a test", now=NOON)
    assert queue_health(feature, now=NOON).days[-1].n == 0


def test_gold_that_is_not_served_yet_is_no_work(feature):
    cases = queue(feature, 1)
    Assignment.objects.create(
        feature=feature, item=cases[0].item, lane="gold", ordinal=5, queue_key=cases[0].queue_key
    )
    assert queue_health(feature, now=NOON).n_open == 1


# --- review debt


def checked(expectation, status="not_sure", *, n_to_go=None, version="v1", source="reviewed", reason=""):
    return ExpectationStatus.objects.create(
        expectation=expectation, status=status, since=NOON, checked_at=NOON, source=source, version=version,
        value=None if status == "unknown" else 0.8, n=50, n_to_go=n_to_go, reason=reason,
    )  # fmt: skip


@pytest.fixture
def team(feature):
    """Two judgments of 50 s and one of 40 s: the median is 50."""
    _, people = make_team(feature)
    queue(feature, 3)
    [ann] = reviewers(feature, 1)
    for place, seconds in enumerate((50, 40, 50)):
        at = NOON - DAY
        answer(claim(feature, ann, now=at), ann, now=at + timedelta(seconds=seconds), key=f"{place}")
    return people


def test_debt_by_hand_two_on_one_version_and_one_on_another(feature, team):
    """On v1 the same 240 judgments decide both; v2 needs 12 of its own: 252 x 50 s = 210 min."""
    checked(make_agreed(feature, team), n_to_go=240)
    checked(make_agreed(feature, team, metric="recall"), n_to_go=100)
    version = make_version(feature, "v2")
    checked(make_agreed(feature, team, version=version), n_to_go=12, version="v2")
    debt = review_debt(feature, now=NOON)
    assert (debt.n_reviews, debt.seconds_each, debt.n_minutes) == (252, 50.0, 210.0)
    assert debt.text == "About 3\u00a0h 30\u00a0min: 252 more judgments, half of which take 50 s or less each."


def test_second_opinions_and_gold_are_part_of_the_debt(feature, team):
    """100 counted reviews are (1 + 0.1) / (1 - 0.2) = 1.375 judgments each: 137.5."""
    checked(make_agreed(feature, team), n_to_go=100)
    set_policy(feature=feature, user=None, now=NOON, overlap_share=0.1, gold_share=0.2)
    assert review_debt(feature, now=NOON).n_reviews == 138


def test_what_no_review_decides_is_named_and_not_in_the_sum(feature, team):
    checked(make_agreed(feature, team), n_to_go=6)
    checked(make_agreed(feature, team, metric="latency_p95_ms", direction="at_most", target=200.0))
    checked(make_agreed(feature, team, metric="recall"), n_to_go=9, source="observed")
    checked(make_agreed(feature, team, metric="precision"), "unknown", reason="nothing is summed up yet")
    make_agreed(feature, team, metric="f1")
    checked(make_agreed(feature, team, segment="origin:JFK"), n_to_go=1_000_000)
    debt = review_debt(feature, now=NOON)
    assert (debt.n_reviews, debt.n_minutes) == (6, 5.0)
    assert [line.reason for line in debt.unknown] == [
        "not decided by reviews",
        "decided by the truth that arrives by itself",
        "nothing is summed up yet",
        "it has not been checked yet; that takes a minute",
        "the figure is too close to what was agreed for any number of reviews",
    ]
    assert debt.text.endswith("5 expectations are not in this sum.")


@pytest.mark.parametrize("status", ["met", "broken", "expired"])
def test_what_is_decided_owes_nothing(feature, team, status):
    checked(make_agreed(feature, team), status)
    debt = review_debt(feature, now=NOON)
    assert (debt.n_reviews, debt.n_minutes, debt.lines) == (0, 0.0, [])
    assert debt.text == "No review is owed: whatever is agreed is decided."


def test_nothing_agreed_owes_nothing(feature):
    assert review_debt(feature, now=NOON).text == "Nothing is agreed about this feature, so no review is owed."


def test_before_the_first_judgment_the_number_is_told_and_the_time_is_not(feature):
    _, people = make_team(feature)
    checked(make_agreed(feature, people), n_to_go=240)
    debt = review_debt(feature, now=NOON)
    assert (debt.n_reviews, debt.n_minutes) == (240, None)
    assert debt.text == (
        "About 240 more judgments; nobody has judged yet, so how long a judgment takes is not known."
    )


def test_where_nothing_is_known_the_sentence_says_so(feature, team):
    checked(make_agreed(feature, team), "unknown", reason="nothing is summed up yet")
    debt = review_debt(feature, now=NOON)
    assert (debt.n_reviews, debt.n_minutes) == (None, None)
    assert debt.text.startswith("Nobody can say how much is owed")


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.2, "a minute"), (59.4, "59\u00a0min"), (60, "1\u00a0h"), (200.4, "3\u00a0h 20\u00a0min")],
)
def test_minutes_in_words(minutes, words):
    assert spoken(minutes) == words


# --- reviewers


def looked_at(feature):
    prepare_reliability(feature=feature, now=NOON)()
    return reliability(feature)


def test_reviewers_are_ranked_by_agreement_from_thirty_judgments_on(feature, lead):
    """ann and bob disagree once in 30; cid, with one judgment, stands behind them unranked."""
    [cid] = reviewers(feature, 1)
    queue(feature, 1)
    answer(claim(feature, cid), cid)
    ann, bob = judged_by_two(feature, [(RIGHT, RIGHT)] * 29 + [(RIGHT, LOST)], audit_share=0.0)
    lists = lead_lists(feature, looked_at(feature), viewer=lead, now=NOON)
    rows = {row.id: row for row in lists.reviewers}
    assert (rows[ann.pk].rank, rows[bob.pk].rank, rows[cid.pk].rank) == (1, 2, None)
    assert (rows[ann.pk].n, rows[ann.pk].active_minutes) == (30, 30.0)
    assert rows[cid.pk].n == 1
    assert [row.id for row in lists.reviewers][-1] == cid.pk


def test_under_thirty_the_page_says_how_many_of_thirty(feature, lead, client_for):
    judged_by_two(feature, [(RIGHT, RIGHT)] * 12)
    looked_at(feature)
    text = client_for(lead).get(ADDRESS).text
    assert "12 of 30" in text
    assert "How each of them errs cannot be told yet: needs 30 items, gold or not" in text


def test_a_lead_who_reviews_does_not_read_their_own_gold_here(feature):
    ann, bob = judged_by_two(feature, [(RIGHT, RIGHT)])
    make_membership(ann, feature, "owner")
    lists = lead_lists(feature, looked_at(feature), viewer=ann, now=NOON)
    reasons = {row.id: row.gold.reason for row in lists.reviewers}
    assert "My figures" in reasons[ann.pk]
    assert reasons[bob.pk] == "no gold item judged yet"


def test_who_has_left_the_team_is_listed_with_what_they_judged(feature, lead):
    ann, _ = judged_by_two(feature, [(RIGHT, RIGHT)])
    ann.memberships.all().delete()
    rows = {row.id: row for row in lead_lists(feature, looked_at(feature), viewer=lead, now=NOON).reviewers}
    assert (rows[ann.pk].is_member, rows[ann.pk].n) == (False, 1)


# --- what a lead does


def test_a_stuck_case_is_listed_with_why_and_let_go(feature, lead, client_for):
    case, ann = stuck_case(feature)
    browser = client_for(lead)
    [listed] = browser.get(ADDRESS).context["lists"].stuck
    assert (listed.item_id, listed.assignment_id, listed.why) == (case.item_id, case.pk, "1 × the case is broken")
    assert browser.post(f"{ADDRESS}unblock/", {"item": case.item_id}).status_code == 302
    assert (item_of(case).state, Exclusion.objects.count()) == ("open", 0)
    assert claim(feature, ann) == case


def test_a_case_that_nobody_could_take_even_so_stays_stuck_and_says_why(feature, lead, client_for):
    case, ann = stuck_case(feature)
    ann.memberships.all().delete()
    answer = client_for(lead).post(f"{ADDRESS}unblock/", {"item": case.item_id}, follow=True)
    assert "Nobody could take it even so" in answer.text
    assert (item_of(case).state, Exclusion.objects.count()) == ("needs_lead", 1)


def test_whoever_had_a_judgment_voided_stays_out(feature, lead, client_for):
    case, ann = stuck_case(feature)
    Exclusion.objects.filter(reviewer=ann).update(reason="voided")
    client_for(lead).post(f"{ADDRESS}unblock/", {"item": case.item_id})
    assert (item_of(case).state, Exclusion.objects.count()) == ("needs_lead", 1)


def test_a_held_case_is_taken_back_or_given_to_somebody(feature, lead, client_for):
    queue(feature, 1)
    ann, bob = reviewers(feature, 2)
    now = timezone.now()
    case = claim(feature, ann, now=now)
    browser = client_for(lead)
    [held] = browser.get(ADDRESS).context["lists"].held
    assert (held.assignment_id, held.reviewer, held.has_run_out) == (case.pk, ann.email, False)
    browser.post(f"{ADDRESS}give/", {"assignment": case.pk, "to": bob.pk})
    assert stored(case).reviewer == bob
    browser.post(f"{ADDRESS}give/", {"assignment": case.pk})
    assert (stored(case).state, stored(case).reviewer) == ("open", None)
    outsider = make_user()
    refused = browser.post(f"{ADDRESS}give/", {"assignment": case.pk, "to": outsider.pk}, follow=True)
    assert "Select a valid choice" in refused.text


def test_a_judgment_is_taken_out_with_a_reason_and_not_without(feature, lead, client_for):
    queue(feature, 1)
    [ann] = reviewers(feature, 1)
    case = claim(feature, ann)
    answer(case, ann)
    browser = client_for(lead)
    assert "Say why." in browser.post(f"{ADDRESS}void/", {"assignment": case.pk}, follow=True).text
    browser.post(f"{ADDRESS}void/", {"assignment": case.pk, "reason": "Old guideline"})
    voided = stored(case)
    assert (voided.state, voided.void_reason, voided.voided_by) == ("void", "Old guideline", lead)


def test_skills_are_named_by_commas_where_the_policy_asks_for_some(feature, lead, client_for):
    [ann] = reviewers(feature, 1)
    queue(feature, 1)
    browser = client_for(lead)
    assert "What each of them knows" not in browser.get(ADDRESS).text
    set_policy(feature=feature, user=None, now=NOON, skill_segment="language")
    assert "What each of them knows" in browser.get(ADDRESS).text
    browser.post(f"{ADDRESS}skills/", {"reviewer": ann.pk, "tags": " fr, de,, fr"})
    assert list(ReviewerSkill.objects.order_by("tag").values_list("tag", flat=True)) == ["de", "fr"]
    refused = browser.post(f"{ADDRESS}skills/", {"reviewer": lead.pk, "tags": "de"}, follow=True)
    assert "Select a valid choice" in refused.text


def test_a_file_is_asked_for_shown_with_its_bar_and_stopped(feature, lead, client_for):
    queue(feature, 1)
    browser = client_for(lead)
    browser.post(f"{ADDRESS}export/", {"format": "parquet"})
    [export] = browser.get(ADDRESS).context["exports"]
    assert (export.state, export.is_under_way) == ("waiting", True)
    browser.post(f"{ADDRESS}export/cancel/", {"export": export.id})
    assert Export.objects.get().state == "cancelled"
    assert browser.post(f"{ADDRESS}export/", {"format": "xlsx"}, follow=True).status_code == 200


# --- who sees and does what

SENT = {
    "give": {"assignment": 1},
    "void": {"assignment": 1, "reason": "x"},
    "unblock": {"item": 1},
    "skills": {"reviewer": 1, "tags": "x"},
    "export": {"format": "csv"},
    "export/cancel": {"export": 1},
}


@pytest.mark.parametrize(
    ("role", "reads_answers", "is_lead"),
    [
        ("reviewer", False, False),
        ("design", False, False),
        ("adjudicator", True, False),
        ("data_science", True, False),
        ("product", True, False),
        ("owner", True, True),
    ],
)
def test_each_role_sees_its_part(feature, client_for, role, reads_answers, is_lead):
    ann, _ = judged_by_two(feature, [(RIGHT, LOST)])
    looked_at(feature)
    browser = client_for(make_membership(feature=feature, role=role).user)
    text = browser.get(ADDRESS).text
    assert "Review debt" in text
    assert ("On what they disagree" in text) is reads_answers
    assert (ann.email in text) is is_lead
    assert ("Raw judgments" in text) is is_lead
    for action, sent in SENT.items():
        answer = browser.post(f"{ADDRESS}{action}/", sent)
        assert (answer.status_code == 403) is not is_lead, action
        assert browser.get(f"{ADDRESS}{action}/").status_code == (405 if is_lead else 403)


def test_nobody_of_another_tenant_comes_in_nor_the_unknown(feature, client_for):
    stranger = client_for(make_membership(feature=make_feature("another"), role="owner").user)
    assert stranger.get(ADDRESS).status_code == 404
    for action, sent in SENT.items():
        assert stranger.post(f"{ADDRESS}{action}/", sent).status_code == 404
        assert Client().post(f"{ADDRESS}{action}/", sent).status_code == 302
    assert Client().get(ADDRESS).status_code == 302


def test_a_lead_reaches_no_case_of_another_feature_through_their_own(feature, lead, client_for):
    other = make_feature("another")
    queue(other, 1)
    [ann] = reviewers(other, 1)
    case = claim_next(reviewer=ann, features=[other], now=NOON)
    export = Export.objects.create(person=lead, feature=other, format="csv", created_at=NOON)
    browser = client_for(lead)
    for action, sent in (
        ("give", {"assignment": case.pk}),
        ("void", {"assignment": case.pk, "reason": "x"}),
        ("unblock", {"item": case.item_id}),
        ("export/cancel", {"export": export.pk}),
    ):
        assert browser.post(f"{ADDRESS}{action}/", sent).status_code == 404, action
    assert stored(case).state == "leased"


def test_cases_that_wait_for_a_decision_are_counted_and_not_named(feature, client_for):
    """Whoever decides them later must not have read of them here."""
    judged_by_two(feature, [(RIGHT, {**LOST, "comment": "SECRETCOMMENT"})])
    looked_at(feature)
    text = client_for(make_membership(feature=feature, role="adjudicator").user).get(ADDRESS).text
    item = ReviewItem.objects.select_related("prediction").get()
    assert "1 not decided yet" in text.replace("\n", " ")
    assert [word for word in (item.prediction.external_id, "SECRETCOMMENT") if word in text] == []


def test_a_feature_without_a_policy_says_so(feature, lead, client_for):
    assert "No sampling policy is set" in client_for(lead).get(ADDRESS).text


def test_the_page_takes_the_same_queries_for_3_and_for_30(feature, lead, client_for):
    browser, counts = client_for(lead), []
    for n in (3, 27):
        judged_by_two(feature, [(RIGHT, LOST)] * n)
        [cid] = reviewers(feature, 1)
        for place in range(n):
            ReviewerSkill.objects.create(feature=feature, reviewer=cid, tag=f"{n} {place}")
            Export.objects.create(person=lead, feature=feature, format="csv", state="cancelled", created_at=NOON)
        queue(feature, 2 * n)
        for person in reviewers(feature, n):
            assert claim(feature, person)
        for item in ReviewItem.objects.filter(feature=feature, state="open")[:n]:
            ReviewItem.objects.filter(pk=item.pk).update(state="needs_lead")
            Exclusion.objects.create(item=item, reviewer=cid, reason="broken", created_at=NOON)
        looked_at(feature)
        with CaptureQueriesContext(connection) as captured:
            page = browser.get(ADDRESS)
        assert min(len(page.context["lists"].stuck), len(page.context["lists"].held)) >= n
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert counts[0] < 35
