"""The contract from a real server to a warehouse on each engine: what arrives, what is rejected, what comes back."""

from __future__ import annotations

import json
from datetime import date, time
from decimal import Decimal
from typing import Any

from ecom_assets_tests.support.servers.order_api import AT, Api, order
from ecom_assets_tests.support.servers.order_api import api as api
from ecom_assets_tests.support.warehouses.engines import parsed

TYPES = {
    "duckdb": {
        "id": "BIGINT",
        "updated_at": "TIMESTAMP WITH TIME ZONE",
        "name": "VARCHAR",
        "total": "DECIMAL(18,4)",
        "big": "DECIMAL(38,9)",
        "day": "DATE",
        "clock": "TIME",
        "share": "DOUBLE",
        "open": "BOOLEAN",
        "raw": "BLOB",
        "tags": "JSON",
        "city": "VARCHAR",
    },
    "postgres": {
        "id": "bigint",
        "updated_at": "timestamp with time zone",
        "name": "character varying",
        "total": "numeric(18,4)",
        "big": "numeric(38,9)",
        "day": "date",
        "clock": "time without time zone",
        "share": "double precision",
        "open": "boolean",
        "raw": "bytea",
        "tags": "jsonb",
        "city": "character varying",
    },
}
FULL = order(
    1,
    name="Łódź 😀 \x00 \u2028 <b>&amp;</b> %41 \\u0041",
    total="12.3400",
    big=12345678901234567890123456789,
    day="2026-02-28",
    clock="23:59:58.5",
    share=0.1,
    open=False,
    raw="aGk=",
    tags=["a", {"b": [1.10, 2**70]}, None],
    shippingAddress={"cityName": "Zürich"},
    lines=[{"id": 1, "sku": "a"}],
)


def test_every_declared_field_arrives_as_its_type(api: Api) -> None:
    report = api.load(FULL)
    assert report.errors == {}
    assert api.place.columns("orders") == TYPES[api.place.engine]
    ((at, tags, raw, *rest),) = api.rows(
        "select updated_at = timestamptz '2026-01-01 12:00:00+00', tags, raw, id, name, total, big, day, clock, share, "
        "open, city from orders"
    )
    assert (at, bytes(raw)) == (True, b"hi")
    assert parsed(tags) == ["a", {"b": [1.1, 2**70]}, None]
    # the one character that PostgreSQL cannot hold
    name = FULL["name"] if api.place.engine == "duckdb" else FULL["name"].replace("\0", "\ufffd")
    assert rest == [
        1,
        name,
        Decimal("12.3400"),
        Decimal("12345678901234567890123456789"),
        date(2026, 2, 28),
        time(23, 59, 58, 500_000),
        0.1,
        False,
        "Zürich",
    ]
    # every field was seen, and the reports say so
    assert all(value is not None for value in report.resources["orders"].preview[0].values())


def test_undeclared_fields_of_any_name_become_columns(api: Api) -> None:
    fields: dict[str, Any] = {
        "camelCase": 1,
        "Weight (kg)": 2,
        "1st": 3,
        "": 4,
        "😀": 5,
        "select": 6,
        '"; drop table orders; --': 7,
        "a\x00b": 8,
        "_dlt_id": "mine",
        "_dlt_load_id": "mine too",
        "nested": {"_id": 9, "": 10, "x__y": 11, "Trailing_": 12},
        "k" * 300: 13,
    }
    for _ in range(2):
        assert api.load(order(1, **fields), order(2)).errors == {}
    columns = list(api.place.columns("orders"))
    assert len(columns) == len(set(columns))
    (row,) = api.rows("select * from orders where id = 1")
    found = dict(zip(columns, row, strict=True))
    assert found["camel_case"] == 1
    assert found["weight_kgx"] == 2
    assert found["_1st"] == 3
    assert found["select"] == 6
    assert found["nested___id"] == 9
    assert found["nested__x_y"] == 11
    assert found["nested__trailingx"] == 12
    assert {1, 2, 3, 6, 7, 8, 9, 11, 12, 13, "mine", "mine too"} <= set(row)


def test_broken_values_are_rejected_and_the_rest_is_loaded(api: Api) -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    report = api.load(
        FULL,
        order(2, name="\ud83d"),
        order(3, tags={"a": "\ud83d"}),
        order(4, new="\ud83d"),
        order("x"),
        order(2**63),
        order(None),
        {"id": 8, "updated_at": AT},
        order(9, tags=deep, more={"deep": deep}),
        order(10, name=deep),
        order(11, lines="none"),
        order(12, lines=[{"id": 1}, "x", {"sku": "no id"}]),
        order(13, big=10**40),
        order(14, shippingAddress=["Zürich"]),
    )
    assert report.errors == {}
    assert api.rows("select id from orders order by 1") == [(1,), (9,), (11,), (12,)]
    reasons = dict(
        api.rows("select primary_key, reasons from rejected_rows where resource = 'orders' order by 1")
    )
    assert reasons == {
        "": "id: null, but part of the primary key",
        "10": "name: " + "[" * 59 + "… is not a text",
        "13": f"big: {10**40} is not a decimal(38,9)",
        "14": 'city: shippingAddress is not an object: ["Zürich"]',
        "2": r"name: '\ud83d' is not a text",
        "3": 'tags: {"a":"\\ud83d"} is not JSON that can be stored',
        "4": r"new: '\ud83d' is not a text",
        "8": "name: null, but not nullable",
        "9223372036854775808": "id: 9223372036854775808 is not a whole number of 64 bits",
        "x": "id: 'x' is not a whole number of 64 bits",
    }
    assert api.rows("select order_id, id from lines order by 1, 2") == [(1, 1), (12, 1)]
    assert api.rows("select count(*) from rejected_rows where resource = 'lines'") == [(3,)]
    for resource in ("orders", "lines"):
        (window,) = report.resources[resource].windows
        assert window.kept + window.rejected == window.fetched
        assert api.rows(f"select count(*) from {resource}") == [(window.kept,)]
    records = [json.loads(record) for (record,) in api.rows("select record from rejected_rows")]
    assert {"id": 2, "updated_at": AT, "name": "\ud83d"} in records
