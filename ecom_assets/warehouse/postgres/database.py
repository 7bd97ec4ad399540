"""A PostgreSQL database: its address, connections to it, and the advisory locks that keep loads apart.

What is kept there, a warehouse or the catalog of a lake, is `postgres_warehouse`'s and `ducklake_postgres`'s to say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import make_dsn, parse_dsn

from ecom_assets.client.redaction import Redactor
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import one_line
from ecom_assets.warehouse.file_lock import this_process, too_long
from ecom_assets.warehouse.postgres.statements import savepoint

LONGEST_NAME = 63
"""Characters of a name in PostgreSQL."""
_CONNECT_TIMEOUT = 15
"""Seconds, unless the address says otherwise."""
_SETTINGS = (
    "set TimeZone to 'UTC'; set tcp_keepalives_idle to 30; set tcp_keepalives_interval to 10; "
    "set tcp_keepalives_count to 3; set idle_in_transaction_session_timeout to 0"
)
"""The server notices within a minute that a machine which holds a lock is gone, and lets one that is there work."""


class PostgresDatabase:
    """A database by its address; nothing is opened before it is needed."""

    def __init__(self, address: str) -> None:
        """Raise WarehouseError for what is no address, without showing it."""
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
        self.parts: Mapping[str, str] = {
            "connect_timeout": str(_CONNECT_TIMEOUT),
            "fallback_application_name": this_process()[:LONGEST_NAME],
            **parts,
        }
        self.secrets = tuple(parts[name] for name in ("password", "sslpassword") if name in parts)
        self._redactor = Redactor(self.secrets)
        self.name = f"postgresql://{host}{':' if 'port' in parts else ''}{parts.get('port', '')}/{database}"

    @contextmanager
    def connected(self, warehouse: object) -> Iterator[Any]:
        """Hold an open connection. Raises WarehouseError that names the warehouse when there can be none."""
        try:
            connection = psycopg2.connect(make_dsn(**self.parts))
        except psycopg2.OperationalError as error:
            raise WarehouseError(f"the warehouse {warehouse} cannot be opened: {self.said(error)}") from None
        try:
            with connection.cursor() as cursor:
                cursor.execute(_SETTINGS)
            connection.commit()
            yield connection
        finally:
            connection.close()

    def said(self, error: Exception) -> str:
        """Return what PostgreSQL says, without a secret."""
        return self._redactor.scrub(one_line(error))


def lock(connection: Any, what: str, warehouse: object, timeout: float, on_progress: OnProgress) -> None:
    """Take the lock of something until the end of the transaction; wait for it, and later for tables, in turn.

    `what` is its name on every machine. Raises WarehouseError that names the holder after `timeout` seconds.
    """
    key = _key(what)
    with connection.cursor() as cursor:
        cursor.execute("select set_config('lock_timeout', %s, true)", [f"{max(1, timeout * 1000):.0f}"])
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [key])
        if cursor.fetchone()[0]:
            return
        on_progress(f"waiting for the warehouse {warehouse}: held by {_holder(cursor, key)}")
        try:
            with savepoint(connection, "ecom_lock"):
                cursor.execute("select pg_advisory_xact_lock(%s)", [key])
        except LockNotAvailable:
            raise too_long(warehouse, _holder(cursor, key), timeout) from None


def _key(what: str) -> int:
    """Return the number of a lock, the same on every machine: 64 bits with a sign."""
    digest = hashlib.sha256(f"ecom_assets {what}".encode()).digest()
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
