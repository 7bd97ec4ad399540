"""A column that Arrow converts as a whole comes out as if each value had been converted alone, and exactly."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecom_assets.contract.conversion import arrow_type, convert
from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.json_text import json_text
from ecom_assets_tests.support.examples import examples

UTC = timezone.utc
SIZES = ((18, 4), (38, 9), (38, 0), (38, 38), (1, 0))
"""Digits in all, and digits after the point."""
SIZED = [name for name, column_type in COLUMN_TYPES.items() if column_type.has_size]
COLUMNS = [
    *(
        Column.model_validate({"name": "value", "data_type": name})
        for name in COLUMN_TYPES
        if name not in SIZED
    ),
    *(
        Column.model_validate({"name": "value", "data_type": name, "precision": precision, "scale": scale})
        for name in SIZED
        for precision, scale in SIZES
    ),
]
CHARACTERS = st.characters(codec=None, exclude_categories=())
"""All of them, lone surrogates and U+0000 included."""
NUMBERS = (
    st.integers()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
)
PIECES = st.lists(
    st.sampled_from([*"0123456789", *"+-.,:eETZzI ", "2026", "10:00", "-01", "00", "true", "\u0662", "_"]),
    max_size=14,
).map("".join)
CLOSE = st.sampled_from(
    [
        *(
            "",
            "  ",
            "1.",
            ".5",
            "1_0",
            "1e400",
            "9" * 38,
            "9" * 39,
            "0.1",
            "NaN",
            "Infinity",
            "0x1",
            "\u0661",
        ),
        *("true", "False", "1", "0", "yes", "aGk=", "aGk", "/w=="),
        *("2026-01-01", "0000-01-01", "9999-12-31", "2026-02-29", "2026-1-1", "20260101", "12026-01-01"),
        *(
            "2026-01-01T10",
            "2026-01-01T10Z",
            "2026-01-01T10:00Z",
            "2026-01-01 10:00:00",
            "2026-01-01t10:00:00z",
        ),
        *(
            "2026-01-01T10:00:00.1234567Z",
            "2026-01-01T10:00:00,5Z",
            "2026-01-01T10:00:60Z",
            "2026-01-01T24:00:00Z",
        ),
        *(
            "2026-01-01T10:00:00+24:00",
            "2026-01-01T10:00:00+0130",
            "2026-01-01T10:00:00-00:60",
            "2026-01-01+01:00",
        ),
        *(
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+05:00",
            "9999-12-31T23:59:59-05:00",
            "9999-12-31T23:59:59",
        ),
        *("2026-10-25T02:30:00", "2026-03-29T02:30:00", "2040-10-28T02:30:00", "2026-01-01T10:00:00.000001"),
        *(
            "10:00",
            "10",
            "24:00",
            "10:00:00.1234567",
            "10:00Z",
            "10:00:00+01:00",
            "T10:00",
            "1:00",
            "23:59:60",
        ),
        *(True, False, 0, 1, 2, -1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**40, 1e300, -0.0, 2.0, 2.5),
        *(Decimal("1.10"), Decimal("1E+3"), Decimal("1E+400"), Decimal("0E+50"), Decimal("1E-50")),
        *(
            1_767_225_600,
            1_767_225_600_123,
            99_999_999_999,
            100_000_000_000,
            253_402_300_800,
            -62_135_596_801,
        ),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(CHARACTERS, max_size=8) | PIECES | CLOSE,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS, max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)


@examples(6)
@given(
    st.sampled_from(COLUMNS),
    st.lists(CLOSE, max_size=4) | st.lists(VALUES, max_size=5) | st.lists(NUMBERS, max_size=5),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia"]),
)
@example(COLUMNS[10], ["45278608726161448034565072927857711296891158"], "UTC")
@example(COLUMNS[12], ["99999999999999.9999"], "UTC")
def test_a_column_is_its_values_one_by_one(column: Column, values: list[Any], zone: str) -> None:
    converted = convert(values, column, zone)
    assert converted.array.type == arrow_type(column)
    converted.array.validate(full=True)
    alone: list[Any] = []
    wrong: dict[int, str] = {}
    for position, value in enumerate(values):
        # a second value, of which no column is, makes sure that each is looked at
        one = convert(
            [value, ["not a value"]] if column.data_type != "json" else [value, "\ud800"], column, zone
        )
        assert 1 in one.wrong
        alone.append(one.array[0].as_py())
        if 0 in one.wrong:
            wrong[position] = one.wrong[0]
    assert converted.array.to_pylist() == alone
    assert converted.wrong == wrong
    for position, (value, result) in enumerate(zip(values, alone, strict=True)):
        blank = isinstance(value, str) and not value.strip() and column.data_type not in ("text", "json")
        assert (result is None) == (value is None or blank or position in wrong)
        assert result is None or true_to(value, result, column)


def true_to(value: Any, result: Any, column: Column) -> bool:
    """Tell, by another way than the one that is tested, whether a value became what it says."""
    match column.data_type:
        case "text":
            return bool(result == (value if isinstance(value, str) else json_text(value)))
        case "bigint" | "decimal":
            return bool(Decimal(str(value).strip()) == result)
        case "double":
            return bool(float(value) == result)
        case "bool":
            return bool(result == (str(value).strip().lower() in ("true", "1", "1.0", "1.00")))
        case "json":
            return bool(
                json.loads(result, parse_float=Decimal) == json.loads(json.dumps(value, default=str))
            ) or (json_text(value) == result)
        case "binary":
            return bool(base64.b64encode(result).decode() == value)
        case "date" | "time":
            return bool(str(result)[:5] in value)
        case "timestamp":
            return not isinstance(value, str) or bool(re.match(r"\s*\d{4}-\d\d-\d\d", value))
        case _:
            raise AssertionError(f"{column.data_type}: add another way to tell whether a value is right")


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(arrow_type(column)))
def test_no_number_takes_long(column: Column) -> None:
    longest = [
        *(
            "1e999999999",
            "1e-999999999",
            "1" + "0" * 50_000,
            "0." + "0" * 50_000 + "1",
            "9" * 50_000,
            "1e" + "9" * 5000,
        ),
        *(
            Decimal("1E+999999"),
            Decimal("1E-999999"),
            Decimal("1E+999999999999"),
            Decimal("1E-999999999999"),
            10**4000,
        ),
        *("2026-01-01T10:00:00." + "0" * 50_000 + "Z", " " * 50_000, "1e" + "9" * 5000),
    ]
    began = time.monotonic()
    converted = convert(longest, column)
    assert time.monotonic() - began < 2
    assert len(converted.array) == len(longest)
