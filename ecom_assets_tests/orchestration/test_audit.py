"""The audit of a shop in Dagster: its job, its schedule, what the UI shows, and the sensor that repairs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetSpec, DefaultScheduleStatus, RunConfig
from dagster_dlt.translator import DltResourceTranslatorData

from ecom_assets import ShopTranslator
from ecom_assets.declaration.reading import load_shop
from ecom_assets.definitions import defs
from ecom_assets.load.ledger.audits import DRIFT, AuditEntry, record_audits
from ecom_assets.load.ledger.coverage import loaded_time
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.sandbox.server import SANDBOX_KEY, SandboxSettings, serving
from ecom_assets_tests.support.dagster.dagster_runs import Runs, declare, runs
from ecom_assets_tests.support.loads.sweeps import NOW
from ecom_assets_tests.support.warehouses.engines import Place

PARTITIONS = "partitions: "
AUDIT = "audit: {every: month, windows: 2, repair: true}\n"


@pytest.fixture
def shop(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """Return runs of the bundled shop, which declares an audit, with two days loaded."""
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SANDBOX_KEY)
    with serving(SandboxSettings(orders_per_day=20, now=NOW)) as api:
        folder = declare(
            tmp_path / "shops",
            ('base_url: "sandbox://"', f'base_url: "{api.base_url}"'),
            (PARTITIONS, f"{AUDIT}{PARTITIONS}"),
        )
        with runs(tmp_path, build_defs(folder), place) as running:
            assert running.load(start="2026-01-02", end="2026-01-03").success
            yield running


def test_the_job_says_what_drifted_and_repairs_it_as_declared(shop: Runs, place: Place) -> None:
    place.write(
        "update sandbox.orders set status = 'tampered' where id = (select min(id) from sandbox.orders)",
        "delete from sandbox.order_items where order_id = (select max(order_id) from sandbox.order_items)",
    )
    job = shop.defs.resolve_job_def("sandbox_audit")
    config = RunConfig(ops={"audit_sandbox": {"config": {"repair": False}}})
    failed = shop.run(job, run_config=config).result
    assert not failed.success
    (failure,) = [event for event in failed.all_events if event.is_step_failure]
    assert "1 stale" in str(failure.step_failure_data.user_failure_data)
    orders, items = (observed(shop, name) for name in ("orders", "order_items"))
    assert (orders["windows_audited"], orders["windows_loaded"]) == (2, 2)
    assert (orders["windows_with_drift"], orders["stale"], orders["missing"]) == (1, 1, 0)
    assert "they differ in status" in orders["windows"]
    assert items["missing"] > 0
    assert shop.run(job).success
    assert place.rows("select count(*) from sandbox.orders where status = 'tampered'") == [(0,)]


def test_it_observes_the_assets_of_a_translator(shop: Runs, tmp_path: Path) -> None:
    class Lake(ShopTranslator):
        def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
            spec = super().get_asset_spec(data)
            return spec.replace_attributes(key=AssetKey(["lake", data.resource.name]))

    made = build_defs(tmp_path / "shops", translator=Lake)
    assert shop.run(made.resolve_job_def("sandbox_audit")).success
    (record,) = shop.instance.fetch_observations(AssetKey(["lake", "orders"]), limit=1).records
    assert record.asset_observation
    assert not shop.instance.fetch_observations(AssetKey(["sandbox", "orders"]), limit=1).records


def observed(shop: Runs, name: str) -> dict[str, Any]:
    """Return the metadata of the newest observation of a table."""
    (record,) = shop.instance.fetch_observations(AssetKey(["sandbox", name]), limit=1).records
    assert record.asset_observation
    return {key: entry.value for key, entry in record.asset_observation.metadata.items()}


def test_there_is_a_job_and_a_schedule_that_is_on_if_they_are_declared(shop: Runs) -> None:
    schedule = shop.defs.resolve_schedule_def("sandbox_audit_schedule")
    assert schedule.cron_schedule == "20 1 1 * *"
    assert schedule.default_status == DefaultScheduleStatus.RUNNING
    assert not [entry for entry in defs.schedules or () if "audit" in entry.name]
    assert not [entry for entry in defs.jobs or () if "audit" in entry.name]


def test_the_sensor_takes_a_window_with_drift_for_one_that_is_not_loaded(
    shop: Runs, place: Place, tmp_path: Path
) -> None:
    declared = load_shop(tmp_path / "shops" / "sandbox.yaml")
    before = loaded_time(declared, place.warehouse())
    assert before
    (load_id, start, end), *_ = place.rows(
        "select load_id, window_start, window_end from sandbox.load_ledger "
        "where resource = 'orders' and partition_key = '2026-01-03'"
    )
    entry = AuditEntry(NOW, "orders", "2026-01-03", start, end, load_id, DRIFT, 1, 1)
    with place.warehouse().transaction("sandbox") as transaction:
        record_audits(transaction, declared, [entry])
    found = loaded_time(declared, place.warehouse())
    assert found
    assert before["orders"].covers(start - timedelta(days=1), end)
    assert not found["orders"].overlaps(start, end)
    assert found["order_items"].covers(start, end)
    silent = declared.model_copy(update={"audit": None})
    assert (loaded_time(silent, place.warehouse()) or {})["orders"].covers(start, end)
    assert shop.load(start="2026-01-03", end="2026-01-03").success
    assert (loaded_time(declared, place.warehouse()) or {})["orders"].covers(start, end)
