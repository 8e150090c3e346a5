"""Columns that never change once a row is there, held by the database itself."""

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement, Table

# PostgreSQL looks at the trigger only where an UPDATE names one of the columns; SQLite likewise.
ON_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION %(function)s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = '%(bare)s', MESSAGE = '%(text)s'; END $$; "
    "CREATE TRIGGER %(name)s BEFORE UPDATE OF %(columns)s ON %(table)s FOR EACH ROW "
    "WHEN (%(changed)s) EXECUTE FUNCTION %(function)s()"
)
ON_SQLITE = (
    "CREATE TRIGGER %(name)s BEFORE UPDATE OF %(columns)s ON %(table)s FOR EACH ROW "
    "WHEN %(changed)s BEGIN SELECT RAISE(ABORT, '%(text)s'); END"
)


class Unchanging(models.BaseConstraint):
    """These fields keep the value that the row was made with: an UPDATE of them is an IntegrityError.

    A trigger, because no CHECK sees the row as it was. Deleting the row stays possible.
    """

    def __init__(self, *, fields: Sequence[str], name: str, violation_error_message: str | None = None) -> None:
        self.fields = tuple(fields)
        super().__init__(name=name, violation_error_message=violation_error_message)

    def constraint_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        """Part of CREATE TABLE: nothing. The trigger comes once the table is there."""
        assert schema_editor is not None  # noqa: S101  as Django's own constraints have it
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))
        return ""

    def create_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        assert schema_editor is not None  # noqa: S101
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        distinct = "IS DISTINCT FROM" if is_postgresql else "IS NOT"
        columns = [schema_editor.quote_name(model._meta.get_field(name).column) for name in self.fields]
        return Statement(
            ON_POSTGRESQL if is_postgresql else ON_SQLITE,
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
            bare=self.name,
            function=schema_editor.quote_name(f"{self.name}_kept"),
            columns=", ".join(columns),
            changed=" OR ".join(f"OLD.{column} {distinct} NEW.{column}" for column in columns),
            text=f"{self.name}: {', '.join(self.fields)} never change",
        )

    def remove_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        assert schema_editor is not None  # noqa: S101
        on_table = " ON %(table)s" if schema_editor.connection.vendor == "postgresql" else ""
        return Statement(
            f"DROP TRIGGER IF EXISTS %(name)s{on_table}",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
        )

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Only the database knows the row as it was."""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Unchanging):
            return self.name == other.name and self.fields == other.fields
        return NotImplemented

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "fields": self.fields}
