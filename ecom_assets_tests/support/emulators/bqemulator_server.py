"""Run bqemulator, an emulator of BigQuery, as a server, in an environment of its own: `python -m … PORT`.

Seven faults of bqemulator 1.4.0 are mended here:

- all sessions share one connection of DuckDB, and so one transaction. Here each session has a connection of its own,
  with the snapshot of its transaction and its temporary tables. Two that write the same row conflict, as at BigQuery;
- a session cannot be aborted, as `CALL BQ.ABORT_SESSION()` does;
- the precision of decimals and the descriptions of columns are forgotten, as are columns that ALTER TABLE adds, and by
  what a table is partitioned and clustered;
- after each change a table is copied whole, for a look at its past;
- a decimal without a size has 18 digits;
- an error in the arguments of a function is an internal error, for which the client asks again for minutes;
- the spatial extension is looked for on the network. Here it comes from its wheel.

And what counts and logs requests, which takes longer than many of them, is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from bqemulator.api import app
from bqemulator.api.routes import jobs, tables
from bqemulator.catalog.models import Clustering, TableFieldSchema, TableSchema, TimePartitioning
from bqemulator.config import Settings
from bqemulator.domain.errors import DomainError, InvalidQueryError
from bqemulator.jobs import executor
from bqemulator.server import EmulatorServer
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.versioning.snapshots import SnapshotManager
from sqlglot import exp

from ecom_assets_tests.support.emulators.parsed_once import parse_once

_session: ContextVar[str | None] = ContextVar("session", default=None)
_connections: dict[str, duckdb.DuckDBPyConnection] = {}
_validate = jobs._validate_session_id
_mint = jobs._maybe_mint_session
_execute = jobs.execute_query_job
_to_rest = tables._field_to_rest
_run = executor._run_query_body
_connection = DuckDBEngine.connection.fget
_CHANGES_A_TABLE = re.compile(r"\s*(create|alter)\b", re.IGNORECASE)


def _with_session(body: dict[str, Any]) -> None:
    _validate(body)
    for entry in body.get("connectionProperties") or []:
        if entry.get("key") == "session_id":
            _session.set(entry["value"])


def _with_new_session(body: dict[str, Any]) -> str | None:
    made: str | None = _mint(body)
    if made:
        _session.set(made)
    return made


def _connection_of_session(engine: DuckDBEngine) -> duckdb.DuckDBPyConnection:
    name = _session.get()
    shared: duckdb.DuckDBPyConnection = _connection(engine)
    if name is None:
        return shared
    if name not in _connections:
        _connections[name] = shared.cursor()
        _connections[name].execute("set TimeZone = 'UTC'")
    return _connections[name]


async def _with_aborts(project: str, job: str, sql: str, *given: Any, **options: Any) -> Any:
    text = sql.strip().rstrip(";").upper().replace(" ", "")
    if text.startswith("CALLBQ.ABORT_SESSION"):
        named = sql.partition("'")[2].partition("'")[0] or _session.get() or ""
        connection = _connections.pop(named, None)
        if connection is not None:
            with contextlib.suppress(duckdb.Error):
                connection.execute("rollback")
            connection.close()
        jobs._SESSION_CATALOG.discard(named)
        _session.set(None)
        sql = "select 1"
    try:
        return await _execute(project, job, sql, *given, **options)
    except Exception as error:
        message = str(error)
        if "Conflict on" in message or "write-write conflict" in message or "Failed to commit" in message:
            raise InvalidQueryError(
                f"Transaction is aborted due to concurrent update against table: {message}"
            ) from error
        if isinstance(error, DomainError):
            raise
        raise InvalidQueryError(message) from error


async def _with_columns(*, project_id: str, bq_sql: str, ctx: Any, **options: Any) -> Any:
    if not _CHANGES_A_TABLE.match(bq_sql):
        return await _run(project_id=project_id, bq_sql=bq_sql, ctx=ctx, **options)
    try:
        tree: Any = sqlglot.parse_one(bq_sql, read="bigquery")
    except sqlglot.errors.SqlglotError:
        tree = None
    target: Any = tree.find(exp.Table) if isinstance(tree, exp.Create | exp.Alter) else None
    known = bool(target and target.db and ctx.catalog.get_table(project_id, target.db, target.name))
    if isinstance(tree, exp.Alter) and known:
        stored = ctx.catalog.get_table(project_id, target.db, target.name).schema_.fields
        names = {field.name.lower() for field in stored}
        actions = [action for action in tree.args["actions"] if isinstance(action, exp.ColumnDef)]
        bq_sql = _without_options(tree, bq_sql)
        if actions and all(action.name.lower() in names for action in actions):
            bq_sql = "select 1"
    elif isinstance(tree, exp.Create) and tree.kind == "TABLE":
        if known and tree.args.get("exists"):
            return await _run(project_id=project_id, bq_sql="select 1", ctx=ctx, **options)
        bq_sql = _without_options(tree, bq_sql)
    answer = await _run(project_id=project_id, bq_sql=bq_sql, ctx=ctx, **options)
    if target is None or not target.db:
        return answer
    table = ctx.catalog.get_table(project_id, target.db, target.name)
    if table is None or not isinstance(tree, exp.Create | exp.Alter):
        return answer
    fields = {field.name: field for field in table.schema_.fields}
    for column in tree.find_all(exp.ColumnDef):
        fields[column.name] = _field(column)
    for action in tree.args.get("actions") or []:
        name = action.this.name if action.args.get("this") else ""
        if isinstance(action, exp.Drop):
            fields.pop(name, None)
        elif isinstance(action, exp.RenameColumn):
            renamed = {action.args["to"].name if key == name else key: field for key, field in fields.items()}
            fields = {key: field.model_copy(update={"name": key}) for key, field in renamed.items()}
        elif isinstance(action, exp.AlterColumn) and action.args.get("allow_null"):
            fields[name] = fields[name].model_copy(update={"mode": "NULLABLE"})
    changed: dict[str, Any] = {"schema_": TableSchema(fields=tuple(fields.values()))}
    partitioned: Any = tree.find(exp.PartitionedByProperty)
    if partitioned is not None:
        changed["time_partitioning"] = TimePartitioning(field=partitioned.find(exp.Identifier).name)
    clustered = tree.find(exp.ClusterProperty)
    if clustered is not None:
        changed["clustering"] = Clustering(fields=tuple(entry.name for entry in clustered.expressions))
    ctx.catalog.update_table(table.model_copy(update=changed))
    return answer


def _without_options(tree: Any, sql: str) -> str:
    """Return a statement without the options of columns, partitions and clusters, which DuckDB has not."""
    found = tree.copy()
    for column in found.find_all(exp.ColumnDef):
        kept = [
            c for c in column.args.get("constraints") or [] if isinstance(c.kind, exp.NotNullColumnConstraint)
        ]
        column.set("constraints", kept)
        if column.kind is not None and column.kind.sql("bigquery") in ("NUMERIC", "BIGNUMERIC"):
            # without a size, it would be one of 18 digits
            column.set("kind", exp.DataType.build("NUMERIC(38, 9)", dialect="bigquery"))
    for kind in (exp.PartitionedByProperty, exp.ClusterProperty):
        for node in list(found.find_all(kind)):
            node.pop()
    text: str = found.sql(dialect="bigquery")
    return text


def _field(column: exp.ColumnDef) -> TableFieldSchema:
    kind = column.args["kind"]
    name = kind.sql(dialect="bigquery").partition("(")[0].upper()
    names = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}
    sizes = [int(size.name) for size in kind.expressions]
    constraints = [entry.kind for entry in column.args.get("constraints") or []]
    required = any(isinstance(entry, exp.NotNullColumnConstraint) for entry in constraints)
    text = next(
        (
            option.args["value"].name
            for entry in constraints
            for option in entry.find_all(exp.Property)
            if option.name == "description"
        ),
        None,
    )
    return TableFieldSchema(
        name=column.name,
        type=names.get(name, name),
        mode="REQUIRED" if required else "NULLABLE",
        description=text,
        precision=sizes[0] if sizes else None,
        scale=sizes[1] if len(sizes) > 1 else None,
    )


def _with_size(field: TableFieldSchema) -> dict[str, Any]:
    sizes = {"precision": field.precision, "scale": field.scale}
    return {**_to_rest(field), **{name: str(size) for name, size in sizes.items() if size is not None}}


def _load_spatial(engine: DuckDBEngine) -> None:
    spec = find_spec("duckdb_extension_spatial")
    assert spec is not None
    assert spec.submodule_search_locations
    (file,) = Path(spec.submodule_search_locations[0]).rglob("spatial.duckdb_extension")
    engine._connection.execute(f"load '{file}'")


async def _no_copy(*_: Any, **__: Any) -> None:
    return None


parse_once()
for middleware in ("MetricsMiddleware", "AccessLogMiddleware", "CorrelationIdMiddleware"):
    setattr(app, middleware, lambda inner, **_: inner)
jobs._validate_session_id = _with_session
jobs._maybe_mint_session = _with_new_session
jobs.execute_query_job = _with_aborts
tables._field_to_rest = _with_size
executor._run_query_body = _with_columns
DuckDBEngine.connection = property(_connection_of_session)
DuckDBEngine._load_spatial = _load_spatial
SnapshotManager.record_change = lambda *_, **__: None


async def _serve(port: int) -> None:
    server = EmulatorServer(
        Settings(rest_port=port, grpc_port=0, default_project_id="shop", log_level="error")
    )
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
