"""Keeping what was refused, for the people who can mend it: counts by hour, and a few examples."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from feedback.ingest.decode import RawItem
from feedback.ingest.items import E_MAIL, CustomerItem, EventItem, OutcomeItem, PredictionItem, Refusal
from feedback.ingest.store import add_up, as_json
from feedback.models import ApiKey, Feature, RefusalHour

log = structlog.get_logger(__name__)
KEPT = timedelta(days=30)
MOST_EXAMPLES = 3
MOST_SENT = 160
CODES_OF_BODIES = {400: "body_unreadable", 413: "body_too_large", 415: "body_unsupported"}
COLUMNS = ("hour", "key_id", "feature_slug", "endpoint", "code", "field", "n", "last_at", "examples")
KEY = COLUMNS[:6]
# A sender may make up names of fields without end: those that are none of ours are counted together.
FIELDS = frozenset(
    name for item in (PredictionItem, OutcomeItem, EventItem, CustomerItem) for name in item.__struct_fields__
)
SECRET = re.compile(r"ts_([0-9a-f]{8})_[A-Za-z0-9_-]+|(?i:bearer)\s+[^\s\"]+")
SECRET_FIELD = re.compile(r'"[^"]*(?:passw|secret|token|api_?key|authori[sz]ation)[^"]*"\s*:\s*"?[^",}]*', re.I)

Group = tuple[str, str, str]  # slug of the feature, code, field
Example = dict[str, str]


class Named(msgspec.Struct):
    """As much as is needed to tell whose feature a refused item was for."""

    feature: Any = ""


def record_refusals(
    *,
    key: ApiKey,
    endpoint: str,
    items: Sequence[RawItem],
    refused: Sequence[Refusal],
    features: QuerySet[Feature],
    now: datetime,
) -> None:
    """Count refused items, whatever their number, in one query and one statement; nothing refused: in none.

    features: those that the sender may see; an item for another one counts for none. Comes after the batch is
    stored: a database that fails here costs the count, never the batch. Not safe to repeat: counts add up.
    """
    if not refused:
        return
    slugs = [_slug(bytes(items[each.index])) for each in refused]
    try:
        known = set(features.filter(slug__in={*slugs} - {""}).values_list("slug", flat=True))
        counts: Counter[Group] = Counter()
        examples: dict[Group, list[Example]] = {}
        for each, slug in zip(refused, slugs, strict=True):
            group = (slug if slug in known else "", each.code, each.field if each.field in FIELDS else "")
            counts[group] += 1
            if counts[group] <= MOST_EXAMPLES:
                examples.setdefault(group, []).append(_example(each, bytes(items[each.index])))
        _add(key, endpoint, [(group, n, examples[group]) for group, n in counts.items()], now)
    except DatabaseError:
        log.warning("refusals_not_recorded", endpoint=endpoint, n=len(refused), exc_info=True)


def record_unreadable(*, key: ApiKey, endpoint: str, status: int, detail: str, now: datetime) -> None:
    """Count a request whose body could not be used as a whole: of no feature, for nobody has read it."""
    example = {"id": "", "detail": without_secrets(detail)[:300], "sent": ""}
    try:
        _add(key, endpoint, [(("", CODES_OF_BODIES[status], ""), 1, [example])], now)
    except DatabaseError:
        log.warning("refusals_not_recorded", endpoint=endpoint, n=1, exc_info=True)


@transaction.atomic
def clear_refusals(*, now: datetime) -> int:
    """Remove what is older than 30 days. Repeating is harmless."""
    removed, _ = RefusalHour.objects.older_than(KEPT, now=now).delete()
    return removed


@transaction.atomic
def _add(key: ApiKey, endpoint: str, found: Iterable[tuple[Group, int, list[Example]]], now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [
        (hour, key.pk, slug, endpoint, code, field, n, now, as_json(examples))
        for (slug, code, field), n, examples in found
    ]
    add_up(RefusalHour, columns=COLUMNS, key=KEY, count="n", rows=rows)


def _slug(body: bytes) -> str:
    try:
        sent = msgspec.json.decode(body, type=Named).feature
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return sent if isinstance(sent, str) and len(sent) <= 60 and "\0" not in sent else ""


def _example(refusal: Refusal, body: bytes) -> Example:
    return {
        "id": without_secrets(refusal.id),
        "detail": without_secrets(refusal.detail)[:300],
        # What looks personal is refused so that it is not kept: not here either.
        "sent": "" if refusal.code == "looks_personal" else _sent(body, refusal.field),
    }


def _sent(body: bytes, field: str) -> str:
    """As much of an item as shows what is wrong: the field, else the names of all, else how it begins."""
    try:
        parts = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _shortened(body)
    if field in parts:
        return _shortened(b'"' + field.encode() + b'": ' + bytes(parts[field]))
    return _shortened(", ".join(parts).encode())


def _shortened(text: bytes) -> str:
    shown = without_secrets(text[: 2 * MOST_SENT].decode(errors="replace").replace("\\u0000", ""))
    return shown if len(shown) <= MOST_SENT else shown[:MOST_SENT] + "…"


def without_secrets(text: str) -> str:
    """A text without keys, passwords, addresses and the NUL that PostgreSQL cannot store."""
    text = SECRET.sub(lambda found: f"ts_{found[1]}_…" if found[1] else "Bearer …", text.replace("\0", ""))
    text = SECRET_FIELD.sub(lambda found: found[0].partition(":")[0] + ': "…"', text)
    return E_MAIL.sub("…@…", text) if "@" in text else text
