"""The SQL that the histories of windows and of snapshots share: when a state is valid, and rows without a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from ecom_assets.contract.conversion import instants_of_cursor
from ecom_assets.declaration.table.write_disposition import WriteDisposition
from ecom_assets.load.dispositions.staged_table import StagedTable, names, same
from ecom_assets.load.own_tables import LEDGER_TABLE

INSTANT = "timestamp with time zone"


@dataclass(frozen=True)
class HistoryTable:
    """A table that keeps each state of a row, from `valid_from` on and until `valid_to`.

    The states of a key never overlap. Between two of them the record may have been gone.
    """

    staged: StagedTable
    history: WriteDisposition

    @property
    def key(self) -> Sequence[str]:
        """Return the columns of the primary key."""
        return self.staged.resource.primary_key

    @property
    def valid_from(self) -> str:
        """Return the column with the start of a state, in quotes."""
        return f'"{self.history.valid_from}"'

    @property
    def valid_to(self) -> str:
        """Return the column with the end of a state, in quotes."""
        return f'"{self.history.valid_to}"'

    @property
    def open_end(self) -> str:
        """Return the SQL of the end of a state that is valid now."""
        return open_end(self.history)

    @property
    def columns(self) -> list[str]:
        """Return the table's columns without those of the validity."""
        return [name for name in self.staged.columns if name not in self.history.validity_column_names]

    def is_open(self, rows: str) -> str:
        """Return the SQL condition that a row's state is valid now."""
        return is_open(self.history, rows)

    def insert(self, query: str, valid_from: str, valid_to: str, parameters: Sequence[object] = ()) -> None:
        """Insert the rows of a table `found`, with other values in the columns of the validity.

        Args:
            query: The SQL after `from`, with a table `found` that has all columns.
            valid_from: The SQL of the start.
            valid_to: The SQL of the end.
            parameters: The parameters of all three, in their order: start, end, query.
        """
        columns = self.columns
        self.staged.transaction.execute(
            f"insert into {self.staged.table} ({names(columns)}, {self.valid_from}, {self.valid_to}) "
            f"select {names(columns, 'found')}, {valid_from}, {valid_to} from {query}",
            parameters,
        )


def open_end(history: WriteDisposition) -> str:
    """Return the SQL of the end of a state that is valid now."""
    end = history.active_record_timestamp
    return f"cast({'null' if end is None else repr(end.isoformat())} as {INSTANT})"


def is_open(history: WriteDisposition, rows: str) -> str:
    """Return the SQL condition that the state in a row of the table `rows` is valid now."""
    column = f'{rows}."{history.valid_to}"'
    if history.active_record_timestamp is None:
        return f"{column} is null"
    return f"({column} is null or {column} = {open_end(history)})"


def start_histories(table: HistoryTable, reading: datetime) -> None:
    """Make the rows that another write disposition loaded the first states of their records.

    They are valid from their cursor on. Without a cursor, they are valid since the last reading that the ledger has.

    Args:
        table: The table.
        reading: When the reading of this load ended, in UTC.
    """
    staged, transaction = table.staged, table.staged.transaction
    resource, cursor = staged.resource, staged.resource.cursor
    without_start = f"{staged.table} where {table.valid_from} is null"
    if not transaction.fetch_value(f"select count(*) from {without_start}"):
        return
    if cursor is None:
        last = transaction.fetch_value(
            f'select max(loaded_at) from "{staged.shop.name}"."{LEDGER_TABLE}" where resource = ? and loaded_at < ?',
            [resource.name, reading],
        )
        transaction.execute(
            f"update {staged.table} set {table.valid_from} = ?, {table.valid_to} = {table.open_end} "
            f"where {table.valid_from} is null",
            [last or datetime.fromtimestamp(0, reading.tzinfo)],
        )
        return
    values = transaction.fetch_arrow(f'select distinct "{cursor.name}" as ecom_cursor from {without_start}')
    array = values.column(0).combine_chunks()
    starts = pa.table(
        {
            "ecom_cursor": array,
            "ecom_start": instants_of_cursor(array, cursor, staged.shop.timezone_of(resource)),
        }
    )
    with transaction.temporary_table("ecom_starts", starts):
        transaction.execute(
            f"update {staged.table} as rows set {table.valid_from} = starts.ecom_start, "
            f"{table.valid_to} = {table.open_end} from ecom_starts as starts "
            f'where rows.{table.valid_from} is null and rows."{cursor.name}" = starts.ecom_cursor'
        )


def same_key(table: HistoryTable, left: str, right: str) -> str:
    """Return the SQL condition that the rows of two tables have the same primary key."""
    return same(table.key, left, right)
