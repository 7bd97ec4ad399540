"""Slices put together into batches, and tables put together before they go to dlt.

A small slice alone is expensive. Converting a column costs the same however few rows it has, and dlt works out the
schema of every table that it gets.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema

from ecom_assets.contract.result import ContractResult
from ecom_assets.extract.load_metrics import LoadMetrics, windows_by_key
from ecom_assets.extract.window_assignment import AssignedRecords

ROWS = 50_000
"""A table goes to dlt as soon as it has this many rows: about ten megabytes."""
RECORDS = 4_000
"""A batch is complete as soon as it has this many records: Python's objects take some kilobytes each."""

Hints = Mapping[str, TColumnSchema]


class SliceBatcher:
    """Collects the slices of one table into batches to which the contract is applied at once."""

    def __init__(self, metrics: LoadMetrics) -> None:
        """Expect the windows of these metrics. The last one of them completes the last batch."""
        self._metrics = metrics
        self._missing_windows = len(metrics.counts)
        self._batch: list[AssignedRecords] = []
        self._records = 0

    @property
    def done(self) -> bool:
        """Tell whether all windows have come."""
        return self._missing_windows == 0

    def add(self, assigned: AssignedRecords) -> list[list[AssignedRecords]]:
        """Add a slice and return the batches that are complete now. A slice with an open window is its own batch."""
        self._missing_windows -= len(windows_by_key(assigned.slice_))
        complete = []
        if self._metrics.is_open(assigned.slice_):
            complete.append([assigned])
        else:
            self._batch.append(assigned)
            self._records += len(assigned.records)
        if self._batch and (self._records >= RECORDS or self.done):
            complete.append(self._batch)
            self._batch, self._records = [], 0
        return complete


class TableBatcher:
    """Collects the kept rows of one table into larger Arrow tables."""

    def __init__(self, windows: int) -> None:
        """Expect the rows of this many windows. The last one of them completes the last table."""
        self._missing_windows = windows
        self._tables: list[pa.Table] = []
        self._rows = 0
        self._hints: Hints = {}

    def add(self, result: ContractResult, windows: int = 1) -> list[tuple[pa.Table, Hints]]:
        """Add the rows of some windows.

        All rows are added before the first table is returned, because dlt may turn to another slice between two
        tables.

        Args:
            result: The rows of the windows.
            windows: How many windows they come from.

        Returns:
            The tables that are complete now, each with dlt's hints for its undeclared columns.
        """
        complete = []
        if self._tables and not self._tables[0].schema.equals(result.kept.schema):
            complete.append(self._take_table())
        self._tables.append(result.kept)
        self._rows += result.kept.num_rows
        self._hints = result.hints
        self._missing_windows -= windows
        if self._rows >= ROWS or self._missing_windows == 0:
            complete.append(self._take_table())
        return complete

    def _take_table(self) -> tuple[pa.Table, Hints]:
        table = pa.concat_tables(self._tables).combine_chunks()
        self._tables, self._rows = [], 0
        return table, self._hints
