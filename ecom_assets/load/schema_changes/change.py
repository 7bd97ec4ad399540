"""The changes that a table needs before a load, and the error of a resource whose table cannot be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.errors import WarehouseError

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
        values: For `convert`: the stored values in `ecom_old`, and what they become in `ecom_new`.
    """

    column: str
    text: str
    action: Action = "none"
    before: Column | None = None
    after: Column | None = None
    values: pa.Table | None = None


@dataclass(frozen=True)
class TableChanges:
    """What one table needs.

    Attributes:
        resource: The resource, whose name the table has after the load.
        table: The name that the table has now, None if there is none.
        columns: The changes in their order.
        refusals: What cannot be changed, each with the columns or the key that must not change.
        refused_columns: The columns that the refusals are about.
        redeclared: Whether the resource is declared in another way than in the last load of the table.
    """

    resource: str
    table: str | None = None
    columns: tuple[ColumnChange, ...] = ()
    refusals: tuple[str, ...] = ()
    refused_columns: frozenset[str] = frozenset()
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
