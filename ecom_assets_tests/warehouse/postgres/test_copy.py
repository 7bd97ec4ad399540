"""COPY writes values exactly, and a value that PostgreSQL cannot store does not prevent the load of other records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timezone
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets.warehouse.postgres.copy import copy_rows, sql_type
from ecom_assets.warehouse.postgres.identifiers import quote_identifier
from ecom_assets_tests.support.loads.forked_loads import shop_at
from ecom_assets_tests.support.warehouses.engines import Place

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.sampled_from(
    ["", "\\N", "\\.", "\n\\.\n", "\t", "\r\n", "NULL", '"', "\\", "\\t", ",", "'"]
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "decimal": st.decimals(-(10**13), 10**13, places=4),
    "timestamp": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(timezone.utc)),
    "date": st.dates(date(1, 1, 1)),
    "time": st.times(),
    "binary": st.binary(),
}
"""Values of each type. JSON has a test of its own."""
KINDS = {name: COLUMN_TYPES[name].arrow_type(18, 4) for name in COLUMN_TYPES if name != "json"}
"""The Arrow type of each type. A type that `VALUES` lacks fails the tests."""


@pytest.fixture(scope="module")
def connection(postgres_server: str) -> Iterator[Any]:
    """Return a connection. Its temporary tables end with it."""
    opened = psycopg2.connect(postgres_server, options="-c TimeZone=UTC")
    yield opened
    opened.close()


@given(st.data())
def test_every_value_comes_back(connection: Any, data: st.DataObject) -> None:
    rows = data.draw(st.integers(0, 5))
    columns = {
        f"{name}\"'": pa.array(
            data.draw(st.lists(st.none() | VALUES[name], min_size=rows, max_size=rows)), kind
        )
        for name, kind in KINDS.items()
    }
    table = pa.table(columns)
    with connection.cursor() as cursor:
        made = ", ".join(f"{quote_identifier(field.name)} {sql_type(field.type)}" for field in table.schema)
        cursor.execute(f"drop table if exists pg_temp.given; create temporary table given ({made})")
        copy_rows(cursor, "given", table)
        cursor.execute("select * from given")
        found = [tuple(map(plain, row)) for row in cursor.fetchall()]
    assert found == [tuple(map(plain, row.values())) for row in table.to_pylist()]


def plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


@given(st.recursive(st.text(st.sampled_from('\0\\u0"a')), lambda inner: st.lists(inner, max_size=3)))
def test_json_is_stored_exactly_except_for_the_character_u0000(connection: Any, value: Any) -> None:
    text = json.dumps(value)
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists pg_temp.given; create temporary table given (x jsonb, y text)")
        copy_rows(cursor, "given", pa.table({"x": [text], "y": [text]}), json=["x"])
        cursor.execute("select x, y from given")
        ((found, same),) = cursor.fetchall()
    assert found == replaced(value)
    assert same == text


def replaced(value: Any) -> Any:
    return [replaced(inner) for inner in value] if isinstance(value, list) else value.replace("\0", "\ufffd")


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Serve the bundled shop."""
    with serving(SandboxSettings(orders_per_day=10)) as running:
        yield running


@pytest.fixture
def stores(sandbox: Running, new_database: Callable[[], str]) -> tuple[Place, Callable[[], RunReport]]:
    """Return a place, and a function that loads the stores into it."""
    place = Place("postgres", new_database())
    return place, lambda: run_load(
        shop_at(sandbox.base_url), ["stores"], secrets={"api_key": SANDBOX_KEY}, warehouse=place.warehouse()
    )


def test_a_record_that_postgresql_cannot_store_does_not_prevent_the_others(
    sandbox: Running, stores: tuple[Place, Callable[[], RunReport]]
) -> None:
    place, load = stores
    sandbox.faults.change("/v1/stores", 1, name="a\0b", opened_on="a\0", more=["\0\0", "\\u0000"])
    sandbox.faults.change("/v1/stores", 2, name="a\0b", more=["\0\0", "\\u0000"])
    assert load().errors == {}
    assert place.rows("select name, more from stores where id = 2") == [
        ("a\ufffdb", ["\ufffd\ufffd", "\\u0000"])
    ]
    ((reasons, record),) = place.rows("select reasons, record from rejected_rows")
    assert "opened_on" in reasons
    assert json.loads(record)["name"] == "a\0b"


def test_long_names_of_new_fields_are_cut_off_the_same_way_each_time(
    sandbox: Running, stores: tuple[Place, Callable[[], RunReport]]
) -> None:
    place, load = stores
    long = "a" * 70
    sandbox.faults.change("/v1/stores", 1, **{f"{long}b": 1, f"{long}c": 2})
    assert load().errors == {}
    with place.warehouse().read("sandbox") as transaction:
        first = transaction.columns_of("sandbox")["stores"]
    sandbox.faults.change("/v1/stores", 1, **{f"{long}b": 3, f"{long}c": 4})
    assert load().errors == {}
    with place.warehouse().read("sandbox") as transaction:
        assert transaction.columns_of("sandbox")["stores"] == first
        new = [name for name in first if name.startswith("aaa")]
        assert len(new) == 2
        assert all(len(name) == 63 for name in new)
        found = transaction.execute(f"select {', '.join(new)} from stores where id = 1").fetchall()
    assert sorted(found[0]) == [3, 4]
