"""The rules for `pii` in a declaration: which columns and placeholders go with it.

See `ecom_assets.contract.privacy` for its effect on records.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ecom_assets.declaration.error_text import Place, rule_error
from ecom_assets.declaration.placeholders import parent_field
from ecom_assets.declaration.table.column import Column
from ecom_assets.declaration.table.rows_from import RowsFrom

PII_KEY_NAME = "pii_key"
"""The secret, under `sources.<shop>`, that is the key of `hash`; another key gives other hashes."""


def check_pii_columns(
    columns: Iterable[Column],
    *,
    primary_key: Collection[str],
    parent: str | None,
    parent_columns: Collection[Column],
    rows_from: RowsFrom | None = None,
) -> None:
    """Check the `pii` of a resource's columns.

    Args:
        columns: All declared columns of the resource.
        primary_key: The names of the columns in its primary key.
        parent: The name of its parent, None if it has none.
        parent_columns: Those of `columns` whose value comes from the parent's record.
        rows_from: The list of its records, None if it has an endpoint.

    Raises:
        PydanticCustomError: Two columns treat one field differently, a column of the primary key is masked or
            dropped, or a column of the child has the `pii` that belongs to the parent's column.
    """
    pii_by_path: dict[tuple[str, ...], str | None] = {}
    for column in columns:
        place = ("columns", column.name, "pii")
        if column.pii and column in parent_columns:
            raise rule_error(
                place, column.pii, f"pii on the column of {parent} that the value comes from, not here"
            )
        if (
            column.pii
            and rows_from
            and column.path in [(name,) for name in (rows_from.map_key, *rows_from.position)]
        ):
            raise rule_error(place, column.pii, "nothing, because rows_from makes the value of this column")
        if column.pii in ("mask", "drop") and column.name in primary_key:
            raise rule_error(place, column.pii, "hash, because the column is in the primary key")
        if pii_by_path.setdefault(column.path, column.pii) != column.pii:
            raise rule_error(
                place,
                column.pii or "nothing",
                f"{pii_by_path[column.path] or 'nothing'}, as for the other column with the path "
                f"{'.'.join(column.path)}",
            )


def check_pii_in_placeholders(
    place: Place, placeholders: Iterable[str], *, parent: str, parent_columns: Iterable[Column]
) -> None:
    """Check that no request for a child uses personal data: `pii` changes it before the request is made.

    Args:
        place: The place of the child's endpoint.
        placeholders: The names of the placeholders in that endpoint.
        parent: The name of the resource whose fields they stand for.
        parent_columns: All declared columns of that resource.

    Raises:
        PydanticCustomError: A placeholder stands for a field with `pii`, or for one inside of it.
    """
    for name in sorted(placeholders):
        found = parent_field(name)
        for column in parent_columns if found else ():
            if found and column.pii and tuple(found.field.split("."))[: len(column.path)] == column.path:
                raise rule_error(
                    place,
                    f"{{{name}}}, a field whose value pii: {column.pii} changes before a request can use it",
                    f"a field of {parent} without pii",
                )
