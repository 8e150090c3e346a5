"""The one place where PostgreSQL and SQLite differ on the way in: many rows, once each, fast.

PostgreSQL takes a large batch by COPY straight into the table; only where a key is taken, which it cannot skip, by
COPY into a temporary table and INSERT ... SELECT. Always in the order of the key, so that two batches that
overlap lock rows in one order and cannot deadlock. Small batches, and SQLite, take INSERT with many rows of
VALUES. A taken key is skipped by ON CONFLICT DO NOTHING: SQLite's OR IGNORE would swallow a broken check
constraint too. And PostgreSQL may end one of two transactions that stand in each other's
way; SQLite lets one wait for the other.
"""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
import structlog
from django.db import IntegrityError, OperationalError, connection, models, transaction

# Below this many rows making a temporary table costs more than it saves.
COPY_FROM = 100
MOST_ROWS_OF_VALUES = 500
JSON = msgspec.json.Encoder()
log = structlog.get_logger(__name__)
# Serialization failure, deadlock: nothing is wrong with what was sent, it only has to be done again.
STOOD_IN_THE_WAY = {"40001", "40P01"}
TAKEN = "23505"  # a unique key
MOST_ATTEMPTS = 4
PAUSE_S = 0.05

Row = Sequence[Any]
Done = TypeVar("Done")


def in_one_transaction(store: Callable[[], Done], *, n_rows: int) -> Done:
    """What store answers, done in one transaction; done again when PostgreSQL ended it in favour of another.

    store: safe to repeat, for nothing of an attempt that failed stays; it inserts n_rows by `insert_once` and
    writes nothing else. A few rows are one statement, which is a transaction by itself: then two round trips
    are saved. Inside another transaction there is one attempt only: that one would have to begin again. Raises
    OperationalError after four attempts.
    """
    around = nullcontext if n_rows < COPY_FROM else transaction.atomic
    most = 1 if connection.in_atomic_block else MOST_ATTEMPTS
    for attempt in range(1, most):
        try:
            with around():
                return store()
        except OperationalError as error:
            sqlstate = getattr(error.__cause__, "sqlstate", None)
            if sqlstate not in STOOD_IN_THE_WAY:
                raise
            log.warning("storing_again", attempt=attempt, sqlstate=sqlstate)
        time.sleep(PAUSE_S * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311
    with around():
        return store()


def insert_once(
    model: type[models.Model], *, columns: Sequence[str], key: Sequence[str], rows: Sequence[Row]
) -> set[tuple[Any, ...]]:
    """Insert rows, leaving out those whose unique key is taken. Returns the keys of those inserted.

    columns, key: names of columns; rows: values in the order of columns, no key twice, JSON as text (`as_json`).
    Under 100 rows are one statement; call for more inside a transaction. Replay and race: of two that bring the
    same key, one inserts it. Broken constraints other than a taken key raise IntegrityError.
    """
    if not rows:
        return set()
    if connection.vendor == "postgresql" and len(rows) >= COPY_FROM:
        return _copy(model, columns, key, rows)
    ordered = _in_order(columns, key, rows)
    taken: set[tuple[Any, ...]] = set()
    for start in range(0, len(ordered), MOST_ROWS_OF_VALUES):
        taken |= _insert_values(model, columns, key, ordered[start : start + MOST_ROWS_OF_VALUES])
    return taken


def as_json(value: Any) -> str | None:
    """A value for a JSON column: None is SQL's NULL."""
    return None if value is None else JSON.encode(value).decode()


def _in_order(columns: Sequence[str], key: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=itemgetter(*(columns.index(name) for name in key)))


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(connection.ops.quote_name, columns))


def _copy(
    model: type[models.Model], columns: Sequence[str], key: Sequence[str], rows: Sequence[Row]
) -> set[tuple[Any, ...]]:
    ordered, places = _in_order(columns, key, rows), [columns.index(name) for name in key]
    try:
        with transaction.atomic():
            _copy_into(model._meta.db_table, columns, ordered)
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", None) != TAKEN:
            raise
        return _copy_around(model, columns, key, ordered)
    return set(map(itemgetter(*places), ordered))


def _copy_around(
    model: type[models.Model], columns: Sequence[str], key: Sequence[str], rows: Sequence[Row]
) -> set[tuple[Any, ...]]:
    """By way of a temporary table, from which the rows whose key is taken are left out."""
    table, names = connection.ops.quote_name(model._meta.db_table), _names(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA"  # noqa: S608
        )
        _copy_into("incoming", columns, rows)
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming ORDER BY {_names(key)}"  # noqa: S608
            f" ON CONFLICT DO NOTHING RETURNING {_names(key)}"
        )
        inserted = set(cursor.fetchall())
        cursor.execute("DROP TABLE incoming")
        return inserted


def _copy_into(table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """As text, not binary: so a str for jsonb is read as JSON, not stored as a JSON string. Names are our own."""
    instants = [at for at, value in enumerate(rows[0]) if isinstance(value, datetime)]
    with connection.wrap_database_errors, connection.cursor() as cursor:
        statement = f"COPY {connection.ops.quote_name(table)} ({_names(columns)}) FROM STDIN"
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(_with_texts(row, instants))


def _with_texts(row: Row, instants: Sequence[int]) -> list[Any]:
    """Instants as text: psycopg takes two microseconds for one, a tenth of all that a row costs."""
    line = list(row)
    for at in instants:
        if line[at] is not None:  # not every feedback item falls due
            line[at] = JSON.encode(line[at])[1:-1].decode()
    return line


def _insert_values(
    model: type[models.Model], columns: Sequence[str], key: Sequence[str], rows: Sequence[Row]
) -> set[tuple[Any, ...]]:
    table, names = connection.ops.quote_name(model._meta.db_table), _names(columns)
    marks = f"({', '.join(['%s'] * len(columns))})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) VALUES {', '.join([marks] * len(rows))}"  # noqa: S608
            f" ON CONFLICT DO NOTHING RETURNING {_names(key)}",
            _adapted(rows),
        )
        return set(cursor.fetchall())


def add_up(
    model: type[models.Model], *, columns: Sequence[str], key: Sequence[str], count: str, rows: Sequence[Row]
) -> None:
    """Insert rows; where one of the same key is there, add to its count and replace what is no part of the key.

    Rows as for `insert_once`. Race: each row is added to by one statement, so no count is lost; the order of
    the key keeps two that overlap from a deadlock.
    """
    table, names = connection.ops.quote_name(model._meta.db_table), _names(columns)
    marks = f"({', '.join(['%s'] * len(columns))})"
    replaced = [f"{name} = excluded.{name}" for name in columns if name not in {*key, count}]
    changes = ", ".join([f"{count} = {table}.{count} + excluded.{count}", *replaced])
    ordered = _in_order(columns, key, rows)
    with connection.cursor() as cursor:
        for start in range(0, len(ordered), MOST_ROWS_OF_VALUES):
            some = ordered[start : start + MOST_ROWS_OF_VALUES]
            cursor.execute(
                f"INSERT INTO {table} ({names}) VALUES {', '.join([marks] * len(some))}"  # noqa: S608
                f" ON CONFLICT ({_names(key)}) DO UPDATE SET {changes}",
                _adapted(some),
            )


def _adapted(rows: Sequence[Row]) -> list[Any]:
    """All values, one after the other, as the database takes them."""
    adapt = connection.ops.adapt_datetimefield_value
    return [adapt(value) if isinstance(value, datetime) else value for row in rows for value in row]
