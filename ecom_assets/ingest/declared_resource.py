"""What is read from a declared API, as frozen models: resources, whose endpoints are `declared_endpoint`'s.

Each checks what it says of itself; what resources say of each other is checked by `model`'s Shop.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator
from typing_extensions import Self

from ecom_assets.ingest.declared_client import Declared
from ecom_assets.ingest.declared_column import Column, as_columns
from ecom_assets.ingest.declared_endpoint import Endpoint
from ecom_assets.ingest.declared_errors import broken, shown, wrong
from ecom_assets.ingest.declared_values import (
    ColumnNames,
    DottedText,
    Name,
    Text,
    Texts,
    number,
)

CURSOR_TYPES = ("timestamp", "date", "bigint")
"""Types of a column that can tell a record's window."""


class SchemaContract(Declared):
    """What becomes of fields that are not declared (`columns`) and of values of a wrong type."""

    columns: Literal["evolve", "discard_value", "freeze"] = "evolve"
    data_type: Literal["freeze"] = "freeze"


class RowsFrom(Declared):
    """The list inside another resource's records whose elements are a resource of their own."""

    resource: Name
    path: DottedText


def _write_disposition(value: Any) -> Any:
    """Take the two dispositions under which a window can be read again."""
    if value in ("merge", "replace"):
        return value
    raise wrong(shown(value), "merge, replace (append would repeat the rows of a window that is read again)")


class Resource(Declared):
    """One table: a collection of the API (`endpoint`) or a list in another's records (`rows_from`)."""

    name: Name
    description: Text | None = None
    primary_key: ColumnNames
    stated_disposition: Annotated[
        Literal["merge", "replace"] | None,
        BeforeValidator(_write_disposition),
        Field(alias="write_disposition"),
    ] = None
    schema_contract: SchemaContract = SchemaContract()
    endpoint: Endpoint | None = None
    rows_from: RowsFrom | None = None
    include_from_parent: Texts = ()
    columns: Annotated[tuple[Column, ...], BeforeValidator(as_columns)]
    max_rejected: Annotated[float, number("a share from 0 to 1", lambda given: 0 <= given <= 1)] | None = None

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
    def key_paths(self) -> list[tuple[str, ...]]:
        """Return where a record of the API has the primary key, without the parts that come from a parent.

        Where all of it does, the record as a whole is the key, which the empty path leads to.
        """
        carried = f"_{self.parent}_" if self.parent else None
        paths = [self.column(name).path for name in self.primary_key]
        return [path for path in paths if not (carried and path[0].startswith(carried))] or [()]

    def column(self, name: str) -> Column:
        """Return a declared column; raises KeyError for another name."""
        return {column.name: column for column in self.columns}[name]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Check what the resource says of itself: its kind, its key, its cursor, its parent's fields."""
        if self.endpoint is None and self.rows_from is None:
            raise broken(("endpoint",), "nothing", "one of endpoint, rows_from")
        if self.endpoint is not None and self.rows_from is not None:
            raise broken(("rows_from",), "rows_from beside endpoint", "one of endpoint, rows_from")
        declared = {column.name: column for column in self.columns}
        if not self.primary_key:
            raise broken(("primary_key",), "an empty list", "the columns that tell records apart")
        for name in self.primary_key:
            if name not in declared:
                raise broken(("primary_key",), shown(name), f"the declared columns {', '.join(declared)}")
            if declared[name].nullable:
                raise broken(
                    ("columns", name, "nullable"), "true", "false, because the column is in the primary key"
                )
        if self.endpoint is not None and self.endpoint.incremental is not None:
            self._check_cursor(self.endpoint.incremental.cursor_path)
        self._check_zone()
        self._check_parent_fields()
        return self

    def _check_zone(self) -> None:
        """Require the cursor's instants to be on the clock of the windows."""
        incremental = self.endpoint.incremental if self.endpoint else None
        for column in self.columns:
            if incremental is None or ".".join(column.path) != incremental.cursor_path:
                continue
            if column.timezone not in (None, incremental.timezone):
                raise broken(
                    ("columns", column.name, "timezone"),
                    shown(column.timezone),
                    f"{incremental.timezone}, as in endpoint.incremental, because it is the cursor",
                )

    def _check_cursor(self, cursor_path: str) -> None:
        """Require a declared column that tells the window of every record."""
        for column in self.columns:
            if (
                ".".join(column.path) == cursor_path
                and column.data_type in CURSOR_TYPES
                and not column.nullable
            ):
                return
        raise broken(
            ("endpoint", "incremental", "cursor_path"),
            shown(cursor_path),
            f"the path of a declared column with nullable: false and data_type {', '.join(CURSOR_TYPES)}",
        )

    def _check_parent_fields(self) -> None:
        """Require that what columns read from the parent is included from it."""
        if self.parent is None:
            if self.include_from_parent:
                raise broken(
                    ("include_from_parent",),
                    "include_from_parent without rows_from",
                    "include_from_parent beside rows_from or {resources.<parent>.<field>} only",
                )
            return
        prefix = f"_{self.parent}_"
        for column in self.columns:
            field = column.path[0].removeprefix(prefix)
            if column.path[0].startswith(prefix) and field not in self.include_from_parent:
                found = ", ".join(self.include_from_parent) or "nothing"
                raise broken(
                    ("include_from_parent",),
                    found,
                    f"at least {field}, because {column.name} is read from it",
                )
