"""Items as JSON lines, and batches of them as they travel and as they lie on disk."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

KINDS = ("predictions", "outcomes", "events", "feedback")
MOST_ITEM_BYTES = 64 * 1024  # the server refuses a longer one
MOST_BATCH_BYTES = 4 * 1024 * 1024  # unpacked; the server takes 16 MiB, proxies in front of it often less
FAST = 1  # gzip level: half the time of the default for a tenth more bytes


@dataclass(frozen=True)
class Batch:
    """n items of one kind. body: NDJSON in one or several gzip members, ready to be posted."""

    kind: str
    n: int
    body: bytes


def encode(item: Mapping[str, Any]) -> bytes:
    """One JSON line, None left out. Raises whatever an object that cannot be written raises."""
    return _ENCODER.encode({name: value for name, value in item.items() if value is not None}).encode()


def batches(kind: str, lines: Sequence[bytes]) -> Iterator[Batch]:
    """The lines in as few batches as their bytes allow."""
    start = size = 0
    for place, line in enumerate(lines):
        if size + len(line) > MOST_BATCH_BYTES and place > start:
            yield _packed(kind, lines[start:place])
            start, size = place, 0
        size += len(line) + 1
    if lines:
        yield _packed(kind, lines[start:])


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """A batch of two or more items, cut in two."""
    lines = gzip.decompress(batch.body).splitlines()
    middle = len(lines) // 2
    return _packed(batch.kind, lines[:middle]), _packed(batch.kind, lines[middle:])


def _packed(kind: str, lines: Sequence[bytes]) -> Batch:
    return Batch(kind, len(lines), gzip.compress(b"\n".join(lines) + b"\n", FAST))


def _plain(value: Any) -> Any:
    """What JSON does not know. `tolist` is how numpy, pandas and torch give plain numbers and lists."""
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
