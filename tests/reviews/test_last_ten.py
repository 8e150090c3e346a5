"""My last ten: what I said, changed or withdrawn for ten minutes, and nothing of anybody else."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reviews.actions.desk import claim_next, set_policy, set_rubric, submit
from reviews.actions.draw import draw_received
from reviews.models import Assignment, Judgment, ReviewItem
from tests.factories import make_feature, make_membership, make_prediction, make_user, make_version
from tests.reviews.steps import queue

pytestmark = pytest.mark.django_db
PHOTO = "https://img.example/a.png"
SECRET = "what the other one wrote"


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def feature(now):
    feature = make_feature("claims", label_names={"lost": "Lost"})
    version = make_version(feature, labels=["on_time", "lost", "late"])
    for i in range(14):
        make_prediction(version, f"p{i}", received_at=now - timedelta(minutes=5), inputs={"photo": PHOTO})
    set_policy(feature=feature, user=None, now=now, design="all")
    set_rubric(feature=feature, now=now, reasons=[{"code": "date", "label": "Wrong date"}])
    draw_received(now=now)
    return feature


@pytest.fixture
def ann(feature):
    return make_membership(make_user("ann@example.org"), feature).user


@pytest.fixture
def bob(feature):
    return make_membership(make_user("bob@example.org"), feature).user


def judge(person, feature, at, **entered):
    case = claim_next(reviewer=person, features=[feature], now=at)
    said = {"verdict": "right", "idempotency_key": f"k{case.pk}", "now": at, **entered}
    return submit(assignment_id=case.pk, token=case.lease_token, reviewer=person, **said)


def revised(browser, judgment, **entered):
    page = browser.get(f"/desk/{judgment.assignment_id}/")
    said = {"idempotency_key": page.context["mine"].revision_key, "rubric": 1, "verdict": "right", **entered}
    return browser.post(f"/desk/judgments/{judgment.pk}/revise/", said)


def test_the_newest_ten_are_listed_by_what_i_said(client_for, feature, ann, bob, now):
    judge(bob, feature, now, comment=SECRET)
    for n in range(11):
        judge(ann, feature, now + timedelta(seconds=n), verdict="wrong", corrected="lost")
    page = client_for(ann).get("/desk/last/")
    rows = page.context["rows"]
    assert len(rows) == 10
    assert [row.judged_at for row in rows] == sorted((row.judged_at for row in rows), reverse=True)
    assert (rows[0].verdict, rows[0].corrected, rows[0].feature_name) == ("Wrong", "Lost", "Claims")
    assert SECRET not in page.text


def test_without_a_judgment_it_says_so(client_for, ann):
    assert "You have judged no case so far." in client_for(ann).get("/desk/last/").text


def test_one_opens_with_a_form_to_change_it_and_the_ones_beside_it(client_for, feature, ann, now):
    first, second, third = (judge(ann, feature, now + timedelta(seconds=n), comment=f"no {n}") for n in range(3))
    page = client_for(ann).get(f"/desk/{second.assignment_id}/")
    mine = page.context["mine"]
    assert (mine.older_id, mine.newer_id) == (first.assignment_id, third.assignment_id)
    assert (mine.why_fixed, mine.kept.verdict, mine.kept.comment) == ("", "right", "no 1")
    assert "Change it" in page.text
    assert "Withdraw it" in page.text


def test_a_change_is_the_next_revision_and_sent_twice_it_counts_once(client_for, feature, ann, now):
    judgment, browser = judge(ann, feature, now), client_for(ann)
    key = browser.get(f"/desk/{judgment.assignment_id}/").context["mine"].revision_key
    said = {"idempotency_key": key, "verdict": "wrong", "corrected": "lost", "reasons": ["date"]}
    for _ in range(2):
        answer = browser.post(f"/desk/judgments/{judgment.pk}/revise/", said)
        assert (answer.status_code, answer["Location"]) == (303, f"/desk/{judgment.assignment_id}/")
    assert [each.verdict for each in Judgment.objects.order_by("pk")] == ["right", "wrong"]
    assert ReviewItem.objects.get(pk=judgment.assignment.item_id).truth == "lost"


def test_a_change_that_is_not_right_is_shown_again_with_what_was_entered(client_for, feature, ann, now):
    judgment, browser = judge(ann, feature, now), client_for(ann)
    answer = revised(browser, judgment, verdict="wrong", comment="see the stamp")
    assert answer.status_code == 422
    assert answer.context["errors"] == {"corrected": ["Choose the right answer."]}
    assert "see the stamp" in answer.text
    assert list(revised(browser, judgment, verdict="").context["errors"]) == ["verdict"]
    assert Judgment.objects.count() == 1


def test_after_ten_minutes_it_is_read_and_a_late_change_keeps_its_text(client_for, feature, ann, now):
    judgment, browser = (
        judge(ann, feature, now, verdict="wrong", corrected="lost", reasons=["date"]),
        client_for(ann),
    )
    Judgment.objects.update(created_at=now - timedelta(minutes=11))
    page = browser.get(f"/desk/{judgment.assignment_id}/")
    assert page.context["mine"].why_fixed == "A judgment can be undone for 10 minutes."
    assert "Change it" not in page.text
    assert "Wrong date" in page.text
    late = revised(browser, judgment, comment="see the stamp")
    assert (late.status_code, "see the stamp" in late.text) == (422, True)
    assert "A judgment can be undone for 10 minutes." in late.text


def test_nobody_elses_is_opened_changed_or_withdrawn(client_for, feature, ann, bob, now):
    judgment = judge(ann, feature, now, comment=SECRET)
    other = client_for(bob)
    assert other.get(f"/desk/{judgment.assignment_id}/").status_code == 404
    assert other.post(f"/desk/judgments/{judgment.pk}/revise/", {"verdict": "right"}).status_code == 404
    assert other.post(f"/desk/judgments/{judgment.pk}/undo/").status_code == 404


def test_who_reviews_the_feature_no_more_sees_none_of_it(client_for, feature, ann, now):
    judgment, browser = judge(ann, feature, now), client_for(ann)
    ann.memberships.all().delete()
    assert browser.get("/desk/last/").context["rows"] == []
    assert browser.get(f"/desk/{judgment.assignment_id}/").status_code == 404
    assert browser.post(f"/desk/judgments/{judgment.pk}/undo/").status_code == 404


def test_of_two_opinions_the_other_one_is_on_neither_page(client_for, feature, ann, bob, now):
    two = make_feature("two")
    queue(two, 1, overlap_share=1.0)
    for person in (ann, bob):
        make_membership(person, two)
    judge(bob, two, now, comment=SECRET, verdict="wrong", corrected="lost")
    judgment = judge(ann, two, now)
    browser = client_for(ann)
    told = browser.get(f"/desk/{judgment.assignment_id}/").text + browser.get("/desk/last/").text
    assert SECRET not in told
    assert "bob@" not in told
    assert "The case has been settled with another opinion since." in told


def test_three_and_ten_rows_take_the_same_queries(client_for, feature, ann, now):
    browser, counts = client_for(ann), []
    for n in range(10):
        judge(ann, feature, now + timedelta(seconds=n))
        if n in {2, 9}:
            with CaptureQueriesContext(connection) as queries:
                assert browser.get("/desk/last/").status_code == 200
            counts.append(len(queries))
    assert counts[0] == counts[1]


# --- images


def test_only_the_desks_pages_load_images_and_only_of_the_named_sites(client_for, feature, ann, now, settings):
    settings.IMAGE_ORIGINS = ["https://img.example"]
    type(feature).objects.update(input_fields=[{"name": "photo", "hint": "image"}])
    browser = client_for(ann)
    judged = judge(ann, feature, now)
    browser.post("/desk/claim/")
    held = Assignment.objects.held_by(ann).get()
    for path in ("/desk/", f"/desk/{held.pk}/", f"/desk/{judged.assignment_id}/"):
        assert "img-src 'self' data: https://img.example" in browser.get(path)["Content-Security-Policy"], path
    assert f'src="{PHOTO}"' in browser.get(f"/desk/{held.pk}/").text
    for path in ("/features/", "/features/claims/", "/desk/last/"):
        assert "img.example" not in browser.get(path)["Content-Security-Policy"], path
    settings.IMAGE_ORIGINS = []
    page = browser.get(f"/desk/{held.pk}/")
    assert "img.example" not in page["Content-Security-Policy"]
    assert f'src="{PHOTO}"' not in page.text
    assert "Images from this site are not shown." in page.text
