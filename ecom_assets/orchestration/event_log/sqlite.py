"""Dagster's SQLite storage with a faster event log: it writes a batch of events in one transaction.

For each event, Dagster's own storage opens the files up to seven times. See `ecom_assets/dagster.yaml`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

# Dagster's documentation lets an instance name a storage class, but the classes to extend have no public names
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool

from ecom_assets.orchestration.event_log.batches import BatchedWrites, Row, turn_batches_on


class BatchedEventLog(BatchedWrites, SqliteEventLogStorage):
    """An event log that stores a batch in one transaction of the run's file and one of the index file."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Store events in the files of a folder."""
        super().__init__(base_dir, inst_data)
        # reentrant: storing a batch calls methods that open the batch's own connections again
        self._db_lock: Any = threading.RLock()
        self._batch_connections: dict[str, Connection] = {}
        self._engine = lru_cache(maxsize=64)(self._new_engine)

    @contextmanager
    def stored_events(self, rows: Sequence[Row]) -> Iterator[Sequence[int]]:
        """Begin a transaction in each file, and store the rows of events of one run. See `BatchedWrites`."""
        run_id = rows[0]["run_id"]
        with self._transactions(run_id, INDEX_SHARD_NAME) as connections:
            for connection in connections:
                connection.execute(SqlEventLogStorageTable.insert(), rows)
            yield _newest_ids(connections[-1], run_id, len(rows))

    @contextmanager
    def _transactions(self, *shards: str) -> Iterator[list[Connection]]:
        """Begin a transaction in each file. All that this thread writes inside the block is part of it."""
        with self._db_lock, ExitStack() as stack:
            for shard in shards:
                self._batch_connections[shard] = stack.enter_context(self._connect(shard))
                stack.callback(self._batch_connections.pop, shard)
            yield [self._batch_connections[shard] for shard in shards]

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """Begin a transaction, or join that of the batch. Engines are cached for the statements that they compiled."""
        with self._db_lock:
            if shard in self._batch_connections:
                yield self._batch_connections[shard]
                return
            if shard not in self._initialized_dbs:
                with super()._connect(shard):  # creates the file
                    pass
            with self._engine(shard).begin() as connection:
                yield connection

    def _new_engine(self, shard: str) -> Engine:
        return create_engine(self.conn_string_for_shard(shard), poolclass=NullPool)


def _newest_ids(connection: Connection, run_id: str, count: int) -> list[int]:
    """Return the ids of the rows that this transaction wrote, in order. Nobody else can write until it ends."""
    table = SqlEventLogStorageTable.c
    query = select(table.id).where(table.run_id == run_id).order_by(table.id.desc()).limit(count)
    return list(connection.execute(query).scalars())[::-1]


class BatchedSqliteStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite files in a folder, with its event log written in batches."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Store in the instance's folder, and turn batches on: Dagster reads their size from the environment only."""
        super().__init__(base_dir, inst_data)
        turn_batches_on()
        folder = Path(self._event_log_storage.path_for_shard(INDEX_SHARD_NAME)).parent
        self._event_log_storage = BatchedEventLog(str(folder))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchedSqliteStorage:
        """Return the storage that the instance's `dagster.yaml` describes."""
        return cls.from_local(inst_data=inst_data, **config_value)
