"""What is read from a declared API, as frozen models: resources and their endpoints.

Each checks what it says of itself; what resources say of each other is checked by `model`'s Shop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, StrictBool, model_validator
from typing_extensions import Self

from ecom_assets.ingest.declared_client import Declared, Paginator
from ecom_assets.ingest.declared_column import Column, as_columns
from ecom_assets.ingest.declared_errors import broken, shown, wrong
from ecom_assets.ingest.declared_values import (
    ColumnNames,
    DottedText,
    EndpointPath,
    InstantFormat,
    JsonPath,
    Name,
    Text,
    Texts,
    TimeZone,
    number,
)

CURSOR_TYPES = ("timestamp", "date", "bigint")
"""Types of a column that can tell a record's window."""


class SchemaContract(Declared):
    """What becomes of fields that are not declared (`columns`) and of values of a wrong type."""

    columns: Literal["evolve", "discard_value", "freeze"] = "evolve"
    data_type: Literal["freeze"] = "freeze"


class Incremental(Declared):
    """How an endpoint is asked for a window: by which cursor, with which parameters, written in which way."""

    cursor_path: DottedText
    start_param: Text | None = None
    end_param: Text | None = None
    format: InstantFormat = "iso8601"
    timezone: TimeZone = "UTC"
    bounds: Literal["[)", "[]", "()", "(]"] = "[)"
    server_filter: StrictBool = True

    @model_validator(mode="after")
    def _asked(self) -> Self:
        """Require a parameter to filter by, unless the API cannot filter."""
        if self.server_filter and self.start_param is None:
            raise wrong(
                "nothing", "the parameter for a window's start, or server_filter: false", "start_param"
            )
        return self


class RowsFrom(Declared):
    """The list inside another resource's records whose elements are a resource of their own."""

    resource: Name
    path: DottedText


def _response_actions(value: Any) -> Any:
    """Take dlt's list of what to do on an answer of a status or with a text in it."""
    if not isinstance(value, (list, tuple)):
        raise wrong(shown(value), "a list of mappings")
    known = ("status_code", "content", "action")
    for position, action in enumerate(value):
        if not isinstance(action, Mapping):
            raise wrong(shown(action), "a mapping", position)
        for key, given in action.items():
            if key not in known:
                raise wrong("an unknown key", ", ".join(known), position, key)
            if not isinstance(given, (str, int)) or isinstance(given, bool):
                raise wrong(shown(given), "a text", position, key)
    return tuple(value)


class Endpoint(Declared):
    """One collection of the API, in dlt's words; `paginator` goes before the client's."""

    path: EndpointPath
    method: Literal["GET", "POST"] = "GET"
    params: Mapping[str, Any] = Field(default_factory=dict)
    json_body: Mapping[str, Any] | None = Field(default=None, alias="json")
    headers: Mapping[str, str] = Field(default_factory=dict)
    data_selector: JsonPath | None = None
    paginator: Paginator | None = None
    response_actions: Annotated[tuple[Mapping[str, Any], ...], BeforeValidator(_response_actions)] | None = (
        None
    )
    incremental: Incremental | None = None


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
    def windowed(self) -> bool:
        """Tell whether the resource is read window by window; a `rows_from` child is as its parent is."""
        return self._parent_windowed if self.endpoint is None else self.endpoint.incremental is not None

    @property
    def write_disposition(self) -> Literal["merge", "replace"]:
        """Return how rows are loaded: it follows from the kind; the Shop refuses a file that says else."""
        return "merge" if self.windowed else "replace"

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
            self._check_cursor(self.endpoint.incremental)
        self._check_parent_fields()
        return self

    def _check_cursor(self, incremental: Incremental) -> None:
        """Require a declared column that tells the window of every record, on the same clock."""
        for column in self.columns:
            if (
                ".".join(column.path) == incremental.cursor_path
                and column.data_type in CURSOR_TYPES
                and not column.nullable
            ):
                if column.timezone in (None, incremental.timezone):
                    return
                raise broken(
                    ("columns", column.name, "timezone"),
                    shown(column.timezone),
                    f"{incremental.timezone}, the timezone of endpoint.incremental, because it is the cursor",
                )
        raise broken(
            ("endpoint", "incremental", "cursor_path"),
            shown(incremental.cursor_path),
            f"the path of a declared column with nullable: false and data_type {', '.join(CURSOR_TYPES)}",
        )

    def _check_parent_fields(self) -> None:
        """Require that what columns read from the parent is included from it."""
        if self.rows_from is None:
            if self.include_from_parent:
                raise broken(
                    ("include_from_parent",),
                    "include_from_parent without rows_from",
                    "include_from_parent beside rows_from only",
                )
            return
        prefix = f"_{self.rows_from.resource}_"
        for column in self.columns:
            field = column.path[0].removeprefix(prefix)
            if column.path[0].startswith(prefix) and field not in self.include_from_parent:
                found = ", ".join(self.include_from_parent) or "nothing"
                raise broken(
                    ("include_from_parent",),
                    found,
                    f"at least {field}, because {column.name} is read from it",
                )
