"""The asset of a shop's status: what it shows after loads that went well, badly and not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dagster import AssetCheckKey, AssetKey, AssetSpec, DagsterInstance, Definitions
from dagster_dlt.translator import DltResourceTranslatorData

from ecom_assets import ShopTranslator
from ecom_assets.declaration.reading import load_shop
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.orchestration.next_runs import next_audit, next_runs, next_window
from ecom_assets.orchestration.status import status_spec
from ecom_assets.sandbox.faults import Fault
from ecom_assets.sandbox.server import SANDBOX_KEY, Running, SandboxSettings, serving
from ecom_assets_tests.support.dagster.dagster_runs import Runs, declare, runs
from ecom_assets_tests.support.warehouses.engines import Place

KEY = AssetKey(["sandbox", "status"])
NOW = datetime.now(timezone.utc)
DAYS = [f"{NOW - timedelta(days=days):%Y-%m-%d}" for days in (4, 3, 2, 1)]


@pytest.fixture
def api() -> Iterator[Running]:
    """Return a sandbox for this test alone."""
    with serving(SandboxSettings(orders_per_day=5)) as running:
        yield running


@pytest.fixture
def shop(api: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """Return runs of the bundled shop at that API, with four closed windows."""
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SANDBOX_KEY)
    folder = declare(
        tmp_path / "shops",
        ('base_url: "sandbox://"', f'base_url: "{api.base_url}"'),
        ('start: "2026-01-01"', f'start: "{DAYS[0]}"'),
    )
    with runs(tmp_path, build_defs(folder)) as running:
        yield running


def shown(instance: DagsterInstance) -> dict[str, Any]:
    """Return the metadata of the newest status."""
    event = instance.get_latest_materialization_event(KEY)
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def verdicts(instance: DagsterInstance) -> dict[str, str]:
    """Return the descriptions of the checks that failed, by name."""
    checks = {}
    for record in instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [AssetCheckKey(KEY, name) for name in ("healthy", "up_to_date")]
    ).values():
        assert record.event is not None
        found = record.event.get_dagster_event().asset_check_evaluation_data
        if not found.passed:
            checks[found.check_name] = str(found.description)
    return checks


def test_each_load_reports_the_status(shop: Runs, api: Running) -> None:
    """What is loaded and missing; a failed load and what is behind are told by the checks."""
    api.faults.put(Fault(path="/v1/customers", status=404, times=None))
    assert not shop.load("customers", "orders", start=DAYS[1]).success
    found = shown(shop.instance)
    assert list(found)[:7] == [
        "windows_loaded",
        "windows_missing",
        "windows_partly_loaded",
        "windows_inconsistent",
        "failed_loads",
        "rows",
        "rejected",
    ]
    assert (found["windows_loaded"], found["windows_missing"], found["failed_loads"]) == (1, 11, 1)
    assert "| orders |" in found["tables"]
    # the page is narrow: what is nowhere wrong has no column
    header = found["tables"].splitlines()[0]
    assert header == "| table | rows | windows | failed loads | last load (UTC) |"
    assert " | 1 of 4 |  | " in found["tables"]
    assert "orders       ·█··" in found["windows_over_time"]
    failed = verdicts(shop.instance)
    assert failed["healthy"] == "customers: the last load of 1 windows failed"
    assert "customers: loaded up to nothing" in failed["up_to_date"]

    api.faults.clear()
    assert shop.load(start=DAYS[0], end=DAYS[-1]).success
    assert shop.snapshots().success
    assert shown(shop.instance)["windows_loaded"] == 12
    assert shown(shop.instance)["failed_loads"] == 0
    assert verdicts(shop.instance) == {}


def test_an_old_window_makes_nothing_fresh(shop: Runs) -> None:
    """Fresh is what is loaded up to now, not what somebody clicked on."""
    assert shop.load("orders", start=DAYS[0]).success
    assert f"orders: loaded up to {DAYS[1]} 00:00" in verdicts(shop.instance)["up_to_date"]


def test_a_person_materialises_it_without_a_request(shop: Runs, api: Running) -> None:
    """It reads the warehouse, also before the first load."""
    job = shop.defs.resolve_implicit_global_asset_job_def()
    before = len(api.log.requests)
    outcome = shop.run(job.get_subset(asset_selection={KEY}))
    assert outcome.success
    assert len(api.log.requests) == before
    assert outcome.materialised["status", None]["windows_missing"] == 12
    assert not outcome.checks["status", "up_to_date"].passed
    assert outcome.checks["status", "healthy"].passed


def test_a_table_called_status_keeps_its_name(tmp_path: Path) -> None:
    folder = declare(tmp_path / "shops", ("name: stores", "name: status"))
    shop = load_shop(folder / "sandbox.yaml")
    assert status_spec(shop).key == AssetKey(["sandbox", "shop_status"])
    Definitions.validate_loadable(build_defs(folder))


@pytest.mark.parametrize(
    ("every", "now", "expected"),
    [
        ("day", "2026-03-01T00:09", "2026-03-01T00:10"),
        ("day", "2026-02-28T00:10", "2026-03-01T00:10"),
        ("hour", "2026-02-28T23:11", "2026-03-01T00:10"),
        ("month", "2026-12-05T00:00", "2027-01-01T00:10"),
    ],
)
def test_the_next_window(every: str, now: str, expected: str) -> None:
    found = next_window(every, datetime.fromisoformat(f"{now}+00:00"))
    assert found == datetime.fromisoformat(f"{expected}+00:00")


def test_the_next_runs_name_what_is_off(tmp_path: Path) -> None:
    shop = load_shop(declare(tmp_path) / "sandbox.yaml")
    with DagsterInstance.ephemeral() as instance:
        assert next_runs(shop, instance, NOW) == [
            "windows: sandbox_windows_schedule is off",
            "snapshots: sandbox_snapshots_schedule is off",
        ]


@pytest.mark.parametrize(
    ("every", "expected"),
    [("day", "2026-11-27T01:20"), ("week", "2026-11-29T01:20"), ("month", "2026-12-01T01:20")],
)
def test_the_next_audit(every: str, expected: str) -> None:
    found = next_audit(every, datetime.fromisoformat("2026-11-26T01:20+00:00"))
    assert found == datetime.fromisoformat(f"{expected}+00:00")


def test_a_declared_audit_is_on_from_the_start(tmp_path: Path) -> None:
    folder = declare(tmp_path, ("partitions: ", "audit: {every: day}\npartitions: "))
    with DagsterInstance.ephemeral() as instance:
        *_, line = next_runs(load_shop(folder / "sandbox.yaml"), instance, NOW)
    assert line == f"audit: {next_audit('day', NOW):%Y-%m-%d %H:%M} UTC"


class Lake(ShopTranslator):
    """Moves all tables below `lake`."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> AssetSpec:
        spec = super().get_asset_spec(data)
        return spec.replace_attributes(key=AssetKey(["lake", data.resource.name]), owners=["team:lake"])


