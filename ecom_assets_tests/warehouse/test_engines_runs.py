"""Dagster's runs on each engine: what they report, and each check passing and failing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetCheckSeverity

from ecom_assets.definitions import defs
from ecom_assets_tests.support.dagster.dagster_runs import Runs, runs
from ecom_assets_tests.support.warehouses.engines import Place

DAY = "2026-01-02"


@pytest.fixture
def sandbox(place: Place, tmp_path: Path) -> Iterator[Runs]:
    """Return runs into an engine's warehouse."""
    with runs(tmp_path, defs, place) as running:
        yield running


def test_a_run_reports_what_is_in_the_warehouse_and_its_checks_are_green_until_it_is_tampered_with(
    sandbox: Runs, place: Place
) -> None:
    assert sandbox.snapshots().success
    outcome = sandbox.load(start=DAY, end="2026-01-03")
    assert outcome.success
    assert len(outcome.checks) == 16
    # customers of earlier days are not loaded
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
        'alter table "sandbox"."customers" drop column email',
        'alter table "sandbox"."customers" add column email varchar',
        "update sandbox.load_ledger set kept = kept + 1 where resource = 'customers'",
        'alter table "sandbox"."products" drop column title',
        # a lake can widen a type, but not change it otherwise
        'alter table "sandbox"."products" drop column weight_grams',
        'alter table "sandbox"."products" add column weight_grams varchar',
    )
    changed = f"{place.traits.text_type} instead of {place.traits.bigint_type}"
    customers = place.rows("select count(*) from customers")[0][0]
    for resource, check, description in (
        ("orders", "primary_key_unique", "1 values of id are in more than one row"),
        ("order_items", "primary_key_unique", "1 values of order_id, id are in more than one row"),
        ("customers", "schema_nullability", f"email is null in {customers} rows"),
        ("products", "schema_nullability", f"title is missing; weight_grams is {changed}"),
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


def test_a_query_that_the_engine_refuses_is_a_finding_and_the_next_check_runs(
    sandbox: Runs, place: Place
) -> None:
    if place.traits.compares_any_types:
        pytest.skip("the engine compares values of any two types")
    assert sandbox.load(start=DAY).success
    place.write(
        'alter table "sandbox"."customers" drop column id',
        'alter table "sandbox"."customers" add column id date',
    )
    found = sandbox.check(("orders", "references"), ("products", "complete"), ("orders", "complete"))
    description = found["orders", "references"].description or ""
    assert description.startswith("the warehouse did not answer: ")
    assert "\n" not in description
    assert found["orders", "complete"].passed
    assert found["products", "complete"].description == (
        "the table sandbox.products does not exist: materialise sandbox/products first"
    )
