"""A warehouse that the version before has written loads on with this one, and a newer one is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import version

import pytest

from ecom_assets.cli.app import main
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.audit.audit import audit
from ecom_assets.load.ledger.status import status
from ecom_assets.load.run import run_load
from ecom_assets.load.sweeps.delete_detection import detect_deletes
from ecom_assets.warehouse.layout import LAYOUT
from ecom_assets_tests.support.upgrades.former_warehouse import Former
from ecom_assets_tests.support.upgrades.former_warehouse import former as former

NOW = datetime(2026, 1, 4, tzinfo=timezone.utc)


def stored(former: Former) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: former.place.rows(f"select {columns} from acme.{table} order by 1, 2")
        for table, columns in {
            "orders": "id, total, deleted_at is not null",
            "lines": "order_id, id, sku",
            "stores": "id, city",
            "rejected_rows": "resource, primary_key",
        }.items()
    }


def test_the_former_warehouse_is_what_this_version_says_it_is(former: Former) -> None:
    assert "cursor_path" not in former.place.columns("load_ledger")
    found = {entry.resource: entry for entry in status(former.shop, former.place.warehouse(), NOW)}
    assert [
        (found[name].loaded, found[name].missing, found[name].rows) for name in ("orders", "lines", "stores")
    ] == [
        (2, 1, 3),
        (2, 1, 3),
        (1, 0, 2),
    ]
    assert (found["orders"].rejected, found["orders"].audited) == (1, 0)
    assert [bool(row[2]) for row in stored(former)["orders"]] == [False, False, True]
    assert audit(former.shop, windows=9, warehouse=former.place.warehouse()).ok
    found = {entry.resource: entry for entry in status(former.shop, former.place.warehouse(), NOW)}
    assert (found["orders"].audited, found["stores"].audited, found["orders"].drift) == (2, 1, 0)


def test_it_loads_on_and_merges_a_window_that_changed(former: Former) -> None:
    before = stored(former)
    former.orders[0] |= {"total": "99"}
    former.orders[0]["lines"].pop()
    former.orders[1]["total"] = "3"
    former.orders.append({"id": 5, "updated_at": "2026-01-03T01:00:00Z", "total": "5", "lines": []})
    assert not audit(former.shop, ["orders"], windows=9, warehouse=former.place.warehouse()).ok
    former.load(3)
    former.load(1)
    assert run_load(former.shop, ["stores"], warehouse=former.place.warehouse()).errors == {}
    after = stored(former)
    assert [(row[0], str(row[1]).rstrip("0")) for row in after["orders"]] == [
        (1, "99."),
        (2, "3."),
        (3, "7.25"),
        (4, "1."),
        (5, "5."),
    ]
    assert after["lines"] == [row for row in before["lines"] if row[:2] != (1, 2)]
    assert (after["stores"], after["rejected_rows"]) == (before["stores"], [])
    found = {entry.resource: entry for entry in status(former.shop, former.place.warehouse(), NOW)}
    assert (found["orders"].loaded, found["orders"].missing, found["orders"].rejected) == (3, 0, 0)
    assert audit(former.shop, windows=9, warehouse=former.place.warehouse()).ok
    assert detect_deletes(former.shop, "orders", warehouse=former.place.warehouse()).newly_deleted == 0
    assert former.place.rows("select * from acme._dlt_ecom_version") == [(LAYOUT, version("ecom-assets"))]


@pytest.mark.parametrize("table", ["load_ledger", "rejected_rows"])
def test_a_table_without_a_column_of_this_version_gets_it_beside_rows_that_go(
    former: Former, table: str
) -> None:
    """A load deletes the rejected rows that it replaces, and a renamed resource changes rows of both tables."""
    column = {"load_ledger": "masked", "rejected_rows": "primary_key"}[table]
    if column in former.place.columns(table):
        former.place.write(f"alter table acme.{table} drop column {column}")
    former.load(1)
    assert column in former.place.columns(table)
    assert former.place.rows("select count(*) from acme.rejected_rows") == [(1,)]


@pytest.fixture
def newer(former: Former) -> Former:
    former.load(3)
    former.place.write("update acme._dlt_ecom_version set layout = 99, package_version = '9.1.0'")
    return former


def test_a_newer_layout_is_refused_in_one_line_before_anything_is_written(
    newer: Former, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ECOM_WAREHOUSE", newer.place.where)
    file = str(newer.shop.file)
    for arguments in (
        ["audit", file],
        ["diff", file],
        ["load", file, "--missing"],
        ["load", file, "--window", "2026-01-01"],
        ["pin", file],
        ["reset", file, "--yes"],
        ["status", file],
    ):
        monkeypatch.setattr("sys.argv", ["ecom-assets", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1, arguments
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert line.startswith("error: acme: ecom-assets 9.1.0 wrote this dataset with layout 99"), arguments


def test_loads_and_sweeps_refuse_a_newer_layout(newer: Former) -> None:
    def asked(load: Callable[[], object]) -> None:
        with pytest.raises(
            WarehouseError, match=r"layout 99, and ecom-assets .* Install version 9.1.0 or a newer"
        ):
            load()

    asked(lambda: newer.load(1))
    asked(lambda: detect_deletes(newer.shop, "orders", warehouse=newer.place.warehouse()))


def test_a_dataset_of_this_layout_is_written_by_whoever_loads(former: Former) -> None:
    former.load(3)
    former.place.write("update acme._dlt_ecom_version set layout = 1, package_version = '0.0.1'")
    former.load(3)
    assert former.place.rows("select layout, package_version from acme._dlt_ecom_version") == [
        (LAYOUT, version("ecom-assets"))
    ]