def test_a_load_reports_the_status_beside_the_tables_of_a_translator(
    api: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SANDBOX_KEY)
    api.faults.put(Fault(path="/v1/products", status=404, times=None))
    folder = declare(tmp_path / "shops", ('base_url: "sandbox://"', f'base_url: "{api.base_url}"'))
    with runs(tmp_path, build_defs(folder, translator=Lake)) as running:
        assert not running.run(running.defs.resolve_job_def("sandbox_snapshots")).success
        key = AssetKey(["lake", "sandbox_status"])
        event = running.instance.get_latest_materialization_event(key)
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["failed_loads"].value == 1
        job = running.defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={key})
        later = running.run(job)
    assert later.success
    assert later.materialised["sandbox_status", None]["failed_loads"] == 1


def test_the_sql_of_every_check_runs_as_it_is_copied(shop: Runs) -> None:
    """Each statement, in the warehouse that the checks read."""
    outcome = shop.load(start=DAYS[0], end=DAYS[1])
    assert outcome.success
    with duckdb.connect(shop.place.where, read_only=True) as connection:
        for (resource, name), found in outcome.checks.items():
            if (resource, name) == ("order_items", "references"):
                continue  # products are not loaded
            sql = str(found.metadata["sql"].value).removeprefix("```sql\n").removesuffix("\n```")
            rows = connection.sql(sql)
            assert rows is not None, (resource, name)
            rows.fetchall()


@pytest.mark.slow
def test_the_sql_of_every_check_runs_as_it_is_copied_on_postgres(
    api: Running, new_database: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a session of its own, which knows nothing of our schemas: windows, snapshots and the whole table."""
    import psycopg2

    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SANDBOX_KEY)
    address = ('base_url: "sandbox://"', f'base_url: "{api.base_url}"')
    folder = declare(tmp_path / "shops", address, ('start: "2026-01-01"', f'start: "{DAYS[0]}"'))
    with runs(tmp_path, build_defs(folder), Place("postgres", new_database())) as running:
        outcomes = [
            running.snapshots(),
            running.load(start=DAYS[0], end=DAYS[1]),
            running.load(start=DAYS[2]),
        ]
        assert all(outcome.success for outcome in outcomes)
        found = {key: check for outcome in outcomes for key, check in outcome.checks.items()}
        found |= running.check(("orders", "complete"), ("orders", "no_rejected_rows"))
        assert len(found) > 20
        connection = psycopg2.connect(running.place.where)
        try:
            for key, check in found.items():
                sql = str(check.metadata["sql"].value).removeprefix("```sql\n").removesuffix("\n```")
                with connection.cursor() as cursor:
                    cursor.execute(sql)
                    assert cursor.description, key
        finally:
            connection.close()


def test_an_asset_links_to_its_declaration_and_to_the_api(tmp_path: Path) -> None:
    folder = declare(
        tmp_path / "shops",
        ("name: sandbox\n", "name: sandbox\ndocs_url: https://developer.example.com/reference\n"),
        ('base_url: "sandbox://"', 'base_url: "https://api.example.com"'),
    )
    specs = {spec.key.path[-1]: spec for spec in build_defs(folder).resolve_all_asset_specs()}
    metadata: dict[str, Any] = dict(specs["order_items"].metadata)
    (reference,) = metadata["dagster/code_references"].code_references
    text = (folder / "sandbox.yaml").read_text("utf-8").splitlines()
    assert "name: order_items" in text[reference.line_number - 1]
    assert metadata["api"].value == "https://api.example.com/v1/orders"
    assert metadata["docs"].value == "https://developer.example.com/reference"
    assert specs["status"].metadata["declaration"].value == str(folder / "sandbox.yaml")


@pytest.mark.parametrize("address", ["ftp://example.com", "https://u:p@example.com", "12", "reference"])
def test_an_address_of_documentation_that_no_browser_opens(tmp_path: Path, address: str) -> None:
    folder = declare(tmp_path, ("name: sandbox\n", f"name: sandbox\ndocs_url: {address}\n"))
    with pytest.raises(Exception, match="docs_url: found"):
        load_shop(folder / "sandbox.yaml")
