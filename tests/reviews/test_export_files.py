"""Raw judgments as files: written by a worker, the same in every format, for whoever leads."""

import csv
import io
import json
from datetime import datetime, timedelta

import pyarrow.parquet as pq
import pytest
from django.db.models import QuerySet
from django.utils import timezone

from feedback.actions.erasing import erase_actor
from feedback.models import Feature, Job
from reviews import exports, prediction_exports, tasks
from reviews.actions import export_files
from reviews.actions.exporting import ask_export, cancel_export, clear_exports
from reviews.draw import inclusion_probability
from reviews.export_reading import export_of
from reviews.models import Export, ExportPart, ReviewItem
from tests.factories import (
    NOON,
    make_feature,
    make_key,
    make_membership,
    make_outcome,
    make_prediction,
    make_version,
)
from tests.metrics.work import work
from tests.reviews.disputes import decided, judged_by_two
from tests.reviews.steps import answer, claim, queue, reviewers

pytestmark = pytest.mark.django_db
RIGHT, LOST = {"verdict": "right"}, {"verdict": "wrong", "corrected": "lost"}
FORMULA = {"verdict": "right", "comment": '=cmd|"/c calc"!A1'}


@pytest.fixture
def feature():
    return make_feature("delay-alert")


@pytest.fixture
def lead(feature):
    return make_membership(feature=feature, role="owner").user


@pytest.fixture
def judged(feature):
    """Three cases judged by two, one of them decided; a comment that a spreadsheet would run."""
    raters = judged_by_two(feature, [(FORMULA, RIGHT), (RIGHT, LOST), (RIGHT, RIGHT)], audit_share=0.0)
    decided(feature, make_membership(feature=feature, role="adjudicator").user)
    return raters


def written(export):
    job = Job.objects.get(kind="export", key=str(export.pk), state="ready")
    finish = tasks.export(job.key, NOON)
    said = finish() if finish else None
    export.refresh_from_db()
    return said


def content(export):
    parts = ExportPart.objects.filter(export=export, run=export.run).order_by("ordinal")
    return b"".join(bytes(part.content) for part in parts)


def asked(feature, person, kind):
    return ask_export(feature=feature, person=person, format=kind, now=NOON)


def as_csv(value):
    """A value of Parquet as the CSV has it."""
    if isinstance(value, list):
        return json.dumps(value)
    if isinstance(value, datetime) or hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@")):
        return f"'{value}"
    return "" if value is None else str(value)


def test_parquet_read_back_equals_the_csv(feature, lead, judged):
    table, sheet = (asked(feature, lead, kind) for kind in ("parquet", "csv"))
    assert (written(table), written(sheet)) == ("7 rows in a file",) * 2
    rows = pq.read_table(io.BytesIO(content(table))).to_pylist()
    lines = list(csv.DictReader(io.StringIO(content(sheet).decode())))
    assert [{name: as_csv(value) for name, value in row.items()} for row in rows] == lines
    assert list(rows[0]) == list(exports.COLUMNS)
    assert (table.state, table.n_written, table.n_bytes) == ("done", 7, len(content(table)))


def test_a_formula_is_harmless_in_the_csv_and_as_it_was_in_parquet(feature, lead, judged):
    table, sheet = (asked(feature, lead, kind) for kind in ("parquet", "csv"))
    written(table)
    written(sheet)
    assert FORMULA["comment"] in pq.read_table(io.BytesIO(content(table)))["comment"].to_pylist()
    comments = [line["comment"] for line in csv.DictReader(io.StringIO(content(sheet).decode()))]
    assert f"'{FORMULA['comment']}" in comments


def test_neither_luck_nor_salt_is_in_any_row_and_the_inclusion_probability_is(feature, lead, judged):
    rows = list(exports.judgment_rows([feature.pk]))
    assert not {"luck", "salt", "sampling_salt"} & rows[0].keys()
    item = ReviewItem.objects.get(pk=rows[0]["item"])
    # Every case of the day is final, and all are drawn: the cohort has no end.
    assert rows[0]["inclusion_probability"] == inclusion_probability(None, item.weight) == 1.0


def test_what_lies_beyond_an_open_case_is_counted_in_no_estimate(feature, lead):
    cases = queue(feature, 3)
    [ann] = reviewers(feature, 1)
    first = claim(feature, ann)
    answer(first, ann)
    [row] = exports.judgment_rows([feature.pk])
    head = cases[1].item
    assert row["inclusion_probability"] == pytest.approx(inclusion_probability(head.queue_key, head.weight))
    ReviewItem.objects.filter(pk=first.item_id).update(state="open", verdict="", truth="", final_at=None)
    [row] = exports.judgment_rows([feature.pk])
    assert row["inclusion_probability"] is None


