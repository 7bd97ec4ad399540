"""dlt's DuckDB destination on the one connection, and in the one transaction, that the warehouse has opened.

dlt opens a connection, and a transaction, for each step of a load. With this destination it does all steps in the
warehouse's transaction, so that a load of many tables is committed in one step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.configuration import configspec
from dlt.common.destination import Destination
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration, DuckDbCredentials

from ecom_assets.warehouse.resolved_once import ResolvedOnce


class SharedConnection:
    """Holds the open connection, and acts as it, except that dlt cannot begin, commit, roll back or close."""

    def __init__(self) -> None:
        """Hold no connection yet."""
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._settings: set[str] = set()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection | None:
        """Return the open connection, None outside of a block of the warehouse."""
        return self._connection

    @connection.setter
    def connection(self, connection: duckdb.DuckDBPyConnection | None) -> None:
        self._connection = connection
        self._settings.clear()

    def execute(self, sql: str, parameters: Any = None) -> Any:
        """Run a statement of dlt, unless it repeats a setting: dlt sets them all again for each of its steps."""
        if self.connection is None:
            raise AttributeError("execute")
        if not sql.startswith("SET "):
            return self.connection.execute(sql, parameters)
        setting = f"{sql} {parameters}"
        if setting not in self._settings:
            self.connection.execute(sql, parameters)
            self._settings.add(setting)
        return self

    def __getattr__(self, name: str) -> Any:
        """Return the open connection's attribute."""
        if self.connection is None:
            raise AttributeError(name)
        return getattr(self.connection, name)

    def duplicate(self) -> SharedConnection:
        """Return itself: there is only one connection."""
        return self

    cursor = begin = commit = duplicate

    def rollback(self) -> SharedConnection:
        """Do nothing: dlt rolls back after a failed statement, but then the statements before it must go as well."""
        return self

    def close(self) -> None:
        """Do nothing: the warehouse closes the connection."""


@configspec(init=False)
class _Configuration(DuckDbClientConfiguration):
    """dlt's configuration, with a name that does not import SQLAlchemy, which takes a fifth of a second."""

    def __str__(self) -> str:
        return f"duckdb:///{self.credentials.database}"


class _Destination(ResolvedOnce, dlt.destinations.duckdb):
    spec = _Configuration


def duckdb_destination(path: Path, shared: SharedConnection) -> Destination[Any, Any]:
    """Return the dlt destination of a DuckDB file, which works while `shared` holds a connection."""
    credentials = DuckDbCredentials()
    credentials.database = str(path)
    # dlt itself sets this attribute when it is given an open connection. Its public way takes only a real
    # DuckDBPyConnection, which cannot be made to share one transaction
    credentials._external_conn = shared  # type: ignore[assignment]
    return _Destination(credentials=credentials)
