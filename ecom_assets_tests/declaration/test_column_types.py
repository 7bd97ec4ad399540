"""The table of column types, and that no part of the program knows a type which the table lacks, or lacks one."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import get_args

import duckdb
import pyarrow as pa
import pytest
from dlt.common.data_types import DATA_TYPES

from ecom_assets.contract.conversion import arrow_type, convert, cursor_instants
from ecom_assets.contract.new_fields import evolved_column
from ecom_assets.contract.value_conversion import CONVERTERS
from ecom_assets.declaration.column_types import (
    COLUMN_TYPES,
    CURSOR_TYPES,
    DEFAULT_PRECISION,
    DEFAULT_SCALE,
    DataType,
    types_by_arrow_type,
)
from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.local_time import INSTANT
from ecom_assets.warehouse.postgres.copy import sql_type
from ecom_assets_tests.support.paths import ROOT

OTHERS_BY_DLT = {"wei"}
"""The types that only dlt has: its type for amounts of a crypto currency. A column of it is read as text."""


def test_the_table_has_the_names_that_a_declaration_may_use_and_no_other() -> None:
    assert get_args(DataType) == tuple(COLUMN_TYPES)
    assert set(DATA_TYPES) - OTHERS_BY_DLT == set(COLUMN_TYPES)
    schema = Column.model_json_schema()["properties"]["data_type"]
    assert schema["enum"] == list(COLUMN_TYPES)


@pytest.mark.parametrize("name", sorted(DATA_TYPES))
def test_a_column_that_dlt_has_made_keeps_its_type_or_is_a_text(name: str) -> None:
    expected = "text" if name in OTHERS_BY_DLT else name
    assert evolved_column("value", {"data_type": name}).data_type == expected


def test_the_documents_describe_each_type() -> None:
    def page(name: str) -> str:
        return (ROOT / "docs" / name).read_text("utf-8")

    table = page("declaration.md").partition("| `data_type` |")[2].partition("\n\n")[0]
    described = {
        row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \|.*\| `(.+)` \| `(.+)` \|$", table, re.M)
    }
    size = {"precision": "precision", "scale": "scale"}
    assert described == {
        name: (column_type.duckdb.format(**size), column_type.postgres.format(**size))
        for name, column_type in COLUMN_TYPES.items()
    }
    assert f"allowed: {', '.join(COLUMN_TYPES)}\n" in page("tutorial.md")
    types = page("postgresql.md").partition("## Types and names")[2].partition("\n\n#")[0]
    for column_type in COLUMN_TYPES.values():
        assert f"`{column_type.postgres.partition('(')[0]}`" in types.replace("\n", " ")


def test_each_type_has_one_conversion_of_single_values() -> None:
    assert list(CONVERTERS) == list(COLUMN_TYPES)


@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_each_type_converts_nulls_and_reports_what_does_not_convert(name: DataType) -> None:
    column = Column(name="value", data_type=name)
    lone_surrogate = "\ud800"
    converted = convert([None, lone_surrogate], column)
    assert converted.array.type == arrow_type(column)
    assert converted.array.null_count == 2
    assert list(converted.wrong) == [1]
    assert converted.wrong[1].endswith(
        COLUMN_TYPES[name].phrase.format(precision=DEFAULT_PRECISION, scale=DEFAULT_SCALE)
    )


@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_a_blank_text_is_null_where_the_table_says_so(name: DataType) -> None:
    converted = convert(["  "], Column(name="value", data_type=name))
    assert not converted.wrong
    assert (converted.array.null_count == 1) is COLUMN_TYPES[name].blank_is_null


@pytest.mark.parametrize("name", CURSOR_TYPES)
def test_each_type_of_a_cursor_becomes_instants(name: DataType) -> None:
    found = cursor_instants(["2026-03-27", 1_767_225_600, None], Column(name="value", data_type=name))
    assert found.type == INSTANT
    assert 1 <= found.null_count < 3


@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_duckdb_has_each_type(name: DataType) -> None:
    written = COLUMN_TYPES[name].duckdb.format(precision=DEFAULT_PRECISION, scale=DEFAULT_SCALE)
    with duckdb.connect() as connection:
        (found,) = connection.execute(f"select typeof(null::{written})").fetchone() or ()
    assert found == written


def test_postgres_has_a_column_for_each_arrow_type() -> None:
    for arrow, name in types_by_arrow_type().items():
        size = {"precision": DEFAULT_PRECISION, "scale": DEFAULT_SCALE}
        # a temporary table has texts of any length
        expected = "text" if name == "text" else COLUMN_TYPES[name].postgres.format(**size)
        assert sql_type(arrow) == expected
    numbers = [column_type.postgres_oid for column_type in COLUMN_TYPES.values()]
    assert len(set(numbers)) == len(numbers)


def test_an_arrow_type_stands_for_one_type() -> None:
    assert types_by_arrow_type()[pa.string()] == "text"
    assert set(types_by_arrow_type().values()) == set(COLUMN_TYPES) - {"json"}


def test_no_type_and_format_of_an_openapi_file_means_two_types() -> None:
    pairs = [pair for column_type in COLUMN_TYPES.values() for pair in column_type.openapi]
    assert len(set(pairs)) == len(pairs)
    assert {kind for kind, form in pairs if not form} == {
        "string",
        "integer",
        "number",
        "boolean",
        "array",
        "object",
    }


def test_reading_the_table_imports_no_pyarrow() -> None:
    code = "import ecom_assets.declaration.column_types, sys; sys.exit('pyarrow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
