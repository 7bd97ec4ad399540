"""Whole runs from a real server into each engine: complete, isolated, all or nothing, and repeatable."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.foundation.errors import (
    ApiError,
    ContractBroken,
    DeclarationError,
    IncompleteSlice,
    MissingSecret,
    RetryLater,
    WarehouseError,
)
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction
from ecom_assets_tests.support.loads.forked_loads import Forks
from ecom_assets_tests.support.loads.still_sandbox import NOW
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import Place, engines_where

UTC = timezone.utc
ORDERS_PER_DAY = 120
WINDOWED = ["customers", "orders", "order_items"]
SNAPSHOTS = ["products", "stores"]
ORDERS = "/v1/orders"


def windows_of(days: int) -> tuple[Window, ...]:
    """Return the last daily windows."""
    partitions = load_shop(BUNDLED_SHOPS / "sandbox.yaml").partitions
    assert partitions
    return windows_between(partitions, datetime(2026, 1, 1, tzinfo=UTC), NOW)[-days:]


WEEK = windows_of(7)


class Loads:
    """A shop at a running server, and a warehouse."""

    def __init__(self, sandbox: Running, place: Place) -> None:
        self.shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
        client = self.shop.client.model_copy(update={"base_url": sandbox.base_url})
        policy = self.shop.policy.model_copy(update={"backoff_factor": 0.0})
        self.shop = self.shop.model_copy(update={"client": client, "policy": policy})
        self.place = place

    def run(self, names: list[str], windows: tuple[Window, ...] = (), shop: Shop | None = None) -> RunReport:
        """Load."""
        return run_load(
            shop or self.shop,
            names,
            windows,
            secrets={"api_key": SANDBOX_KEY},
            warehouse=self.place.warehouse(),
        )

    def with_resource(self, name: str, **update: Any) -> Shop:
        """Return the shop with another version of a resource."""
        resources = tuple(
            entry.model_copy(update=update) if entry.name == name else entry for entry in self.shop.resources
        )
        return self.shop.model_copy(update={"resources": resources})

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        return self.place.rows(sql)

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows of all resources' tables that exist, sorted."""
        if not self.place.warehouse().exists():
            return {}
        return self.place.whole_tables(*self.place.present([*WINDOWED, *SNAPSHOTS]))


in_a_file = pytest.mark.parametrize("new_place", ["duckdb"], indirect=True)
"""For tests that need one engine only, or that other tests do in another way for PostgreSQL."""


@pytest.fixture
def loads(sandbox: Running, new_place: Callable[[], Place]) -> Loads:
    """Return a shop with an empty warehouse."""
    return Loads(sandbox, new_place())


@pytest.fixture
def others(sandbox: Running, new_place: Callable[[], Place]) -> Loads:
    """Return the shop with a second warehouse."""
    return Loads(sandbox, new_place())


def records_of(sandbox: Running, path: str, **query: str) -> list[dict[str, Any]]:
    """Ask the server itself, page by page."""
    import requests

    found: list[dict[str, Any]] = []
    while True:
        params = {"api_key": SANDBOX_KEY, "limit": "250", "offset": str(len(found)), **query}
        body = json.loads(requests.get(sandbox.base_url + path, params=params, timeout=30).content)
        found += body["data"]
        if len(found) >= body["total"] or not body["data"]:
            return found


def test_a_range_brings_what_the_api_has(loads: Loads, sandbox: Running) -> None:
    report = loads.run(WINDOWED, WEEK)
    assert report.errors == {}
    records = records_of(
        sandbox,
        ORDERS,
        updated_at_min=WEEK[0].start.isoformat(),
        updated_at_max=WEEK[-1].end.isoformat(),
    )
    assert len(records) > 500
    assert loads.rows("select id, status, total::varchar from sandbox.orders order by id") == [
        (record["id"], record["status"], record["total"])
        for record in sorted(records, key=lambda record: record["id"])
    ]
    lines = [(record["id"], line["id"]) for record in records for line in record["line_items"]]
    assert loads.rows("select order_id, id from sandbox.order_items order by 1, 2") == sorted(lines)
    assert loads.rows("select count(*) from sandbox.rejected_rows") == [(0,)]


