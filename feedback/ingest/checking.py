"""From raw items to checked ones, straight from bytes: the wrong are refused, the right get a fingerprint."""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from feedback.ingest.decode import MOST_ITEM_BYTES, RawItem, is_too_deep
from feedback.ingest.items import (
    CustomerItem,
    EventItem,
    OutcomeItem,
    PredictionItem,
    Refusal,
    Sent,
    Wrong,
)

AHEAD = timedelta(minutes=10)
MOST_INT, LEAST_INT = 2**63 - 1, -(2**63)

Item = TypeVar("Item", bound=Sent)

PREDICTION = msgspec.json.Decoder(PredictionItem)
OUTCOME = msgspec.json.Decoder(OutcomeItem)
EVENT = msgspec.json.Decoder(EventItem)
FEEDBACK = msgspec.json.Decoder(CustomerItem)
CANONICAL = msgspec.json.Encoder(order="sorted")
AT_FIELD = re.compile(r" - at .*`\$\.([A-Za-z_]+)")
NAMED_FIELD = re.compile(r"field `(.{1,60}?)`")
# An escaped NUL, and not an escaped backslash before the letters u0000.
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# Nineteen digits in a row, sought where every digit became a 0: ten times as fast as a regular expression.
DIGITS, LONG_NUMBER = bytes.maketrans(b"123456789", b"0" * 9), b"0" * 19
# Every key ends in `":`. A text that begins with a colon counts, too, and does so in both forms.
KEY = b'":'
NOT_KEPT = "A text holds a NUL character or half a surrogate pair, which no database can keep."


class Named(Struct):
    """As much as is needed to name an item that is refused."""

    id: Any = ""
    prediction: Any = ""


class Checked(Struct, Generic[Item], frozen=True, gc=False):
    """An item that may be stored. place: in its batch; fingerprint: of its content as it was sent.

    A Struct: a frozen dataclass takes ten times as long to make, a twentieth of all that an item costs.
    """

    place: int
    item: Item
    fingerprint: int


def check_items(
    items: Iterable[RawItem], decoder: "msgspec.json.Decoder[Item]", *, now: datetime
) -> tuple[list[Checked[Item]], list[Refusal]]:
    """The good ones, and why the others are refused. decoder: of the items' shape."""
    good: list[Checked[Item]] = []
    refused: list[Refusal] = []
    for place, raw in enumerate(items):
        body = bytes(raw)
        try:
            item = _checked(body, decoder, now)
            good.append(Checked(place, item, _fingerprint(item, body)))
        except Wrong as wrong:
            refused.append(Refusal(place, _sent_id(body, decoder.type), wrong.code, wrong.field, str(wrong)))
    return good, refused


def _checked(body: bytes, decoder: "msgspec.json.Decoder[Item]", now: datetime) -> Item:
    item = _decoded(body, decoder)
    item.check()
    sent_at = getattr(item, item.at_field)
    if sent_at is not None:
        setattr(item, item.at_field, _instant(sent_at, item.at_field, now))
    if item.free_fields and LONG_NUMBER in body.translate(DIGITS):
        _check_integers(item)
    return item


def _decoded(body: bytes, decoder: "msgspec.json.Decoder[Item]") -> Item:
    if len(body) > MOST_ITEM_BYTES:
        raise Wrong("too_large", "", "An item may have 64 kB.")
    if is_too_deep(body):
        raise Wrong("too_large", "", "An item may be nested 32 levels deep.")
    try:
        item = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _in_our_words(error) from error
    if b"\\u0000" in body and NUL.search(body):
        raise Wrong("invalid", _field_with_nul(item), NOT_KEPT)
    return item


def _in_our_words(error: Exception) -> Wrong:
    """msgspec's message names the place as "- at `$.score`" or "- at `key` in `$.segments`"."""
    text = str(error)
    found = AT_FIELD.search(text) or NAMED_FIELD.search(text)
    return Wrong("invalid", found.group(1) if found else "", text.partition(" - at ")[0][:200] + ".")


def _field_with_nul(item: Struct) -> str:
    sent = msgspec.structs.asdict(item)
    return next((name for name, value in sent.items() if b"\\u0000" in CANONICAL.encode(value)), "")


def _instant(sent: datetime, field: str, now: datetime) -> datetime:
    try:
        instant = sent.astimezone(UTC)
    except OverflowError as error:
        raise Wrong("invalid", field, "This lies outside the years 1 to 9999.") from error
    if instant > now + AHEAD:
        raise Wrong("in_future", field, "This lies more than 10 minutes ahead.")
    return instant


def _check_integers(item: Sent) -> None:
    for field in item.free_fields:
        if _has_huge_integer(getattr(item, field)):
            raise Wrong("invalid", field, "A whole number here does not fit into 64 bits.")


def _has_huge_integer(value: Any) -> bool:
    if isinstance(value, int):
        return not LEAST_INT <= value <= MOST_INT
    if isinstance(value, dict):
        return any(_has_huge_integer(inner) for inner in value.values())
    return isinstance(value, list) and any(_has_huge_integer(inner) for inner in value)


def _fingerprint(item: Sent, body: bytes) -> int:
    """A signed 64-bit number of the item as sent: the same content, the same number.

    Order of keys and the offset of times make no difference; a default that is filled in later is no part.
    """
    canonical = CANONICAL.encode(item)
    _check_keys(body, canonical)
    return int.from_bytes(hashlib.blake2b(canonical, digest_size=8).digest(), "big", signed=True)


def _check_keys(body: bytes, canonical: bytes) -> None:
    """Refuse a key that stands twice: msgspec keeps the last one in silence.

    Where the canonical form has as many keys as the body, none was lost. Where it has fewer (nulls are left out
    of it), or where escapes or space before a colon make the count unsafe, a slow look decides.
    """
    is_unsafe = b"\\" in body or b" :" in body or b"\t" in body or b"\n" in body or b"\r" in body
    if not is_unsafe and body.count(KEY) == canonical.count(KEY):
        return
    # Numbers are not looked at here; Python would refuse to read one of 5,000 digits.
    json.loads(body, object_pairs_hook=_once_each, parse_int=len, parse_float=len)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)[:60]
        raise Wrong("invalid", twice, f"The key {twice} stands twice.")
    return found


def _sent_id(body: bytes, shape: type[Sent]) -> str:
    """The id of an item that is refused, as far as it can be told."""
    try:
        sent = getattr(msgspec.json.decode(body, type=Named), shape.id_field)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return sent[:200] if isinstance(sent, str) else ""