def test_a_file_is_written_in_row_groups_and_stored_in_parts(feature, lead, judged, monkeypatch):
    monkeypatch.setattr(export_files, "ROW_GROUP", 3)
    monkeypatch.setattr(export_files, "PART_BYTES", 1_000)
    monkeypatch.setattr(exports, "CHUNK", 2)
    table = asked(feature, lead, "parquet")
    written(table)
    file = pq.ParquetFile(io.BytesIO(content(table)))
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [3, 3, 1]
    sizes = [len(part.content) for part in table.parts.order_by("ordinal")]
    assert len(sizes) > 3
    assert set(sizes[:-1]) == {1_000}


def test_no_judgment_is_a_file_with_a_head_and_no_row(feature, lead):
    table, sheet = (asked(feature, lead, kind) for kind in ("parquet", "csv"))
    written(table)
    written(sheet)
    assert pq.read_table(io.BytesIO(content(table))).num_rows == 0
    assert content(sheet).decode().strip().split(",") == list(exports.COLUMNS)


def test_asking_twice_is_one_file_until_it_is_written(feature, lead, judged):
    first = asked(feature, lead, "csv")
    assert asked(feature, lead, "csv") == first
    written(first)
    assert asked(feature, lead, "csv") != first


def test_a_second_run_writes_its_own_parts_and_only_the_last_ones_are_kept(feature, lead, judged):
    sheet = asked(feature, lead, "csv")
    tasks.export(str(sheet.pk), NOON)  # a worker that died before its end
    written(sheet)
    assert sheet.parts.values("run").distinct().count() == 1
    assert len(list(csv.DictReader(io.StringIO(content(sheet).decode())))) == 7
    assert tasks.export(str(sheet.pk), NOON) is None


def test_a_file_that_is_stopped_is_not_written_on(feature, lead, judged):
    sheet = asked(feature, lead, "csv")
    assert cancel_export(export_id=sheet.pk, now=NOON)
    assert not cancel_export(export_id=sheet.pk, now=NOON)
    assert written(sheet) is None
    assert (sheet.state, sheet.parts.count()) == ("cancelled", 0)


def test_a_newer_file_takes_the_place_of_the_older_one(feature, lead, judged):
    other = asked(feature, lead, "parquet")
    written(other)
    for _ in range(3):
        sheet = asked(feature, lead, "csv")
        written(sheet)
    assert set(Export.objects.values_list("pk", flat=True)) == {other.pk, sheet.pk}


def test_what_a_run_has_written_goes_when_it_is_stopped(feature, lead, judged):
    sheet = asked(feature, lead, "csv")
    tasks.export(str(sheet.pk), NOON)
    assert sheet.parts.exists()
    cancel_export(export_id=sheet.pk, now=NOON)
    assert not sheet.parts.exists()


def test_a_file_stopped_before_its_last_step_leaves_nothing(feature, lead, judged):
    sheet = asked(feature, lead, "csv")
    finish = tasks.export(str(sheet.pk), NOON)
    Export.objects.update(state="cancelled", finished_at=NOON)
    finish()
    assert not sheet.parts.exists()


def test_a_file_that_grows_too_large_fails_and_says_so(feature, lead, judged, monkeypatch):
    monkeypatch.setattr(export_files, "MOST_BYTES", 500)
    monkeypatch.setattr(export_files, "PART_BYTES", 100)
    sheet = asked(feature, lead, "csv")
    assert written(sheet) is None
    assert (sheet.state, sheet.parts.count()) == ("failed", 0)
    assert "gibibyte" in export_of(sheet).reason
    assert asked(feature, lead, "csv") != sheet


def test_a_row_group_ends_at_so_many_bytes_too(monkeypatch):
    monkeypatch.setattr(export_files, "GROUP_BYTES", 100)
    rows = ({"comment": "x" * size} for size in (60, 60, 150, 10))
    assert [len(group) for group in export_files._groups(rows)] == [2, 1, 1]


def test_asking_while_the_running_one_ends_asks_for_another(feature, lead, monkeypatch):
    first = asked(feature, lead, "csv")
    insert = QuerySet.bulk_create

    def then_end(rows, *sent, **more):
        made = insert(rows, *sent, **more)
        if rows.model is Export:
            Export.objects.filter(pk=first.pk).update(state="cancelled", finished_at=NOON)
        return made

    monkeypatch.setattr(QuerySet, "bulk_create", then_end)
    second = asked(feature, lead, "csv")
    assert (second.state, second.pk != first.pk) == ("waiting", True)


