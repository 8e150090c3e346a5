"""From a request's bytes to raw items, with every limit kept while unpacking."""

import re
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Protocol

import msgspec

MOST_BYTES = 16 * 1024 * 1024
MOST_ITEMS = 10_000
MOST_ITEM_BYTES = 64 * 1024
DEEPEST = 32
STEP = 64 * 1024

# A pair, the half of one, or any other escape: read from left to right, so that `\\\\ud800` is no half.
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
ESCAPE = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
BRACKET = re.compile(rb"[\[\]{}]")
TOO_MUCH = "The body is over 16 MiB. Send it in smaller batches."
TOO_MANY = "The body holds over 10,000 items. Send it in smaller batches."

RawItem = bytes | msgspec.Raw
# A struct of 10,000 places refuses the next one at once; a list of Raw would first build millions of them
# (measured: 550 MB for a body of 16 MiB).
MISSING = msgspec.Raw(b"")
Batch = msgspec.defstruct(
    "Batch",
    [(f"item_{place}", msgspec.Raw, MISSING) for place in range(MOST_ITEMS)],
    array_like=True,
    forbid_unknown_fields=True,
)
SHORT = msgspec.json.Decoder(list[msgspec.Raw])
LONG = msgspec.json.Decoder(Batch)


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Unreadable(Exception):
    """The body as a whole cannot be used. status: 400, 413 or 415; the text says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def read_body(stream: Readable, *, encoding: str) -> bytes:
    """All bytes, unpacked, at most 16 MiB: a gzip bomb is stopped while it unpacks, not after."""
    if encoding not in {"", "identity", "gzip"}:
        raise Unreadable(415, f"Content-Encoding {encoding[:40]} is not supported. Send gzip, or none.")
    sent = _limited(stream)
    return b"".join(_unpacked(sent) if encoding == "gzip" else sent)


def _limited(stream: Readable) -> Iterator[bytes]:
    size = 0
    while part := stream.read(STEP):
        size += len(part)
        if size > MOST_BYTES:
            raise Unreadable(413, TOO_MUCH)
        yield part


def _unpacked(sent: Iterator[bytes]) -> Iterator[bytes]:
    """A gzip body may be several members one after the other, as pigz and `cat` make them."""
    unpack, size, is_begun = zlib.decompressobj(wbits=31), 0, False
    for packed in sent:
        while packed:
            if unpack.eof:
                unpack = zlib.decompressobj(wbits=31)
            try:
                part = unpack.decompress(packed, MOST_BYTES + 1 - size)
            except zlib.error as error:
                raise Unreadable(400, "The body is not valid gzip.") from error
            size, is_begun = size + len(part), True
            if size > MOST_BYTES:
                raise Unreadable(413, TOO_MUCH)
            yield part
            packed = unpack.unused_data
    if is_begun and not unpack.eof:
        raise Unreadable(400, "The gzip body ends too early.")


def raw_items(body: bytes, *, content_type: str) -> Sequence[RawItem]:
    """The items of one object, an array, or NDJSON, each still in bytes."""
    body = _without_halves(body)
    kind, _, parameters = content_type.lower().partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters)
    if charset and charset.group(1) not in {"utf-8", "utf8"}:
        raise Unreadable(415, "Send UTF-8.")
    if kind.strip() == "application/x-ndjson":
        items: Sequence[RawItem] = _lines(body)
    elif kind.strip() == "application/json":
        items = _json_items(body)
    else:
        raise Unreadable(415, "Send application/json or application/x-ndjson.")
    if not items:
        raise Unreadable(400, "The body holds no item.")
    return items


def _without_halves(body: bytes) -> bytes:
    """Half a surrogate pair becomes an escaped NUL, for which its item alone is refused.

    msgspec would call the whole body unreadable, and the neighbours would go down with it.
    """
    if not SURROGATE.search(body):
        return body
    return ESCAPE.sub(lambda found: rb"\u0000" if found.group(2) else found.group(0), body)


def _lines(body: bytes) -> list[bytes]:
    items = []
    for line in map(bytes.strip, BytesIO(body)):
        if line:
            items.append(line)
            if len(items) > MOST_ITEMS:
                raise Unreadable(413, TOO_MANY)
    return items


def _json_items(body: bytes) -> Sequence[RawItem]:
    start = body.lstrip(b" \t\r\n")[:1]
    try:
        if start == b"[":
            return _array(body)
        if start == b"{":
            return [msgspec.json.decode(body, type=msgspec.Raw)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(400, f"The body is not readable JSON: {error}") from error
    raise Unreadable(400, "The body must be one JSON object or an array of objects.")


def _array(body: bytes) -> Sequence[RawItem]:
    if body.count(b",") < MOST_ITEMS:
        return SHORT.decode(body)
    try:
        found = msgspec.structs.astuple(LONG.decode(body))
    except msgspec.ValidationError as error:
        raise Unreadable(413, TOO_MANY) from error
    return [item for item in found if item is not MISSING]


def is_too_deep(item: bytes) -> bool:
    """More than 32 levels. Counted only where an item holds that many brackets at all."""
    if item.count(b"{") + item.count(b"[") <= DEEPEST:
        return False
    depth = 0
    for bracket in BRACKET.findall(TEXT.sub(b"", item)):
        depth += 1 if bracket in b"{[" else -1
        if depth > DEEPEST:
            return True
    return False
