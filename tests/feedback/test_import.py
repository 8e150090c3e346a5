"""manage.py import: files through the checks of REST."""

import json
from importlib import import_module

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from feedback.models import Outcome, Prediction
from tests.factories import make_feature, make_version

pytestmark = pytest.mark.django_db
command = import_module("config.management.commands.import")
ROWS = [
    {"id": "a", "label": "late", "score": 0.75, "input.carrier": "UA", "input.delay": 12, "segment.origin": "JFK"},
    {"id": "b", "label": "on_time", "score": 0.5},
]


@pytest.fixture(autouse=True)
def version(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "var"
    settings.DATA_DIR.mkdir()
    return make_version(make_feature("claims"), "v1")


def load(path, *more):
    call_command("import", "predictions", str(path), "--feature", "claims", "--version-name", "v1", *more)


def stored():
    return {each.external_id: each for each in Prediction.objects.all()}


def as_csv(path):
    path.write_text(
        "id,label,score,input.carrier,input.delay,segment.origin\na,late,0.75,UA,12,JFK\nb,on_time,0.5,,,\n"
    )


def as_jsonl(path):
    nested = {"inputs": {"carrier": "UA", "delay": 12}, "segments": {"origin": "JFK"}}
    rows = [{"id": "a", "label": "late", "score": 0.75, **nested}, ROWS[1]]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")


def as_parquet(path):
    pq.write_table(pa.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize(
    ("name", "write"), [("log.csv", as_csv), ("log.jsonl", as_jsonl), ("log.parquet", as_parquet)]
)
def test_each_format_ends_in_the_same_rows(tmp_path, name, write, capsys):
    write(tmp_path / name)
    load(tmp_path / name)
    found = stored()
    assert found["a"].inputs == {"carrier": "UA", "delay": 12}
    assert found["a"].segments == {"origin": "JFK"}
    assert (found["b"].label, found["b"].score, found["b"].inputs) == ("on_time", 0.5, None)
    assert "2 stored, 0 were there already, 0 refused." in capsys.readouterr().out


def test_repeating_an_import_stores_nothing_twice(tmp_path, capsys):
    as_csv(tmp_path / "log.csv")
    load(tmp_path / "log.csv")
    load(tmp_path / "log.csv")
    assert "0 stored, 2 were there already" in capsys.readouterr().out
    assert len(stored()) == 2


def test_an_import_that_was_stopped_goes_on_after_its_last_batch(tmp_path, monkeypatch, capsys):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"id": f"p{i}", "label": "late"}) + "\n" for i in range(10)))
    monkeypatch.setattr(command, "BATCH", 4)
    mark = command.progress_file("predictions", path)
    mark.write_text("4")  # what a run leaves that ended after its first batch
    load(path)
    assert "Going on after row 4" in capsys.readouterr().out
    assert sorted(stored()) == [f"p{i}" for i in range(4, 10)]
    assert not mark.exists()


def test_refused_rows_are_named_and_kept_in_a_file(tmp_path, capsys):
    path = tmp_path / "log.csv"
    path.write_text("id,label,score\na,late,0.5\nb,late,7\nc,never,0.5\nd,late,inf\n")
    load(path, "--refused", str(tmp_path / "refused.jsonl"))
    said = capsys.readouterr()
    assert "1 stored, 0 were there already, 3 refused." in said.out
    assert "Row 2 (b): invalid score" in said.err
    kept = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert [(each["row"], each["code"], each["field"]) for each in kept] == [
        (2, "invalid", "score"), (3, "invalid", "label"), (4, "invalid", "score"),
    ]  # fmt: skip


def test_outcomes_are_imported_too(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("prediction,truth\na,late\n")
    call_command("import", "outcomes", str(path), "--feature", "claims")
    assert Outcome.objects.get().truth_label == "late"


@pytest.mark.parametrize(("name", "content"), [("log.xlsx", b""), ("log.parquet", b"no"), ("gone.csv", None)])
def test_a_file_that_cannot_be_used_is_told_in_words(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CommandError, match=name):
        load(tmp_path / name)
