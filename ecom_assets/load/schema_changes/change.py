"""The changes that a table needs before a load, and the error of a resource whose table cannot be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
from dlt.common.schema.typing import TTableSchemaColumns

from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.stored_columns import StoredColumns

Action = Literal["none", "rename", "fill", "relax", "widen", "convert", "empty"]
"""What a load does to a column before its rows come.

`none` leaves it to dlt, or only reports something. `rename` gives it its new name. `fill` copies its values into the
column that has the new name already. `relax` takes NOT NULL away. `widen` changes the type by SQL, `convert` by the
rules of the contract, and `empty` without the values, because the load replaces all rows.
"""


class TableNotChanged(WarehouseError):
    """The table of one resource cannot become what the declaration says. The resource fails alone."""

    def __init__(self, resource: str, message: str) -> None:
        """Keep the resource."""
        super().__init__(message)
        self.resource = resource


@dataclass(frozen=True)
class ColumnChange:
    """One change of a column.

    Attributes:
        column: The column, by its name in the table after the changes before this one.
        text: The change for a person, such as `bigint became text`; empty if it goes without saying.
        action: What the load does.
        before: The column with the type that it has.
        after: The column with the type that it gets.
        values: For `convert`: the stored values in `_dlt_old`, and what they become in `_dlt_new`.
    """

    column: str
    text: str
    action: Action = "none"
    before: Column | None = None
    after: Column | None = None
    values: pa.Table | None = None


@dataclass(frozen=True)
class Misfit:
    """Stored rows that are in the way of a change.

    Attributes:
        reason: Why, for a person.
        condition: The SQL condition of the rows. `ecom_wrong` are the `values`.
        values: For a column with another type: its values that do not fit, in `_dlt_old`.
        whole_rows: Whether the rows have to go, not only the values.
    """

    reason: str
    condition: str
    values: pa.Table | None = None
    whole_rows: bool = False


@dataclass(frozen=True)
class TableChanges:
    """What one table needs.

    Attributes:
        resource: The resource, whose name the table has after the load.
        table: The name that the table has now, None if there is none.
        columns: The changes in their order.
        refusals: What cannot be changed, each with the columns or the key that must not change.
        refused_columns: The columns that the refusals are about.
        plain: The columns whose stored values do not have the `pii` that they are declared with, each with that `pii`.
        misfits: What `ecom-assets migrate` can discard to make a refused change.
        redeclared: Whether the resource is declared in another way than in the last load of the table.
    """

    resource: str
    table: str | None = None
    columns: tuple[ColumnChange, ...] = ()
    refusals: tuple[str, ...] = ()
    refused_columns: frozenset[str] = frozenset()
    plain: Mapping[str, str] = field(default_factory=dict)
    misfits: tuple[Misfit, ...] = ()
    redeclared: bool = False

    @property
    def texts(self) -> dict[str, str]:
        """Return the changes for a person, by column. The table itself has the column `*`."""
        found: dict[str, list[str]] = {}
        if self.table not in (None, self.resource):
            found["*"] = [f"the table {self.table} became {self.resource}"]
        for change in self.columns:
            if change.text:
                found.setdefault(change.column, []).append(change.text)
        return {column: "; ".join(texts) for column, texts in found.items()}

    @property
    def replaces_values(self) -> bool:
        """Tell whether the stored values of a column go, because the load replaces all rows."""
        return any(change.action == "empty" for change in self.columns)

    @property
    def changes_table(self) -> bool:
        """Tell whether the load changes the table itself before its rows come."""
        return self.table not in (None, self.resource) or any(
            change.action != "none" for change in self.columns
        )


Changes = Mapping[str, TableChanges]
"""The changes of tables, by resource."""


def columns_after(stored: StoredColumns, changes: Changes) -> dict[str, TTableSchemaColumns]:
    """Return dlt's columns of tables as they are once the changes are made."""
    after = {name: dict(columns) for name, columns in stored.items()}
    for name, change in changes.items():
        if change.refusals or change.table is None:
            continue
        columns = after.pop(change.table, {})
        for entry in change.columns:
            _change_hint(columns, entry)
        after[name] = columns
    return after


def _change_hint(columns: TTableSchemaColumns, change: ColumnChange) -> None:
    """Change dlt's columns of a table as one change changes the table."""
    if change.action in ("rename", "fill") and change.before:
        hint = columns.pop(change.before.name, None)
        if change.action == "rename" and hint is not None:
            columns[change.column] = {**hint, "name": change.column}
    elif change.action == "relax":
        columns[change.column]["nullable"] = True
    elif change.action != "none" and change.after:
        hint = {"name": change.column, "data_type": change.after.data_type, "nullable": True}
        if change.action == "widen":
            hint["nullable"] = columns[change.column].get("nullable", True)
        if change.after.precision is not None:
            hint["precision"], hint["scale"] = change.after.precision, change.after.scale
        columns[change.column] = hint
