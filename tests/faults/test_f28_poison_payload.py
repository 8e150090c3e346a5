"""F28: what was stored earlier, and is opened and exported now: deep, huge, written to confuse."""

import csv
import html
import io
import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from feedback.models import RefusalHour
from reviews.actions.desk import set_policy
from reviews.actions.draw import draw_received
from tests.factories import make_feature, make_key, make_membership, make_prediction, make_user, make_version

pytestmark = pytest.mark.django_db


def nested(levels):
    return [nested(levels - 1)] if levels else "bottom"


HUGE = "wordy " * 10_000
PLAIN = {"km": 12, "text": "a parcel"}
POISON = {
    "deep": {"x": nested(200)},
    "huge text": {"x": HUGE},
    "one word without an end": {"x": "W" * 60_000},
    "many fields": {f"field {i}": i for i in range(5000)},
    "a long name of a field": {"n" * 50_000: 1},
    "right to left": {"x": "\u202eTHGIR\u202c \u2066\u2067 \u202e" * 500},
    "zalgo": {"x": ("e" + "\u0301\u0316\u0335" * 40) * 400},
    "controls": {"x": "\x1b[31m\x07\x08\r\n\t\x7f\ufeff\u2028\u2029"},
    "markup": {"x": "</pre></dd><script>alert(1)</script>{{ 7|add:7 }}{% now 'Y' %}<!--"},
    "a list": [PLAIN] * 2000,
    "a text": HUGE,
    "nothing": {},
}


def case_of(client_for, inputs, **fields):
    """The page of a case with these inputs, as its reviewer opens it, and the seconds that it takes."""
    feature = make_feature(answer_kind="output") if "output" in fields else make_feature()
    then = timezone.now() - timedelta(minutes=5)
    make_prediction(make_version(feature), received_at=then, inputs=inputs, **fields)
    set_policy(feature=feature, user=None, now=then, design="all")
    draw_received(now=timezone.now())
    ann = client_for(make_membership(make_user(), feature).user)
    answer = ann.post("/desk/claim/", follow=True)
    assert answer.status_code == 200
    address, took = answer.redirect_chain[-1][0], []
    for _ in range(3):
        started = time.perf_counter()
        page = ann.get(address)
        took.append(time.perf_counter() - started)
    assert page.status_code == 200
    return page.content.decode(), min(took)


@pytest.mark.parametrize("inputs", POISON.values(), ids=POISON)
def test_f28_its_page_opens_fast_and_its_form_is_there(client_for, inputs):
    _, plain = case_of(client_for, PLAIN)
    page, took = case_of(client_for, inputs)
    assert took < max(0.5, 5 * plain)
    assert page.count("<html") == page.count("</html>") == 1
    assert page.count('type="submit" data-key="Ctrl+Enter"') == 1
    assert "<script>alert" not in page


def test_f28_a_long_text_begins_on_the_page_and_opens_in_full(client_for):
    page, _ = case_of(client_for, {"x": HUGE})
    assert "All 60,000 characters" in page
    assert HUGE in page
    assert page.index("<details") < page.index(HUGE)


def test_f28_of_many_fields_a_hundred_are_rows_and_all_can_be_read(client_for):
    page, _ = case_of(client_for, POISON["many fields"])
    assert page.count("<dt>") == 100
    assert "All 5,000 inputs" in page
    assert "field 4999: 4999" in page


def test_f28_a_huge_answer_is_shortened_in_the_question(client_for):
    page, took = case_of(client_for, PLAIN, output={"text": HUGE})
    question = page.partition('id="question"')[2].partition("</h2>")[0]
    assert len(question) < 600
    assert html.escape(json.dumps({"text": HUGE}, indent=2)) in page
    assert took < 1


def test_f28_the_csv_of_what_was_refused_stays_a_table(client_for):
    sent = ['a,b\n"c";d', "=cmd|' /C calc'!A0", "\u202e=1+1", "e" + "\u0301" * 100, "\r\n@x", "-2+3", "\t=1", "'"]
    for place, text in enumerate(sent):
        RefusalHour.objects.create(
            hour=timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=place),
            key=make_key()[0],
            feature_slug="",
            endpoint="predictions",
            code="invalid",
            n=1,
            last_at=timezone.now(),
            examples=[{"id": text, "detail": text, "sent": text}],
        )
    exported = client_for(make_user(is_staff=True)).get("/ingest/?format=csv").content.decode()
    rows = list(csv.DictReader(io.StringIO(exported, newline="")))
    assert [row["example_id"].removeprefix("'") or "'" for row in rows] == sent
    assert not [row for row in rows if row["example_id"][0] in "=+-@\t\r\n"]


def test_f28_the_csv_of_features_stays_a_table(client_for):
    make_feature("a", name='=1+1,"x"\n')
    make_feature("b", name="\u202eright to left")
    exported = client_for(make_user(is_staff=True)).get("/features/?format=csv").content.decode()
    names = [row["name"] for row in csv.DictReader(io.StringIO(exported, newline=""))]
    assert sorted(names) == sorted(['\'=1+1,"x"\n', "\u202eright to left"])
