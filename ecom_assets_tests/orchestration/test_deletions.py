"""Assets of delete detection: their definitions, and real runs that load, delete, mark and fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetKey, DefaultScheduleStatus, Definitions

from ecom_assets.definitions import defs
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.sandbox.faults import Fault
from ecom_assets.sandbox.server import SANDBOX_KEY, Running, SandboxSettings, serving
from ecom_assets_tests.support.dagster.dagster_runs import Outcome, Runs, declare, runs
from ecom_assets_tests.support.loads.sweeps import NOW, ORDERS, PLAIN, SWEPT
from ecom_assets_tests.support.warehouses.engines import Place

in_a_file = pytest.mark.parametrize("new_place", ["duckdb"], indirect=True)
SWEEP = AssetKey(["sandbox", "orders_deletions"])


@pytest.fixture
def api() -> Iterator[Running]:
    """Return a sandbox for this test alone, to inject faults."""
    with serving(SandboxSettings(orders_per_day=20, now=NOW)) as running:
        yield running


@pytest.fixture
def shop(api: Running, tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """Return runs of the bundled shop at that API, with delete detection of orders and customers."""
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SANDBOX_KEY)
    folder = declare(
        tmp_path / "shops",
        ('base_url: "sandbox://"', f'base_url: "{api.base_url}"'),
        (PLAIN, SWEPT),
        (
            "    endpoint: {path: /v1/customers}\n",
            "    endpoint: {path: /v1/customers}\n    deletes: sweep\n",
        ),
    )
    with runs(tmp_path, build_defs(folder), place) as running:
        yield running


def load(shop: Runs) -> Outcome:
    """Load all windows that have records."""
    outcome = shop.load(start="2026-01-01", end="2026-01-05")
    assert outcome.success
    return outcome


def sweep(shop: Runs, *names: str) -> Outcome:
    """Run the job that detects deletes, for all resources or those named."""
    selected = [AssetKey(["sandbox", f"{name}_deletions"]) for name in names] or None
    return shop.run(shop.defs.resolve_job_def("sandbox_deletions"), asset_selection=selected)


def marked(shop: Runs) -> list[int]:
    """Return the orders that are marked as deleted."""
    return [
        row[0] for row in shop.rows("select id from sandbox.orders where deleted_at is not null order by id")
    ]


@in_a_file
def test_the_asset_stands_beside_its_table(shop: Runs) -> None:
    """Unpartitioned, after the table's, in its shop's group; the schedule weekly, and off."""
    Definitions.validate_loadable(shop.defs)
    (spec,) = [spec for spec in shop.defs.resolve_all_asset_specs() if spec.key == SWEEP]
    table = shop.defs.resolve_assets_def(AssetKey(["sandbox", "orders"])).specs_by_key[
        AssetKey(["sandbox", "orders"])
    ]
    assert [dep.asset_key for dep in spec.deps] == [table.key]
    assert (spec.group_name, spec.owners, spec.kinds) == (table.group_name, table.owners, table.kinds)
    assert spec.partitions_def is None
    assert spec.description
    schedule = shop.defs.resolve_schedule_def("sandbox_deletions_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("20 2 * * 0", "UTC")
    assert schedule.job_name == "sandbox_deletions"
    assert schedule.default_status is DefaultScheduleStatus.STOPPED
    job = shop.defs.resolve_job_def("sandbox_deletions")
    assert job.asset_layer.executable_asset_keys == {SWEEP, AssetKey(["sandbox", "customers_deletions"])}
    assert job.executor_def.name == "in_process"
    assert job.tags["ecom_assets/shop"] == "sandbox"


def test_a_shop_without_deletes_has_none_of_it() -> None:
    assert "sandbox_deletions" not in {job.name for job in defs.get_repository_def().get_all_jobs()}


def test_load_delete_sweep_return(shop: Runs, api: Running) -> None:
    """A deleted order is marked, and unmarked after it came back. Each run reports the contents of the warehouse."""
    load(shop)
    ids = [row[0] for row in shop.rows("select id from sandbox.orders order by id")]
    for identity in ids[:3]:
        api.faults.delete(ORDERS, identity)
    outcome = sweep(shop)
    assert outcome.success
    assert marked(shop) == ids[:3]
    metadata = outcome.materialised["orders_deletions", None]
    ledger = shop.rows(
        "select source_total, fetched, requests, retries, restarts, seconds from sandbox.load_ledger "
        "where resource = 'orders_deletions'"
    )
    names = ("source_total", "at_source", "requests", "retries", "restarts", "seconds")
    assert [tuple(metadata[name] for name in names)] == ledger
    assert (metadata["live_before"], metadata["newly_deleted"], metadata["returned"]) == (len(ids), 3, 0)
    assert metadata["dagster/table_name"] == "sandbox.orders"
    assert [row[0].timestamp() for row in shop.rows("select max(deleted_at) from sandbox.orders")] == [
        metadata["deleted_at"]
    ]
    assert outcome.materialised["customers_deletions", None]["newly_deleted"] == 0

    api.faults.restore(ORDERS, ids[0])
    again = sweep(shop, "orders")
    assert again.materialised.keys() == {("orders_deletions", None)}
    assert again.materialised["orders_deletions", None]["returned"] == 1
    assert marked(shop) == ids[1:3]

    api.faults.restore(ORDERS, ids[1])
    load(shop)
    assert marked(shop) == ids[2:3]


def test_the_checks_of_the_table_stay_green(shop: Runs, api: Running) -> None:
    """Also after delete detection: `deleted_at` is a checked column, and nested rows keep their parent."""
    names = ("primary_key_unique", "schema_nullability", "complete", "no_rejected_rows", "references")
    assert shop.snapshots().success
    load(shop)
    api.faults.delete(ORDERS, shop.rows("select min(id) from sandbox.orders")[0][0])
    assert sweep(shop).success
    found = shop.check(*[(table, name) for table in ("orders", "order_items") for name in names])
    assert len(found) == 10
    assert {key: entry.description for key, entry in found.items() if not entry.passed} == {}
    assert found["orders", "complete"].metadata["loads"].value == 5
    shown = shop.rows(
        "select column_name from information_schema.columns where table_schema = 'sandbox' "
        "and table_name = 'orders' and not starts_with(column_name, '_dlt')"
    )
    assert ("deleted_at",) in shown
    assert found["orders", "schema_nullability"].metadata["columns"].value == len(shown)


def test_before_the_first_load(shop: Runs) -> None:
    """Each of the two reports one line that says what to do."""
    outcome = sweep(shop)
    assert not outcome.success
    assert outcome.materialised == {}
    missing = {"duckdb": f"{shop.file.name} does not exist: materialise an asset first"}
    assert (
        missing.get(shop.place.engine, "does not exist: load customers before it is swept") in outcome.failure
    )
    assert "\n" not in outcome.failure


def test_too_many_at_once_fail_alone(shop: Runs, api: Running) -> None:
    """No order is marked, deleted customers are, then the run fails."""
    load(shop)
    lost = [identity for (identity,) in shop.rows("select id from sandbox.orders order by id limit 40")]
    for identity in lost:
        api.faults.delete(ORDERS, identity)
    outcome = sweep(shop)
    assert not outcome.success
    assert outcome.materialised.keys() == {("customers_deletions", None)}
    assert outcome.failure == (
        "orders_deletions: orders: 40 of 100 live rows are gone from the API at once, a share of 0.4; "
        "max_deleted is 0.2; nothing was marked. Look some of the rows up in the API, such as "
        f"{'; '.join(map(str, lost[:3]))}. If they are there, the list is not complete: check the paginator and "
        "deletes.params. Only if they were deleted, raise max_deleted of orders in sandbox.yaml for one sweep"
    )
    assert marked(shop) == []


def test_a_long_pause_is_taken_by_dagster(api: Running, shop: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster retries after the pause that the API asked for."""
    load(shop)
    monkeypatch.setattr("ecom_assets.client.adapter.LONGEST_WAIT", 0.5)
    api.faults.put(Fault(path=ORDERS, status=429, headers={"Retry-After": "1"}, times=1))
    outcome = sweep(shop, "orders")
    assert outcome.success
    assert [event.event_type_value for event in outcome.result.all_events].count("STEP_UP_FOR_RETRY") == 1


@in_a_file
def test_marks_that_could_not_be_published_are_kept_and_told(
    shop: Runs, api: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(shop)
    gone = shop.rows("select min(id) from sandbox.orders")[0][0]
    api.faults.delete(ORDERS, gone)
    copy = tmp_path / "copy.duckdb"
    copy.mkdir()
    monkeypatch.setenv("ECOM_PUBLISH", str(copy / "below" / "copy.duckdb"))
    (copy / "below").write_text("no folder")
    outcome = sweep(shop, "orders")
    assert not outcome.success
    assert "but its copy" in outcome.failure
    assert outcome.materialised["orders_deletions", None]["newly_deleted"] == 1
    assert marked(shop) == [gone]
