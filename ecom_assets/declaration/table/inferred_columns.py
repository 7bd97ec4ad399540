"""The columns that a resource has without declaring them: those of its primary key and of its cursor.

Other undeclared fields become columns when records bring them; see `ecom_assets.contract.inference`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ecom_assets.declaration.api.fallback import cursor_of
from ecom_assets.declaration.error_text import rule_error
from ecom_assets.declaration.field_types import COLUMN_NAME, NAMING
from ecom_assets.declaration.table.column import Column, default_path, inferred_column


def key_column_name(field: str) -> str:
    """Return the column of an entry of `primary_key`: a column's name stays, a field's name becomes snake_case."""
    return field if COLUMN_NAME.fullmatch(field) else NAMING.normalize_identifier(field)


def key_columns(fields: Iterable[str], parent: str | None, declared: Collection[str]) -> list[Column]:
    """Return the undeclared columns of a primary key.

    Args:
        fields: The entries of `primary_key`, each the name of a column or of a field of the API.
        parent: The parent of the resource, None if it has none.
        declared: The names of the declared columns.
    """
    columns = []
    for field in fields:
        name = key_column_name(field)
        if name not in declared:
            columns.append(inferred_column(name, _key_path(field, name, parent)))
    return columns


def check_key_columns(fields: Sequence[str], columns: Iterable[Column]) -> None:
    """Require a column for each entry of `primary_key`, and that no column of the file is a null in it."""
    names = set(map(key_column_name, fields))
    if len(names) < len(fields):
        raise rule_error(("primary_key",), "two fields that become the same column", "each column once")
    for column in columns:
        if column.name in names and column.nullable:
            raise rule_error(
                ("columns", column.name, "nullable"),
                "true",
                "false, because the column is in the primary key",
            )


def cursor_column(cursor_path: str, *, nullable: bool = False) -> Column:
    """Return the undeclared column of a cursor."""
    path = tuple(cursor_path.split("."))
    name = "__".join(map(NAMING.normalize_identifier, path))
    return inferred_column(name, path, "timestamp", nullable=nullable)


def with_cursor(
    inferred: Sequence[Column], declared: Sequence[Column], cursor_path: str, *, nullable: bool
) -> tuple[Column, ...]:
    """Return the undeclared columns of a resource, with that of the cursor unless a declared one has its path."""
    undeclared = cursor_column(cursor_path, nullable=nullable)
    others = [column for column in inferred if column.path != undeclared.path]
    taken = {column.name for column in (*declared, *others)}
    if undeclared.name in taken or any(".".join(column.path) == cursor_path for column in declared):
        return tuple(inferred)
    return (*others, undeclared)


def parent_column(path: Sequence[str]) -> Column:
    """Return the undeclared column of a field that comes from the parent's record, such as `_orders_id`."""
    return inferred_column(NAMING.normalize_path("__".join(path)), tuple(path))


def _key_path(field: str, name: str, parent: str | None) -> tuple[str, ...]:
    if field != name:
        return (field,)
    prefix = f"_{parent}_"
    if parent and field.startswith(prefix):
        # the field of a grandparent begins with an underscore of its own
        first, *rest = re.split(r"(?<=.)__", field.removeprefix(prefix))
        return (prefix + first, *rest)
    return default_path(field)


def with_required_columns(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a resource as a file has it, its declared columns of key and cursor not nullable unless it says so."""
    if not isinstance(data.get("columns"), Mapping):
        return data
    keys = data.get("primary_key")
    fields = keys if isinstance(keys, (list, tuple)) else [keys]
    names = [key_column_name(field) if isinstance(field, str) else field for field in fields]
    # with `unfiltered: load`, a sweep loads the records whose cursor is null
    cursor = None if data.get("unfiltered") == "load" else cursor_of(data)

    def required(name: Any, column: Any) -> bool:
        if (
            not isinstance(column, Mapping)
            or column.get("nullable") is not None
            or column.get("pii") == "drop"
        ):
            return False
        return name in names or (column.get("path") or str(name).replace("__", ".")) == cursor

    columns = {
        name: {**column, "nullable": False} if required(name, column) else column
        for name, column in data["columns"].items()
    }
    return {**data, "columns": columns}
