"""The types of columns in BigQuery, and Arrow's types of what its client returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ecom_assets.declaration.column_types import DataType

JSON = "JSON"
"""The name here of a STRING whose description is `JSON`.

BigQuery's own JSON type rounds numbers to doubles, and its values cannot be compared, which loads do. Functions such as
JSON_VALUE take the text.
"""
SQL_TYPES: Mapping[DataType, str] = {
    "text": "STRING",
    "bigint": "INT64",
    "double": "FLOAT64",
    "bool": "BOOL",
    "decimal": "NUMERIC({precision},{scale})",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
    "time": "TIME",
    "json": JSON,
    "binary": "BYTES",
}
"""The type in BigQuery of each type of a declaration. See `decimal_type` for decimals."""
_DEFINITIONS = {JSON: f"STRING options(description = '{JSON}')", "varchar": "STRING", "bigint": "INT64"}
_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
"""What the API calls a type, and what SQL calls it."""
_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "BOOL": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "DATETIME": pa.timestamp("us"),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "BYTES": pa.binary(),
}
_NUMERIC = pa.decimal128(38, 9)
_BIGNUMERIC = pa.decimal256(76, 38)
_MOST_DIGITS_OF_NUMERIC, _MOST_SCALE_OF_NUMERIC = 29, 9


def decimal_type(precision: int, scale: int) -> str:
    """Return BigQuery's type of decimals: NUMERIC has at most 29 digits before the point and 9 after it."""
    fits = scale <= _MOST_SCALE_OF_NUMERIC and precision - scale <= _MOST_DIGITS_OF_NUMERIC
    return f"{'NUMERIC' if fits else 'BIGNUMERIC'}({precision},{scale})"


def type_of_field(field: Any) -> str:
    """Return the type of a column that the API describes."""
    name = _NAMES.get(field.field_type, field.field_type)
    if name == "STRING" and field.description == JSON:
        return JSON
    if name in ("NUMERIC", "BIGNUMERIC") and field.precision is not None:
        return f"{name}({field.precision},{field.scale or 0})"
    return str(name)


def definition(kind: str, *, required: bool = False) -> str:
    """Return a type as the definition of a column has it."""
    name, _, options = _DEFINITIONS.get(kind, kind).partition(" ")
    return " ".join(filter(None, (name, "not null" if required else "", options)))


def arrow_table(schema: Sequence[Any], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows of the client as an Arrow table, with lower case names of columns."""
    arrays = []
    for number, field in enumerate(schema):
        values = [row[number] for row in rows]
        arrays.append(pa.array(values, _arrow_type(field, values)))
    return pa.table(arrays, [field.name.lower() for field in schema])


def _arrow_type(field: Any, values: Sequence[Any]) -> pa.DataType:
    name = _NAMES.get(field.field_type, field.field_type)
    if name in ("NUMERIC", "BIGNUMERIC"):
        fits = all(_fits_numeric(value) for value in values if value is not None)
        return _NUMERIC if name == "NUMERIC" and fits else _BIGNUMERIC
    return _ARROW_TYPES.get(name, pa.string())


def _fits_numeric(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= _MOST_SCALE_OF_NUMERIC
