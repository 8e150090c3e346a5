"""Statements planned once: what becomes of a plan when a migration changes what it answers with."""

import pytest
from django.db import NotSupportedError, connection, transaction

from reviews.statements import rows_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite plans anew each time"),
]
ASKED = "SELECT * FROM own_planned WHERE a = %(a)s"


def run(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def table():
    run("CREATE TABLE own_planned (a bigint)")
    run("INSERT INTO own_planned VALUES (1)")
    yield
    connection.close()
    run("DROP TABLE own_planned")


def migrate():
    """In another connection: one's own forgets its plans with an ALTER."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("ALTER TABLE own_planned ADD COLUMN b bigint DEFAULT 2")
    other.close()


def test_outside_a_transaction_it_is_asked_again_in_a_new_connection(table):
    assert rows_of(ASKED, {"a": 1}) == [(1,)]
    migrate()
    assert rows_of(ASKED, {"a": 1}) == [(1, 2)]


def test_in_a_transaction_it_fails_and_the_next_request_connects_anew(table):
    rows_of(ASKED, {"a": 1})
    migrate()
    with pytest.raises(NotSupportedError), transaction.atomic():
        rows_of(ASKED, {"a": 1})
    connection.close_if_unusable_or_obsolete()
    assert rows_of(ASKED, {"a": 1}) == [(1, 2)]


def test_without_prepared_statements_there_is_no_plan_to_be_outdated(table, settings):
    settings.PREPARED_STATEMENTS = False
    rows_of(ASKED, {"a": 1})
    migrate()
    with transaction.atomic():
        assert rows_of(ASKED, {"a": 1}) == [(1, 2)]
