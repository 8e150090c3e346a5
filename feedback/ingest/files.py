"""Rows of CSV, JSONL and Parquet files as the items that REST takes."""

import csv
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

FORMATS = (".csv", ".jsonl", ".ndjson", ".parquet")
# Columns "input.NAME" and so on become the entries of one object.
NESTED = {"input": "inputs", "segment": "segments", "probability": "probabilities"}
NUMBERS = {"value", "score", "latency_ms", "cpu_ms", "rss_mb"}

Item = dict[str, Any]


class UnreadableFile(Exception):
    """The file as a whole cannot be used; the text says why."""


def items(path: Path, *, start: int, more: Mapping[str, str]) -> Iterator[bytes]:
    """Each row from place `start` on as one JSON object. more: fields for rows that lack them.

    An infinite number is written as JSON does not know it, so that its item is refused and named.

    Raises UnreadableFile for another format and for a file that is not what its name says.
    """
    read = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}.get(path.suffix.lower())
    if read is None:
        raise UnreadableFile(f"{path.name}: the format must be one of {', '.join(FORMATS)}.")
    for row in islice(read(path), start, None):
        yield row if isinstance(row, bytes) else json.dumps({**more, **row}, default=str).encode()


def n_rows(path: Path) -> int:
    """How many rows the file has, for the progress bar; a quoted line break in CSV counts as a row."""
    if path.suffix.lower() == ".parquet":
        return int(_parquet_file(path).metadata.num_rows)
    with path.open("rb") as lines:
        return sum(1 for line in lines if line.strip()) - (path.suffix.lower() == ".csv")


def _csv(path: Path) -> Iterator[Item]:
    with path.open(newline="", encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            yield _nested(
                {name: _read(name, text) for name, text in row.items() if name and text not in {"", None}}
            )


def _jsonl(path: Path) -> Iterator[Item | bytes]:
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield _object(line)


def _object(line: bytes) -> Item | bytes:
    """A line that is no JSON object goes on as it is, to be refused like any other item."""
    try:
        found = json.loads(line)
    except ValueError:
        return line
    return found if isinstance(found, dict) else line


def _parquet(path: Path) -> Iterator[Item]:
    for batch in _parquet_file(path).iter_batches(batch_size=5_000):
        for row in batch.to_pylist():
            yield _nested({name: value for name, value in row.items() if not _is_missing(value)})


def _parquet_file(path: Path) -> Any:
    import pyarrow.parquet as pq
    from pyarrow import ArrowInvalid

    try:
        return pq.ParquetFile(path)
    except ArrowInvalid as error:
        raise UnreadableFile(f"{path.name} is not a Parquet file.") from error


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _read(name: str, text: str) -> Any:
    """A cell of CSV: a number where the field is one, or where an input looks like one; else the text."""
    if name in NUMBERS or name.startswith(("input.", "probability.")):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _nested(row: Item) -> Item:
    item: Item = {}
    for name, value in row.items():
        group, _, entry = name.partition(".")
        if entry and group in NESTED:
            item.setdefault(NESTED[group], {})[entry] = value
        else:
            item[name] = value.isoformat() + "Z" * (value.tzinfo is None) if hasattr(value, "isoformat") else value
    return item
