"""SQL of our own, where the ORM would cost more than the database does: planned once on PostgreSQL."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.backends.utils import CursorWrapper

# After a migration: "cached plan must not change result type", or a statement that the connection has not.
OUTDATED = frozenset({"0A000", "26000"})
PARAMETER = re.compile(r"%\((\w+)\)s")


def rows_of(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What a statement answers; its parameters stand in it as %(name)s."""
    adapt = connection.ops.adapt_datetimefield_value  # SQLite's are text
    values = {name: adapt(value) if isinstance(value, datetime) else value for name, value in values.items()}
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())
    try:
        return _planned_rows(sql, values)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") not in OUTDATED:
            raise
        if connection.in_atomic_block:  # nothing can be asked again in it; the next request connects anew
            connection.close_at = 0.0
            raise
        connection.close()
        return _planned_rows(sql, values)


def _planned_rows(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with planning_once() as cursor:
        cursor.execute(*numbered(sql, values))
        return list(cursor.fetchall())


def planning_once() -> CursorWrapper:
    """PostgreSQL's cursor that has each statement planned once in a connection: $1 and a list, sent as they are.

    Planning a claim takes three times as long as doing it, and finding its parameters in so long a text half as
    long. A plan lives as long as its connection: a minute, of the web's. Not where a pooler between hands
    one connection to many: TOUCHSTONE_PREPARED_STATEMENTS=0.
    """
    from psycopg import RawCursor  # not there where there is no PostgreSQL

    connection.ensure_connection()
    # Of this cursor alone: Django's own send finished text. A log of statements knows no prepared ones.
    is_planned_once = settings.PREPARED_STATEMENTS and not connection.queries_logged
    connection.connection.prepare_threshold = 0 if is_planned_once else None
    cursor: Any = RawCursor(connection.connection)
    return connection.make_debug_cursor(cursor) if connection.queries_logged else connection.make_cursor(cursor)


def numbered(sql: str, values: dict[str, Any]) -> tuple[str, list[Any]]:
    """The statement and its parameters as planning_once takes them."""
    from psycopg.types.numeric import Int8

    text, names = _numbered(sql)
    given = [values[name] for name in names]
    # Always of one type: psycopg would send a small number as a smaller one, and that is another plan.
    return text, [Int8(value) if type(value) is int else value for value in given]


@lru_cache(maxsize=256)
def _numbered(sql: str) -> tuple[str, list[str]]:
    names = list(dict.fromkeys(PARAMETER.findall(sql)))
    return PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sql), names
