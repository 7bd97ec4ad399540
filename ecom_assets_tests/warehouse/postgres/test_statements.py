"""Statements in a transaction of PostgreSQL: a failed one is undone alone, and each takes one round trip."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import serving
from ecom_assets.warehouse.postgres.statements import run_statement, savepoint
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, shop_at
from ecom_assets_tests.support.loads.still_sandbox import NOW, WEEK
from ecom_assets_tests.support.warehouses.engines import Place
from ecom_assets_tests.support.warehouses.watched_statements import watched

INSERT = "insert into numbers values (%s)"
WRONG = ("insert into numbers values (1 / 0)", "select nothing")

STEPS: st.SearchStrategy[list[Any]] = st.deferred(
    lambda: st.lists(st.integers(0, 9) | st.sampled_from(WRONG) | BLOCKS, max_size=6)
)
"""Numbers to insert, statements that fail, and blocks that end normally or with an exception."""
BLOCKS: st.SearchStrategy[Any] = st.tuples(STEPS, st.booleans())


class _Bad(Exception):
    pass


def do(connection: Any, steps: list[Any]) -> list[int]:
    """Run the steps, and return the numbers that the table should have afterwards."""
    there: list[int] = []
    for step in steps:
        with connection.cursor() as cursor:
            if isinstance(step, int):
                run_statement(cursor, INSERT, [step])
                assert cursor.rowcount == 1
                there.append(step)
            elif isinstance(step, str):
                with pytest.raises(psycopg2.Error):
                    run_statement(cursor, step)
                with pytest.raises(psycopg2.ProgrammingError):
                    run_statement(cursor, INSERT, [object()])  # the driver refuses it
            else:
                inside, good = step
                try:
                    with savepoint(connection, "block"):
                        there_too = do(connection, inside)
                        if not good:
                            raise _Bad
                    there += there_too
                except _Bad:
                    pass
    return there


@given(STEPS)
def test_a_failed_statement_is_undone_alone(postgres_server: str, steps: list[Any]) -> None:
    with closing(psycopg2.connect(postgres_server)) as connection, connection.cursor() as cursor:
        cursor.execute("create temporary table numbers (number integer)")
        expected = do(connection, steps)
        run_statement(cursor, "select number from numbers")
        assert sorted(number for (number,) in cursor.fetchall()) == sorted(expected)


def test_text_that_is_not_sql_undoes_nothing_else(postgres_server: str) -> None:
    with closing(psycopg2.connect(postgres_server)) as connection, connection.cursor() as cursor:
        cursor.execute("create temporary table numbers (number integer)")
        run_statement(cursor, INSERT, [1])
        with suppress(psycopg2.errors.SyntaxError), savepoint(connection, "block"):
            run_statement(cursor, INSERT, [2])
            run_statement(cursor, "this is no SQL")
        run_statement(cursor, INSERT, [3])
        run_statement(cursor, "select number from numbers")
        assert cursor.fetchall() == [(1,), (3,)]
        for _ in range(2):
            with pytest.raises(psycopg2.Error):
                run_statement(cursor, "nor is this")
        with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
            run_statement(cursor, INSERT, [4])


def test_a_load_takes_one_round_trip_for_each_statement(new_database: Callable[[], str]) -> None:
    asked: list[str] = []
    warehouse = watched(Place("postgres", new_database()).warehouse(), lambda _, text: asked.append(text))
    with serving(SandboxSettings(orders_per_day=10, now=NOW)) as api:
        for window in WEEK[:2]:
            asked.clear()
            secrets = {"api_key": SANDBOX_KEY}
            report = run_load(shop_at(api.base_url), WINDOWED, [window], secrets=secrets, warehouse=warehouse)
            assert report.errors == {}
    assert [text for text in asked if "savepoint" in text and "; " not in text] == []
    assert len(asked) < 60
