"""What is read from a declared API, as frozen models: resources, whose endpoints are `declared_endpoint`'s.

Each checks what it says of itself; what resources say of each other is checked by `model`'s Shop.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self

from ecom_assets.declaration.client import DeclarationModel
from ecom_assets.declaration.column import Column, as_columns, columns_form
from ecom_assets.declaration.column_types import CURSOR_TYPES
from ecom_assets.declaration.deletes import DELETED_AT, MAX_DELETED, Deletes, check_deletes
from ecom_assets.declaration.endpoint import Endpoint, Incremental
from ecom_assets.declaration.error_text import format_value, rule_error, value_error
from ecom_assets.declaration.field_check import Check, Documented
from ecom_assets.declaration.field_types import (
    ENDPOINT_PATH,
    ColumnNames,
    DottedText,
    Name,
    Text,
    Texts,
    finite_number,
)
from ecom_assets.declaration.privacy import check_privacy


class SchemaContract(DeclarationModel):
    """What becomes of fields that are not declared (`columns`) and of values of a wrong type."""

    columns: Literal["evolve", "discard_value", "freeze"] = Field(
        default="evolve",
        description="An undeclared field becomes a column, or is dropped and counted, or fails the resource.",
    )
    data_type: Literal["freeze"] = Field(
        default="freeze", description="A value of a wrong type breaks the contract: its record is rejected."
    )


class RowsFrom(DeclarationModel):
    """The list inside another resource's records whose elements are a resource of their own."""

    resource: Name = Field(description="The resource whose records hold the list.")
    path: DottedText = Field(description="The field that holds the list, dotted.")


def _write_disposition(value: Any) -> Any:
    """Take the two dispositions under which a window can be read again."""
    if value in ("merge", "replace"):
        return value
    raise value_error(
        format_value(value), "merge, replace (append would repeat the rows of a window that is read again)"
    )


def _path_alone(form: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [ENDPOINT_PATH, form]}


_share = finite_number("a share from 0 to 1", 0, 1)


