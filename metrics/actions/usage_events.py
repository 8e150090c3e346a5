"""Usage events from the database as columns of numbers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
from django.db.models import BigIntegerField, Count, Func

from feedback.models import Feature, UsageEvent
from feedback.models.events import UsageEventQuerySet
from metrics.stats.usage import CODE, UNKNOWN_EDIT, Events, Floats, Ints

PAGE = 20_000
MOST_EVENTS, MOST_ACTORS = 250_000, 15_000  # at a time: bounds memory, and the variables of one SQLite query
COLUMNS = (
    "pk", "actor", "account", "kind", "prediction_external_id", "set_external_id", "micros", "is_internal",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Micros(Func):
    """An instant as microseconds since 1970, made by the database: in Python it takes longer than all else."""

    output_field = BigIntegerField()

    def get_db_converters(self, connection: Any) -> list[Any]:
        return []  # an integer as it comes

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        template = "(EXTRACT(EPOCH FROM %(expressions)s) * 1000000)::bigint"
        return self.as_sql(compiler, connection, template=template)

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> tuple[str, Any]:
        """Of text such as 2026-03-02 12:00:00.123456, without the fraction where it is 0."""
        text = "%(expressions)s"
        template = (
            f"(CAST(strftime('%%%%s', substr({text}, 1, 19)) AS INTEGER) * 1000000"
            f" + CAST(substr(substr({text}, 21) || '000000', 1, 6) AS INTEGER))"
        )
        return self.as_sql(compiler, connection, template=template)


@dataclass(slots=True)
class Numbers:
    """Texts by number, in the order in which they come."""

    of: dict[Any, int] = field(default_factory=dict)

    def of_all(self, texts: Iterable[Any]) -> Ints:
        known = self.of
        return np.array([known.setdefault(text, len(known)) for text in texts], dtype=np.int64)

    def texts(self) -> list[Any]:
        return list(self.of)


@dataclass(frozen=True, slots=True)
class Read:
    """Events and the texts behind their numbers. pairs: (prediction, "") or ("", set)."""

    events: Events
    actors: list[str]
    accounts: list[str]
    pairs: list[tuple[str, str]]


def micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def instant(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=int(at))


def in_portions(feature: Feature, actors: Iterable[str]) -> Iterator[list[str]]:
    """The actors, so many at a time that their events are few enough to be held."""
    wanted = sorted(set(actors))
    counted: dict[str, int] = {}
    of_feature = UsageEvent.objects.of(feature).order_by()
    some = [of_feature] if len(wanted) > MOST_ACTORS else [of_feature.filter(actor__in=wanted)]
    for rows in some:
        counted |= dict(rows.values_list("actor").annotate(n=Count("pk")))
    portion: list[str] = []
    n = 0
    for actor in wanted:
        n_own = counted.get(actor, 0)
        if portion and (n + n_own > MOST_EVENTS or len(portion) == MOST_ACTORS):
            yield portion
            portion, n = [], 0
        portion.append(actor)
        n += n_own
    if portion:
        yield portion


def read_events(rows: UsageEventQuerySet, *, actors: Iterable[str] = ()) -> Read:
    """All the rows. actors: get the first numbers, in their order, whether they have events or not."""
    numbers, accounts, pairs = Numbers(), Numbers({"": 0}), Numbers({None: 0})
    numbers.of_all(actors)
    parts: list[list[Ints]] = [[np.zeros(0, dtype=np.int64)] for _ in COLUMNS[1:]]
    found = rows.order_by().annotate(micros=Micros("occurred_at")).values_list(*COLUMNS).iterator(chunk_size=PAGE)
    while page := list(islice(found, PAGE)):
        pk, actor, account, kind, prediction, of_set, at, is_internal = zip(*page, strict=True)
        about = [(one, many) if one or many else None for one, many in zip(prediction, of_set, strict=True)]
        read = (
            np.array(pk, dtype=np.int64),
            numbers.of_all(actor),
            accounts.of_all(account),
            pairs.of_all(about) - 1,
            np.array([CODE[each] for each in kind], dtype=np.int64),
            np.array(at, dtype=np.int64),
            np.array(is_internal, dtype=np.int64),
        )
        for part, column in zip(parts, read, strict=True):
            part.append(column)
    pks, actor_numbers, account_numbers, pair_numbers, codes, instants, internal = map(np.concatenate, parts)
    edit, tie = _edits(rows, pks)
    events = Events(
        actor_numbers, account_numbers, pair_numbers, codes, instants, internal.astype(bool), edit, tie
    )
    return Read(events, numbers.texts(), accounts.texts(), pairs.texts()[1:])


def _edits(rows: UsageEventQuerySet, pks: Ints) -> tuple[Floats, Ints]:
    """Of each event the share that was changed, and the place of its id among edits: two may be of one instant."""
    edit, tie = np.full(len(pks), np.nan), np.zeros(len(pks), dtype=np.int64)
    edited = rows.filter(kind="edited").order_by()
    found = sorted(edited.values_list("external_id", "pk", "props"), key=lambda row: row[0])
    places = dict(zip(pks.tolist(), range(len(pks)), strict=True)) if found else {}
    for number, (_, pk, props) in enumerate(found):
        place = places.get(pk)
        if place is not None:  # one that came in between the two queries is read the next time
            share = (props or {}).get("edit_fraction")
            edit[place] = UNKNOWN_EDIT if share is None else share
            tie[place] = number
    return edit, tie