@pytest.mark.parametrize("write", [export_files.write_csv, export_files.write_parquet])
def test_a_file_stopped_while_it_is_written_ends_with_the_rows_at_hand(feature, lead, judged, write, monkeypatch):
    monkeypatch.setattr(export_files, "ROW_GROUP", 2)
    rows, told = exports.judgment_rows([feature.pk]), []
    sink = export_files.Parts(asked(feature, lead, "csv"))
    assert write(rows, exports.COLUMNS, sink, lambda n: told.append(n) or len(told) < 2) is None
    assert (told, len(list(rows))) == ([2, 2], 3)


def test_files_are_removed_after_a_day(feature, lead, judged):
    sheet = asked(feature, lead, "csv")
    written(sheet)
    assert clear_exports(now=NOON + timedelta(hours=23)) == 0
    assert clear_exports(now=NOON + timedelta(hours=25)) == 1
    assert (Export.objects.count(), ExportPart.objects.count()) == (0, 0)


def test_a_lead_who_reviews_too_reads_nothing_of_what_may_still_be_asked_of_them(feature):
    """Invariant 6: a case with one opinion, and one that waits for a decision; what is final shows."""
    judged_by_two(feature, [(RIGHT, RIGHT), (RIGHT, LOST), (RIGHT, None)])
    lead = make_membership(feature=feature, role="owner").user
    every = {row["item"] for row in exports.judgment_rows([feature.pk], reader=lead)}
    assert len(every) == 3
    make_membership(lead, feature, "adjudicator")
    [shown] = {row["item"] for row in exports.judgment_rows([feature.pk], reader=lead)}
    assert ReviewItem.objects.get(pk=shown).state == "final"


# --- predictions


def predictions_of(feature, person, kind):
    export = ask_export(feature=feature, person=person, kind="predictions", format=kind, now=NOON)
    written(export)
    return content(export)


def test_predictions_come_with_the_newest_truth_and_without_whom_they_were_for(feature, lead, monkeypatch):
    monkeypatch.setattr(prediction_exports, "CHUNK", 2)
    version = make_version(feature)
    sent = {"inputs": {"km": 1}, "segments": {"origin": "JFK"}, "actor": "u1", "account": "Acme"}
    for n in range(5):
        prediction = make_prediction(version, f"p{n}", **sent)
    make_outcome(prediction, truth="on_time")
    make_outcome(prediction, truth="late", observed_at=NOON + timedelta(days=1))
    rows = pq.read_table(io.BytesIO(predictions_of(feature, lead, "parquet"))).to_pylist()
    assert [row["id"] for row in rows] == ["p0", "p1", "p2", "p3", "p4"]
    assert [row["truth_label"] for row in rows] == [None] * 4 + ["late"]
    assert (rows[0]["inputs"], rows[0]["label"], rows[0]["score"]) == ('{"km": 1}', "late", 0.8)
    lines = list(csv.DictReader(io.StringIO(predictions_of(feature, lead, "csv").decode())))
    assert [line["inputs"] for line in lines] == ['{"km": 1}'] * 5
    assert not {"actor", "account"} & {*rows[0], *lines[0]}


def test_a_lead_who_reviews_too_gets_no_prediction_with_its_score_that_is_still_asked_about(feature, lead):
    [first, *_] = queue(feature, 2)
    [ann] = reviewers(feature, 1)
    answer(claim(feature, ann), ann)
    assert len(list(prediction_exports.prediction_rows(feature, reader=lead))) == 2
    make_membership(lead, feature, "reviewer")
    [row] = prediction_exports.prediction_rows(feature, reader=lead)
    assert row["id"] == first.item.prediction.external_id


def test_a_reviewer_gets_none_that_may_be_drawn_in_a_moment(feature, lead):
    version, now = make_version(feature), timezone.now()
    make_prediction(version, "new", received_at=now - timedelta(seconds=20))
    make_prediction(version, "old", received_at=now - timedelta(minutes=5))
    assert len(list(prediction_exports.prediction_rows(feature, reader=lead))) == 2
    make_membership(lead, feature, "reviewer")
    assert [row["id"] for row in prediction_exports.prediction_rows(feature, reader=lead)] == ["old"]


# --- by REST


def post(client, **body):
    return client.post("/api/v1/exports/", body, content_type="application/json")


WANTED = {"kind": "judgments", "filters": {"feature": "delay-alert"}, "format": "parquet"}


@pytest.fixture
def rest(api):
    return lambda person: api(make_key(person=person, now=timezone.now())[1])


