"""Rows that a load brings to SQL for a moment have the types of the values, or of the table that they go with."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.warehouses.engines import Place, engines_where

COLUMNS = (
    Column(name="id", data_type="bigint"),
    Column(name="name", data_type="text"),
    Column(name="money", data_type="decimal", precision=20, scale=4),
)
ROWS = pa.table(
    {
        "id": pa.array([1, 2]),
        "name": pa.array(["a ", "a"]),
        "money": pa.array([Decimal("9999999999999999.9999"), None], pa.decimal128(20, 4)),
    }
)


@pytest.mark.parametrize("new_place", engines_where(), indirect=True)
def test_they_come_back_as_they_were_and_meet_stored_values(place: Place) -> None:
    stored = '"sandbox"."things"'

    def work(transaction: Transaction) -> None:
        transaction.create_schema("sandbox")
        types = {column.name: transaction.type_of(column) for column in COLUMNS}
        transaction.make_table("sandbox", "things", types, ())
        transaction.append_rows("sandbox", "things", ROWS, ())
        for like in (None, stored, f"(select * from {stored} where id > 0) as known"):
            with transaction.temporary_table("ecom_rows", ROWS, like):
                if transaction.is_rehearsal:
                    continue
                found = transaction.fetch_arrow("select * from ecom_rows order by id")
                if place.traits.decimals_have_one_size:
                    found = found.cast(ROWS.schema)
                assert found == ROWS
                met = f"select count(*) from ecom_rows as r join {stored} as t on t.name = r.name and t.id = r.id"
                assert transaction.fetch_value(met) == 2

    place.warehouse().write("sandbox", work)
