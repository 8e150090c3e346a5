"""A4: whoever may still judge a case reads nothing of it on the pages of leads, their own page, or in a file."""

import io

import pyarrow.parquet as pq
import pytest
from django.utils import timezone

from feedback.models import Prediction
from reviews.actions.export_files import prepare_export
from reviews.actions.exporting import ask_export
from reviews.actions.leading import leads
from reviews.actions.reliability import prepare_reliability
from reviews.models import Export, ExportPart, ReviewItem
from tests.factories import make_feature, make_key, make_membership, make_user
from tests.reviews.disputes import judged_by_two

pytestmark = pytest.mark.django_db
SECRET = {"verdict": "wrong", "corrected": "lost", "comment": "SECRETCOMMENT"}
TWO_ROLES = [("reviewer", each) for each in ("adjudicator", "owner", "data_science", "product")]


@pytest.fixture
def feature():
    """One case that ann has judged as the first of two; the worker has looked at it."""
    feature = make_feature("delay-alert")
    judged_by_two(feature, [(SECRET, None)])
    Prediction.objects.update(score=0.4321)
    prepare_reliability(feature=feature, now=timezone.now())()
    return feature


def files_of(feature, person):
    """What a file of theirs holds, in both kinds, as text; nobody but a lead gets one."""
    told = []
    for kind in ("judgments", "predictions") if leads(person, feature) else ():
        export = ask_export(feature=feature, person=person, kind=kind, format="parquet", now=timezone.now())
        prepare_export(export_id=export.pk, now=timezone.now())()
        run = Export.objects.get(pk=export.pk).run
        parts = ExportPart.objects.filter(export=export, run=run).order_by("ordinal")
        table = pq.read_table(io.BytesIO(b"".join(bytes(part.content) for part in parts)))
        told.append(str(table.to_pylist()))
    return told


@pytest.mark.parametrize("roles", [("reviewer",), ("adjudicator",), *TWO_ROLES], ids=" and ".join)
def test_of_a_case_that_one_may_still_judge_nothing_is_told(client_for, api, feature, roles):
    person = make_user()
    for role in roles:
        make_membership(person, feature, role)
    browser, rest = client_for(person), api(make_key(person=person, now=timezone.now())[1])
    addresses = ("/desk/me/", "/features/delay-alert/reviews/", "/features/delay-alert/adjudication/")
    told = [browser.get(address).text for address in addresses]
    told.append(rest.get("/api/v1/review/judgments/").text)
    told.append(b"".join(rest.get("/api/v1/review/judgments/?kind=csv").streaming_content).decode())
    told += files_of(feature, person)
    item, prediction = ReviewItem.objects.get(), Prediction.objects.get()
    hidden = ("SECRETCOMMENT", prediction.external_id, str(item.luck), str(item.queue_key), str(prediction.score))
    assert [word for word in hidden if any(word in text for text in told)] == []


def test_a_lead_who_does_not_review_reads_it_in_their_files(feature):
    """So that the test above would notice a leak."""
    lead = make_membership(feature=feature, role="owner").user
    text = "".join(files_of(feature, lead))
    assert all(word in text for word in ("SECRETCOMMENT", "0.4321"))
