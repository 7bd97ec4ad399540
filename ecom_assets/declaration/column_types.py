"""The types that a column can have: one row per type, with everything that any part of the program knows of it.

CONTRIBUTING.md says what to do to add a type. Importing this module does not import pyarrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

DataType = Literal[
    "text", "bigint", "double", "bool", "decimal", "timestamp", "date", "time", "json", "binary"
]
"""The names of the types, in dlt's words; a test compares them with the table."""

DEFAULT_PRECISION, DEFAULT_SCALE = 38, 9
"""The size of a decimal that declares none: digits in all, and digits after the point. dlt has the same."""


@dataclass(frozen=True)
class ColumnType:
    """What the program knows of one type of a column.

    Texts may hold `{precision}` and `{scale}`, which stand for the size of a decimal.

    Attributes:
        phrase: What a value must be, as the reason of a rejected row says it after "is not".
        arrow: Makes the Arrow type from the pyarrow module, a precision and a scale.
        python_types: Types of parsed JSON values that Arrow reads without help. If a column's values have another
            type, they are converted one by one.
        duckdb: The SQL type in DuckDB and DuckLake.
        postgres: The SQL type in PostgreSQL.
        postgres_oid: The number of that SQL type in PostgreSQL's catalogue `pg_type`.
        can_be_cursor: Whether a column of the type can tell a record's window.
        has_size: Whether a column of the type takes `precision` and `scale`.
        has_timezone: Whether a column of the type takes `timezone`.
        has_format: Whether a column of the type takes `format`, and `0000-00-00` counts as null.
        blank_is_null: Whether an empty or blank text counts as null.
        pii: The values of `pii` that a column of the type takes.
        openapi: The pairs of `type` and `format` in an OpenAPI file that mean this type. An empty format stands
            for every format of that type which no other row names.
        seen_as: Other types that discovery may find in the records of a field that an OpenAPI file describes as
            this type, without a contradiction.
    """

    phrase: str
    arrow: Callable[[Any, int, int], Any]
    python_types: frozenset[type]
    duckdb: str
    postgres: str
    postgres_oid: int
    can_be_cursor: bool = False
    has_size: bool = False
    has_timezone: bool = False
    has_format: bool = False
    blank_is_null: bool = True
    pii: tuple[str, ...] = ("drop",)
    openapi: tuple[tuple[str, str], ...] = ()
    seen_as: tuple[DataType, ...] = ()

    def arrow_type(self, precision: int | None = None, scale: int | None = None) -> Any:
        """Return the Arrow type; a size that is not given is dlt's default."""
        import pyarrow as pa  # here, so that a declaration is read without it

        scale = DEFAULT_SCALE if scale is None else scale
        return self.arrow(pa, precision or DEFAULT_PRECISION, scale)


COLUMN_TYPES: Mapping[DataType, ColumnType] = {
    "text": ColumnType(
        phrase="a text",
        arrow=lambda pa, *_: pa.string(),
        python_types=frozenset({str}),
        duckdb="VARCHAR",
        postgres="character varying",
        postgres_oid=1043,
        blank_is_null=False,
        pii=("hash", "mask", "drop"),
        openapi=(("string", ""),),
        seen_as=("timestamp", "date", "time", "decimal"),
    ),
    "bigint": ColumnType(
        phrase="a whole number of 64 bits",
        arrow=lambda pa, *_: pa.int64(),
        python_types=frozenset({int}),
        duckdb="BIGINT",
        postgres="bigint",
        postgres_oid=20,
        can_be_cursor=True,
        openapi=(("integer", ""),),
        seen_as=("timestamp",),
    ),
    "double": ColumnType(
        phrase="a number",
        arrow=lambda pa, *_: pa.float64(),
        python_types=frozenset({int, float}),
        duckdb="DOUBLE",
        postgres="double precision",
        postgres_oid=701,
        seen_as=("bigint", "decimal"),
    ),
    "bool": ColumnType(
        phrase="true or false",
        arrow=lambda pa, *_: pa.bool_(),
        python_types=frozenset({bool}),
        duckdb="BOOLEAN",
        postgres="boolean",
        postgres_oid=16,
        openapi=(("boolean", ""),),
    ),
    "decimal": ColumnType(
        phrase="a decimal({precision},{scale})",
        arrow=lambda pa, precision, scale: pa.decimal128(precision, scale),
        python_types=frozenset({int, float, str, Decimal}),
        duckdb="DECIMAL({precision},{scale})",
        postgres="numeric({precision},{scale})",
        postgres_oid=1700,
        has_size=True,
        openapi=(("number", ""), ("string", "decimal"), ("string", "money")),
        seen_as=("bigint", "double"),
    ),
    "timestamp": ColumnType(
        phrase="an instant",
        arrow=lambda pa, *_: pa.timestamp("us", "UTC"),
        python_types=frozenset({str}),
        duckdb="TIMESTAMP WITH TIME ZONE",
        postgres="timestamp with time zone",
        postgres_oid=1184,
        can_be_cursor=True,
        has_timezone=True,
        has_format=True,
        openapi=(("string", "date-time"),),
        seen_as=("date",),
    ),
    "date": ColumnType(
        phrase="a date",
        arrow=lambda pa, *_: pa.date32(),
        python_types=frozenset({str}),
        duckdb="DATE",
        postgres="date",
        postgres_oid=1082,
        can_be_cursor=True,
        has_format=True,
        openapi=(("string", "date"),),
    ),
    "time": ColumnType(
        phrase="a time",
        arrow=lambda pa, *_: pa.time64("us"),
        python_types=frozenset({str}),
        duckdb="TIME",
        postgres="time without time zone",
        postgres_oid=1083,
        openapi=(("string", "time"),),
    ),
    "json": ColumnType(
        phrase="JSON that can be stored",
        arrow=lambda pa, *_: pa.string(),
        python_types=frozenset(),
        duckdb="JSON",
        postgres="jsonb",
        postgres_oid=3802,
        blank_is_null=False,
        openapi=(("array", ""), ("object", "")),
    ),
    "binary": ColumnType(
        phrase="a base64 text",
        arrow=lambda pa, *_: pa.binary(),
        python_types=frozenset(),
        duckdb="BLOB",
        postgres="bytea",
        postgres_oid=17,
    ),
}
"""The types by name. Where two have the same Arrow type, the first is the one that this Arrow type stands for."""

CURSOR_TYPES = tuple(name for name, column_type in COLUMN_TYPES.items() if column_type.can_be_cursor)
"""Types of a column that can tell a record's window."""

OPEN_CURSOR_TYPES = (*CURSOR_TYPES, "text", "decimal", "double")
"""Types of the cursor of an open-ended resource, which need not be an instant."""


def types_by_arrow_type() -> dict[Any, DataType]:
    """Return the name of the type that each Arrow type stands for; a decimal has its default size."""
    names: dict[Any, DataType] = {}
    for name, column_type in COLUMN_TYPES.items():
        names.setdefault(column_type.arrow_type(), name)
    return names