class Resource(DeclarationModel):
    """One table: a collection of the API (`endpoint`) or a list in another's records (`rows_from`)."""

    name: Name = Field(description="The table and the asset; lower snake_case.")
    description: Text | None = Field(default=None, description="Shown in the UI.")
    primary_key: ColumnNames = Field(
        description="The column, or the list of columns, that tells records apart; declared, not nullable."
    )
    declared_disposition: Annotated[
        Literal["merge", "replace"] | None, Check(_write_disposition, {"enum": ["merge", "replace", None]})
    ] = Field(
        default=None,
        alias="write_disposition",
        description="`merge` for a windowed resource, `replace` for a snapshot; follows from `incremental`.",
    )
    schema_contract: SchemaContract = Field(
        default=SchemaContract(), description="What becomes of what the contract does not tell."
    )
    endpoint: Annotated[Endpoint, Documented(_path_alone)] | None = Field(
        default=None, description="Where the records are; a path alone stands for a mapping with it."
    )
    rows_from: RowsFrom | None = Field(
        default=None, description="In place of `endpoint`: a list within another resource's records."
    )
    include_from_parent: Texts = Field(
        default=(), description="Fields of the parent's record, which arrive as `_<parent>_<field>`."
    )
    declared_columns: Annotated[tuple[Column, ...], Check(as_columns, columns_form)] = Field(
        alias="columns", description="The contract: the columns by name."
    )
    max_rejected: Annotated[float, _share] | None = Field(
        default=None,
        description="The share of rejected records, 0 to 1, above which the resource fails; no limit unless given.",
    )
    deletes: Deletes | None = Field(
        default=None, description="`sweep` looks for records that are gone from the API."
    )
    max_deleted: Annotated[float, _share] = Field(
        default=MAX_DELETED,
        description="The share of a table's live rows, 0 to 1, above which a sweep marks nothing.",
    )

    _parent_windowed: bool = PrivateAttr(default=False)

    @property
    def parent(self) -> str | None:
        """Return the resource whose records this one is made of or asked by, None for one that has none."""
        if self.rows_from is not None:
            return self.rows_from.resource
        return None if self.endpoint is None else self.endpoint.parent

    @property
    def windowed(self) -> bool:
        """Tell whether the resource is read window by window; a child is as its parent is."""
        if self.parent is not None:
            return self._parent_windowed
        return self.endpoint is not None and self.endpoint.incremental is not None

    @property
    def write_disposition(self) -> Literal["merge", "replace"]:
        """Return how rows are loaded: it follows from the kind; the Shop refuses a file that says else."""
        return "merge" if self.windowed else "replace"

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns of the table: the declared ones but for those whose `pii` is drop."""
        return tuple(column for column in self.declared_columns if column.pii != "drop")

    @property
    def cursor(self) -> Column | None:
        """Return the column that tells a record's window; None for a snapshot and a nested list."""
        if self.endpoint is None or self.endpoint.incremental is None:
            return None
        path = self.endpoint.incremental.cursor_path
        for column in self.columns:
            if ".".join(column.path) == path and column.data_type in CURSOR_TYPES and not column.nullable:
                return column
        return None

    @property
    def table_columns(self) -> tuple[Column, ...]:
        """Return the columns of the table: the declared ones, and `deleted_at` where deletes are looked for."""
        return (*self.columns, DELETED_AT) if self.deletes else self.columns

    @property
    def key_paths(self) -> list[tuple[str, ...]]:
        """Return where a record of the API has the primary key, without the parts that come from a parent.

        Where all of it does, the record as a whole is the key, which the empty path leads to.
        """
        columns = [self.column(name) for name in self.primary_key]
        return [column.path for column in columns if not self.comes_from_parent(column)] or [()]

    def comes_from_parent(self, column: Column) -> bool:
        """Tell whether a column takes a field of the parent's record."""
        return self.parent is not None and column.path[0].startswith(f"_{self.parent}_")

    def column(self, name: str) -> Column:
        """Return a declared column; raises KeyError for another name."""
        return {column.name: column for column in self.columns}[name]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Check what the resource says of itself: its kind, its key, its cursor, its parent's fields."""
        if self.endpoint is None and self.rows_from is None:
            raise rule_error(("endpoint",), "nothing", "one of endpoint, rows_from")
        if self.endpoint is not None and self.rows_from is not None:
            raise rule_error(("rows_from",), "rows_from beside endpoint", "one of endpoint, rows_from")
        declared = {column.name: column for column in self.declared_columns}
        if not self.primary_key:
            raise rule_error(("primary_key",), "an empty list", "the columns that tell records apart")
        for name in self.primary_key:
            if name not in declared:
                raise rule_error(
                    ("primary_key",), format_value(name), f"the declared columns {', '.join(declared)}"
                )
            if declared[name].nullable:
                raise rule_error(
                    ("columns", name, "nullable"), "true", "false, because the column is in the primary key"
                )
        if self.endpoint is not None and self.endpoint.incremental is not None:
            self._check_cursor(self.endpoint.incremental)
        self._check_parent_fields()
        check_privacy(self)
        check_deletes(self)
        return self

    def _check_cursor(self, incremental: Incremental) -> None:
        """Require a declared column that tells the window of every record, on the clock of the windows."""
        if self.cursor is None:
            raise rule_error(
                ("endpoint", "incremental", "cursor_path"),
                format_value(incremental.cursor_path),
                f"the path of a declared column with nullable: false and data_type {', '.join(CURSOR_TYPES)}",
            )
        for column in self.columns:
            if ".".join(column.path) != incremental.cursor_path:
                continue
            if column.timezone not in (None, incremental.timezone):
                raise rule_error(
                    ("columns", column.name, "timezone"),
                    format_value(column.timezone),
                    f"{incremental.timezone}, as in endpoint.incremental, because it is the cursor",
                )

    def _check_parent_fields(self) -> None:
        """Require that what columns read from the parent is included from it."""
        if self.parent is None:
            if self.include_from_parent:
                raise rule_error(
                    ("include_from_parent",),
                    "include_from_parent without rows_from",
                    "include_from_parent beside rows_from or {resources.<parent>.<field>} only",
                )
            return
        for column in filter(self.comes_from_parent, self.columns):
            field = column.path[0].removeprefix(f"_{self.parent}_")
            if field not in self.include_from_parent:
                found = ", ".join(self.include_from_parent) or "nothing"
                raise rule_error(
                    ("include_from_parent",),
                    found,
                    f"at least {field}, because {column.name} is read from it",
                )
