"""`ecom-assets status` on a loaded warehouse, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.cli.app import main
from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.ledger.status import BAR, FAILED, LOADED, MISSING, PARTLY, ResourceStatus, bar, status
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.warehouses.engines import Place

NOW = datetime(2026, 1, 11, 12, tzinfo=timezone.utc)


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def loaded(request: pytest.FixtureRequest, empty_place: Callable[[str], Place]) -> tuple[Shop, Place]:
    """Load the stores, and the orders of two of the first ten days."""
    place = empty_place(request.param)
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    assert shop.partitions
    days = windows_between(shop.partitions, shop.partitions.start, NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "20")
        run_load(shop, ["stores"], warehouse=place.warehouse())
        run_load(shop, ["orders"], days[3:5], warehouse=place.warehouse())
    return shop, place


def of(found: tuple[ResourceStatus, ...], name: str) -> ResourceStatus:
    return next(entry for entry in found if entry.resource == name)


def test_windows_are_loaded_or_missing(loaded: tuple[Shop, Place]) -> None:
    shop, place = loaded
    found = status(shop, place.warehouse(), NOW)
    orders = of(found, "orders")
    assert (orders.windows, orders.loaded, orders.missing, orders.failed) == (10, 2, 8, 0)
    assert (orders.first, orders.last) == ("2026-01-01", "2026-01-10")
    assert orders.bar == MISSING * 3 + LOADED * 2 + MISSING * 5
    assert [(orders.rows,)] == place.rows("select count(*) from sandbox.orders")
    assert orders.last_load
    assert orders.last_load.utcoffset() == NOW.utcoffset()
    stores = of(found, "stores")
    assert (stores.windows, stores.loaded, stores.rows, stores.first) == (1, 1, 5, None)
    never = of(found, "customers")
    assert (never.loaded, never.rows, never.last_load) == (0, None, None)


def test_a_load_that_does_not_add_up_has_failed(
    loaded: tuple[Shop, Place], copy_of: Callable[[Place], Place]
) -> None:
    shop, place = loaded
    copy = copy_of(place)
    copy.write(
        "update sandbox.load_ledger set kept = kept + 1 "
        "where resource = 'orders' and partition_key = '2026-01-05'"
    )
    orders = of(status(shop, copy.warehouse(), NOW), "orders")
    assert (orders.loaded, orders.failed, orders.missing) == (1, 1, 8)
    assert orders.bar[3:5] == LOADED + FAILED


def test_the_newest_load_of_a_window_counts(
    loaded: tuple[Shop, Place], copy_of: Callable[[Place], Place]
) -> None:
    """Older loads that did not add up are history, and so are the records that they rejected."""
    shop, place = loaded
    copy = copy_of(place)
    columns = copy.columns("load_ledger")
    older = {"loaded_at": "loaded_at - interval '1 day'", "rejected": "rejected + 5"}
    copy.write(
        f"insert into sandbox.load_ledger ({', '.join(columns)}) "
        f"select {', '.join(older.get(name, name) for name in columns)} from sandbox.load_ledger"
    )
    assert status(shop, copy.warehouse(), NOW) == status(shop, place.warehouse(), NOW)


def test_a_loaded_day_is_not_the_week_that_begins_with_it(loaded: tuple[Shop, Place]) -> None:
    """Both have the same partition key. The declaration was changed after the load."""
    shop, place = loaded
    assert shop.partitions
    weekly = shop.model_copy(update={"partitions": shop.partitions.model_copy(update={"every": "week"})})
    orders = of(status(weekly, place.warehouse(), NOW), "orders")
    assert (orders.first, orders.windows, orders.loaded, orders.missing) == ("2026-01-04", 1, 0, 1)
    assert orders.last_load


@given(st.lists(st.sampled_from([LOADED, MISSING, FAILED]), max_size=200))
def test_a_bar_hides_no_failed_and_no_missing_window(marks: list[str]) -> None:
    drawn = bar(marks)
    assert len(drawn) == min(len(marks), BAR)
    assert (FAILED in drawn) == (FAILED in marks)
    assert set(drawn) <= {LOADED, MISSING, FAILED, PARTLY}
    assert (set(marks) == {LOADED}) == (set(drawn) == {LOADED})


def test_the_command_prints_a_table_or_json(
    loaded: tuple[Shop, Place], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ECOM_WAREHOUSE", loaded[1].where)

    def printed(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["ecom-assets", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        return capsys.readouterr().out

    table = printed("status", "sandbox")
    assert "…" not in table
    assert "never" in table
    assert PARTLY in table
    assert max(map(len, table.splitlines())) <= 80
    entries = json.loads(printed("status", "sandbox", "--json"))
    assert {entry["resource"]: entry["loaded"] for entry in entries} == {
        "customers": 0,
        "products": 0,
        "orders": 2,
        "order_items": 0,
        "stores": 1,
    }


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("orders", " orders: 2 windows are inconsistent: the figures in the ledger do not add up; "),
        ("stores", " stores: inconsistent: the figures in the ledger do not add up; "),
    ],
)
def test_inconsistent_is_not_called_failed(
    loaded: tuple[Shop, Place],
    copy_of: Callable[[Place], Place],
    table: str,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A failed run leaves nothing in the ledger, so wrong figures there are something else."""
    copy = copy_of(loaded[1])
    copy.write(f"update sandbox.load_ledger set kept = kept + 1 where resource = '{table}'")
    monkeypatch.setenv("ECOM_WAREHOUSE", copy.where)
    monkeypatch.setattr("sys.argv", ["ecom-assets", "status", "sandbox"])
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr().out
    assert f"{line}ecom-assets load sandbox {table} --missing loads again\n" in printed
    assert printed.count("inconsistent:") == 1
    assert "failed" not in printed


