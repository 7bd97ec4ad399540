"""A stand-in for Databricks' driver: its statements run on a DuckDB database of this process, one for each catalog.

It refuses what Databricks' manual says that a transaction, an UPDATE, a DELETE or a MERGE refuses. A conflict of two
transactions that update the same table comes at the commit.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from ecom_assets_tests.support.emulators.databricks_words import VIEWS, Words, in_words_of_duckdb

_MOST_PARAMETERS = 255
_MOST_BYTES = 1_000_000
_LOCK = "_dlt_ecom_lock"
_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
_CHANGES = (exp.Update, exp.Delete, exp.Merge)
_TYPES = {
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.binary(): "binary",
}


class Error(Exception):
    """As the driver's, it keeps its text in `message`, too."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class DatabaseError(Error):
    """Any error of a statement."""


class ServerOperationError(DatabaseError):
    """The service refused a statement."""


class RequestError(DatabaseError):
    """No answer came."""


class Service:
    """One catalog: its database, and how often each table was changed."""

    def __init__(self) -> None:
        self.database = duckdb.connect(":memory:", config={"threads": 1})
        self.database.execute(VIEWS)
        self.versions: dict[str, int] = {}
        self.properties: dict[str, str] = {}
        self.commits = threading.Lock()
        self.sessions: list[Session] = []
        self.statements: list[str] = []

    def copied(self) -> Service:
        """Return a copy, with the comments of columns."""
        made = Service()
        made.properties.update(self.properties)
        told = self.database.cursor()
        tables = told.execute(
            "select schema_name, table_name, sql from duckdb_tables() where not internal and schema_name <> 'dbx'"
        ).fetchall()
        for schema, table, sql in tables:
            rows = told.execute(f'select * from "{schema}"."{table}"').to_arrow_table()
            made.database.execute(f'create schema if not exists "{schema}"').execute(sql)
            made.database.register("rows_of_table", rows)
            made.database.execute(f'insert into "{schema}"."{table}" select * from rows_of_table')
            made.database.unregister("rows_of_table")
        comments = told.execute(
            "select schema_name, table_name, column_name, comment from duckdb_columns() where comment is not null"
        ).fetchall()
        for schema, table, column, comment in comments:
            made.database.execute(f'comment on column "{schema}"."{table}"."{column}" is \'{comment}\'')
        return made


services: dict[str, Service] = {}


def connect(**parameters: Any) -> Session:
    """Open a session."""
    if not all(parameters.get(name) for name in ("server_hostname", "http_path", "catalog", "access_token")):
        raise ValueError("a parameter is missing")
    if "wrong" in parameters["access_token"]:
        raise RequestError(f"Error during request to server: 403 for Bearer {parameters['access_token']}")
    session = Session(services.setdefault(parameters["catalog"], Service()))
    session.service.sessions.append(session)
    return session


