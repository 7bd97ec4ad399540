"""A load of a service whose statements on tables commit by themselves: rehearsed, then done without such statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.remote.answers import NoRows
from ecom_assets.warehouse.remote.errors import NotAtomic, NotPrepared
from ecom_assets.warehouse.remote.transaction import RemoteTransaction
from ecom_assets.warehouse.remote.warehouse import RemoteWarehouse
from ecom_assets.warehouse.server_address import ServerAddress
from ecom_assets.warehouse.snowflake.types import SQL_TYPES
from ecom_assets.warehouse.transaction import Transaction

BEGIN, COMMIT = "begin", "commit"


class Told(RemoteTransaction):
    """A transaction that writes down what the service is told."""

    dialect = "snowflake"
    sql_types = SQL_TYPES
    driver_errors = ()

    def __init__(self, told: list[str], tables: dict[str, dict[str, str]]) -> None:
        super().__init__(None)
        self.told, self.tables = told, tables

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        self.told.append(sql)
        return NoRows()

    def insert_rows(self, table: str, rows: pa.Table, types: Mapping[str, str]) -> None:
        self.told.append(f"insert {rows.num_rows} rows into {table}")

    @staticmethod
    def spelled(identifier: str) -> str:
        return identifier

    def columns_of(self, dataset: str) -> Mapping[str, Mapping[str, str]]:
        return self.tables

    def arrow_table(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> pa.Table:
        raise NotImplementedError

    def _types_of_query(self, query: str) -> Mapping[str, str]:
        raise NotImplementedError

    def text_of(self, column: Column) -> str:
        raise NotImplementedError

    def stage_files(self, name: str, columns: Mapping[str, str], files: Sequence[Path]) -> None:
        raise NotImplementedError

    def view_comment(self, dataset: str, name: str) -> str | None:
        raise NotImplementedError

    def union_views(self) -> Mapping[tuple[str, str], str]:
        raise NotImplementedError


class Service(RemoteWarehouse):
    """A warehouse whose transactions are `Told`."""

    kind = product = "service"
    max_identifier_length = 10
    driver_errors = ()

    def __init__(self) -> None:
        super().__init__(ServerAddress("service", {}, ()))
        self.told: list[str] = []
        self.tables: dict[str, dict[str, str]] = {"things": {"id": "VARCHAR"}}
        self.transaction_type = lambda _: Told(self.told, self.tables)

    @contextmanager
    def _connect(self, dataset: str) -> Iterator[None]:
        yield

    def _make_dataset(self, connection: Any, dataset: str) -> None:
        """Have it."""

    def _lock_and_begin(self, connection: Any, dataset: str, on_progress: OnProgress) -> None:
        self.told.append(BEGIN)

    def _begin_reading(self, connection: Any, dataset: str) -> None:
        raise NotImplementedError

    def _is_refused(self, error: Exception) -> bool:
        raise NotImplementedError


@pytest.fixture
def service() -> Service:
    return Service()


def inside(told: list[str]) -> list[str]:
    """Return what the last transaction did."""
    return told[len(told) - 1 - told[::-1].index(BEGIN) + 1 : told.index(COMMIT)]


def load(transaction: Transaction) -> str:
    transaction.make_table("shop", "things", {"id": "VARCHAR", "new": "VARCHAR"}, ())
    transaction.execute("create temporary table ecom_read as select id from shop.things")
    transaction.execute("analyze ecom_read")
    transaction.execute("insert into ecom_read select 2")
    transaction.execute("delete from shop.things where id in (select id from ecom_read)")
    with transaction.temporary_table("ecom_loads", pa.table({"load_id": ["a", "b"]})):
        transaction.execute("insert into shop.things select load_id from ecom_loads")
    transaction.execute("drop table ecom_read")
    return "done"


def test_tables_are_made_before_the_transaction_and_rows_are_written_in_it(service: Service) -> None:
    def once(transaction: Transaction) -> str:
        if not transaction.is_rehearsal:
            service.tables["things"]["new"] = "VARCHAR"
        return load(transaction)

    assert service.write("shop", once) == "done"
    before = service.told[: service.told.index(BEGIN)]
    assert before[0] == 'alter table "shop"."things" add column if not exists "new" VARCHAR'
    made = [sql for sql in before if sql.startswith("create or replace temporary table")]
    assert len(made) == 2
    # rows of temporary tables alone
    assert not [sql for sql in before if '"shop"."things"' in sql and sql.startswith(("INSERT", "DELETE"))]
    done = inside(service.told)
    assert not [sql for sql in done if sql.lower().startswith(("create", "alter", "drop"))]
    read = made[0].split()[5]
    assert done[:2] == [f"delete from {read}", f'insert into {read} SELECT "id" FROM "shop"."things"']
    assert f'DELETE FROM "shop"."things" WHERE "id" IN (SELECT "id" FROM {read} AS "ecom_read")' in done
    # the rows of the run are there already
    assert f"insert 2 rows into {made[1].split()[5]}" in before
    assert not [sql for sql in done if sql.startswith("insert 2 rows into ")]


def test_each_use_of_a_name_keeps_its_rows(service: Service) -> None:
    def work(transaction: Transaction) -> None:
        for ids in (["a"], ["b", "c"]):
            with transaction.temporary_table("ecom_loads", pa.table({"load_id": ids})):
                transaction.execute("insert into shop.things select load_id from ecom_loads")

    service.write("shop", work)
    before = service.told[: service.told.index(BEGIN)]
    first, second = (sql.split()[5] for sql in before if sql.startswith("create"))
    assert first != second
    assert [sql for sql in before if sql.startswith("insert")] == [
        f"insert 1 rows into {first}",
        f"insert 2 rows into {second}",
    ]
    assert inside(service.told) == [
        f'INSERT INTO "shop"."things" SELECT "load_id" FROM {name} AS "ecom_loads"'
        for name in (first, second)
    ]


def test_other_rows_than_those_of_the_rehearsal_are_brought_again(service: Service) -> None:
    def work(transaction: Transaction) -> None:
        ids = ["a"] if transaction.is_rehearsal else ["a", "another load"]
        with transaction.temporary_table("ecom_loads", pa.table({"load_id": ids})):
            pass

    service.write("shop", work)
    made = next(sql.split()[5] for sql in service.told if sql.startswith("create"))
    assert inside(service.told) == [f"delete from {made}", f"insert 2 rows into {made}"]


def test_rows_that_a_statement_has_changed_are_brought_again(service: Service) -> None:
    def work(transaction: Transaction) -> None:
        with transaction.temporary_table("ecom_loads", pa.table({"load_id": ["a"]})):
            transaction.execute("delete from ecom_loads where load_id = 'a'")

    service.write("shop", work)
    made = next(sql.split()[5] for sql in service.told if sql.startswith("create"))
    assert inside(service.told) == [
        f"delete from {made}",
        f"insert 1 rows into {made}",
        f"DELETE FROM {made} WHERE \"load_id\" = 'a'",
    ]


def test_what_a_rehearsal_did_not_foresee_is_rehearsed_again(service: Service) -> None:
    calls = []

    def work(transaction: Transaction) -> int:
        calls.append(transaction.is_rehearsal)
        if not transaction.is_rehearsal:
            # another load came in between
            transaction.execute("create temporary table ecom_more as select 1 as id")
        return len(calls)

    assert service.write("shop", work) == 4
    assert calls == [True, False, True, False]
    assert service.told.count(BEGIN) == 2
    assert service.told.count(COMMIT) == 1


def test_a_table_that_changes_each_time_fails_loudly(service: Service) -> None:
    numbers = iter(range(100))

    def work(transaction: Transaction) -> None:
        if not transaction.is_rehearsal:
            transaction.execute(f'alter table "shop"."things" add column c{next(numbers)} int')

    with pytest.raises(NotPrepared, match="commits each change of a table by itself"):
        service.write("shop", work)
    assert COMMIT not in service.told


def test_a_table_is_emptied_in_the_transaction_and_dropped_after_it(service: Service) -> None:
    with service.transaction("shop") as transaction:
        transaction.execute('drop table "shop"."things"')
        transaction.execute('drop view if exists "shop"."seen"')
    assert service.told == [
        BEGIN,
        'DELETE FROM "shop"."things"',
        COMMIT,
        'DROP TABLE "shop"."things"',
        'DROP VIEW IF EXISTS "shop"."seen"',
    ]


def test_stored_values_are_not_changed(service: Service) -> None:
    column = Column.model_validate({"name": "total", "data_type": "text"})
    with service.transaction("shop") as transaction:
        with pytest.raises(NotAtomic, match="ecom-assets reset shop orders"):
            transaction.change_type("shop", "orders", column, column)
        with pytest.raises(NotAtomic, match="remove renamed_from"):
            transaction.execute('alter table "shop"."things" rename to "others"')
    assert service.told == [BEGIN, COMMIT]
