"""Delete detection that is refused or fails: nothing is marked, and one line says why and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecom_assets.foundation.errors import (
    DeclarationError,
    IncompleteSlice,
    IngestError,
    MissingSecret,
    WarehouseError,
)
from ecom_assets.load.sweeps.delete_detection import detect_deletes
from ecom_assets.sandbox.server import Running
from ecom_assets_tests.support.loads.sweeps import ORDERS, PLAIN, SWEPT, Sweeps
from ecom_assets_tests.support.loads.sweeps import api as api
from ecom_assets_tests.support.loads.sweeps import loaded as loaded
from ecom_assets_tests.support.loads.sweeps import server as server
from ecom_assets_tests.support.loads.sweeps import sweeps as sweeps
from ecom_assets_tests.support.warehouses.engines import Place


def test_an_incomplete_reading_marks_nothing(sweeps: Sweeps, api: Running) -> None:
    before = sweeps.tables()
    for identity in sweeps.ids()[:4]:
        api.faults.delete(ORDERS, identity)
    api.faults.total(ORDERS, len(sweeps.ids()))
    with pytest.raises(IncompleteSlice, match=r"the API says it has \d+ records, \d+ distinct ones came"):
        sweeps.sweep()
    assert sweeps.tables() == before


def test_a_failing_api_marks_nothing(sweeps: Sweeps, api: Running) -> None:
    before = sweeps.tables()
    api.faults.fail(403, path=ORDERS, times=None)
    with pytest.raises(IngestError, match="status 403"):
        sweeps.sweep()
    assert sweeps.tables() == before


def test_more_than_max_deleted_is_refused(sweeps: Sweeps, api: Running) -> None:
    ids = sweeps.ids()
    lost = ids[: len(ids) * 3 // 10 + 1]
    for identity in lost:
        api.faults.delete(ORDERS, identity)
    before = sweeps.tables()
    with pytest.raises(IngestError) as caught:
        sweeps.sweep()
    assert str(caught.value) == (
        f"orders: {len(lost)} of {len(ids)} live rows are gone from the API at once, "
        f"a share of {len(lost) / len(ids):.4g}; max_deleted is 0.2; nothing was marked. "
        f"Look some of the rows up in the API, such as {'; '.join(map(str, lost[:3]))}. If they are there, the list is "
        "not complete: check the paginator and deletes.params. Only if they were deleted, raise max_deleted of orders "
        "in sandbox.yaml for one sweep"
    )
    assert sweeps.tables() == before
    allowed = sweeps.shop_with(f"{SWEPT}    max_deleted: 0.31\n")
    assert sweeps.sweep(allowed).newly_deleted == len(lost)


def test_exactly_max_deleted_is_allowed(sweeps: Sweeps, api: Running) -> None:
    ids = sweeps.ids()
    for identity in ids[: len(ids) // 5]:
        api.faults.delete(ORDERS, identity)
    assert len(ids) % 5 == 0
    assert sweeps.sweep().newly_deleted == len(ids) // 5


def test_rows_that_are_marked_already_do_not_count_again(sweeps: Sweeps, api: Running) -> None:
    ids = sweeps.ids()
    step = len(ids) // 10
    for first in range(0, 5 * step, step):
        for identity in ids[first : first + step]:
            api.faults.delete(ORDERS, identity)
        assert sweeps.sweep().newly_deleted == step
    assert len(sweeps.marked()) == 5 * step


def test_an_empty_source(sweeps: Sweeps, api: Running) -> None:
    api.faults.answer('{"data": [], "total": 0}', path=ORDERS, times=None)
    with pytest.raises(IngestError, match=r"a share of 1; max_deleted is 0\.2; .* raise .* in sandbox\.yaml"):
        sweeps.sweep()
    assert sweeps.marked() == {}


def test_before_any_load(api: Running, tmp_path: Path, place: Place) -> None:
    sweeps = Sweeps(api, tmp_path, place=place)
    if place.engine == "duckdb":
        with pytest.raises(WarehouseError, match=r"\.duckdb does not exist: materialise an asset first"):
            sweeps.sweep()
        assert not Path(place.where).exists()
    with sweeps.warehouse.transaction("sandbox") as connection:
        connection.execute("create schema sandbox")
    with pytest.raises(WarehouseError) as caught:
        sweeps.sweep()
    assert str(caught.value) == "the table sandbox.orders does not exist: load orders before it is swept"
    assert api.log.requests == [], "nobody's API is asked for nothing"


def test_deletes_declared_after_the_first_load(api: Running, tmp_path: Path, place: Place) -> None:
    undeclared = Sweeps(api, tmp_path, swept=PLAIN, place=place)
    undeclared.load()
    sweeps = Sweeps(api, tmp_path, place=place)
    with pytest.raises(WarehouseError) as caught:
        sweeps.sweep()
    assert str(caught.value) == (
        "the table sandbox.orders has no column deleted_at yet: load a window of orders before it is swept"
    )
    sweeps.load(sweeps.windows[:1])
    gone = sweeps.ids()[-1]
    api.faults.delete(ORDERS, gone)
    sweeps.sweep()
    assert list(sweeps.marked()) == [gone]


def test_a_resource_without_deletes(sweeps: Sweeps) -> None:
    with pytest.raises(
        DeclarationError, match="found customers, which has no deletes; allowed: one with deletes: orders"
    ):
        sweeps.sweep(resource="customers")


def test_a_missing_secret(sweeps: Sweeps) -> None:
    with pytest.raises(MissingSecret, match="'api_key' of shop 'sandbox' was not found"):
        detect_deletes(sweeps.shop, "orders", warehouse=sweeps.warehouse)


def test_a_warehouse_that_somebody_holds(sweeps: Sweeps) -> None:
    if sweeps.place.warehouse().is_optimistic:
        pytest.skip("nobody holds it: the one that commits later is refused")
    with (
        sweeps.place.warehouse(0).transaction("sandbox"),
        pytest.raises(WarehouseError, match="was held by"),
    ):
        detect_deletes(
            sweeps.shop,
            "orders",
            secrets={"api_key": "sandbox-key"},
            warehouse=sweeps.place.warehouse(0.1),
        )