class Session:
    """A session, with at most one transaction."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.database = service.database.cursor()
        self.database.execute("set TimeZone = 'UTC'")
        self.schema = "main"
        self.is_open = True
        self._end(aborted=False)

    def _end(self, *, aborted: bool) -> None:
        self.in_transaction = self.is_aborted = aborted
        self.first_seen: dict[str, int] = {}
        self.changed: set[str] = set()
        self.deferred: list[tuple[str, Any]] = []

    def cursor(self) -> Cursor:
        return Cursor(self)

    def close(self) -> None:
        if self.is_open and self.in_transaction and not self.is_aborted:
            self.database.rollback()
        self.is_open = False

    def begin(self) -> None:
        if self.in_transaction:
            raise ServerOperationError("[TRANSACTION_NOT_SUPPORTED.NESTED_TRANSACTION] SQLSTATE: 0A000")
        self.database.begin()
        self.in_transaction = True

    def commit(self) -> None:
        if not self.in_transaction:
            raise ServerOperationError(
                "[NO_ACTIVE_TRANSACTION] There is no active transaction. SQLSTATE: 25000"
            )
        with self.service.commits:
            for table in sorted(self.changed):
                if self.service.versions.get(table, 0) != self.first_seen[table]:
                    raise self._conflict(table)
            for sql, parameters in self.deferred:
                self.database.execute(sql, parameters)
            try:
                self.database.commit()
            except duckdb.TransactionException as error:
                raise self._conflict(str(error)) from error
            self._count(self.changed)
        self._end(aborted=False)

    def rollback(self) -> None:
        if self.in_transaction and not self.is_aborted:
            self.database.rollback()
        self._end(aborted=False)

    def abort(self) -> None:
        """Undo the transaction. Only a ROLLBACK makes another one possible."""
        if self.in_transaction and not self.is_aborted:
            self.database.rollback()
            self._end(aborted=True)

    def _conflict(self, table: str) -> ServerOperationError:
        self.abort()
        return ServerOperationError(
            "[DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES] Transaction conflict detected. A concurrent UPDATE added data "
            f"to table {table} committed at version 7. SQLSTATE: 2D521"
        )

    def _count(self, tables: set[str]) -> None:
        for table in tables:
            self.service.versions[table] = self.service.versions.get(table, 0) + 1

    def run(self, sql: str, parameters: Sequence[Any]) -> pa.Table | None:
        """Run a statement, and return its rows."""
        if not self.is_open:
            raise RequestError("Error during request to server: the session is closed")
        if len(parameters) > _MOST_PARAMETERS:
            raise ServerOperationError("[TOO_MANY_PARAMETERS] more than 255")
        if sum(len(str(value).encode()) for value in parameters) > _MOST_BYTES:
            raise ServerOperationError("[PARAMETERS_TOO_LARGE] more than 1 MB")
        self.service.statements.append(sql)
        word = sql.split()[0].lower()
        if word in ("begin", "commit", "rollback"):
            return {"begin": self.begin, "commit": self.commit, "rollback": self.rollback}[word]()
        if word == "set":
            return None
        if self.is_aborted:
            raise ServerOperationError("[TRANSACTION_ABORTED] run ROLLBACK first")
        try:
            return self._run(sql, list(parameters))
        except duckdb.TransactionException as error:
            raise self._conflict(str(error)) from error
        except (duckdb.Error, ServerOperationError) as error:
            self.abort()
            name = "[FIELD_ALREADY_EXISTS] " if "Column with name" in str(error) else ""
            raise ServerOperationError(f"{name}{error}") from error

    def _run(self, sql: str, parameters: list[Any]) -> pa.Table | None:
        words = in_words_of_duckdb(sql, self.service.properties, self.schema)
        if self.in_transaction:
            self._require_allowed(words)
        if words.schema:
            self.schema = words.schema
            self.database.execute(f'set schema = "{words.schema}"')
            return None
        if words.target:
            self.first_seen.setdefault(words.target, self.service.versions.get(words.target, 0))
        if self.in_transaction and words.target.endswith(_LOCK):
            self.changed.add(words.target)
            self.deferred.append((words.statements[0], parameters))
            return pa.table({"num_affected_rows": [1]})
        found = None
        for statement in words.statements:
            found = self.database.execute(statement, parameters).to_arrow_table()
        if not issubclass(words.kind, _WRITES):
            return found if issubclass(words.kind, exp.Query) else None
        if issubclass(words.kind, _CHANGES):
            self.changed.add(words.target)
        if not self.in_transaction:
            self._count({words.target})
            self._end(aborted=False)
        return pa.table({"num_affected_rows": [found.column(0)[0].as_py() if found else 0]})

    def _require_allowed(self, words: Words) -> None:
        if not issubclass(words.kind, (*_WRITES, exp.Query)):
            raise ServerOperationError(
                f"[TRANSACTION_NOT_SUPPORTED.COMMAND] Command {words.kind.__name__} is not supported in a transaction."
            )
        if words.asks_for_columns:
            raise ServerOperationError("[TRANSACTION_NOT_SUPPORTED.INFORMATION_SCHEMA_TABLE] SQLSTATE: 0A000")
        if words.target and "catalogManaged" not in self.service.properties.get(words.target, ""):
            raise ServerOperationError(
                f"[TRANSACTION_NOT_SUPPORTED.WRITE_NON_CATALOG_OWNED_TABLE] {words.target}"
            )


class Cursor:
    """The answer to a statement."""

    rowcount = -1

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: list[tuple[Any, ...]] = []
        self.description: list[tuple[Any, ...]] | None = None

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> None:
        found = self._session.run(sql, parameters or ())
        if found is None:
            self.description, self._rows = None, []
            return
        self.description = [_described(field) for field in found.schema]
        columns = [column.to_pylist() for column in found.columns]
        self._rows = list(zip(*columns, strict=True))

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.fetchmany(len(self._rows))

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows


def _described(field: pa.Field) -> tuple[Any, ...]:
    kind = field.type
    if pa.types.is_decimal(kind):
        return (field.name, "decimal", None, None, kind.precision, kind.scale, True)
    if pa.types.is_timestamp(kind):
        return (field.name, "timestamp" if kind.tz else "timestamp_ntz", None, None, None, None, True)
    return (field.name, _TYPES.get(kind, "string"), None, None, None, None, True)


def modules() -> dict[str, ModuleType]:
    """Return the modules that stand for the driver, by their names."""
    package, sql, exc = (ModuleType(name) for name in ("databricks", "databricks.sql", "databricks.sql.exc"))
    for error in (Error, DatabaseError, ServerOperationError, RequestError):
        setattr(exc, error.__name__, error)
    vars(package).update(sql=sql, __path__=[])
    vars(sql).update(exc=exc, connect=connect, __path__=[])
    found = (package, sql, exc)
    for module in found:
        module.__file__ = __file__
    return {module.__name__: module for module in found}
