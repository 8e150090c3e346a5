"""Instants as whole numbers, made by the database: reading a datetime costs more than counting it."""

from typing import Any

from django.db.models import BigIntegerField, Func
from django.db.models.sql.compiler import SQLCompiler


class Microseconds(Func):
    """Microseconds since 1970 of a DateTimeField."""

    output_field = BigIntegerField()

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **context: Any) -> Any:
        template = "(EXTRACT(EPOCH FROM %(expressions)s) * 1000000)::bigint"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **context: Any) -> Any:
        """Kept there as text in UTC, "2026-03-02 12:00:00", with ".000001" where it is no whole second."""
        template = (
            "(CAST(strftime('%%%%s', substr(%(expressions)s, 1, 19)) AS INTEGER) * 1000000"
            " + CAST(substr(%(expressions)s, 21) AS INTEGER))"
        )
        return self.as_sql(compiler, connection, template=template, **context)

    def get_db_converters(self, connection: Any) -> list[Any]:
        return []  # it is a whole number as it comes
