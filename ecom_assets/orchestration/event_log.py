"""Dagster's event log in SQLite files, as Dagster keeps it, but a batch of events is one transaction.

A run of a year's days writes two events per day and table, and Dagster opens the files anew up to seven times for
each. Files and rows are Dagster's own: an instance may change to this storage and back. It is asked for in the
instance's `dagster.yaml`, as `ecom_assets/dagster.yaml` does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from dagster import EventLogEntry

# Dagster has no public name for what is extended here, though its documentation lets an instance name such a class
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool

BATCH_SIZE = 250
"""Events in a batch unless DAGSTER_EVENT_BATCH_SIZE says otherwise: other writers wait about a tenth of a second."""

_MIRRORED = ASSET_EVENTS | ASSET_CHECK_EVENTS


class BatchedEventLog(SqliteEventLogStorage):
    """Stores a batch in one transaction of the run's file and one of the index."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Take the folder of the files."""
        super().__init__(base_dir, inst_data)
        # the parts of a batch ask for the connections that the batch has
        self._db_lock: Any = threading.RLock()
        self._open: dict[str, Connection] = {}
        self._engine = lru_cache(maxsize=64)(self._new_engine)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all events or none; Dagster then tries them one by one."""
        if len({event.run_id for event in events}) != 1 or any(
            event.dagster_event_type not in _MIRRORED for event in events
        ):
            super().store_event_batch(events)
            return
        rows = [self._event_to_row(event) for event in events]
        with self._transactions(events[0].run_id, INDEX_SHARD_NAME) as connections:
            for connection in connections:
                connection.execute(SqlEventLogStorageTable.insert(), rows)
            self._index(events, _newest_ids(connections[-1], events[0].run_id, len(events)))

    def _index(self, events: Sequence[EventLogEntry], ids: Sequence[int]) -> None:
        """Write what the index keeps beside the events; of an asset that is the last event of each type."""
        last = {}
        of_assets = []
        for event, event_id in zip(events, ids, strict=True):
            if event.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, event_id)
            elif event.dagster_event and event.dagster_event.asset_key:
                of_assets.append((event, event_id))
                last[event.dagster_event.asset_key, event.dagster_event_type] = (event, event_id)
        for event, event_id in last.values():
            self.store_asset_event(event, event_id)
        self.store_asset_event_tags(
            [event for event, _ in of_assets], [event_id for _, event_id in of_assets]
        )

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        """Write a row for each partition, as Dagster does, of an event that is put into JSON only once."""
        planned = event.get_dagster_event().asset_check_planned_data
        written = self._event_to_row(event)
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": written["event"],
            "evaluation_event_timestamp": written["timestamp"],
            "evaluation_event_storage_id": event_id,
        }
        keys = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), [row | {"partition": key} for key in keys])

    @contextmanager
    def _transactions(self, *shards: str) -> Iterator[list[Connection]]:
        """Begin a transaction in each file, for all that this thread does until the end of the block."""
        with self._db_lock, ExitStack() as stack:
            for shard in shards:
                self._open[shard] = stack.enter_context(self._connect(shard))
                stack.callback(self._open.pop, shard)
            yield [self._open[shard] for shard in shards]

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """Begin a transaction, or join the one of the batch; an engine is kept for the statements it compiled."""
        with self._db_lock:
            if shard in self._open:
                yield self._open[shard]
                return
            if shard not in self._initialized_dbs:
                with super()._connect(shard):  # makes the file
                    pass
            with self._engine(shard).begin() as connection:
                yield connection

    def _new_engine(self, shard: str) -> Engine:
        return create_engine(self.conn_string_for_shard(shard), poolclass=NullPool)


def _newest_ids(connection: Connection, run_id: str, count: int) -> list[int]:
    """Return the ids of the rows that this transaction wrote, in order; nobody else writes meanwhile."""
    table = SqlEventLogStorageTable.c
    query = select(table.id).where(table.run_id == run_id).order_by(table.id.desc()).limit(count)
    return list(connection.execute(query).scalars())[::-1]


class BatchedSqliteStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite files in a folder, with its event log written in batches."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Take the instance's folder, and turn batches on: Dagster knows no other place for their size."""
        super().__init__(base_dir, inst_data)
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))
        folder = Path(self._event_log_storage.path_for_shard(INDEX_SHARD_NAME)).parent
        self._event_log_storage = BatchedEventLog(str(folder))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchedSqliteStorage:
        """Return the storage that the instance's file describes."""
        return cls.from_local(inst_data=inst_data, **config_value)
