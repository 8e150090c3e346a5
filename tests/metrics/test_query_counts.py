"""How many queries a page takes: recorded in tests/query_counts.json, the same for 3 and for 30 features.

SQLite and PostgreSQL take the same number. After a change that is meant, record them anew, as HOW says.
"""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feedback.models import Feature
from reviews.actions.desk import claim_next, set_policy, set_rubric, submit
from reviews.actions.draw import draw_received
from tests.factories import (
    make_feature,
    make_membership,
    make_outcome,
    make_prediction,
    make_user,
    make_version,
)
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
RECORDED = Path(__file__).parent.parent / "query_counts.json"
HOW = "If that is meant: RECORD_QUERY_COUNTS=1 .venv/bin/python -m pytest tests/metrics/test_query_counts.py -n 0"


def lived_in(n):
    """Ann, in n features: reviewed and observed, over two weeks, with open cases; the first has most versions."""
    ann, now = make_user("ann@example.org"), timezone.now()
    then = now - timedelta(minutes=1)
    for i in range(n):
        feature = make_membership(ann, make_feature(f"f{i}", owner=ann, input_fields=[{"name": "km"}])).feature
        set_policy(feature=feature, user=None, now=then, design="all")
        set_rubric(feature=feature, now=then, reasons=[{"code": "date", "label": "Wrong date"}])
        for number in range(2 if i else n):
            at = then - timedelta(weeks=number % 2)
            version = make_version(feature, f"v{number}")
            make_outcome(make_prediction(version, occurred_at=at, inputs={"km": 1}, latency_ms=5.0))
    draw_received(now=now)
    for feature in Feature.objects.all():
        case = claim_next(reviewer=ann, features=[feature], now=now)
        held = {"assignment_id": case.pk, "reviewer": ann, "token": case.lease_token}
        submit(**held, verdict="right", idempotency_key="k", now=now)
    work("sum_up", "conclude", now=now)
    return ann


def queries(browser, address):
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    return [query["sql"] for query in captured]


def check(name, sent):
    """Compare with what is recorded for this page, or record it."""
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    if os.environ.get("RECORD_QUERY_COUNTS"):
        recorded[name] = len(sent)
        RECORDED.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")
    expected = recorded.get(name)
    shown = "\n".join(sql[:300] for sql in sent)
    assert len(sent) == expected, f"{name} takes {len(sent)} queries, recorded are {expected}. {HOW}\n{shown}"


@pytest.mark.parametrize("n", [3, 30])
def test_a_page_takes_the_recorded_number_of_queries_however_many_features_there_are(client_for, n):
    browser = client_for(lived_in(n))
    case = browser.post("/desk/claim/", {"feature": "f0"})["Location"]
    pages = {"features": "/features/", "feature": "/features/f0/", "desk": "/desk/", "desk_case": case}
    for name, address in pages.items():
        check(name, queries(browser, address))


def test_the_pages_of_the_product_team_take_fewer_than_fifteen():
    recorded = json.loads(RECORDED.read_text())
    assert recorded.keys() == {"features", "feature", "desk", "desk_case"}
    assert max(recorded["features"], recorded["feature"]) < 15


def test_another_number_fails_and_says_how_to_record_it(monkeypatch):
    monkeypatch.delenv("RECORD_QUERY_COUNTS", raising=False)
    with pytest.raises(
        AssertionError, match=r"features takes 0 queries, recorded are \d+. If that is meant: RECORD"
    ):
        check("features", [])
