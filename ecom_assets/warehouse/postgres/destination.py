"""dlt's PostgreSQL destination on the one connection, and in the one transaction, that the warehouse has opened.

dlt opens a connection, and a transaction, for each step of a load. Given this destination it does all of them in
the warehouse's transaction, so that a load of many tables is committed in one step. Files come by COPY, for dlt
itself reads parquet over a connection of its own, and of its CSV files it makes each empty text a null.
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

from ecom_assets.warehouse.postgres.copy import copy_in
from ecom_assets.warehouse.postgres.indexes import drop_indexes
from ecom_assets.warehouse.postgres.statements import run, savepoint


class Shared:
    """Holds the connection while the warehouse has one open."""

    connection: Any = None


class OneConnectionPostgres(postgres):
    """The destination of one warehouse; it can be reached only while `shared` holds a connection."""

    def __init__(self, shared: Shared) -> None:
        """Take what holds the connection. dlt gets no address and no secret: it is not to connect."""
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
        """Return dlt's client with the connection."""
        client = super().client(schema, initial_config)
        client.sql_client = _SqlClient(client.sql_client, self._shared)
        return client

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        able = super()._raw_capabilities()
        able.preferred_loader_file_format = "parquet"
        able.supported_loader_file_formats = ["parquet"]
        able.loader_file_format_selector = None  # type: ignore[assignment]  # as by default
        able.type_mapper = _TypeMapper
        return able


class _TypeMapper(PostgresTypeMapper):
    """dlt's types, of which `jsonb` is left out for parquet files only because of how dlt reads those."""

    def to_destination_type(self, column: TColumnSchema, table: PreparedTableSchema) -> str:
        if column["data_type"] == "json":
            return self.sct_to_unbound_dbt["json"]
        return super().to_destination_type(column, table)


class _SqlClient(Psycopg2SqlClient):
    """dlt's way to PostgreSQL: each of its transactions, and each statement outside of one, is a savepoint."""

    def __init__(self, made: Psycopg2SqlClient, shared: Shared) -> None:
        super().__init__(made.dataset_name, made.staging_dataset_name, made.credentials, made.capabilities)
        self._shared = shared
        self._dataset = made.dataset_name  # dlt makes it that of the stage now and then

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
                run(cursor, query, args or kwargs or None)
            except ProgramLimitExceeded:
                # a key may be too long for an index, which is no reason not to load it
                drop_indexes(self.native_connection, self._dataset)
                run(cursor, query, args or kwargs or None)
            yield DBApiCursorImpl(cursor)

    def truncate_tables(self, *tables: str) -> None:
        """Empty tables; not by TRUNCATE, which would keep readers out until the load is committed."""
        self.execute_many([f"DELETE FROM {self.make_qualified_table_name(table)}" for table in tables])


class _CopyJob(RunnableLoadJob, HasFollowupJobs):
    """A file of rows that is put into its table by COPY."""

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
                copy_in(cursor, table, rows, json)
            if sql.dataset_name == sql.staging_dataset_name:
                # or the planner takes it for some hundred keys, whatever came
                cursor.execute(f"analyze {table}")


class _Client(PostgresClient):
    """dlt's client, whose files come by COPY."""

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        if file_path.endswith(".parquet"):
            return _CopyJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)