def test_without_a_warehouse_it_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["ecom-assets", "status", "sandbox"])
    with pytest.raises(SystemExit):
        main()
    assert "does not exist: materialise an asset first" in capsys.readouterr().err


def test_check_and_preview_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "20")

    def printed(*arguments: str) -> object:
        monkeypatch.setattr("sys.argv", ["ecom-assets", *arguments, "--json"])
        with pytest.raises(SystemExit):
            main()
        found: object = json.loads(capsys.readouterr().out)
        return found

    findings = printed("check", "sandbox")
    assert isinstance(findings, list)
    assert {entry["result"] for entry in findings} == {"ok", "skipped", "limit"}
    seen = printed("preview", "sandbox", "orders", "--limit", "2")
    assert isinstance(seen, dict)
    assert [len(seen["rows"]), seen["rejected"]] == [2, []]
    assert seen["rows"][0]["updated_at"].endswith("+00:00")


DECLARED = """
name: shop
client: {base_url: "https://shop.example", paginator: {type: offset, limit: 100TOTAL}}
partitions: {every: day, start: "2026-01-01"}
resources:
  - name: orders
    primary_key: id
    endpoint:
      path: orders
      incremental: {cursor_path: changedFILTER}
    columns:
      id: {data_type: bigint, nullable: false}
      changed: {data_type: timestamp, nullable: false}
  - name: lines
    primary_key: [order_id, id]
    rows_from: {resource: orders, path: lines}
    include_from_parent: [id]
    columns:
      order_id: {data_type: bigint, nullable: false, path: _orders_id}
      id: {data_type: bigint, nullable: false}
"""


@pytest.mark.parametrize(
    ("total", "by", "name", "kept", "text"),
    [
        (
            ", total_path: n",
            ", start_param: a, end_param: b",
            "orders",
            True,
            "proved complete against total_path n",
        ),
        (
            ", total_header: X-N",
            ", start_param: a",
            "orders",
            True,
            "proved complete against total_header X-N",
        ),
        (
            "",
            ", start_param: a, end_param: b",
            "orders",
            False,
            "completeness of each window is not provable",
        ),
        ("", ", server_filter: false", "orders", False, "every run reads everything"),
        ("", ", start_param: a", "orders", False, "reads up to the present: no end_param goes with a"),
        ("", ", start_param: a", "lines", False, "a change in lines is seen only when changed of its record"),
    ],
)
def test_what_is_promised_and_what_cannot_be(
    tmp_path: Path, total: str, by: str, name: str, kept: bool, text: str
) -> None:
    from ecom_assets.declaration.promises import promises

    file = tmp_path / "shop.yaml"
    file.write_text(DECLARED.replace("TOTAL", total).replace("FILTER", by), "utf-8")
    shop = load_shop(file)
    found = list(promises(shop, shop.resource(name)))
    assert any(text in entry.text and entry.provided is kept for entry in found), found
