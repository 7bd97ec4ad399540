"""What the event logs of all databases have in common: they write a batch of events in one transaction.

A run of a year's days writes two events for each day and table, and one for each check of them. Dagster's own storage
opens a connection up to seven times for each. The rows are the same as Dagster's, so an instance may change to this
storage and back.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from dagster import DagsterEventType, EventLogEntry

# Dagster's documentation lets an instance name a storage class, but the classes to extend have no public names
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from sqlalchemy import bindparam, inspect, select

BATCH_SIZE = 250
"""Events in a batch, unless DAGSTER_EVENT_BATCH_SIZE is set. Other writers wait about 0.1 seconds for a batch."""

Row = Mapping[str, Any]
"""An event as a row of the log."""
_PLANNED_KEY = ("run_id", "asset_key", "check_name", "partition")
"""The columns that the row of a planned check is found by."""
_INDEXED_EVENTS = (ASSET_EVENTS | ASSET_CHECK_EVENTS) - {DagsterEventType.ASSET_FAILED_TO_MATERIALIZE}


def turn_batches_on() -> None:
    """Let Dagster collect events, which it does if the environment says how many."""
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))


class BatchedWrites(SqlEventLogStorage):
    """The part of an event log that stores a batch of events of one run."""

    _run_of_times = ""
    _times: Mapping[Any, int] = {}
    _tables: Collection[str] = ()

    @abstractmethod
    def stored_events(self, rows: Sequence[Row]) -> AbstractContextManager[Sequence[int]]:
        """Store the rows of events of one run, and begin a transaction for what the index has besides them.

        All that the thread writes inside the block belongs to the transaction, which is committed at its end. If the
        block fails, nothing stays of the events either.

        Returns:
            The ids of the rows, in their order.
        """

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all events or none. If it fails, Dagster stores them one by one."""
        if len({event.run_id for event in events}) != 1 or any(
            event.dagster_event_type not in _INDEXED_EVENTS for event in events
        ):
            super().store_event_batch(events)
            return
        events, times = self._at_distinct_times(events)
        rows = [self._event_to_row(event) for event in events]
        with self.stored_events(rows) as ids:
            self._write_index(events, rows, ids)
        self._run_of_times, self._times = events[0].run_id, times

    def has_table(self, table_name: str) -> bool:
        """Return whether there is a table. Dagster asks for each event, though no table goes away."""
        if table_name not in self._tables:
            with self.index_connection() as connection:
                self._tables = inspect(connection).get_table_names()
        return table_name in self._tables

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

    def _write_index(self, events: Sequence[EventLogEntry], rows: Sequence[Row], ids: Sequence[int]) -> None:
        """Write what the index has besides the events: results of checks, and an asset's last event of each type."""
        newest = {}
        asset_events = []
        evaluations = []
        for event, row, event_id in zip(events, rows, ids, strict=True):
            if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
                evaluations.append((event, row, event_id))
            elif event.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, event_id)
            elif event.dagster_event and event.dagster_event.asset_key:
                asset_events.append((event, event_id))
                newest[event.dagster_event.asset_key, event.dagster_event_type] = (event, event_id)
        # in one order in all runs, so that no two of them wait for each other's rows
        for _, (event, event_id) in sorted(newest.items(), key=lambda entry: entry[0][0].to_string()):
            self.store_asset_event(event, event_id)
        self.store_asset_event_tags(
            [event for event, _ in asset_events], [event_id for _, event_id in asset_events]
        )
        self._write_evaluations(evaluations)

    def _write_evaluations(self, evaluations: Sequence[tuple[EventLogEntry, Row, int]]) -> None:
        """Write results of checks into the rows that planned them, as Dagster does, but with one statement.

        A result without a partition, or without one such row, goes Dagster's own way.
        """
        if not evaluations:
            return
        table, together = AssetCheckExecutionsTable.c, []
        query = select(table.asset_key, table.check_name, table.partition)
        with self.index_connection() as connection:
            run_id = evaluations[0][0].run_id
            planned = Counter(map(tuple, connection.execute(query.where(table.run_id == run_id))))
            for event, row, event_id in evaluations:
                found = event.get_dagster_event().asset_check_evaluation_data
                key = (found.asset_key.to_string(), found.check_name, found.partition)
                if found.partition is None or planned[key] != 1:
                    self.store_asset_check_event(event, event_id)
                    continue
                status = "SUCCEEDED" if found.passed else "FAILED"
                target = found.target_materialization_data
                together.append(
                    {
                        # a parameter may not have the name of a column
                        **{
                            f"the_{name}": part
                            for name, part in zip(_PLANNED_KEY, (run_id, *key), strict=True)
                        },
                        "execution_status": AssetCheckExecutionRecordStatus[status].value,
                        "evaluation_event": row["event"],
                        "evaluation_event_timestamp": row["timestamp"],
                        "evaluation_event_storage_id": event_id,
                        "materialization_event_storage_id": target.storage_id if target else None,
                    }
                )
            if together:
                same = [table[name] == bindparam(f"the_{name}") for name in _PLANNED_KEY]
                connection.execute(AssetCheckExecutionsTable.update().where(*same), together)

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
