"""Dagster's SQLite storage with a faster event log: it writes a batch of events in one transaction.

A run of a year's days writes two events for each day and table. For each event, Dagster's own storage opens the files
up to seven times. Files and rows are the same as Dagster's, so an instance may change to this storage and back. The
instance's `dagster.yaml` selects it, see `ecom_assets/dagster.yaml`.
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

# Dagster's documentation lets an instance name a storage class, but the classes to extend have no public names
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
"""Events in a batch, unless DAGSTER_EVENT_BATCH_SIZE is set. Other writers wait about 0.1 seconds for a batch."""

_INDEXED_EVENTS = ASSET_EVENTS | ASSET_CHECK_EVENTS


class BatchedEventLog(SqliteEventLogStorage):
    """An event log that stores a batch in one transaction of the run's file and one of the index file."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Store events in the files of a folder."""
        super().__init__(base_dir, inst_data)
        # reentrant: storing a batch calls methods that open the batch's own connections again
        self._db_lock: Any = threading.RLock()
        self._batch_connections: dict[str, Connection] = {}
        self._run_of_times = ""
        self._times: dict[Any, int] = {}
        self._engine = lru_cache(maxsize=64)(self._new_engine)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all events or none. If it fails, Dagster stores them one by one."""
        if len({event.run_id for event in events}) != 1 or any(
            event.dagster_event_type not in _INDEXED_EVENTS for event in events
        ):
            super().store_event_batch(events)
            return
        events, times = self._at_distinct_times(events)
        rows = [self._event_to_row(event) for event in events]
        with self._transactions(events[0].run_id, INDEX_SHARD_NAME) as connections:
            for connection in connections:
                connection.execute(SqlEventLogStorageTable.insert(), rows)
            self._write_index(events, _newest_ids(connections[-1], events[0].run_id, len(events)))
        self._run_of_times, self._times = events[0].run_id, times

    def _at_distinct_times(
        self, events: Sequence[EventLogEntry]
    ) -> tuple[list[EventLogEntry], dict[Any, int]]:
        """Return events of which no two of one asset and type have the same millisecond.

        The UI's list of materializations shows one of those that have the same, and hides the other windows.
        Also returns the newest milliseconds of each, to be kept once the events are stored.
        """
        known = self._times if events[0].run_id == self._run_of_times else {}
        times, found = dict(known), []
        for event in events:
            key = (event.dagster_event and event.dagster_event.asset_key, event.dagster_event_type)
            milliseconds = int(event.timestamp * 1000)
            if milliseconds <= times.get(key, 0):
                milliseconds = times[key] + 1
                # half a millisecond more, as the UI cuts what a double makes of it
                event = event._replace(timestamp=(milliseconds + 0.5) / 1000)
            times[key] = milliseconds
            found.append(event)
        return found, times

    def _write_index(self, events: Sequence[EventLogEntry], ids: Sequence[int]) -> None:
        """Write what the index has besides the events: for an asset, the last event of each type."""
        newest = {}
        asset_events = []
        for event, event_id in zip(events, ids, strict=True):
            if event.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, event_id)
            elif event.dagster_event and event.dagster_event.asset_key:
                asset_events.append((event, event_id))
                newest[event.dagster_event.asset_key, event.dagster_event_type] = (event, event_id)
        for event, event_id in newest.values():
            self.store_asset_event(event, event_id)
        self.store_asset_event_tags(
            [event for event, _ in asset_events], [event_id for _, event_id in asset_events]
        )

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        """Write a row for each partition, as Dagster does, but serialize the event only once."""
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
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))
        folder = Path(self._event_log_storage.path_for_shard(INDEX_SHARD_NAME)).parent
        self._event_log_storage = BatchedEventLog(str(folder))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchedSqliteStorage:
        """Return the storage that the instance's `dagster.yaml` describes."""
        return cls.from_local(inst_data=inst_data, **config_value)
