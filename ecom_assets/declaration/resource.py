"""The model of a resource: one table, its columns, and where its records come from.

See `ecom_assets.declaration.shop` for the checks between resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, StrictBool, model_validator
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import Self

from ecom_assets.declaration.api.endpoint import Endpoint
from ecom_assets.declaration.api.incremental import Incremental
from ecom_assets.declaration.assets.settings import AssetSettings, TableSettings
from ecom_assets.declaration.column_types import CURSOR_TYPES, OPEN_CURSOR_TYPES
from ecom_assets.declaration.error_text import format_value, rule_error
from ecom_assets.declaration.field_types import (
    ENDPOINT_PATH_SCHEMA,
    KeyFields,
    Name,
    Text,
    Texts,
    finite_number,
)
from ecom_assets.declaration.model import Check, DeclarationModel, Documented
from ecom_assets.declaration.table.column import Column, columns_from_mapping, columns_schema
from ecom_assets.declaration.table.cursor import check_cursor_zone, find_cursor
from ecom_assets.declaration.table.deletes import DELETED_AT, MAX_DELETED, Deletes, Unfiltered
from ecom_assets.declaration.table.inferred_columns import (
    check_key_columns,
    key_column_name,
    key_columns,
    with_cursor,
    with_required_columns,
)
from ecom_assets.declaration.table.parent_fields import check_parent_fields
from ecom_assets.declaration.table.privacy import check_pii_columns
from ecom_assets.declaration.table.processing import check_steps, take_steps
from ecom_assets.declaration.table.rows_from import RowsFrom, check_source
from ecom_assets.declaration.table.schema_contract import BeyondMaxNewColumns, MaxNewColumns, SchemaContract
from ecom_assets.declaration.table.write_disposition import (
    LOAD_ID,
    DeclaredDisposition,
    Disposition,
    WriteDisposition,
)


def _endpoint_schema(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {"anyOf": [ENDPOINT_PATH_SCHEMA, schema]}


_share = finite_number("a share from 0 to 1", 0, 1)


class Resource(DeclarationModel):
    """One table: a collection of the API (`endpoint`) or a list in another resource's records (`rows_from`)."""

    NOT_IN_FILE: ClassVar[frozenset[str]] = frozenset({"processing_steps"})

    name: Name = Field(description="Name of the table and the asset, in lower snake_case.")
    description: Text | None = Field(default=None, description="What the table holds; shown in the UI.")
    renamed_from: Name | None = Field(
        default=None, description="The name that the resource had before; the next load renames its table."
    )
    key_fields: KeyFields = Field(
        default=(),
        alias="primary_key",
        description="The column, or the list of columns, that identifies a record; never null. Only a windowed "
        "resource with `append` can do without.",
    )
    declared_disposition: DeclaredDisposition | None = Field(
        default=None,
        alias="write_disposition",
        description="How rows get into the table: a word, or a mapping with `disposition` and `strategy`. Unless "
        "given, `merge` for a windowed resource and `replace` for a snapshot.",
    )
    schema_contract: SchemaContract = Field(
        default=SchemaContract(),
        description="How undeclared fields and values of a wrong type are treated.",
    )
    endpoint: Annotated[Endpoint, Documented(_endpoint_schema)] | None = Field(
        default=None,
        description="Where the records come from; a text is short for a mapping with only `path`.",
    )
    rows_from: RowsFrom | None = Field(
        default=None, description="Instead of `endpoint`: a list within another resource's records."
    )
    include_from_parent: Texts = Field(
        default=(), description="Fields to copy from the parent's record; their path is `_<parent>_<field>`."
    )
    column_entries: Annotated[tuple[Column, ...], Check(columns_from_mapping, columns_schema)] = Field(
        default=(),
        alias="columns",
        description="The contract: the columns by name. Other fields are treated as `schema_contract` says.",
    )
    max_table_nesting: Literal[0] | None = Field(
        default=None,
        description="0 keeps undeclared objects as JSON; unless given, their fields become columns.",
    )
    max_new_columns: MaxNewColumns = 200
    beyond_max_new_columns: BeyondMaxNewColumns = "fail"
    selected: StrictBool = Field(
        default=True,
        description="False makes no table: the endpoint is only read for the resources that need it.",
    )
    processing_steps: Annotated[tuple[Mapping[str, Any], ...], Check(take_steps, {})] = ()
    """Only in Python: dlt's steps `filter`, `map` and `yield_map`, in the order in which records pass them."""
    max_rejected: Annotated[float, _share] | None = Field(
        default=None,
        description="The share of rejected records, 0 to 1, above which the resource fails; no limit unless given.",
    )
    deletes: Deletes | None = Field(
        default=None, description="`sweep` detects records that are gone from the API."
    )
    max_deleted: Annotated[float, _share] = Field(
        default=MAX_DELETED,
        description="The share of a table's live rows, 0 to 1; if more are gone at once, a sweep marks none of them.",
    )
    unfiltered: Unfiltered = "count"
    dagster: TableSettings = AssetSettings()

    _parent_windowed: bool = PrivateAttr(default=False)
    _parent_open_ended: bool = PrivateAttr(default=False)
    _inferred: tuple[Column, ...] = PrivateAttr(default=())
    _root_replaced: bool = PrivateAttr(default=True)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Return the names of the columns that identify a record."""
        return tuple(map(key_column_name, self.key_fields))

    @property
    def parent(self) -> str | None:
        """Return the resource whose records hold this one's list or fill its placeholders, None if there is none."""
        if self.rows_from is not None:
            return self.rows_from.resource
        return None if self.endpoint is None else self.endpoint.parent

    @property
    def windowed(self) -> bool:
        """Tell whether the resource is read window by window; a child is windowed if its parent is."""
        if self.parent is not None:
            return self._parent_windowed
        return self._incremental is not None and not self._incremental.open_ended

    @property
    def open_ended(self) -> bool:
        """Tell whether a load reads on from the cursor of the last one; a child is open-ended if its parent is."""
        if self.parent is not None:
            return self._parent_open_ended
        return self._incremental is not None and self._incremental.open_ended

    @property
    def is_incremental(self) -> bool:
        """Tell whether a load reads a part of the records: the resource is windowed or open-ended."""
        return self.windowed or self.open_ended

    @property
    def _incremental(self) -> Incremental | None:
        return self.endpoint.incremental if self.endpoint else None

    @property
    def write_disposition(self) -> Disposition:
        """Return how rows are loaded. Rows of a child go with the record of its topmost parent."""
        if self.parent is not None:
            return "replace" if self._root_replaced else "merge"
        if self.declared_disposition is not None:
            return self.declared_disposition.disposition
        return "merge" if self.is_incremental else "replace"

    @property
    def history(self) -> WriteDisposition | None:
        """Return the write disposition of a table that keeps each state of a row, None for any other table."""
        declared = self.declared_disposition
        return declared if declared and declared.keeps_history and self.parent is None else None

    @property
    def has_load_id(self) -> bool:
        """Tell whether each row says which load brought it: no cursor tells which of two rows is newer."""
        merged = self.write_disposition == "merge" and not self.history
        return merged and self.parent is None and not self.is_incremental

    @cached_property
    def declared_columns(self) -> tuple[Column, ...]:
        """Return the columns that the file gives a type."""
        return tuple(column for column in self.column_entries if not column.is_hint)

    @cached_property
    def column_hints(self) -> dict[str, Column]:
        """Return what the file says of columns without giving their types, by name."""
        return {column.name: column for column in self.column_entries if column.is_hint}

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the undeclared columns of key and cursor, and the declared ones without those whose `pii` is drop."""
        return (*self._inferred, *(column for column in self.declared_columns if column.pii != "drop"))

    @property
    def widens(self) -> bool:
        """Tell whether an undeclared column becomes a wider type for a value that it cannot hold."""
        if "data_type" in self.schema_contract.model_fields_set:
            return self.schema_contract.data_type == "evolve"
        return not self.declared_columns

    @property
    def loads_unfiltered(self) -> bool:
        """Tell whether a sweep loads the records that no window brings. Then the cursor of a row may be null."""
        return self.unfiltered == "load"

    @property
    def cursor(self) -> Column | None:
        """Return the column that tells which records a load reads; None for a snapshot and a nested list."""
        if self._incremental is None:
            return None
        return find_cursor(
            self.columns, self._incremental, self.cursor_types, may_be_null=self.loads_unfiltered
        )

    @property
    def cursor_types(self) -> tuple[str, ...]:
        """Return the types that the cursor may have; `initial_value` makes a resource without windows open-ended."""
        has_start = self._incremental is not None and self._incremental.initial_value is not None
        return OPEN_CURSOR_TYPES if has_start else CURSOR_TYPES

    @property
    def table_columns(self) -> tuple[Column, ...]:
        """Return the columns of the table: `columns`, and those that loads and delete detection write."""
        if self.history:
            return (*self.columns, *self.history.validity_columns)
        deleted_at = (DELETED_AT,) if self.deletes else ()
        return (*self.columns, *deleted_at, *((LOAD_ID,) if self.has_load_id else ()))

    @property
    def key_paths(self) -> list[tuple[str, ...]]:
        """Return the paths of the primary key in a record of the API, without the parts that come from the parent.

        If all parts come from the parent, the key is the record as a whole, and its path is empty.
        """
        columns = [self.column(name) for name in self.primary_key]
        return [column.path for column in columns if not self.comes_from_parent(column)] or [()]

    def comes_from_parent(self, column: Column) -> bool:
        """Tell whether the value of a column comes from the parent's record."""
        return self.parent is not None and column.path[0].startswith(f"_{self.parent}_")

    def path_in_parent(self, column: Column) -> tuple[str, ...]:
        """Return the path, in the parent's record, of a column whose value comes from there."""
        return (column.path[0].removeprefix(f"_{self.parent}_"), *column.path[1:])

    def column(self, name: str) -> Column:
        """Return one of `columns` by its name; raises KeyError for any other name."""
        return {column.name: column for column in self.columns}[name]

    def with_hint(self, column: Column) -> Column:
        """Return an undeclared column with what the file says of it."""
        hint = self.column_hints.get(column.name)
        return column.with_hint(hint) if hint else column

    def with_types(self, types: Mapping[str, Column]) -> Resource:
        """Return the resource with the types of other columns in its undeclared columns of the same names."""
        copy = self.model_copy()
        copy._inferred = tuple(
            column.with_type(types[column.name]) if column.name in types else column
            for column in self._inferred
        )
        return copy

    @model_validator(mode="before")
    @classmethod
    def _never_null(cls, data: Any) -> Any:
        """Let the declared columns of key and cursor be not nullable unless the file says something else."""
        return with_required_columns(data) if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        """Check the source of the records, the primary key, the cursor, the parent's fields, pii and deletes."""
        check_source(self.endpoint, self.rows_from)
        check_key_columns(self.key_fields, self.column_entries)
        declared = {column.name for column in self.declared_columns}
        self._inferred = tuple(key_columns(self.key_fields, self.parent, declared))
        if self.endpoint is not None and self.endpoint.incremental is not None:
            self._check_cursor(self.endpoint.incremental)
        self._inferred = tuple(map(self.with_hint, self._inferred))
        check_parent_fields(
            self.parent, self.include_from_parent, list(filter(self.comes_from_parent, self.columns))
        )
        check_pii_columns(
            self.declared_columns,
            primary_key=self.primary_key,
            parent=self.parent,
            parent_columns=list(filter(self.comes_from_parent, self.declared_columns)),
            rows_from=self.rows_from,
        )
        sweeps = self.deletes is not None and self.deletes.by is not None
        check_steps(self.processing_steps, has_endpoint=self.endpoint is not None, sweeps=sweeps)
        if self.deletes and not self.selected:
            raise rule_error(
                ("selected",), "false with deletes", "true, because a sweep marks rows of the table"
            )
        return self

    def _check_cursor(self, incremental: Incremental) -> None:
        """Require a column that tells the window of every record, in the time zone of the windows."""
        nullable = self.loads_unfiltered
        self._inferred = with_cursor(
            self._inferred, self.declared_columns, incremental.cursor_path, nullable=nullable
        )
        if self.cursor is None:
            raise rule_error(
                ("endpoint", "incremental", "cursor_path"),
                format_value(incremental.cursor_path),
                "the path of a declared column with nullable: false and one of the data types "
                f"{', '.join(self.cursor_types)}",
            )
        check_cursor_zone(self.columns, incremental)
