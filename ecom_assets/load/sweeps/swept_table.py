"""The table of a resource with `deletes`: what is known of its records, and how they are marked as gone or back.

With history, a record that is gone is one whose last state has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.table.deletes import DELETED_AT
from ecom_assets.declaration.table.write_disposition import LOAD_ID
from ecom_assets.load.dispositions.history_table import INSTANT, is_open, open_end
from ecom_assets.load.dispositions.staged_table import names, same
from ecom_assets.warehouse.transaction import Transaction

EXAMPLES = 3
"""How many records a message names."""


def row_keys(rows: pa.Table, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the primary key of each row as texts, which are the same for equal values of two Arrow types."""
    columns = [map(str, rows.column(name).to_pylist()) for name in names]
    return list(zip(*columns, strict=True))


@dataclass(frozen=True)
class SweptTable:
    """The table of a resource with `deletes`, and how SQL names it and its parts."""

    shop: Shop
    resource: Resource

    @property
    def name(self) -> str:
        """Return the table's name for a message."""
        return f"{self.shop.name}.{self.resource.name}"

    @property
    def quoted(self) -> str:
        """Return the table's name in SQL."""
        return f'"{self.shop.name}"."{self.resource.name}"'

    @property
    def deleted_at(self) -> str:
        """Return the column that says when a record was found gone: with history, the end of a state."""
        return self.resource.history.valid_to if self.resource.history else DELETED_AT.name

    @property
    def version(self) -> str:
        """Return the column that tells whether a load has written a row meanwhile.

        It is the cursor, or where there is none, the id of the load. With history, it is the start of a state.
        """
        if self.resource.history:
            return self.resource.history.valid_from
        return self.resource.cursor.name if self.resource.cursor else LOAD_ID.name

    @property
    def known_rows(self) -> str:
        """Return the SQL of a subquery: each record's key, `__version` and `__deleted_at`.

        No declared column can have one of these two names. With history, it is the last state of each record.
        """
        keys = names(self.resource.primary_key)
        history, version = self.resource.history, f'"{self.version}"'
        deleted_at, rows = f'"{self.deleted_at}"', self.quoted
        if history:
            deleted_at = f"case when {is_open(history, 'states')} then null else {deleted_at} end"
            rows = (
                f"(select *, row_number() over (partition by {keys} order by {version} desc) as __age "
                f"from {self.quoted}) as states where __age = 1"
            )
        return f"(select {keys}, {version} as __version, {deleted_at} as __deleted_at from {rows}) as known"

    @property
    def has_personal_key(self) -> bool:
        """Tell whether a column of the primary key is personal data, which no message shows."""
        return any(self.resource.column(name).pii for name in self.resource.primary_key)

    def same_key(self, left: str, right: str) -> str:
        """Return the SQL condition that rows of two tables have the same primary key."""
        return same(self.resource.primary_key, left, right)

    def examples(self, transaction: Transaction, found: str) -> str:
        """Return the keys of the first records that the SQL `found`, which comes after `select`, finds."""
        keys = names(self.resource.primary_key)
        rows = transaction.execute(f"select {keys} {found} order by {keys} limit {EXAMPLES}").fetchall()
        return "; ".join(", ".join(map(str, row)) for row in rows)

    def mark_gone(self, transaction: Transaction, found: str, instant: datetime) -> int:
        """Mark records as gone, and return how many were marked. With history, their states end.

        A row that a load or another delete detection has written meanwhile is left alone: what was read before says
        nothing about it. Without this, a record that came back during the reading would be marked as deleted.

        Args:
            transaction: The open transaction.
            found: The SQL after `select`, which finds the records in `ecom_before`.
            instant: When the reading was complete, in UTC.
        """
        if self.resource.history is None:
            return self._set_deleted_at(transaction, found, instant)
        start = f'rows."{self.version}"'
        # by a clock that is ahead, a state may begin after the instant: then it ends right after its start
        return transaction.execute_update(
            f'update {self.quoted} as rows set "{self.deleted_at}" = '
            f"greatest(cast(? as {INSTANT}), {start} + interval '1 microsecond') "
            f"from (select ecom_before.* {found}) as found\nwhere {self.same_key('rows', 'found')} "
            f"and {start} = found.__version and {is_open(self.resource.history, 'rows')}",
            [instant],
        )

    def mark_back(self, transaction: Transaction, found: str, instant: datetime) -> int:
        """Unmark records that are back, and return how many were unmarked. With history, their last state begins again.

        The arguments are those of `mark_gone`, and the same rows are left alone.
        """
        history = self.resource.history
        if history is None:
            return self._set_deleted_at(transaction, found, None)
        stored = transaction.columns_of(self.shop.name)[self.resource.name]
        columns = [name for name in stored if name not in history.validity_column_names]
        start, end = f'"{self.version}"', f'"{self.deleted_at}"'
        return transaction.execute_update(
            f"insert into {self.quoted} ({names([*columns, history.valid_from, history.valid_to])}) "
            f"select {names(columns, 'rows')}, cast(? as {INSTANT}), {open_end(history)} from {self.quoted} as rows "
            f"join (select ecom_before.* {found}) as found\non {self.same_key('rows', 'found')} "
            f"and rows.{start} = found.__version and rows.{end} = found.__deleted_at "
            f"where not exists (select 1 from {self.quoted} as newer where {self.same_key('newer', 'rows')} "
            f"and newer.{start} > rows.{start})",
            [instant],
        )

    def _set_deleted_at(self, transaction: Transaction, found: str, value: datetime | None) -> int:
        """Set `deleted_at` of the rows that the SQL `found` selects, and return how many were set."""
        return transaction.execute_update(
            f"update {self.quoted} as rows set {DELETED_AT.name} = ? from (select ecom_before.* {found}) as found\n"
            f'where {self.same_key("rows", "found")} and rows."{self.version}" is not distinct from found.__version\n'
            f"and rows.{DELETED_AT.name} is not distinct from found.__deleted_at",
            [value],
        )
