"""The measurement of what a day costs as tables grow: the tables are as large as asked for, with indexes or without."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import big_table, data
from benchmarks.runs import serving
from benchmarks.scaling import empty_warehouses
from ecom_assets_tests.support.warehouses.engines import Place

SIZE = data.Size(orders=2_000, customers=120, products=30)


@pytest.mark.slow
@pytest.mark.parametrize("indexed", [True, False])
def test_days_are_loaded_into_a_table_of_that_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indexed: bool
) -> None:
    monkeypatch.delenv("ECOM_WAREHOUSE")
    with (
        serving(data.make(tmp_path / "records", SIZE), 0.0) as server,
        empty_warehouses("postgres", tmp_path) as place,
    ):
        found = Place("postgres", place(1), "bench")
        monkeypatch.setenv("ECOM_WAREHOUSE", found.where)
        took = big_table.measure(server.url, found.where, 3_000, 2, indexed=indexed)
        assert len(took) == 2
        assert min(took) > 0
        ((orders,),) = found.rows("select count(*) from orders")
        assert 3_000 <= orders < 3_100
        assert found.rows("select count(*) from orders where id < 1000000000") > [(10,)]
        names = found.rows("select indexname from pg_indexes where tablename = 'orders'")
        assert names == ([("ecom.orders.id",)] if indexed else [])
