"""Dagster's runs on each engine: what they report, each check green and red, sweeps, and `ecom-assets status`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from dagster import AssetCheckSeverity

from ecom_assets.cli import main
from ecom_assets.definitions import defs
from ecom_assets.ingest.declaration import BUNDLED_SHOPS, load_shop
from ecom_assets.sandbox import SandboxSettings
from ecom_assets.sandbox.server import serving
from ecom_assets.status import status
from ecom_assets_tests.dagster_runs import Runs, runs
from ecom_assets_tests.engines import Place
from ecom_assets_tests.sweeps import NOW, ORDERS, Sweeps

DAY = "2026-01-02"


@pytest.fixture
def sandbox(place: Place, tmp_path: Path) -> Iterator[Runs]:
    """Return runs into an engine's warehouse."""
    with runs(tmp_path, defs, where=place.where) as running:
        yield running


def test_a_run_reports_what_is_in_the_warehouse_and_its_checks_are_green_until_it_is_tampered_with(
    sandbox: Runs, place: Place
) -> None:
    assert sandbox.snapshots().success
    outcome = sandbox.load(start=DAY, end="2026-01-03")
    assert outcome.success
    assert len(outcome.checks) == 14
    # customers of earlier days are not there
    red = {key for key, check in outcome.checks.items() if not check.passed}
    assert red <= {("orders", "references"), ("order_items", "references")}
    told = outcome.materialised["orders", DAY]
    count = place.rows("select count(*) from orders where updated_at < '2026-01-03T00:00:00Z'")[0][0]
    assert told["dagster/partition_row_count"] == count > 5
    assert told["dagster/row_count"] == place.rows("select count(*) from orders")[0][0]
    assert "s3cr3t-w0rd" not in repr(outcome.materialised)
    assert told["dagster/uri"] == place.warehouse().uri

    place.write(
        'insert into "sandbox"."orders" select * from "sandbox"."orders" order by id limit 1',
        'insert into "sandbox"."order_items" select * from "sandbox"."order_items" limit 1',
        'alter table "sandbox"."customers" alter column email drop not null',
        'update "sandbox"."customers" set email = null',
        "update sandbox.load_ledger set kept = kept + 1 where resource = 'customers'",
        'alter table "sandbox"."products" drop column title',
        # a lake widens types, and changes none
        'alter table "sandbox"."products" drop column weight_grams',
        'alter table "sandbox"."products" add column weight_grams varchar',
    )
    double, text = ("character varying", "bigint") if place.engine == "postgres" else ("VARCHAR", "BIGINT")
    customers = place.rows("select count(*) from customers")[0][0]
    for resource, check, description in (
        ("orders", "primary_key_unique", "1 values of id stand in more than one row"),
        ("order_items", "primary_key_unique", "1 values of order_id, id stand in more than one row"),
        ("customers", "schema_nullability", f"email is null in {customers} rows"),
        ("products", "schema_nullability", f"title is missing; weight_grams is {double} instead of {text}"),
    ):
        assert sandbox.verdict(resource, check) == (False, AssetCheckSeverity.ERROR, description)
    assert not sandbox.verdict("customers", "complete")[0]
    everyone = place.rows("select count(*) from orders")[0][0]
    place.write('delete from "sandbox"."customers"')
    assert sandbox.verdict("orders", "references") == (
        False,
        AssetCheckSeverity.WARN,
        f"{everyone} rows have a customer_id that customers.id does not have",
    )
    assert sandbox.verdict("orders", "no_rejected_rows")[0]


def test_what_the_engine_refuses_is_a_finding_and_the_next_check_is_asked(
    sandbox: Runs, place: Place
) -> None:
    assert sandbox.load(start=DAY).success
    place.write(
        'alter table "sandbox"."customers" drop column id',
        'alter table "sandbox"."customers" add column id integer[]',
    )
    found = sandbox.check(("orders", "references"), ("products", "complete"), ("orders", "complete"))
    description = found["orders", "references"].description or ""
    assert description.startswith("the warehouse did not answer: ")
    assert "\n" not in description
    assert found["orders", "complete"].passed
    assert found["products", "complete"].description == (
        "the table sandbox.products does not exist: materialise sandbox/products first"
    )


def test_rows_that_are_gone_at_the_source_are_marked_and_come_back(place: Place, tmp_path: Path) -> None:
    with serving(SandboxSettings(orders_per_day=10, now=NOW)) as api:
        sweeps = Sweeps(api, tmp_path, place=place)
        sweeps.load()
        gone = sweeps.ids()[3:8]
        rest = place.table("orders", "deleted_at")
        for identity in gone:
            api.faults.delete(ORDERS, identity)
        report = sweeps.sweep()
        assert sweeps.marked() == dict.fromkeys(gone, report.instant)
        assert (report.newly_deleted, report.returned) == (5, 0)
        assert place.table("orders", "deleted_at") == rest
        for identity in gone[:2]:
            api.faults.restore(ORDERS, identity)
        report = sweeps.sweep()
        assert (report.newly_deleted, report.returned) == (0, 2)
        assert sorted(sweeps.marked()) == gone[2:]
        api.faults.restore(ORDERS, gone[2])
        sweeps.load()
        assert sorted(sweeps.marked()) == gone[3:]
        ledger = place.rows(
            "select fetched, loaded_at from load_ledger where resource = 'orders_deletions' order by 2"
        )
        assert ledger[-1] == (report.at_source, report.instant)


def test_the_status_of_any_warehouse(
    sandbox: Runs, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sandbox.load("orders", start=DAY, end="2026-01-03").success
    monkeypatch.setenv("ECOM_WAREHOUSE", place.where)
    monkeypatch.setattr("sys.argv", ["ecom-assets", "status", "sandbox", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    entries = {entry["resource"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert (entries["orders"]["loaded"], entries["customers"]["loaded"]) == (2, 0)
    assert entries["orders"]["rows"] == place.rows("select count(*) from orders")[0][0]
    place.write("update sandbox.load_ledger set kept = kept + 1 where partition_key = '2026-01-03'")
    now = datetime(2026, 1, 11, tzinfo=timezone.utc)
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    orders = next(entry for entry in status(shop, place.warehouse(), now) if entry.resource == "orders")
    assert (orders.loaded, orders.failed, orders.missing) == (1, 1, 8)
