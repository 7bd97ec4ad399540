"""The rule for `include_from_parent`: it has each field that a column reads from the parent's record."""

from __future__ import annotations

from collections.abc import Collection

from ecom_assets.declaration.error_text import rule_error
from ecom_assets.declaration.table.column import Column


def check_parent_fields(
    parent: str | None, included: Collection[str], parent_columns: Collection[Column]
) -> None:
    """Check the fields that a resource copies from its parent's record.

    Args:
        parent: The name of the parent, None without one.
        included: The fields in `include_from_parent`.
        parent_columns: The columns whose values come from the parent's record.

    Raises:
        PydanticCustomError: A field is missing, or there is no parent.
    """
    if parent is None:
        if included:
            raise rule_error(
                ("include_from_parent",),
                "include_from_parent in a resource without a parent",
                "include_from_parent only with rows_from, or with {resources.<parent>.<field>} in the endpoint",
            )
        return
    for column in parent_columns:
        field = column.path[0].removeprefix(f"_{parent}_")
        if field not in included:
            raise rule_error(
                ("include_from_parent",),
                ", ".join(included) or "nothing",
                f"a list with {field}, because the column {column.name} reads it",
            )
