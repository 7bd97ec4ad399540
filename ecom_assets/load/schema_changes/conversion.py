"""Stored values in another type: by SQL where the type is wider, else by the rules of the contract, value by value.

A value that the contract would reject, or that would not stay what it is, refuses the change.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ecom_assets.contract.conversion import convert
from ecom_assets.contract.inference import may_become
from ecom_assets.contract.new_fields import as_text
from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.transaction import Transaction

_WHOLE_DIGITS = 19
"""Digits of the longest whole number of 64 bits."""
_AS_THEY_ARE = ("text", "bigint", "double", "decimal", "bool")
"""Types whose values Python reads as JSON has them. Values of other types are read as texts."""


@dataclass(frozen=True)
class ConvertedValues:
    """The distinct values of a column, converted: `_dlt_old` and `_dlt_new`; and the positions of those that do not."""

    values: pa.Table
    wrong: frozenset[int]

    @property
    def count(self) -> int:
        """Return how many distinct values the column has."""
        return int(self.values.num_rows)

    def wrong_values(self) -> pa.Table:
        """Return the values that do not convert."""
        return self.values.select(["_dlt_old"]).take(sorted(self.wrong))

    def without_wrong(self) -> pa.Table:
        """Return all values, with null in place of those that do not convert."""
        new = [
            None if position in self.wrong else value
            for position, value in enumerate(self.values["_dlt_new"].to_pylist())
        ]
        return self.values.set_column(1, "_dlt_new", pa.array(new, self.values["_dlt_new"].type))


def widens(before: Column, after: Column, zone: str) -> bool:
    """Tell whether each value that the first type can have is in the second one as it is, so that SQL converts it.

    `zone` is the time zone of dates in the second one.
    """
    if after.data_type == "decimal" and before.data_type in ("bigint", "decimal"):
        digits, scale = (after.precision or 0) - (after.scale or 0), after.scale or 0
        if before.data_type == "bigint":
            return digits >= _WHOLE_DIGITS
        return digits >= (before.precision or 0) - (before.scale or 0) and scale >= (before.scale or 0)
    if before.data_type == "date" and after.data_type == "timestamp":
        return (after.timezone or zone) == "UTC"
    return before.data_type != after.data_type and may_become(before, after)


def key_expression(transaction: Transaction, before: Column) -> str:
    """Return the SQL expression of the values that `converted_values` reads."""
    return f'"{before.name}"' if before.data_type in _AS_THEY_ARE else transaction.text_of(before)


def converted_values(
    transaction: Transaction, table: str, before: Column, after: Column, zone: str, *, distinct: bool = False
) -> ConvertedValues:
    """Return the distinct values of a column, converted as the contract converts those of a record.

    Args:
        transaction: An open transaction.
        table: The table, as SQL names it.
        before: The column with the type that it has.
        after: The column with the declared type.
        zone: The time zone of instants without an offset.
        distinct: Whether values that become the same one do not convert, because the column is in a key.
    """
    found = transaction.fetch_arrow(
        f"select distinct {key_expression(transaction, before)} as _dlt_old from {table} "
        f'where "{before.name}" is not null'
    ).column("_dlt_old")
    if before.data_type not in _AS_THEY_ARE:
        found = found.cast(pa.string())
    values: list[Any] = found.to_pylist()
    if before.data_type == "json":
        values = [json.loads(value, parse_float=Decimal) for value in values]
    read = as_text(values) if after.data_type == "text" else values
    converted = convert(read, after, zone)
    wrong = set(converted.wrong) | _altered(read, converted.array, after)
    if distinct:
        wrong |= _repeated(converted.array)
    return ConvertedValues(
        pa.table({"_dlt_old": found.combine_chunks(), "_dlt_new": converted.array}), frozenset(wrong)
    )


def _repeated(array: pa.Array) -> set[int]:
    """Return the positions of values that are in an array more than once."""
    positions: dict[Any, list[int]] = {}
    for position, value in enumerate(array.to_pylist()):
        positions.setdefault(value, []).append(position)
    return {position for same in positions.values() if len(same) > 1 for position in same}


def _altered(values: Sequence[Any], array: pa.Array, after: Column) -> set[int]:
    """Return the positions of values that became null, or a double that is another number.

    A blank text may become null, as it does in a record.
    """
    wrong = {
        position
        for position, (value, valid) in enumerate(zip(values, array.is_valid().to_pylist(), strict=True))
        if not valid and not (isinstance(value, str) and not value.strip())
    }
    if after.data_type == "double":
        for position, (value, new) in enumerate(zip(values, array.to_pylist(), strict=True)):
            if new is None or isinstance(value, bool):
                continue
            exact = int(new) == value if isinstance(value, int) else Decimal(repr(new)) == value
            if isinstance(value, (int, Decimal)) and not exact:
                wrong.add(position)
    return wrong
