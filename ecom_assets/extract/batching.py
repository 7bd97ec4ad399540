"""Many slices put together: their records before they are judged, then the tables that came of them.

A small window's share of both is dear: a column costs the same however few rows it has, and dlt works out the schema
of every table that it is handed. How a table comes about is `contract`'s.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema

from ecom_assets.contract.contract import ContractResult
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.window_assignment import AssignedRecords

ROWS = 50_000
"""So many wait at most for more of them: some ten megabytes."""
RECORDS = 4_000
"""So many wait to be judged: Python's objects take some kilobytes each."""

Hints = Mapping[str, TColumnSchema]


class SliceBatcher:
    """The slices that wait for one table to be made of them."""

    def __init__(self, metrics: LoadMetrics) -> None:
        """Expect the tally's slices; with the last of them nothing waits any more."""
        self._metrics = metrics
        self._expected = len(metrics.slices)
        self._batches: list[AssignedRecords] = []
        self._records = 0

    def add(self, batch: AssignedRecords) -> list[list[AssignedRecords]]:
        """Take in a slice; returns the groups that are to be judged now, one with an open window alone."""
        self._expected -= 1
        groups = []
        if self._metrics.is_open(batch.part):
            groups.append([batch])
        else:
            self._batches.append(batch)
            self._records += len(batch.records)
        if self._batches and (self._records >= RECORDS or self._expected == 0):
            groups.append(self._batches)
            self._batches, self._records = [], 0
        return groups


class TableBatcher:
    """The rows of one table that wait to be handed on."""

    def __init__(self, slices: int) -> None:
        """Expect the tables of so many slices; with the last of them nothing waits any more."""
        self._expected = slices
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._hints: Hints = {}

    def add(self, contracted: ContractResult, slices: int = 1) -> list[tuple[pa.Table, Hints]]:
        """Take in the rows of some slices; returns the tables to hand on, with the hints of their evolved columns.

        They are in as a whole before one is handed on: dlt may turn to another slice in between.
        """
        ready = []
        if self._waiting and not self._waiting[0].schema.equals(contracted.kept.schema):
            ready.append(self._all())
        self._waiting.append(contracted.kept)
        self._rows += contracted.kept.num_rows
        self._hints = contracted.hints
        self._expected -= slices
        if self._rows >= ROWS or self._expected == 0:
            ready.append(self._all())
        return ready

    def _all(self) -> tuple[pa.Table, Hints]:
        table = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._rows = [], 0
        return table, self._hints