def test_rest_asks_looks_and_fetches(rest, feature, lead, judged):
    caller = rest(lead)
    answer = post(caller, **WANTED)
    assert (answer.status_code, answer.json()["state"], answer.json()["file"]) == (202, "waiting", None)
    address = f"/api/v1/exports/{answer.json()['id']}/"
    assert caller.get(f"{address}file/").status_code == 404
    work(now=timezone.now())
    work("clear_exports", now=timezone.now())
    done = caller.get(address).json()
    assert (done["state"], done["n_written"], done["file"]) == ("done", 7, f"{address}file/")
    file = caller.get(done["file"])
    assert file["Content-Type"] == "application/vnd.apache.parquet"
    assert file["Content-Disposition"] == 'attachment; filename="delay-alert-judgments.parquet"'
    assert pq.read_table(io.BytesIO(b"".join(file.streaming_content))).num_rows == 7


def test_rest_stops_a_file(rest, feature, lead):
    caller = rest(lead)
    address = f"/api/v1/exports/{post(caller, **WANTED).json()['id']}/"
    assert caller.delete(address).json()["state"] == "cancelled"
    assert caller.get(address).json()["state"] == "cancelled"


def test_a_file_that_was_given_up_says_so(rest, feature, lead):
    caller = rest(lead)
    pk = post(caller, **WANTED).json()["id"]
    Job.objects.filter(kind="export").update(state="dead", finished_at=NOON)
    shown = caller.get(f"/api/v1/exports/{pk}/").json()
    assert shown["state"] == "failed"
    assert "gave it up" in shown["reason"]
    again = post(caller, **WANTED).json()
    assert (again["id"], again["state"], again["reason"]) == (pk, "waiting", "")


def test_only_who_leads_the_feature_asks_and_only_who_asked_fetches(rest, api, client, feature, lead, judged):
    mine = post(rest(lead), **WANTED).json()["id"]
    written(Export.objects.get(pk=mine))
    other_lead = make_membership(feature=feature, role="owner").user
    stranger = make_membership(feature=make_feature("other"), role="owner").user
    for person in (judged[0], stranger, other_lead):
        if person != other_lead:
            assert post(rest(person), **WANTED).status_code == 404
        assert rest(person).get(f"/api/v1/exports/{mine}/").status_code == 404
        assert rest(person).get(f"/api/v1/exports/{mine}/file/").status_code == 404
    assert post(client, **WANTED).status_code == 401
    assert post(api(make_key(scopes=["manage", "read"])[1]), **WANTED).status_code == 403


def test_who_leads_no_longer_fetches_no_longer(rest, feature, lead, judged):
    mine = post(rest(lead), **WANTED).json()["id"]
    written(Export.objects.get(pk=mine))
    lead.memberships.all().delete()
    assert rest(lead).get(f"/api/v1/exports/{mine}/file/").status_code == 404


@pytest.mark.parametrize("is_erased_before_the_end", [True, False])
def test_a_file_of_predictions_does_not_outlive_an_erasure(rest, feature, lead, is_erased_before_the_end):
    make_prediction(make_version(feature), "p1", actor="u1", inputs={"name": "Jane Doe"})
    caller = rest(lead)
    address = f"/api/v1/exports/{post(caller, **{**WANTED, 'kind': 'predictions'}).json()['id']}/"
    export = Export.objects.get()
    if is_erased_before_the_end:
        finish = tasks.export(str(export.pk), NOON)
        erase_actor(actor="u1", features=Feature.objects.all())
        finish()
    else:
        written(export)
        assert caller.get(f"{address}file/").status_code == 200
        erase_actor(actor="u1", features=Feature.objects.all())
    shown = caller.get(address).json()
    assert (shown["state"], shown["file"]) == ("failed", None)
    assert "erased" in shown["reason"]
    assert caller.get(f"{address}file/").status_code == 404
    assert clear_exports(now=export.created_at) == 1
    assert not ExportPart.objects.exists()


def test_a_file_begun_after_an_erasure_is_given_out(rest, feature, lead):
    make_prediction(make_version(feature), "p1", actor="u1")
    caller = rest(lead)
    address = f"/api/v1/exports/{post(caller, **{**WANTED, 'kind': 'predictions'}).json()['id']}/"
    erase_actor(actor="u1", features=Feature.objects.all())
    written(Export.objects.get())
    assert caller.get(f"{address}file/").status_code == 200


@pytest.mark.parametrize("wrong", [{"kind": "salts"}, {"format": "xlsx"}, {"filters": {}}])
def test_what_there_is_not_cannot_be_asked_for(rest, feature, lead, wrong):
    assert post(rest(lead), **{**WANTED, **wrong}).status_code == 400
