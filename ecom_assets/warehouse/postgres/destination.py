"""dlt's PostgreSQL destination on the one connection, and in the one transaction, that the warehouse has opened.

dlt opens a connection, and a transaction, for each step of a load. With this destination it does all steps in the
warehouse's transaction, so that a load of many tables is committed in one step. Rows are written by COPY. dlt's own
ways do not fit: it reads Parquet over a connection of its own, and reads each empty text of a CSV file as null.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.destination import DestinationCapabilitiesContext, PreparedTableSchema
from dlt.common.destination.client import HasFollowupJobs, LoadJob, RunnableLoadJob
from dlt.common.schema import Schema
from dlt.common.schema.typing import TColumnSchema
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.postgres.factory import PostgresTypeMapper, postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
from dlt.destinations.sql_client import DBApiCursorImpl, raise_database_error
from dlt.destinations.typing import DBTransaction
from psycopg2.errors import ProgramLimitExceeded

from ecom_assets.warehouse.postgres.copy import copy_rows
from ecom_assets.warehouse.postgres.indexes import drop_indexes
from ecom_assets.warehouse.postgres.statements import run_statement, savepoint
from ecom_assets.warehouse.resolved_once import ResolvedOnce


class SharedConnection:
    """Holds the connection of psycopg2 while the warehouse has one open."""

    connection: Any = None


class PostgresDestination(ResolvedOnce, postgres):
    """The dlt destination of one warehouse, which works while `shared` holds a connection."""

    def __init__(self, shared: SharedConnection) -> None:
        """Take the holder of the connection. dlt gets no address and no secret, as it must not connect by itself."""
        self._shared = shared
        credentials = PostgresCredentials()
        credentials.update(dict.fromkeys(("database", "username", "password", "host"), "unused"))
        credentials.resolve()
        super().__init__(credentials=credentials, create_indexes=False, destination_name="postgres")

    @property
    def client_class(self) -> type[_Client]:
        """Return the class of dlt's client."""
        return _Client

    def client(self, schema: Schema, initial_config: Any = None) -> PostgresClient:
        """Return dlt's client, which uses the shared connection."""
        client: PostgresClient = super().client(schema, initial_config)
        client.sql_client = _SqlClient(client.sql_client, self._shared)
        return client

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        capabilities = super()._raw_capabilities()
        capabilities.preferred_loader_file_format = "parquet"
        capabilities.supported_loader_file_formats = ["parquet"]
        capabilities.loader_file_format_selector = None  # type: ignore[assignment]  # None, as for other destinations
        capabilities.type_mapper = _TypeMapper
        return capabilities


class _TypeMapper(PostgresTypeMapper):
    """dlt's types, with `jsonb` for JSON also in Parquet files, from which dlt itself cannot read it."""

    def to_destination_type(self, column: TColumnSchema, table: PreparedTableSchema) -> str:
        if column["data_type"] == "json":
            return self.sct_to_unbound_dbt["json"]
        return super().to_destination_type(column, table)


class _SqlClient(Psycopg2SqlClient):
    """dlt's SQL client on the shared connection. Each of dlt's transactions and single statements is a savepoint."""

    def __init__(self, original: Psycopg2SqlClient, shared: SharedConnection) -> None:
        super().__init__(
            original.dataset_name,
            original.staging_dataset_name,
            original.credentials,
            original.capabilities,
        )
        self._shared = shared
        self._dataset = original.dataset_name  # dlt sets `dataset_name` to the staging dataset at times

    @property
    def native_connection(self) -> Any:
        return self._shared.connection

    def open_connection(self) -> Any:
        return self._shared.connection

    def close_connection(self) -> None:
        pass

    @contextmanager
    @raise_database_error
    def begin_transaction(self) -> Iterator[DBTransaction]:
        with savepoint(self.native_connection, "ecom_step"):
            yield self

    @contextmanager
    @raise_database_error
    def execute_query(self, query: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with self.native_connection.cursor() as cursor:
            try:
                run_statement(cursor, query, args or kwargs or None)
            except ProgramLimitExceeded:
                # a key may be too long for an index: load it without the indexes
                drop_indexes(self.native_connection, self._dataset)
                run_statement(cursor, query, args or kwargs or None)
            yield DBApiCursorImpl(cursor)

    def truncate_tables(self, *tables: str) -> None:
        """Empty tables by DELETE, because TRUNCATE would block readers until the commit."""
        self.execute_many([f"DELETE FROM {self.make_qualified_table_name(table)}" for table in tables])


class _CopyJob(RunnableLoadJob, HasFollowupJobs):
    """Writes the rows of a Parquet file into its table by COPY."""

    def run(self) -> None:
        client: Any = self._job_client
        sql: _SqlClient = client.sql_client
        with (
            sql.begin_transaction(),
            sql.native_connection.cursor() as cursor,
            pq.ParquetFile(self._file_path) as file,
        ):
            table = sql.make_qualified_table_name(self.load_table_name)
            columns = client.schema.get_table_columns(self.load_table_name)
            json = [name for name, column in columns.items() if column["data_type"] == "json"]
            for batch in file.iter_batches():
                rows = pa.Table.from_batches([batch])
                copy_rows(cursor, table, rows, json)
            if sql.dataset_name == sql.staging_dataset_name:
                # without statistics the planner assumes some hundred keys, however many there are
                cursor.execute(f"analyze {table}")


class _Client(PostgresClient):
    """dlt's client, which writes Parquet files by COPY."""

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        if file_path.endswith(".parquet"):
            return _CopyJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)
