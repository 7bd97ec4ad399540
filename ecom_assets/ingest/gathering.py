"""The tables of many slices put together, because dlt works out the schema of every table that it is handed.

That costs it milliseconds, as much as reading a small window does. How a table comes about is `contract`'s.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema

from ecom_assets.ingest.contract import Contracted

ROWS = 50_000
"""So many wait at most for more of them: some ten megabytes."""

Hints = Mapping[str, TColumnSchema]


class Gathering:
    """The rows of one table that wait to be handed on."""

    def __init__(self, slices: int) -> None:
        """Expect the tables of so many slices; with the last of them nothing waits any more."""
        self._expected = slices
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._hints: Hints = {}

    def add(self, contracted: Contracted) -> list[tuple[pa.Table, Hints]]:
        """Take in a slice; returns the tables that are to be handed on, each with the hints of its evolved columns.

        It is in as a whole before one is handed on: dlt may turn to another slice in between.
        """
        ready = []
        if self._waiting and not self._waiting[0].schema.equals(contracted.kept.schema):
            ready.append(self._all())
        self._waiting.append(contracted.kept)
        self._rows += contracted.kept.num_rows
        self._hints = contracted.hints
        self._expected -= 1
        if self._rows >= ROWS or self._expected == 0:
            ready.append(self._all())
        return ready

    def _all(self) -> tuple[pa.Table, Hints]:
        table = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._rows = [], 0
        return table, self._hints
