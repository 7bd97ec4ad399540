"""Loads into MariaDB find rows by indexes, also in temporary tables, so that their work grows with the rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.mysql.indexes import keys_within, listed_columns, missing_keys
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import Place

ON_MARIADB = pytest.mark.parametrize("new_place", ["mysql"], indirect=True)
LINES = {
    "name": "lines",
    "rows_from": {"resource": "orders", "path": "lines"},
    "include_from_parent": ["id"],
    "primary_key": ["_orders_id", "no"],
}
SCANNED = (
    "select cast(variable_value as bigint) from information_schema.global_status where variable_name = '{}'"
)


def orders(count: int, state: int = 0) -> Iterator[dict[str, Any]]:
    for number in range(count):
        at = f"2026-01-01T{number % 24:02}:00:00Z"
        yield {"id": f"order {number}", "updated_at": at, "state": state, "lines": [{"no": 1}, {"no": 2}]}


def read_rows(place: Place) -> int:
    """Return how many rows the server has read one after the other since it started."""
    return sum(
        place.rows(SCANNED.format(name))[0][0] for name in ("HANDLER_READ_RND_NEXT", "HANDLER_READ_NEXT")
    )


@pytest.mark.slow
@ON_MARIADB
@pytest.mark.parametrize("disposition", ["merge", {"disposition": "merge", "strategy": "scd2"}])
def test_a_repeated_load_reads_each_row_a_few_times(records: Records, disposition: object) -> None:
    count, read = 1000, []
    shop = records.windowed(write_disposition=disposition, more=[LINES])
    for state in range(3):
        before = read_rows(records.place)
        records.load(*orders(count, state), shop=shop, days=1, names=("orders", "lines"))
        read.append(read_rows(records.place) - before)
    # each with each would be a million and more
    assert max(read) < 60 * count
    assert records.rows('select count(*) from "lines"') == [(2 * count,)]


@pytest.mark.slow
@ON_MARIADB
def test_a_change_of_a_table_waits_no_longer_than_for_the_lock(records: Records) -> None:
    records.load({"id": 1})
    place = records.place
    with place.warehouse().read(place.dataset) as reader:
        assert reader.fetch_value(f'select count(*) from "{place.dataset}"."orders"') == 1
        with pytest.raises(WarehouseError, match=r"was left as it was: .*Lock wait timeout exceeded"):
            records.load({"id": 1, "new": "x"}, warehouse=place.warehouse(lock_timeout=1))
    records.load({"id": 1, "new": "x"})
    assert records.rows("select new from orders") == [("x",)]


def test_which_indexes_a_table_lacks() -> None:
    keys = [("id",), ("root", "id"), ("cursor",)]
    present = [("id", "root"), ("other", "cursor")]
    assert list(missing_keys(keys, present)) == [("cursor",)]
    assert list(missing_keys(keys, [])) == keys


def test_a_temporary_table_has_the_beginnings_of_keys() -> None:
    keys = [("id",), ("root", "no"), ("root", "at"), ("gone", "id")]
    assert list(keys_within(keys, {"id": "", "root": "", "at": ""})) == [("id",), ("root",), ("root", "at")]


def test_texts_are_indexed_by_their_beginnings() -> None:
    types = {"a": "longtext collate x", "b": "bigint(20)", "c": "longblob"}
    quoted = "`{}`".format
    assert listed_columns(("a", "b"), types, quoted) == "(`a`(700), `b`)"
    assert listed_columns(("a", "b", "c"), types, quoted) == "(`a`(350), `b`, `c`(350))"
    many = {f"c{number}": "bigint(20)" for number in range(20)}
    assert listed_columns(tuple(many), many, quoted).count("`c") == 16
