"""Tables of several write dispositions in one run, and a first load that brings nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.orchestration.metadata import row_counts, valid_row_counts
from ecom_assets_tests.support.examples import slowly
from ecom_assets_tests.support.loads.dispositions import SCD2, TEXT, WHOLE, Things, thing
from ecom_assets_tests.support.loads.dispositions import things as things

DISPOSITIONS: dict[str, Any] = {
    "replaced": "replace",
    "merged": "merge",
    "appended": "append",
    "history": SCD2,
}


def test_one_run_writes_each_table_by_its_disposition(things: Things) -> None:
    others = [
        {
            "name": name,
            "primary_key": "id",
            "write_disposition": disposition,
            "schema_contract": {"columns": "discard_value"},
            "endpoint": {"path": name, "data_selector": "data"},
            "columns": {"id": WHOLE, "name": TEXT},
        }
        for name, disposition in DISPOSITIONS.items()
    ]
    things.declare("merge", windowed=False, others=others)
    things.load(thing(1, "a"), thing(2, "b"))
    things.load(thing(2, "B"), thing(3, "c"))
    assert things.rows(table="replaced") == [(2, "B"), (3, "c")]
    assert things.rows(table="merged") == things.rows() == [(1, "a"), (2, "B"), (3, "c")]
    assert things.rows(table="appended") == [(1, "a"), (2, "b"), (3, "c")]
    assert things.rows(table="history") == [(1, "a"), (2, "B"), (2, "b"), (3, "c")]
    assert things.rows(table="history where _dlt_valid_to is null") == [(2, "B"), (3, "c")]
    ledger = things.rows("resource, kept", "load_ledger")
    assert ledger == sorted((name, 2) for name in [*DISPOSITIONS, "things"] for _ in range(2))


@pytest.mark.parametrize("disposition", list(DISPOSITIONS.values()), ids=list(DISPOSITIONS))
@pytest.mark.parametrize("windowed", [True, *slowly([False])], ids=["windowed", "snapshot"])
def test_a_first_load_without_records(things: Things, disposition: Any, windowed: bool) -> None:
    if disposition == "replace" and windowed:
        disposition = "merge"
    things.declare(disposition, windowed=windowed)
    things.load()
    assert things.rows() == []
    assert set(things.place.columns("things")) == {
        column.name for column in things.shop.resource("things").table_columns
    }
    things.load(thing(1, "a"))
    assert things.rows() == [(1, "a")]


def test_a_sweep_of_a_table_that_was_replaced_before(things: Things) -> None:
    things.declare("replace", windowed=False)
    things.load(thing(1, "a"))
    things.declare("merge", windowed=False, deletes="sweep", max_deleted=1)
    with pytest.raises(
        WarehouseError, match="has no column _dlt_load_id yet: load things before it is swept"
    ):
        things.sweep(thing(2, "b"))
    things.load(thing(1, "a"), thing(2, "b"))
    assert things.sweep(thing(2, "b")).newly_deleted == 1


def test_rows_that_are_valid_now(things: Things) -> None:
    things.declare(SCD2, windowed=True)
    things.load(thing(1, "a"), thing(1, "b", day=2), thing(2, "x"), days=(1, 2))
    warehouse = things.place.warehouse()
    assert row_counts(things.shop, warehouse, ["things"]) == {"things": 3}
    assert valid_row_counts(things.shop, warehouse, ["things"]) == {"things": 2}
    things.declare("merge", windowed=True)
    assert valid_row_counts(things.shop, warehouse, ["things"]) == {}
