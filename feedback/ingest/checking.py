"""From raw items to checked ones, straight from bytes: the wrong are refused, the right get a fingerprint."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
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
    items: Sequence[RawItem], decoder: "msgspec.json.Decoder[Item]", *, now: datetime
) -> tuple[list[Checked[Item]], list[Refusal]]:
    """The good ones, and why the others are refused. decoder: of the items' shape."""
    good: list[Checked[Item]] = []
    refused: list[Refusal] = []
    together = _decoded_together(items, decoder.type)
    for place, raw in enumerate(items):
        try:
            item = together[place] if together else _decoded(bytes(raw), decoder)
            _check_fields(item, now)
            good.append(Checked(place, item, 0))
        except Wrong as wrong:
            refused.append(_refusal(place, raw, decoder, wrong))
    return _with_fingerprints(good, items, decoder, refused), refused


def _refusal(place: int, raw: RawItem, decoder: "msgspec.json.Decoder[Item]", wrong: Wrong) -> Refusal:
    return Refusal(place, _sent_id(bytes(raw), decoder.type), wrong.code, wrong.field, str(wrong))


def _decoded_together(items: Sequence[RawItem], shape: type[Item]) -> list[Item] | None:
    """All items at once, four times as fast as one by one; None where one of them needs a closer look.

    Only of an array, whose items are each valid JSON: two broken lines may be one item when joined.
    """
    if not items or not isinstance(items[0], msgspec.Raw):
        return None
    body = b"[%b]" % b",".join(items)
    is_plain = b"\\u0000" not in body and LONG_NUMBER not in body.translate(DIGITS)
    if not is_plain or any(len(raw) > MOST_ITEM_BYTES or is_too_deep(raw) for raw in map(bytes, items)):
        return None
    try:
        return _many(shape).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


@cache
def _many(shape: type[Item]) -> "msgspec.json.Decoder[list[Item]]":
    return msgspec.json.Decoder(list[shape])  # type: ignore[valid-type]  # made once for each of four shapes


def _check_fields(item: Sent, now: datetime) -> None:
    item.check()
    sent_at = getattr(item, item.at_field)
    if sent_at is not None:
        setattr(item, item.at_field, _instant(sent_at, item.at_field, now))


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
    if item.free_fields and LONG_NUMBER in body.translate(DIGITS):
        _check_integers(item)
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


def _with_fingerprints(
    good: list[Checked[Item]],
    items: Sequence[RawItem],
    decoder: "msgspec.json.Decoder[Item]",
    refused: list[Refusal],
) -> list[Checked[Item]]:
    """Each with a signed 64-bit number of its content as sent: the same content, the same number.

    Order of keys and the offset of times make no difference; a default that is filled in later is no part. A key
    that stands twice is refused here: msgspec keeps the last one in silence.
    """
    canonical = CANONICAL.encode_lines([one.item for one in good])
    are_whole = _lost_no_key(b"".join(items), canonical)
    kept = []
    for one, line in zip(good, canonical.split(b"\n"), strict=False):  # a newline ends the last one, too
        try:
            if not are_whole:
                _check_keys(bytes(items[one.place]), line)
            kept.append(Checked(one.place, one.item, _fingerprint(line)))
        except Wrong as wrong:
            refused.append(_refusal(one.place, items[one.place], decoder, wrong))
    return kept


def _fingerprint(canonical: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(canonical, digest_size=8).digest(), "big", signed=True)


def _lost_no_key(body: bytes, canonical: bytes) -> bool:
    """Whether the canonical form has as many keys as the body, so that none stood twice.

    Where it has fewer (nulls are left out of it), or where escapes or space before a colon make the count unsafe,
    it is not known.
    """
    is_unsafe = b"\\" in body or b" :" in body or b"\t" in body or b"\n" in body or b"\r" in body
    return not is_unsafe and body.count(KEY) == canonical.count(KEY)


def _check_keys(body: bytes, canonical: bytes) -> None:
    """Refuse a key that stands twice."""
    if not _lost_no_key(body, canonical):
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
