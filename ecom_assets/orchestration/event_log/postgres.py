"""Dagster's storage in PostgreSQL with a faster event log: it keeps one connection, and writes all events in batches.

Dagster's own opens a connection for each statement, and writes all events but materializations one by one. See
`deploy/celery/dagster.yaml`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection

from ecom_assets.orchestration.event_log.batches import BatchedWrites, Row, turn_batches_on


class BatchedPostgresEventLog(BatchedWrites, PostgresEventLogStorage):
    """An event log that keeps a connection open, and stores a batch with a few statements."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        """Store events in a database. `postgres_url` is its address."""
        self._transaction = threading.local()
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._engine = create_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=-1,  # a second thread opens another one, and closes it again
            pool_pre_ping=True,  # the server may have been restarted
        )
        if hasattr(os, "register_at_fork"):
            engine = self._engine
            os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))

    @contextmanager
    def stored_events(self, rows: Sequence[Row]) -> Iterator[Sequence[int]]:
        """Store the rows of events of one run, and begin a transaction for the index. See `BatchedWrites`.

        The rows are committed at once, as Dagster does it: somebody who reads on from the newest id must not miss rows
        that get their ids earlier and are seen later. They are deleted if the block fails.
        """
        insert = SqlEventLogStorageTable.insert().values(rows).returning(SqlEventLogStorageTable.c.id)
        with self._connect() as connection:
            ids = [int(event_id) for event_id in connection.execute(insert).scalars()]
        try:
            with self._one_transaction():
                yield ids
        except BaseException:
            with self._connect() as connection:
                connection.execute(
                    SqlEventLogStorageTable.delete().where(SqlEventLogStorageTable.c.id.in_(ids))
                )
            raise

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        """Begin a transaction, to which all belongs that this thread writes inside the block."""
        with super()._connect() as connection:
            connection = connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                self._transaction.connection = connection
                try:
                    yield
                finally:
                    del self._transaction.connection

    def _connect(self) -> AbstractContextManager[Connection]:
        """Take a connection, or join the transaction of this thread."""
        joined: Connection | None = getattr(self._transaction, "connection", None)
        return super()._connect() if joined is None else nullcontext(joined)


class BatchedPostgresStorage(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL, configured as Dagster's own, with its event log written in batches."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        """Store in a database, and turn batches on: Dagster reads their size from the environment only."""
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        turn_batches_on()
        self._event_log_storage = BatchedPostgresEventLog(postgres_url, should_autocreate_tables)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchedPostgresStorage:
        """Return the storage that the instance's `dagster.yaml` describes."""
        return cls(
            pg_url_from_config(config_value), config_value.get("should_autocreate_tables", True), inst_data
        )
