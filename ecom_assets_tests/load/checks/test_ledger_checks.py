"""The asset checks of the ledger and of the rejected rows fail after somebody has tampered with these tables."""

from __future__ import annotations

import pytest
from dagster import AssetCheckSeverity

from ecom_assets_tests.support.dagster.dagster_runs import DAY, Runs
from ecom_assets_tests.support.dagster.dagster_runs import pristine as pristine
from ecom_assets_tests.support.dagster.dagster_runs import sandbox as sandbox


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("fetched = fetched + 1", f"{DAY}: {{n}} kept + 0 rejected, {{more}} fetched, a total of {{n}}"),
        ("source_total = fetched + 1", f"{DAY}: {{n}} kept + 0 rejected, {{n}} fetched, a total of {{more}}"),
        (
            "fetched = fetched + 1, source_total = null",
            f"{DAY}: {{n}} kept + 0 rejected, {{more}} fetched, no total",
        ),
        ("resource = 'other'", "the ledger has no load of orders: materialise sandbox/orders first"),
    ],
)
def test_an_incomplete_window(sandbox: Runs, change: str, text: str) -> None:
    """The ledger does not add up, in each way that it may not."""
    count = sandbox.rows("select kept from sandbox.load_ledger where resource = 'orders'")[0][0]
    sandbox.write(f"update sandbox.load_ledger set {change} where resource = 'orders'")
    passed, severity, description = sandbox.verdict("orders", "complete")
    assert (passed, severity) == (False, AssetCheckSeverity.ERROR)
    assert description == text.format(n=count, more=count + 1)


def test_the_newest_load_counts(sandbox: Runs) -> None:
    """An older ledger row of the same window that did not add up is history."""
    columns = sandbox.place.columns("load_ledger")
    changed = {"loaded_at": "loaded_at - interval '1 day'", "fetched": "fetched + 5"}
    sandbox.write(
        f"insert into sandbox.load_ledger ({', '.join(columns)}) "
        f"select {', '.join(changed.get(name, name) for name in columns)} "
        "from sandbox.load_ledger where resource = 'orders'"
    )
    assert sandbox.verdict("orders", "complete")[0]


def test_a_total_that_the_api_does_not_say(sandbox: Runs) -> None:
    """Passes, and says that nothing was compared."""
    passed, _, description = sandbox.verdict("order_items", "complete")
    assert passed
    assert description.endswith(" records in 1 load: the API says no total")


@pytest.mark.parametrize("confirmed_by", ["nothing", "end", "total", None])
def test_a_list_without_a_total_and_without_an_end_is_a_warning(
    sandbox: Runs, confirmed_by: str | None
) -> None:
    """A ledger row of an earlier version does not say what confirmed it, and passes as before."""
    assert sandbox.rows("select distinct confirmed_by from sandbox.load_ledger") == [("total",)]
    value = f"'{confirmed_by}'" if confirmed_by else "null"
    sandbox.write(
        f"update sandbox.load_ledger set source_total = null, confirmed_by = {value} where resource = 'orders'"
    )
    passed, severity, description = sandbox.verdict("orders", "complete")
    if confirmed_by != "nothing":
        assert passed
        return
    assert (passed, severity) == (False, AssetCheckSeverity.WARN)
    assert (
        f"1 of 1 load may lack records, such as {DAY}: the list has no total and no end. Declare"
        in description
    )


def test_rejected_rows_warn(sandbox: Runs) -> None:
    """Those of the newest load count, those of an older one do not."""
    load = sandbox.rows("select load_id from sandbox.load_ledger where resource = 'orders'")[0][0]
    columns = "(load_id, resource, partition_key, primary_key, reasons, record, rejected_at)"
    into = f"insert into sandbox.rejected_rows {columns} values "
    names = [
        row[0]
        for row in sandbox.rows(
            "select column_name from information_schema.columns where table_schema = 'sandbox' "
            "and table_name = 'rejected_rows' and is_nullable = 'NO'"
        )
    ]
    for name in names:
        sandbox.write(f'alter table sandbox.rejected_rows alter column "{name}" drop not null')
    sandbox.write(f"{into} ('older', 'orders', '{DAY}', '7', '[\"total: old\"]', '{{}}', now())")
    assert sandbox.verdict("orders", "no_rejected_rows")[0]
    sandbox.write(f"{into} ('{load}', 'orders', '{DAY}', '8', '[\"total: no number\"]', '{{}}', now())")
    found = sandbox.check(("orders", "no_rejected_rows"))["orders", "no_rejected_rows"]
    assert (found.passed, found.severity) == (False, AssetCheckSeverity.WARN)
    assert found.description == "1 records break the contract: see sandbox.rejected_rows"
    assert "total: no number" in str(found.metadata["sample"].value)
    assert sandbox.verdict("customers", "no_rejected_rows")[0]


def test_a_missing_ledger(sandbox: Runs) -> None:
    """Names the ledger, and the asset whose load makes it."""
    sandbox.write("drop table sandbox.load_ledger")
    assert sandbox.verdict("orders", "complete")[2] == (
        "the table sandbox.load_ledger does not exist: materialise sandbox/orders first"
    )
