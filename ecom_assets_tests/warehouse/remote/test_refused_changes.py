"""Changes of stored values that an engine does not make: the table fails alone, and the message says what to do."""

from __future__ import annotations

import pytest

from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import engines_where

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("new_place", engines_where(lambda traits: traits.ddl_commits), indirect=True)
def test_a_column_that_would_become_wider_stays_what_it_is(records: Records) -> None:
    other = {
        "name": "returns",
        "endpoint": {"path": "/orders", "data_selector": "data"},
        "columns": {"id": {"data_type": "bigint"}},
        "schema_contract": {"columns": "discard_value"},
    }
    shop = records.shop(more=[other])
    records.load({"id": 1, "v": 1}, shop=shop, names=("orders", "returns"))
    before = records.place.table("orders")
    report = records.try_load({"id": 2, "v": "x"}, shop=shop, names=("orders", "returns"))
    assert list(report.errors) == ["orders"]
    assert "run ecom-assets reset myshop orders" in str(report.errors["orders"])
    assert records.place.table("orders") == before
    assert records.rows("select id from returns order by id") == [(1,), (2,)]
