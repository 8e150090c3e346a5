"""/ingest/: what was refused, for those who can mend it."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feedback.models import RefusalHour
from feedback.words import ADVICE
from tests.factories import make_feature, make_key, make_membership, make_user

pytestmark = pytest.mark.django_db


def make_refusals(feature=None, *, key=None, ago=timedelta(0), **fields):
    at = timezone.now() - ago
    example = {"id": "p1", "detail": "Expected a number.", "sent": '"score": "high"'}
    return RefusalHour.objects.create(
        hour=at.replace(minute=0, second=0, microsecond=0),
        key=key or make_key()[0],
        feature_slug=feature.slug if feature else "",
        **{
            "endpoint": "predictions", "code": "invalid", "field": "score", "n": 7, "last_at": at,
            "examples": [example], **fields,
        },
    )  # fmt: skip


@pytest.fixture
def staff(client_for):
    return client_for(make_user(is_staff=True))


def page(client, query=""):
    answer = client.get(f"/ingest/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_nothing_refused_is_said_in_words(staff):
    assert "Nothing was refused" in page(staff)


def test_it_shows_counts_where_it_happened_an_example_and_what_to_do(staff):
    make_refusals(make_feature("delay-alert"))
    shown = page(staff)
    for words in (
        ADVICE["invalid"].title, "then send the items again", "Delay alert", "7 items", "ts_",
        "Expected a number.", "&quot;score&quot;: &quot;high&quot;",
    ):  # fmt: skip
        assert words in shown


def test_one_is_an_item_and_a_body_is_a_request(staff):
    make_refusals(n=1)
    make_refusals(code="body_unreadable", field="", n=2)
    shown = page(staff)
    assert "1 item<" in shown.replace("\n", "")
    assert "2 requests" in shown


def test_members_see_the_refusals_of_their_features_only(client_for):
    mine, other = make_feature("mine"), make_feature("other")
    for feature in (mine, other, None):
        make_refusals(feature)
    ann = client_for(make_membership(feature=mine, role="engineering").user)
    shown = page(ann)
    assert "Mine" in shown
    assert "Other" not in shown
    assert "7 of 7 refused" in shown
    exported = list(csv.DictReader(io.StringIO(page(ann, "?format=csv"))))
    assert [row["feature"] for row in exported] == ["mine"]


def test_outsiders_see_nothing(client_for):
    make_refusals(make_feature("mine"))
    shown = page(client_for(make_user()))
    assert "Nothing was refused" in shown
    assert "Mine" not in shown


def test_a_window_of_a_day_or_a_week_and_any_other_is_a_day(staff):
    make_refusals(n=1)
    make_refusals(ago=timedelta(days=3), n=10)
    make_refusals(ago=timedelta(days=8), n=100)
    assert "1 of 1 refused" in page(staff)
    assert "10 of 11 refused" in page(staff, "?window=7d")
    assert "1 of 1 refused" in page(staff, "?window=forever")


def test_every_code_has_words_of_its_own(staff):
    for code in ADVICE:
        make_refusals(code=code)
    shown = page(staff)
    for advice in ADVICE.values():
        assert advice.title.replace("'", "&#x27;") in shown


def test_what_was_sent_is_shown_as_text(staff):
    example = {"id": "<script>alert(1)</script>", "detail": '"><img src=x>', "sent": "<b>"}
    make_refusals(examples=[example])
    shown = page(staff)
    assert "<script>alert" not in shown
    assert "<img" not in shown.partition("</header>")[2]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_the_csv_runs_no_formula(staff):
    make_refusals(examples=[{"id": "=1+1", "detail": "@SUM(A1)", "sent": "a\n=2"}])
    (row,) = csv.DictReader(io.StringIO(page(staff, "?format=csv")))
    assert (row["example_id"], row["example_detail"], row["example_sent"]) == ("'=1+1", "'@SUM(A1)", "a\n=2")
    assert row["n"] == "7"


def test_the_number_of_queries_does_not_grow(staff):
    def n_queries():
        with CaptureQueriesContext(connection) as queries:
            page(staff, "?window=7d")
        return len(queries)

    def add(n):
        for i in range(n):
            make_refusals(make_feature(), code=list(ADVICE)[i % len(ADVICE)], ago=timedelta(hours=i))

    add(3)
    few = n_queries()
    add(27)
    assert n_queries() == few <= 8