@in_a_file
def test_the_ledger_and_the_report_say_what_is_in_the_warehouse(loads: Loads) -> None:
    report = loads.run(WINDOWED, WEEK)
    counted = loads.rows(
        "select cast(cast(updated_at as date) as varchar), count(*) from sandbox.orders group by 1 order by 1"
    )
    ledger = loads.rows(
        "select partition_key, kept, fetched, source_total, rejected, window_start, window_end, load_id "
        "from sandbox.load_ledger where resource = 'orders' order by 1"
    )
    assert [(row[0], row[1]) for row in ledger] == counted
    orders = report.resources["orders"]
    assert [
        (
            window.partition_key,
            window.kept,
            window.fetched,
            window.source_total,
            window.rejected,
            window.window_start,
            window.window_end,
            orders.load_id,
        )
        for window in sorted(orders.windows, key=lambda window: window.partition_key or "")
    ] == ledger
    assert all(row[1] == row[2] == row[3] for row in ledger)
    assert orders.table == "sandbox.orders"
    assert len(orders.preview) == 5
    items = loads.rows(
        "select sum(kept), count(source_total) from sandbox.load_ledger where resource = 'order_items'"
    )
    assert items == loads.rows("select count(*), 0 from sandbox.order_items")
    assert set(report.phases) == {"fetch", "stage", "wait", "load"}


def test_the_same_window_twice_gives_the_same_tables(loads: Loads) -> None:
    loads.run(WINDOWED, WEEK[:2])
    before = loads.tables()
    loads.run(WINDOWED, WEEK[:2])
    assert loads.tables() == before
    assert loads.rows("select count(*) from sandbox.load_ledger") == [(12,)]


@pytest.mark.parametrize("new_place", engines_where(), indirect=True)
def test_nothing_that_was_staged_stays(loads: Loads) -> None:
    loads.run(WINDOWED, WEEK[:1])
    ours = ("load_ledger", "rejected_rows", "_dlt_loads", "_dlt_version", "_dlt_ecom_version")
    expected = [("sandbox", name) for name in (*WINDOWED, *ours)]
    for schema, names in loads.place.traits.lock_tables.items():
        expected += [(schema, name) for name in names]
    if loads.place.traits.lists_tables_by_dataset:
        with loads.place.warehouse().read("sandbox") as transaction:
            tables = [("sandbox", name) for name in transaction.base_tables_of("sandbox")]
    else:
        tables = loads.rows(
            "select lower(table_schema), lower(table_name) from information_schema.tables "
            "where lower(table_name) like 'ecom%' or lower(table_schema) like 'sandbox%'"
        )
    assert sorted(tables) == sorted(expected)


def test_a_range_equals_its_days_one_by_one(loads: Loads, others: Loads) -> None:
    loads.run(WINDOWED, WEEK[-3:])
    for window in WEEK[:-4:-1]:
        others.run(WINDOWED, (window,))
    assert loads.tables() == others.tables()


def test_subsets_equal_the_whole(loads: Loads, others: Loads) -> None:
    loads.run(WINDOWED, WEEK[:3])
    others.run(["order_items"], WEEK[:3])
    others.run(["customers", "orders"], WEEK[:3])
    assert loads.tables() == others.tables()


@in_a_file
def test_any_subset_of_the_tables_of_an_endpoint_costs_one_reading(loads: Loads, sandbox: Running) -> None:
    loads.run(["orders", "order_items"], WEEK[:1])
    both = len(sandbox.log.requests)
    sandbox.log.clear()
    loads.run(["order_items"], WEEK[:1])
    assert len(sandbox.log.requests) == both


def test_snapshots_are_replaced(loads: Loads, sandbox: Running) -> None:
    assert loads.run(SNAPSHOTS).errors == {}
    sandbox.faults.delete("/v1/stores", 1)
    report = loads.run(SNAPSHOTS)
    stores = [record["id"] for record in records_of(sandbox, "/v1/stores")]
    assert loads.rows("select id from sandbox.stores order by id") == [(number,) for number in sorted(stores)]
    assert report.resources["stores"].windows[0].partition_key is None
    assert report.resources["stores"].windows[0].kept == len(stores)


