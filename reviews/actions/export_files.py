"""Writing an export's file, a row group at a time. For workers only: Parquet takes pyarrow."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
from django.db.models import F

from feedback.models import Prediction
from reviews import exports, prediction_exports
from reviews.models import Export, ExportPart, Judgment

# A row group ends at so many rows, or at about so many bytes: predictions may be large.
ROW_GROUP = 10_000
GROUP_BYTES = 16 << 20
PART_BYTES = 1 << 20
# Of a file: it is kept in the database.
MOST_BYTES = 1 << 30
State = Export.State
TYPES = {
    "text": pa.string(),
    "whole": pa.int64(),
    "number": pa.float64(),
    "yes_no": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
    "day": pa.date32(),
    "list": pa.list_(pa.string()),
    "json": pa.string(),
}
Rows: TypeAlias = Iterator[dict[str, Any]]
# What a kind of file tells: each column and of what type.
COLUMNS = {"judgments": exports.COLUMNS, "predictions": prediction_exports.COLUMNS}
# goes_on(rows just written): False ends the writing.
GoesOn: TypeAlias = Callable[[int], bool]


def prepare_export(*, export_id: int, now: datetime) -> Callable[[], int] | None:
    """Write the file's parts; the effect makes them the file, and answers with how many rows it has.

    None: it was cancelled, is finished, or grows too large. Memory: one row group, whatever the number of rows.
    Replay, and a worker that lost its lease: each writes parts of its own, and the job's fence decides whose are
    the file. The person's older file of the same kind goes, so that asking again and again fills no disk.
    """
    export = Export.objects.unfinished().select_related("feature", "person").filter(pk=export_id).first()
    if export is None:
        return None
    n_expected = _n_expected(export)
    live = Export.objects.unfinished().filter(pk=export.pk)
    # Before any row is read: an erasure from here on shows in this number.
    n_forgotten = export.feature.n_forgotten
    live.update(state=State.WRITING, n_expected=n_expected, n_written=0, n_forgotten=n_forgotten)
    sink = Parts(export)
    write = write_parquet if export.format == Export.Format.PARQUET else write_csv

    def goes_on(n: int) -> bool:
        return sink.n_bytes <= MOST_BYTES and live.update(n_written=F("n_written") + n) > 0

    n_rows = write(_rows(export), COLUMNS[export.kind], sink, goes_on)
    if n_rows is None:
        if sink.n_bytes > MOST_BYTES:
            live.update(state=State.FAILED, finished_at=now)
        sink.remove()
        return None
    sink.close()

    def finish() -> int:
        finished = {"state": State.DONE, "n_written": n_rows, "finished_at": now}
        if live.update(**finished, run=sink.run, n_bytes=sink.n_bytes):
            _remove_older(export, run=sink.run)
        else:  # cancelled since the last row
            sink.remove()
        return n_rows

    return finish


class Parts:
    """A file that one can only write to: its bytes go to rows, a mebibyte each."""

    def __init__(self, export: Export) -> None:
        self.export, self.run = export, secrets.token_hex(16)
        self.held, self.n_bytes, self.n_parts = bytearray(), 0, 0
        self.closed = False

    def write(self, content: bytes) -> int:
        self.held += content
        self.n_bytes += len(content)
        while len(self.held) >= PART_BYTES:
            self._store(PART_BYTES)
        return len(content)

    def tell(self) -> int:
        return self.n_bytes

    def flush(self) -> None:
        """Nothing: a part is stored when it is full, and the last one on closing."""

    def close(self) -> None:
        if self.held:
            self._store(len(self.held))
        self.closed = True

    def remove(self) -> None:
        ExportPart.objects.filter(export=self.export, run=self.run).delete()

    def _store(self, size: int) -> None:
        part = bytes(self.held[:size])
        ExportPart.objects.create(export=self.export, run=self.run, ordinal=self.n_parts, content=part)
        del self.held[:size]
        self.n_parts += 1


def _remove_older(export: Export, *, run: str) -> None:
    """What other runs wrote of it, and the files of the same that this person had before."""
    ExportPart.objects.filter(export=export).exclude(run=run).delete()
    same = {"person": export.person, "feature": export.feature, "kind": export.kind, "format": export.format}
    Export.objects.filter(state=State.DONE, **same).exclude(pk=export.pk).delete()


def _n_expected(export: Export) -> int:
    if export.kind == Export.Kind.PREDICTIONS:
        return Prediction.objects.of(export.feature).count()
    return Judgment.objects.filter(feature=export.feature).count()


def _rows(export: Export) -> Rows:
    if export.kind == Export.Kind.PREDICTIONS:
        return prediction_exports.prediction_rows(export.feature, reader=export.person)
    return exports.judgment_rows([export.feature_id], reader=export.person)


def write_csv(rows: Rows, columns: Mapping[str, str], sink: Parts, goes_on: GoesOn) -> int | None:
    """Answers with the number of rows; None: it was ended before the last."""
    n_rows = 0
    sink.write(f"{','.join(columns)}\r\n".encode())
    for group in _groups(rows):
        sink.write("".join(exports.csv_lines(iter(group), has_head=False)).encode())
        n_rows += len(group)
        if not goes_on(len(group)):
            return None
    return n_rows


def write_parquet(rows: Rows, columns: Mapping[str, str], sink: Parts, goes_on: GoesOn) -> int | None:
    """As write_csv; a row group for each group."""
    n_rows = 0
    schema = pa.schema([(name, TYPES[kind]) for name, kind in columns.items()])
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist([_as_typed(row, columns) for row in group], schema=schema))
            n_rows += len(group)
            if not goes_on(len(group)):
                return None
    return n_rows


def _groups(rows: Rows) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(len(str(value)) for value in row.values())
        if len(group) >= ROW_GROUP or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _as_typed(row: dict[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Lists as lists of text, what has no columns of its own as JSON."""
    typed = dict(row)
    for name, kind in columns.items():
        if kind == "json" and row[name] is not None:
            typed[name] = json.dumps(row[name], ensure_ascii=False)
        elif kind == "list":
            typed[name] = [str(each) for each in row[name]]
    return typed
