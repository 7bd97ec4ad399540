"""Loads into a real MariaDB server."""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.trial.loads import DATASET, load_days
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.emulators.mariadb_server import PASSWORD
from ecom_assets_tests.support.warehouses.engines import warehouse_at

pytestmark = pytest.mark.slow

EDGES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "text": (pa.string(), ["a ", "a", "\0x\\' \"%?😀", None]),
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
    "json": (pa.string(), ['{"a": "ä\\\\n"}', "[" * 40 + "]" * 40, "1.0", None]),
    "binary": (pa.binary(), [b"\0\xff'\\", b"", b"b ", None]),
}


def column(name: Any) -> Column:
    if name == "decimal":
        return Column(name=name, data_type=name, precision=38, scale=9)
    return Column(name=name, data_type=name)


def write_edges(transaction: Transaction) -> None:
    rows = pa.table({name: pa.array(values, kind) for name, (kind, values) in EDGES.items()})
    types = {name: transaction.type_of(column(name)) for name in EDGES}
    transaction.make_table("edges", "values", types, ())
    assert transaction.columns_of("edges")["values"] == types
    transaction.execute('delete from "edges"."values"')
    transaction.append_rows("edges", "values", rows, ["json"])


def test_values_at_the_edges_come_back(mariadb: str) -> None:
    warehouse = warehouse_at(mariadb)
    warehouse.write("edges", write_edges)
    with warehouse.read("edges") as transaction:
        found = transaction.fetch_arrow('select * from "edges"."values"')
        trimmed = transaction.fetch_value('select count(*) from "edges"."values" where "text" = ?', ["a"])
    for name, (kind, values) in EDGES.items():
        assert found[name].type == kind
        assert found[name].to_pylist() == values
    assert trimmed == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bigint", "99999999999999999999"),
        ("date", "'2024-02-30'"),
        ("date", "'0000-00-00'"),
        ("timestamp", "'10000-01-01'"),
        ("decimal", "1" + "0" * 29),
    ],
)
def test_what_the_server_would_change_is_an_error(mariadb: str, name: str, value: str) -> None:
    warehouse = warehouse_at(mariadb)
    warehouse.write("edges", write_edges)
    with pytest.raises(warehouse.driver_errors), warehouse.transaction("edges") as transaction:
        transaction.execute(f'insert into "edges"."values" ("{name}") values ({value})')


def test_a_repeated_load_changes_nothing(mariadb: str) -> None:
    warehouse = warehouse_at(mariadb)

    def orders() -> list[Any]:
        with warehouse.read(DATASET) as transaction:
            rows = transaction.execute(f'select id, total, updated_at from "{DATASET}"."orders" order by id')
            return rows.fetchall()

    load_days(warehouse, 0, 2)
    before = orders()
    load_days(warehouse, 1, 1)
    assert before
    assert orders() == before


def test_a_held_lock_names_its_holder(mariadb: str) -> None:
    lines: list[str] = []
    with (
        warehouse_at(mariadb).transaction("held"),
        pytest.raises(WarehouseError, match=r"held by connection \d+ of the user loader from .* for 1 s"),
        warehouse_at(mariadb, lock_timeout=1).transaction("held", lines.append),
    ):
        pass
    assert [line for line in lines if "waiting for the warehouse" in line]
    with warehouse_at(mariadb, lock_timeout=1).transaction("held"):
        pass


def fails(transaction: Transaction) -> int:
    """Delete all rows, and then run a statement that the server refuses."""
    assert transaction.execute_update('delete from "edges"."values"') == len(EDGES["text"][1])
    return int(transaction.fetch_value('select no_such_column from "edges"."values"'))


def test_a_failed_load_leaves_no_row(mariadb: str) -> None:
    warehouse = warehouse_at(mariadb)
    warehouse.write("edges", write_edges)
    with pytest.raises(warehouse.driver_errors), warehouse.transaction("edges") as transaction:
        transaction.execute('delete from "edges"."values" where "bigint" = ?', [fails(transaction)])
    with warehouse.read("edges") as transaction:
        assert transaction.fetch_value('select count(*) from "edges"."values"') == 4


def test_no_message_has_the_password(mariadb: str) -> None:
    for where in (mariadb.replace("loader", "nobody"), mariadb.rpartition(":")[0] + ":1/"):
        with (
            pytest.raises(WarehouseError, match="cannot be opened") as no,
            warehouse_at(where).read("edges"),
        ):
            pass
        assert PASSWORD not in str(no.value)
        assert no.value.__suppress_context__