def test_an_empty_window_makes_the_tables_and_reports_zero(loads: Loads, sandbox: Running) -> None:
    partitions = loads.shop.partitions
    assert partitions
    long_ago = windows_between(partitions, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    sandbox.faults.answer('{"data": [], "total": 0}', times=None)
    report = loads.run(WINDOWED, long_ago)
    assert [(window.kept, window.source_total) for window in report.resources["orders"].windows] == [(0, 0)]
    assert loads.rows("select count(*) from sandbox.orders") == [(0,)]
    assert loads.rows("select count(*) from sandbox.order_items") == [(0,)]
    described = loads.place.columns("orders")
    assert set(described) == {column.name for column in loads.shop.resource("orders").columns}
    assert described["total"] == loads.place.type_of(data_type="decimal", precision=18, scale=4)


def test_children_that_are_gone_go(loads: Loads, sandbox: Running) -> None:
    loads.run(WINDOWED, WEEK)
    orders = loads.rows(
        "select order_id, count(*) from sandbox.order_items group by 1 order by 2 desc, 1 limit 2"
    )
    kept_lines = records_of(sandbox, ORDERS)
    first, second = (number for number, _ in orders)
    lines = next(record["line_items"] for record in kept_lines if record["id"] == first)
    sandbox.faults.change(ORDERS, first, line_items=lines[:1])
    sandbox.faults.change(ORDERS, second, line_items=[])
    others = (
        f"select * from sandbox.order_items where order_id not in ({first}, {second}) order by order_id, id"
    )
    before = loads.rows(others)
    loads.run(["orders", "order_items"], WEEK)
    assert loads.rows(f"select id from sandbox.order_items where order_id in ({first}, {second})") == [
        (lines[0]["id"],)
    ]
    assert loads.rows(others) == before


def test_rejected_rows_are_kept_with_their_reasons_and_once(loads: Loads, sandbox: Running) -> None:
    number = records_of(
        sandbox, ORDERS, updated_at_min=WEEK[0].start.isoformat(), updated_at_max=WEEK[0].end.isoformat()
    )[0]["id"]
    sandbox.faults.change(ORDERS, number, total="a lot", status=None)
    for _ in range(2):
        report = loads.run(["orders"], WEEK[:1])
        (window,) = report.resources["orders"].windows
        assert (window.rejected, window.kept + 1) == (1, window.fetched)
        ((resource, key, primary_key, reasons, record, load_id),) = loads.rows(
            "select resource, partition_key, primary_key, reasons, record, load_id from sandbox.rejected_rows"
        )
        assert (resource, key, primary_key) == ("orders", WEEK[0].partition_key, str(number))
        assert reasons == "status: null, but not nullable; total: 'a lot' is not a decimal(18,4)"
        assert json.loads(record)["id"] == number
        assert load_id == report.resources["orders"].load_id
    sandbox.faults.clear()
    loads.run(["orders"], WEEK[:1])
    assert loads.rows("select count(*) from sandbox.rejected_rows") == [(0,)]
    assert loads.rows(f"select count(*) from sandbox.orders where id = {number}") == [(1,)]


@in_a_file
def test_too_many_rejected_rows_fail_the_resource_alone(loads: Loads, sandbox: Running) -> None:
    for record in records_of(sandbox, ORDERS)[:40]:
        sandbox.faults.change(ORDERS, record["id"], status=None)
    shop = loads.with_resource("orders", max_rejected=0.001)
    report = loads.run(WINDOWED, windows_of(19), shop)
    assert list(report.errors) == ["orders"]
    assert isinstance(report.errors["orders"], ContractBroken)
    assert "records were rejected, max_rejected is 0.001" in str(report.errors["orders"])
    assert set(loads.tables()) == {"customers", "order_items"}


def test_a_new_field_becomes_a_column_that_keeps_its_type(loads: Loads, sandbox: Running) -> None:
    numbers = [record["id"] for record in records_of(sandbox, "/v1/stores")]
    sandbox.faults.change("/v1/stores", numbers[0], rank=2, opening={"days": ["mo"]})
    loads.run(["stores"])
    sandbox.faults.change("/v1/stores", numbers[0], rank=2.75)
    report = loads.run(["stores"])
    described = loads.place.columns("stores")
    assert described["rank"] == loads.place.type_of(data_type="bigint")
    assert described["opening__days"] == loads.place.type_of(data_type="json")
    assert report.resources["stores"].windows[0].rejected == 1
    assert loads.rows("select reasons from sandbox.rejected_rows") == [
        ("rank: 2.75 is not a whole number of 64 bits",)
    ]


@in_a_file
def test_a_frozen_contract_fails_its_resource_alone(loads: Loads, sandbox: Running) -> None:
    sandbox.faults.change("/v1/stores", 1, rank=2)
    contract = loads.shop.resource("stores").schema_contract.model_copy(update={"columns": "freeze"})
    report = loads.run(SNAPSHOTS, (), loads.with_resource("stores", schema_contract=contract))
    assert "stores: found the undeclared fields rank" in str(report.errors["stores"])
    assert set(loads.tables()) == {"products"}


@in_a_file
def test_a_failing_endpoint_leaves_its_siblings_alone(loads: Loads, sandbox: Running) -> None:
    sandbox.faults.fail(404, path="/v1/customers", times=None)
    report = loads.run(WINDOWED, WEEK[:2])
    assert list(report.errors) == ["customers"]
    assert isinstance(report.errors["customers"], ApiError)
    assert "GET /v1/customers: status 404" in str(report.errors["customers"])
    assert set(loads.tables()) == {"orders", "order_items"}
    assert loads.rows("select distinct resource from sandbox.load_ledger order by 1") == [
        ("order_items",),
        ("orders",),
    ]


def test_when_all_fails_nothing_is_written(loads: Loads, sandbox: Running) -> None:
    sandbox.faults.fail(500, times=None)
    report = loads.run(WINDOWED, WEEK[:1])
    assert set(report.errors) == set(WINDOWED)
    assert loads.tables() == {}
    assert loads.place.engine != "duckdb" or not Path(loads.place.where).exists()


@in_a_file
def test_a_long_pause_fails_its_resource_alone_and_says_how_long(loads: Loads, sandbox: Running) -> None:
    sandbox.faults.fail(429, path=ORDERS, retry_after=120, times=None)
    report = loads.run(WINDOWED, WEEK[:1])
    assert set(report.errors) == {"orders", "order_items"}
    error = report.errors["orders"]
    assert isinstance(error, RetryLater)
    assert error.seconds == 120
    assert "a pause of 120 s" in str(error)
    assert set(loads.tables()) == {"customers"}


@in_a_file
def test_passing_failures_are_counted(loads: Loads, sandbox: Running) -> None:
    sandbox.faults.fail(503, path=ORDERS, times=2)
    (window,) = loads.run(["orders"], WEEK[:1]).resources["orders"].windows
    assert window.retries == 2
    assert window.requests == len(sandbox.log.requests)


@in_a_file
def test_an_incomplete_window_loads_nothing_of_it(loads: Loads, sandbox: Running) -> None:
    sandbox.faults.total(ORDERS, 100_000)
    report = loads.run(["orders", "customers"], WEEK[:2])
    assert isinstance(report.errors["orders"], IncompleteSlice)
    assert set(loads.tables()) == {"customers"}


@in_a_file
def test_an_api_that_ignores_the_window_is_noticed(loads: Loads, sandbox: Running) -> None:
    sandbox.faults.ignore("updated_at_min", path=ORDERS)
    report = loads.run(["orders"], WEEK[2:3])
    assert "lie outside of the window" in str(report.errors["orders"])
    assert "updated_at_min" in str(report.errors["orders"])


@in_a_file
def test_an_api_without_a_filter_is_read_once_and_sorted_here(
    loads: Loads, others: Loads, sandbox: Running
) -> None:
    endpoint = loads.shop.resource("orders").endpoint
    assert endpoint
    assert endpoint.incremental
    unfiltered = endpoint.model_copy(
        update={"incremental": endpoint.incremental.model_copy(update={"server_filter": False})}
    )
    report = loads.run(["orders"], WEEK, loads.with_resource("orders", endpoint=unfiltered))
    assert report.errors == {}
    assert not any("updated_at_min" in request.query for request in sandbox.log.requests)
    # all windows share one reading, and their requests are not counted once for each
    counted = [window.requests for window in report.resources["orders"].windows]
    assert len(counted) == len(WEEK)
    assert sum(counted) == len(sandbox.log.requests)
    others.run(["orders"], WEEK)
    assert loads.tables() == others.tables()
    kept = "select partition_key, kept from sandbox.load_ledger order by 1"
    assert loads.rows(kept) == others.rows(kept)


@in_a_file
def test_slices_are_read_side_by_side(loads: Loads, sandbox: Running) -> None:
    sandbox.faults.slow(0.15, times=None)
    loads.run(["orders"], WEEK)
    assert sandbox.log.max_in_flight > 3


@in_a_file
def test_kinds_are_not_mixed(loads: Loads) -> None:
    with pytest.raises(DeclarationError, match="stores, which is a snapshot"):
        loads.run(["orders", "stores"], WEEK)
    with pytest.raises(DeclarationError, match="orders, which is windowed"):
        loads.run(["orders"])
    with pytest.raises(DeclarationError, match="found 'nothing'"):
        loads.run(["nothing"])


@in_a_file
def test_windows_are_named_by_their_partition_keys(records: Records) -> None:
    """As in Dagster and on the command line."""
    shop = records.windowed()

    def load(names: Any, windows: Any) -> RunReport:
        return run_load(
            shop, names, windows, secrets={"api_key": "a-key"}, warehouse=records.place.warehouse()
        )

    records.orders = [{"id": day, "updated_at": f"2026-01-0{day}T10:00:00Z"} for day in (1, 2, 3)]
    assert load(["orders"], ["2026-01-01", "2026-01-03"]).errors == {}
    assert records.rows("select id from orders order by 1") == [(1,), (3,)]
    assert load("orders", "2026-01-02").errors == {}
    assert records.rows("select count(*) from orders") == [(3,)]
    for key in ("2025-12-31", "2999-01-01", "2026-1-2", "x"):
        with pytest.raises(
            DeclarationError, match=rf"windows: found '{key}'; allowed: the start of a closed day from"
        ):
            load(["orders"], [key])
    with pytest.raises(DeclarationError, match="allowed: none, because the shop declares no partitions"):
        run_load(records.shop(), ["orders"], ["2026-01-01"], secrets={"api_key": "a-key"})


@in_a_file
def test_no_connection_of_a_load_asks_the_same_twice(loads: Loads, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a service, each question is a round trip; most of them are asked while others wait for the lock."""
    loads.run(WINDOWED, WEEK[:1])
    execute = DuckDbTransaction.execute
    asked: dict[DuckDbTransaction, list[tuple[str, ...]]] = {}

    def noting(self: DuckDbTransaction, sql: str, parameters: Sequence[Any] = ()) -> Any:
        if sql.lower().startswith("select"):
            asked.setdefault(self, []).append((sql, *map(str, parameters)))
        return execute(self, sql, parameters)

    monkeypatch.setattr(DuckDbTransaction, "execute", noting)
    loads.run(WINDOWED, WEEK[:2])
    assert len(asked) == 2  # one reads the state, the other one writes
    for questions in asked.values():
        assert len(set(questions)) == len(questions)
        # the schema tells which tables are ours, and the ledger is long
        assert ('select distinct resource from "sandbox"."load_ledger"',) not in questions


@in_a_file
def test_a_missing_secret_is_one_line(loads: Loads) -> None:
    with pytest.raises(MissingSecret, match="api_key"):
        run_load(loads.shop, ["stores"], warehouse=loads.place.warehouse())


@in_a_file
def test_a_killed_run_leaves_the_tables_as_they_were(loads: Loads, sandbox: Running, forked: Forks) -> None:
    loads.run(WINDOWED, WEEK[:1])
    before, ledger = loads.tables(), loads.place.table("load_ledger")
    for statements in (15, 26):
        pid = forked.load(sandbox.base_url, loads.place.where, WEEK, killed_after=statements)
        assert forked.end(pid) == (-signal.SIGKILL, "")
        assert loads.tables() == before
        assert loads.place.table("load_ledger") == ledger
    loads.run(WINDOWED, WEEK)
    assert len(loads.tables()["orders"]) > len(before["orders"])


@pytest.mark.parametrize("new_place", engines_where(), indirect=True)
def test_a_load_that_fails_half_way_leaves_the_tables_as_they_were(loads: Loads) -> None:
    if loads.place.traits.end_connection:
        pytest.skip("the trial of a warehouse ends loads there; this ledger cannot even be read")
    loads.run(WINDOWED, WEEK[:1])
    loads.place.write(
        "alter table sandbox.load_ledger rename to former",
        "create view sandbox.load_ledger as select 1 as load_id",
    )
    before = loads.tables()
    with pytest.raises(WarehouseError, match="was left as it was: ") as failed:
        loads.run(WINDOWED, WEEK)
    assert "s3cr3t-w0rd" not in str(failed.value)
    assert loads.tables() == before


@in_a_file
def test_a_load_waits_for_whoever_holds_the_file_and_says_so(loads: Loads) -> None:
    said: list[str] = []
    warehouse = loads.place.warehouse()
    held = threading.Event()

    def hold() -> None:
        with loads.place.warehouse().transaction("sandbox"):
            held.set()
            time.sleep(0.5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with warehouse.transaction("sandbox", said.append):
        pass
    holder.join()
    (line,) = said
    assert line.startswith(f"waiting for the warehouse {loads.place.where}: held by PID {os.getpid()} on ")


@in_a_file
def test_no_log_line_or_report_holds_the_secret(
    loads: Loads, sandbox: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    sandbox.faults.fail(400, path=ORDERS, times=None)
    report = loads.run(WINDOWED, WEEK[:1])
    assert sandbox.log.requests[0].query["api_key"] == SANDBOX_KEY
    assert SANDBOX_KEY not in caplog.text
    assert SANDBOX_KEY not in str(report)
