"""Values at the edges of types come back from what stands for Redshift, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.errors import ValueNotStored
from ecom_assets.warehouse.redshift.staging import (
    columns_with_trailing_blanks,
    insert_statements,
    refuse_long_values,
)
from ecom_assets.warehouse.redshift.types import MOST_BYTES, arrow_table, known_type
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import warehouse_at

ON_REDSHIFT = pytest.mark.parametrize("new_place", ["redshift"], indirect=True)
EDGES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "text": (pa.string(), ["a ", "ä" * 32_767, "\\x\\' \"%?😀\n\t:p0 %(p0)s", None]),
    "bigint": (pa.int64(), [-(2**63), 2**63 - 1, 0, None]),
    "double": (pa.float64(), [1.7976931348623157e308, 5e-324, 0.1, None]),
    "bool": (pa.bool_(), [True, False, True, None]),
    "decimal": (
        pa.decimal128(38, 9),
        [Decimal("9" * 29 + "." + "9" * 9), Decimal("-1e-9"), Decimal(1), None],
    ),
    "timestamp": (
        pa.timestamp("us", "UTC"),
        [
            datetime(1, 1, 1, tzinfo=timezone.utc),
            datetime(9999, 12, 31, 23, 59, 59, 999999, timezone.utc),
            datetime(2040, 1, 1, tzinfo=timezone.utc),
            None,
        ],
    ),
    "date": (pa.date32(), [date(1, 1, 1), date(9999, 12, 31), date(2024, 2, 29), None]),
    "time": (pa.time64("us"), [time(0), time(23, 59, 59, 999999), time(1, 2, 3), None]),
    "json": (pa.string(), ['{"a": "ä\\\\n\'"}', "[" * 40 + "]" * 40, "1.0", None]),
    "binary": (pa.binary(), [b"\0\xff'\\", b"", b"b" * 32_767, None]),
}
TEXTS = {
    "bool": ["true", "false", "true", None],
    "decimal": ["9" * 29 + "." + "9" * 9, "-0.000000001", "1", None],
    "timestamp": ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2040-01-01T00:00:00Z", None],
    "date": ["0001-01-01", "9999-12-31", "2024-02-29", None],
}


def column(name: Any) -> Column:
    if name == "decimal":
        return Column(name=name, data_type=name, precision=38, scale=9)
    return Column(name=name, data_type=name)


@pytest.mark.slow
def test_values_at_the_edges_come_back(new_redshift: Callable[[], str]) -> None:
    warehouse = warehouse_at(new_redshift())
    rows = pa.table({name: pa.array(values, kind) for name, (kind, values) in EDGES.items()})
    rows = rows.append_column("no", pa.array(range(4)))

    def write(transaction: Transaction) -> None:
        types = {name: transaction.type_of(column(name)) for name in EDGES} | {"no": "bigint"}
        transaction.make_table("edges", "values", types, ())
        transaction.append_rows("edges", "values", rows, ["json"])
        assert next(transaction.arrow_batches('select * from "edges"."values" order by no', 9)) == rows
        with transaction.temporary_table("ecom_rows", rows, '"edges"."values"'):
            assert transaction.fetch_value("select count(*) from ecom_rows") == 4

    warehouse.write("edges", write)
    with warehouse.read("edges") as transaction:
        found = transaction.fetch_arrow('select * from "edges"."values" order by no')
        assert list(transaction.arrow_batches('select no from "values" order by no', 3)) == [
            pa.table({"no": [0, 1, 2]}),
            pa.table({"no": [3]}),
        ]
        for name, texts in TEXTS.items():
            sql = f'select {transaction.text_of(column(name))} from "values" order by no'
            assert [text for (text,) in transaction.execute(sql).fetchall()] == texts
        sent = transaction.execute(
            f'select {transaction.text_of(column("binary"))} from "values" where no < 2'
        )
        assert sorted(sent.fetchall()) == [("",), ("AP8nXA==",)]
    for name, (kind, values) in EDGES.items():
        assert found[name].type == kind
        assert found[name].to_pylist() == values


@pytest.mark.parametrize(
    ("rows", "length"),
    [
        (pa.table({"note": ["ok", "ä" * 32_768]}), "65,536"),
        (pa.table({"note": pa.array([b"x" * 32_768])}), "65,536"),
    ],
)
def test_a_value_that_is_too_long_is_refused(rows: pa.Table, length: str) -> None:
    with pytest.raises(ValueNotStored, match=f"orders: the column note has a value of {length} bytes") as no:
        refuse_long_values("orders", rows)
    assert no.value.table == "orders"
    refuse_long_values(
        "orders", pa.table({"note": ["x" * MOST_BYTES, None], "none": pa.array([None, None], "string")})
    )


def test_many_rows_are_several_statements_and_a_large_row_is_one() -> None:
    types, quoted = {"a": "character varying(65535)"}, '"{}"'.format
    rows = pa.table({"a": ["ä" * 32_000] * 100})
    statements = list(insert_statements("t", rows, types, quoted))
    assert len(statements) == 2
    assert all(len(sql.encode()) < 4_100_000 for sql in statements)
    assert sum(sql.count("('") for sql in statements) == 100
    few = list(insert_statements("t", pa.table({"a": list(map(str, range(25_000)))}), types, quoted))
    assert [sql.count("('") for sql in few] == [10_000, 10_000, 5_000]
    assert list(insert_statements("t", rows[:0], types, quoted)) == []


def test_columns_with_blanks_at_the_end() -> None:
    rows = pa.table(
        {"a": ["x ", None], "b": [" x", ""], "c": [1, 2], "d": pa.array([None, None], pa.string())}
    )
    assert columns_with_trailing_blanks(rows) == {"a"}


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("binary varying(64000)", "varbyte"),
        ("varbyte", "varbyte"),
        ("varchar", "character varying(65535)"),
        ("character varying(20)", "character varying(20)"),
        ("numeric(38,9)", "numeric(38,9)"),
    ],
)
def test_types_have_one_name(kind: str, known: str) -> None:
    assert known_type(kind) == known


def test_answers_of_the_service_become_arrow() -> None:
    class Described:
        def __init__(
            self, name: str, type_code: int, precision: int | None = None, scale: int | None = None
        ) -> None:
            self.name, self.type_code, self.precision, self.scale = name, type_code, precision, scale

    described = [
        Described("raw", 6551),
        Described("super", 4000),
        Described("sum", 1700),
        Described("price", 1700, 12, 2),
        Described("none", 1700),
    ]
    rows = [("00ff", '{"a":1}', Decimal("1.50"), Decimal("2.00"), None), (None, None, None, None, None)]
    found = arrow_table(described, rows)
    assert found.column_names == ["raw", "super", "sum", "price", "none"]
    assert found["raw"].to_pylist() == [b"\0\xff", None]
    assert found["super"].to_pylist() == ['{"a":1}', None]
    assert found["sum"].to_pylist() == [Decimal("1.50"), None]
    assert found["price"].type == pa.decimal128(12, 2)


OTHER = {
    "name": "returns",
    "endpoint": {"path": "/orders", "data_selector": "data"},
    "columns": {"id": {"data_type": "bigint"}},
    "schema_contract": {"columns": "discard_value"},
}
BY_NAME = {"primary_key": "name", "columns": {"name": {"data_type": "text", "nullable": False}}}


@pytest.mark.slow
@ON_REDSHIFT
def test_a_text_that_is_too_long_fails_its_table_alone(records: Records) -> None:
    shop = records.shop(more=[OTHER])
    report = records.try_load({"id": 1, "v": "ä" * 40_000}, shop=shop, names=("orders", "returns"))
    assert list(report.errors) == ["orders"]
    assert "orders: the column v has a value of 80,000 bytes" in str(report.errors["orders"])
    assert records.rows("select id from returns") == [(1,)]
    assert records.place.present(["orders"]) == []
    report = records.try_load({"id": 1, "v": "ä" * 30_000}, shop=shop, names=("orders", "returns"))
    assert report.errors == {}
    assert records.rows("select v from orders") == [("ä" * 30_000,)]


@pytest.mark.slow
@ON_REDSHIFT
def test_a_rejected_record_that_is_too_long_fails_its_table_alone(records: Records) -> None:
    other = {**OTHER, "primary_key": "k", "columns": {"k": {"data_type": "bigint"}}}
    record = {"id": None, "k": 1, "v": "x" * 70_000}
    report = records.try_load(record, shop=records.shop(more=[other]), names=("orders", "returns"))
    assert list(report.errors) == ["orders"]
    assert "orders: a rejected record has 70,024 bytes, and" in str(report.errors["orders"])
    assert records.place.present(["orders", "load_ledger"]) == ["load_ledger"]


@pytest.mark.slow
@ON_REDSHIFT
def test_a_key_with_a_blank_at_its_end_fails_its_table_alone(records: Records) -> None:
    shop = records.shop(more=[OTHER], **BY_NAME)
    report = records.try_load({"id": 1, "name": "A1 "}, shop=shop, names=("orders", "returns"))
    assert "orders: the column name, by which rows are found, has a text with a blank" in str(
        report.errors["orders"]
    )
    assert records.rows("select id from returns") == [(1,)]
    assert records.try_load({"id": 1, "name": " A 1", "v": "x "}, shop=shop).errors == {}


@pytest.mark.slow
@ON_REDSHIFT
def test_a_schema_that_is_longer_than_a_text_is_stored_and_read(records: Records) -> None:
    fields = {f"a_field_with_a_long_name_{number}": number for number in range(400)}
    shop = records.shop(columns={name: {"data_type": "bigint"} for name in fields})
    records.load({"id": 1, **fields}, shop=shop)
    records.load({"id": 2, "more": 1, **fields}, shop=shop)
    ((longest,),) = records.rows("select max(length(schema)) from _dlt_version")
    assert longest < MOST_BYTES
    assert records.rows("select count(*) from _dlt_version") == [(2,)]
    assert records.rows("select count(a_field_with_a_long_name_399) from orders") == [(2,)]
