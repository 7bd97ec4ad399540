"""The column `deleted_at` of a table with `deletes`, and a field of that name that the API has itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ecom_assets.foundation.errors import ContractBroken, WarehouseError
from ecom_assets.load.run import run_load
from ecom_assets.orchestration.translator import table_schema
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets_tests.support.loads.sweeps import NOW, ORDERS, PLAIN, SWEPT, Sweeps
from ecom_assets_tests.support.warehouses.engines import Place

OWN = "2026-01-03T00:00:00Z"


@pytest.fixture
def api() -> Iterator[Running]:
    """Serve a few orders a day, one of them with a `deleted_at` of its own."""
    with serving(SandboxSettings(orders_per_day=10, now=NOW)) as running:
        yield running


def own(api: Running, sweeps: Sweeps, **fields: object) -> int:
    """Load, give an order a field of its own, and return its id."""
    sweeps.load()
    identity = sweeps.ids()[4]
    api.faults.change(ORDERS, identity, **(fields or {"deleted_at": OWN}))
    return identity


def test_an_undeclared_field_of_that_name_is_discarded_and_counted(
    api: Running, tmp_path: Path, place: Place
) -> None:
    sweeps = Sweeps(api, tmp_path, place=place)
    own(api, sweeps)
    report = sweeps.load()
    assert report.resources["orders"].discarded == {"deleted_at": 1}
    assert sweeps.marked() == {}
    assert sweeps.sweep().newly_deleted == 0


def test_freeze_refuses_it(api: Running, tmp_path: Path, place: Place) -> None:
    swept = f"{SWEPT}    schema_contract: {{columns: freeze}}\n"
    sweeps = Sweeps(api, tmp_path, swept=swept, place=place)
    own(api, sweeps)
    report = run_load(
        sweeps.shop,
        ["orders"],
        sweeps.windows,
        secrets={"api_key": SANDBOX_KEY},
        warehouse=sweeps.warehouse,
    )
    assert isinstance(report.errors["orders"], ContractBroken)
    assert "found the undeclared fields deleted_at" in str(report.errors["orders"])


def test_it_may_be_declared_under_another_name(api: Running, tmp_path: Path, place: Place) -> None:
    column = "    columns:\n      source_deleted_at: {data_type: timestamp, path: deleted_at}\n"
    sweeps = Sweeps(
        api,
        tmp_path,
        ("    deletes: sweep\n    columns:\n", f"    deletes: sweep\n{column}"),
        place=place,
    )
    identity = own(api, sweeps)
    report = sweeps.load()
    assert report.resources["orders"].discarded == {}
    assert sweeps.rows(
        "select id, source_deleted_at from sandbox.orders where source_deleted_at is not null"
    ) == [(identity, datetime(2026, 1, 3, tzinfo=timezone.utc))]
    assert sweeps.marked() == {}


def test_a_column_that_evolved_before_deletes_were_declared(
    api: Running, tmp_path: Path, place: Place
) -> None:
    """Its instants were the API's; the first sweep makes them ours."""
    sweeps = Sweeps(api, tmp_path, swept=PLAIN, place=place)
    identity = own(api, sweeps)
    sweeps.load()
    assert list(sweeps.marked()) == [identity]
    sweeps.shop = sweeps.shop_with(SWEPT)
    assert sweeps.sweep().returned == 1
    assert sweeps.marked() == {}


def test_a_column_of_another_type_that_evolved_before(api: Running, tmp_path: Path, place: Place) -> None:
    sweeps = Sweeps(api, tmp_path, swept=PLAIN, place=place)
    own(api, sweeps, deleted_at="yes")
    sweeps.load()
    with pytest.raises(WarehouseError) as caught:
        sweeps.sweep(sweeps.shop_with(SWEPT))
    text, instant = place.type_of(data_type="text"), place.type_of(data_type="timestamp")
    assert str(caught.value) == (
        f"the column deleted_at of sandbox.orders is {text}, which a field of the API made it; "
        f"a sweep needs {instant}: load orders into a new warehouse"
    )


@pytest.mark.parametrize("new_place", ["duckdb"], indirect=True)
def test_the_asset_shows_the_column(api: Running, tmp_path: Path, place: Place) -> None:
    sweeps = Sweeps(api, tmp_path, place=place)
    *_, last = table_schema(sweeps.shop.resource("orders")).columns
    assert (last.name, last.type, last.constraints.nullable) == ("deleted_at", "timestamp", True)
    assert last.description
    assert "deleted_at" not in [
        column.name for column in table_schema(sweeps.shop.resource("customers")).columns
    ]
