"""The columns of a resource that hold the cursor of `incremental`."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ecom_assets.declaration.api.incremental import Incremental
from ecom_assets.declaration.error_text import format_value, rule_error
from ecom_assets.declaration.table.column import Column


def find_cursor(
    columns: Iterable[Column], incremental: Incremental, types: Collection[str], *, may_be_null: bool
) -> Column | None:
    """Return the column that tells the window of a record, None if no column can.

    Args:
        columns: The columns of a resource.
        incremental: Names the path of the cursor.
        types: The data types that a cursor may have.
        may_be_null: Whether a row may be without a cursor.
    """
    return next(
        (
            column
            for column in columns
            if ".".join(column.path) == incremental.cursor_path
            and column.data_type in types
            and (may_be_null or not column.nullable)
        ),
        None,
    )


def check_cursor_zone(columns: Iterable[Column], incremental: Incremental) -> None:
    """Require the time zone of the windows in each column of the cursor."""
    for column in columns:
        if ".".join(column.path) != incremental.cursor_path:
            continue
        if column.timezone not in (None, incremental.timezone):
            raise rule_error(
                ("columns", column.name, "timezone"),
                format_value(column.timezone),
                f"{incremental.timezone}, as in endpoint.incremental, because the column is the cursor",
            )
