"""Each asset check passes after a load and fails after somebody has tampered with the warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import AssetCheckSeverity, AssetKey, DailyPartitionsDefinition, Definitions, asset

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.definitions import defs
from ecom_assets.orchestration.checks import check_specs
from ecom_assets_tests.support.dagster.dagster_runs import DAY, Outcome, Runs, runs
from ecom_assets_tests.support.dagster.dagster_runs import pristine as pristine
from ecom_assets_tests.support.dagster.dagster_runs import sandbox as sandbox

SHOP = load_shop(BUNDLED_SHOPS / "sandbox.yaml")


def test_which_checks_a_table_has() -> None:
    """Blocking ones for what makes a table wrong; `references` where one is declared."""
    specs = {spec.name: spec.blocking for spec in check_specs(SHOP, SHOP.resource("orders"))}
    assert specs == {
        "primary_key_unique": True,
        "schema_nullability": True,
        "declared_columns_filled": False,
        "complete": True,
        "no_rejected_rows": False,
        "references": False,
    }
    assert "references" not in {spec.name for spec in check_specs(SHOP, SHOP.resource("customers"))}
    assert all(spec.description for spec in check_specs(SHOP, SHOP.resource("orders")))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("primary_key_unique", "id is unique"),
        ("schema_nullability", "16 declared columns are there, with their types"),
        ("no_rejected_rows", "no record breaks the contract"),
        ("references", "every foreign key points to a row"),
    ],
)
def test_green_alone(sandbox: Runs, name: str, text: str) -> None:
    """Without a load, and without a partition."""
    passed, _, description = sandbox.verdict("orders", name)
    assert passed
    assert description == text


def test_running_a_check_alone_loads_nothing(sandbox: Runs) -> None:
    """The ledger is as it was, and only what was selected ran."""
    before = sandbox.rows("select count(*) from sandbox.load_ledger")
    found = sandbox.check(("orders", "complete"), ("customers", "complete"))
    assert found.keys() == {("orders", "complete"), ("customers", "complete")}
    assert all(entry.passed for entry in found.values())
    assert sandbox.rows("select count(*) from sandbox.load_ledger") == before


def test_a_repeated_key(sandbox: Runs) -> None:
    """An order twice: an error, with the key, its rows and the SQL."""
    sandbox.write("insert into sandbox.orders select * from sandbox.orders order by id limit 1")
    found = sandbox.check(("orders", "primary_key_unique"))["orders", "primary_key_unique"]
    assert (found.passed, found.severity) == (False, AssetCheckSeverity.ERROR)
    assert found.description == "1 values of id are in more than one row"
    assert found.metadata["repeated_keys"].value == 1
    smallest = sandbox.rows("select min(id) from sandbox.orders")[0][0]
    assert found.metadata["sample"].value == f"| id | rows |\n| --- | --- |\n| {smallest} | 2 |"
    assert 'from "sandbox"."orders"' in str(found.metadata["sql"].value)


def test_a_repeated_key_of_two_columns(sandbox: Runs) -> None:
    """Lines of an order are told apart by order and line; one of the two may repeat."""
    sandbox.write("insert into sandbox.order_items select * from sandbox.order_items limit 1")
    assert sandbox.verdict("order_items", "primary_key_unique") == (
        False,
        AssetCheckSeverity.ERROR,
        "1 values of order_id, id are in more than one row",
    )


def test_a_null(sandbox: Runs) -> None:
    """A column that may not be null is, in two rows; one that may be is not counted."""
    two = "(select id from sandbox.orders order by id limit 2)"
    sandbox.write("alter table sandbox.orders alter column status drop not null")
    sandbox.write(f"update sandbox.orders set status = null, shipping_address__city = null where id in {two}")
    assert sandbox.verdict("orders", "schema_nullability") == (
        False,
        AssetCheckSeverity.ERROR,
        "status is null in 2 rows",
    )


def test_a_missing_column_and_another_type(sandbox: Runs) -> None:
    """Both are named, with the type found and the one declared."""
    sandbox.write("alter table sandbox.products drop column title")
    sandbox.write("alter table sandbox.products alter column price type double precision")
    found = sandbox.place.type_of(data_type="double")
    declared = sandbox.place.type_of(data_type="decimal", precision=18, scale=4)
    assert sandbox.verdict("products", "schema_nullability") == (
        False,
        AssetCheckSeverity.ERROR,
        f"title is missing; price is {found} instead of {declared}",
    )


def test_a_check_whose_column_is_missing(sandbox: Runs) -> None:
    """The key itself is gone: the check says so."""
    sandbox.write("alter table sandbox.products drop column id")
    assert sandbox.verdict("products", "primary_key_unique")[2] == "sandbox.products has no column id"


def test_orphans_warn(sandbox: Runs) -> None:
    """A customer is gone whose orders are there."""
    customer, count = sandbox.rows(
        "select customer_id, count(*) from sandbox.orders group by 1 order by 1 limit 1"
    )[0]
    sandbox.write(f"delete from sandbox.customers where id = {customer}")
    found = sandbox.check(("orders", "references"))["orders", "references"]
    assert (found.passed, found.severity) == (False, AssetCheckSeverity.WARN)
    assert found.description == f"{count} rows have a customer_id that customers.id does not have"
    assert found.metadata["orphans_customer_id"].value == count
    assert f"| customer_id | {customer} | {count} |" in str(found.metadata["sample"].value)


@pytest.mark.parametrize("name", ["primary_key_unique", "schema_nullability", "complete", "no_rejected_rows"])
def test_a_missing_table(sandbox: Runs, name: str) -> None:
    """Says which, and what to do."""
    sandbox.write("drop table sandbox.orders")
    passed, _, description = sandbox.verdict("orders", name)
    assert not passed
    assert description == "the table sandbox.orders does not exist: materialise sandbox/orders first"


def test_a_missing_warehouse(tmp_path: Path) -> None:
    """No file at all: each check says so."""
    with runs(tmp_path, defs) as running:
        found = running.check(("orders", "complete"), ("orders", "references"))
        assert {entry.passed for entry in found.values()} == {False}
        for entry in found.values():
            assert (
                entry.description
                == f"the warehouse {running.file} does not exist: materialise an asset first"
            )


def test_an_error_after_a_load_stops_what_comes_after(sandbox: Runs) -> None:
    """The load reports, its check is red, the run fails, and a downstream asset does not run."""
    ran = []

    @asset(deps=[AssetKey(["sandbox", "orders"])], partitions_def=DailyPartitionsDefinition("2026-01-01"))
    def downstream() -> None:
        ran.append("downstream")

    merged = Definitions.merge(defs, Definitions(assets=[downstream]))

    def load(day: str) -> Outcome:
        return sandbox.run(
            merged.resolve_implicit_global_asset_job_def(),
            partition_key=day,
            asset_selection=[AssetKey(["sandbox", "orders"]), AssetKey("downstream")],
        )

    assert load("2026-01-03").success
    assert ran == ["downstream"]
    sandbox.write("delete from sandbox.customers")
    assert load("2026-01-03").success, "a warning stops nothing"
    first = f"updated_at < timestamptz '{DAY}' + interval '1 day'"
    sandbox.write(
        f"insert into sandbox.orders select * from sandbox.orders where {first} order by id limit 1"
    )
    outcome = load("2026-01-03")
    assert not outcome.success
    assert ("orders", "2026-01-03") in outcome.materialised
    assert not outcome.checks["orders", "primary_key_unique"].passed
    assert "sandbox/orders: primary_key_unique" in outcome.failure
    assert ran == ["downstream", "downstream"]
