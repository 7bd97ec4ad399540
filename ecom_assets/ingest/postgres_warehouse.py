"""A PostgreSQL database as the warehouse: one transaction a load, behind an advisory lock of its dataset.

What is loaded, and in which order, is `loading`'s; how dlt is made to keep to the one transaction is
`postgres_destination`'s.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from dlt.common.destination import Destination
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import make_dsn, parse_dsn

from ecom_assets.ingest.declaration import Shop
from ecom_assets.ingest.errors import WarehouseError
from ecom_assets.ingest.locking import Say, this_process, too_long
from ecom_assets.ingest.postgres_copy import quoted
from ecom_assets.ingest.postgres_destination import OneConnectionPostgres, Shared
from ecom_assets.ingest.postgres_session import PostgresSession
from ecom_assets.ingest.postgres_statements import savepoint
from ecom_assets.ingest.redaction import Redactor
from ecom_assets.ingest.warehouse import DEFAULT_LOCK_TIMEOUT, Warehouse, one_line

_LONGEST = 63
"""Characters of a name in PostgreSQL."""
_CONNECT_TIMEOUT = 15
"""Seconds, unless the address says otherwise."""
_SETTINGS = (
    "set TimeZone to 'UTC'; set tcp_keepalives_idle to 30; set tcp_keepalives_interval to 10; "
    "set tcp_keepalives_count to 3"
)
"""The server notices within a minute that a machine which holds the lock is gone."""


class PostgresWarehouse(Warehouse):
    """A database that many read while one load at a time writes each dataset."""

    kind = "postgres"
    errors = PostgresSession.errors

    def __init__(self, address: str, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Name the database by its address, and how many seconds to wait for others.

        Nothing is opened yet. Raises WarehouseError for what is no address, without showing it.
        """
        try:
            parts = parse_dsn(address)
        except psycopg2.ProgrammingError:
            parts = {"host": "@"}
        host, database = parts.get("host", ""), parts.get("dbname", "")
        # a password with a special character in it as it is becomes a part of these
        if "@" in host + database or not re.fullmatch(r"[\d,]*", parts.get("port", "")):
            raise WarehouseError(
                "ECOM_WAREHOUSE: found an address that PostgreSQL cannot read; allowed: "
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters as in %40 for @"
            )
        self._dsn = make_dsn(
            **{"connect_timeout": _CONNECT_TIMEOUT, **parts},
            fallback_application_name=this_process()[:_LONGEST],
        )
        self._redactor = Redactor(parts[name] for name in ("password", "sslpassword") if name in parts)
        self.name = f"postgresql://{host}{':' if 'port' in parts else ''}{parts.get('port', '')}/{database}"
        self.lock_timeout = lock_timeout
        self._shared = Shared()

    @property
    def uri(self) -> str:
        """Return host and database."""
        return self.name

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for names that PostgreSQL would cut off, or keeps for itself."""
        if shop.name.startswith("pg_"):
            raise WarehouseError(f"{shop.name}: PostgreSQL keeps names that begin with pg_ for itself")
        names = [(shop.name, _LONGEST - len("_staging"))]
        for resource in shop.resources:
            names.append((resource.name, _LONGEST - len("ecom_moved_")))
            names += [(column.name, _LONGEST) for column in resource.table_columns]
        for name, longest in names:
            if len(name) > longest:
                raise WarehouseError(
                    f"{shop.name}: {name} is longer than the {longest} characters of PostgreSQL"
                )

    def exists(self) -> bool:
        """Return True: a database is there before its first load, or connecting says why not."""
        return True

    def destination(self) -> Destination[Any, Any]:
        """Return dlt's destination; it can be reached only inside `transaction` and `read`."""
        return OneConnectionPostgres(self._shared)

    @contextmanager
    def transaction(self, dataset: str, say: Say = lambda _: None) -> Iterator[PostgresSession]:
        """Hold the dataset's lock and do everything in one transaction: all of it is kept, or nothing.

        Others read what was there before until the end. Raises WarehouseError when the lock cannot be had in
        time, and when the connection is lost at the moment of the commit.
        """
        with self._connected() as connection:
            with connection.cursor() as cursor:
                self._lock(cursor, dataset, say)
            yield PostgresSession(connection)
            try:
                # without a commit, closing throws the transaction away
                connection.commit()
            except psycopg2.OperationalError as error:
                raise WarehouseError(
                    f"the connection to the warehouse {self} was lost at the moment of the commit: "
                    f"{self._said(error)}; its ledger says whether the load was kept, and running it again does no harm"
                ) from None

    @contextmanager
    def read(self, dataset: str, say: Say = lambda _: None) -> Iterator[PostgresSession]:
        """Read what is committed now, as if nobody loaded meanwhile; nobody is waited for."""
        with self._connected() as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                cursor.execute(f"set search_path to {quoted(dataset)}, public")
            try:
                yield PostgresSession(connection)
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                raise WarehouseError(f"the warehouse {self} cannot be read: {self._said(error)}") from None

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Hold an open connection, which is dlt's too."""
        try:
            connection = psycopg2.connect(self._dsn)
        except psycopg2.OperationalError as error:
            raise WarehouseError(f"the warehouse {self} cannot be opened: {self._said(error)}") from None
        self._shared.connection = connection
        try:
            with connection.cursor() as cursor:
                cursor.execute(_SETTINGS)
            connection.commit()
            yield connection
        finally:
            self._shared.connection = None
            connection.close()

    def _lock(self, cursor: Any, dataset: str, say: Say) -> None:
        """Take the lock of a dataset until the end of the transaction; wait for it, and later for tables, in turn."""
        key = _key(dataset)
        cursor.execute(
            "select set_config('lock_timeout', %s, true)", [f"{max(1, self.lock_timeout * 1000):.0f}"]
        )
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [key])
        if cursor.fetchone()[0]:
            return
        say(f"waiting for the warehouse {self}: held by {_holder(cursor, key)}")
        try:
            with savepoint(cursor.connection, "ecom_lock"):
                cursor.execute("select pg_advisory_xact_lock(%s)", [key])
        except LockNotAvailable:
            raise too_long(self, _holder(cursor, key), self.lock_timeout) from None

    def _said(self, error: Exception) -> str:
        """Return what PostgreSQL says, without a secret."""
        return self._redactor.scrub(one_line(error))


def _key(dataset: str) -> int:
    """Return the number of a dataset's lock, the same on every machine: 64 bits with a sign."""
    digest = hashlib.sha256(f"ecom_assets {dataset}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _holder(cursor: Any, key: int) -> str:
    """Return who has a lock, as the server knows it."""
    cursor.execute(
        "select a.pid, a.application_name, a.client_addr::text from pg_locks as l "
        "join pg_stat_activity as a using (pid) where l.locktype = 'advisory' and l.granted and l.objsubid = 1 "
        "and l.database = (select oid from pg_database where datname = current_database()) "
        "and l.classid::bigint = %s and l.objid::bigint = %s",
        [(key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF],
    )
    found = cursor.fetchone()
    if found is None:
        return "another load"
    pid, program, address = found
    return f"{program or 'another program'}, server process {pid}, from {address or 'the same machine'}"
