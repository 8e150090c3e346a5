"""GET /api/v1/feedback/, at the address that services post to."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feedback.actions.themes import merge
from feedback.actions.triage import set_state
from feedback.models import FeedbackItem
from tests.factories import NOON, make_feature, make_feedback_item, make_key, make_membership, make_user
from tests.feedback.test_themes import make_theme

pytestmark = pytest.mark.django_db
URL = "/api/v1/feedback/"


@pytest.fixture
def feature():
    return make_feature("delay-alert")


@pytest.fixture
def service(api):
    return api(make_key(scopes=["read"])[1])


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["results"]]


def test_an_item_as_it_is_told(service, feature):
    theme = make_theme(feature)
    item = make_feedback_item(feature, "f1", severity="high", actor="u1", prediction_external_id="p1", theme=theme)
    set_state(item_id=item.pk, to="closed", seen="new", words="Fixed.", user=make_user(), now=NOON)
    (told,) = service.get(URL).json()["results"]
    assert told == {
        "id": "f1", "feature": "delay-alert", "channel": "ticket", "rating": None, "text": "It came too late.",
        "severity": "high", "actor": "u1", "account": "", "prediction": "p1",
        "occurred_at": "2026-03-02T12:00:00Z", "received_at": "2026-03-02T12:00:00Z", "state": "closed",
        "theme": theme.pk,
        "triage_due_at": "2026-03-03T12:00:00Z", "close_due_at": "2026-03-09T12:00:00Z",
        "triaged_at": "2026-03-02T12:00:00Z", "closed_at": "2026-03-02T12:00:00Z", "outcome": "Fixed.",
        "quarantine_reason": "",
    }  # fmt: skip


def test_each_filter(service, feature):
    old, young = make_theme(feature), make_theme(feature)
    merge(theme=young, into=old, now=NOON)
    make_feedback_item(feature, "plain")
    make_feedback_item(feature, "bad", severity="high", channel="complaint", theme=young)
    make_feedback_item(make_feature("other"), "other", received_at=NOON + timedelta(days=1))
    make_feedback_item(feature, "trap", quarantine_reason="trap", triage_due_at=None, close_due_at=None)
    assert ids(service.get(URL)) == ["other", "bad", "plain"]
    for query, expected in {
        "feature=other": ["other"],
        "channel=complaint": ["bad"],
        "severity=high": ["bad"],
        "state=closed": [],
        f"theme={old.pk}": ["bad"],
        "received_after=2026-03-03T00:00:00Z": ["other"],
        "received_before=2026-03-02T12:00:00Z": [],
        "quarantine=true": ["trap"],
    }.items():
        assert ids(service.get(f"{URL}?{query}")) == expected, query


@pytest.mark.parametrize("query", ["state=x", "channel=fax", "severity=urgent", "theme=x", "received_after=x"])
def test_a_filter_that_is_not_right_is_a_problem_that_names_it(service, query):
    answer = service.get(f"{URL}?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_pages_lead_on_by_a_cursor(service, feature):
    for n in range(5):
        make_feedback_item(feature, f"f{n}", received_at=NOON)  # one batch: received in one instant
    found, url = [], f"{URL}?page_size=2"
    while url:
        answer = service.get(url)
        found += ids(answer)
        url = answer.json()["next"]
    assert sorted(found) == [f"f{n}" for n in range(5)]


def test_a_large_batch_of_one_instant_is_read_to_its_end(service, feature):
    FeedbackItem.objects.bulk_create(
        FeedbackItem(
            feature=feature, external_id=f"f{n}", channel="ticket", text="Late.", fingerprint=n, occurred_at=NOON,
            received_at=NOON,
        )
        for n in range(2000)
    )  # fmt: skip
    found, url = [], f"{URL}?page_size=500"
    for _ in range(4):
        answer = service.get(url)
        found += ids(answer)
        url = answer.json()["next"]
        if url is None:
            break
    assert (url, len(found), len(set(found))) == (None, 2000, 2000)


def test_a_key_reads_what_it_is_for_and_a_person_what_they_are_a_member_of(api, client_for, feature):
    make_feedback_item(feature, "mine")
    make_feedback_item(make_feature("other"), "other")
    assert ids(api(make_key(scopes=["read"], features=[feature])[1]).get(URL)) == ["mine"]
    member = make_membership(feature=feature).user
    assert ids(client_for(member).get(URL)) == ["mine"]
    assert ids(client_for(make_user()).get(URL)) == []
    assert ids(api(make_key(scopes=["read"], features=[feature])[1]).get(f"{URL}?feature=other")) == []


def test_the_scopes_of_reading_and_sending_are_two(api, client):
    sending = api(make_key(scopes=["ingest", "manage"])[1])
    assert sending.get(URL).status_code == 403
    assert api(make_key(scopes=["read"])[1]).post(URL, b"{}", content_type="application/json").status_code == 403
    assert client.get(URL).status_code == 401


def test_reading_spends_nothing_of_what_a_key_may_send(api, feature, settings):
    settings.INGEST_REQUESTS_PER_MINUTE, settings.INGEST_ITEMS_PER_MINUTE = 1, 1
    both = api(make_key(scopes=["read", "ingest"])[1])
    assert [both.get(URL).status_code for _ in range(5)] == [200] * 5


def test_a_page_takes_the_same_number_of_queries(service, feature):
    counts = []
    service.get(URL)  # the first use of a key is remembered
    for n in (3, 30):
        for place in range(n):
            make_feedback_item(make_feature(), f"{n}-{place}")
        with CaptureQueriesContext(connection) as captured:
            service.get(URL)
        counts.append(len(captured))
    assert counts[0] == counts[1]
