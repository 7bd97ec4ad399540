"""Failed loads: a failure stays with its resource, is one line without a traceback, and may wait for a pause."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.sandbox.faults import Fault
from ecom_assets.sandbox.server import SANDBOX_KEY, Running, SandboxSettings, serving
from ecom_assets_tests.support.dagster.dagster_runs import Outcome, Runs, declare, runs

DAY = "2026-01-02"


@pytest.fixture
def api() -> Iterator[Running]:
    """Return a sandbox for this test alone, to inject faults."""
    with serving(SandboxSettings(orders_per_day=20)) as running:
        yield running


@pytest.fixture
def shop(api: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """Return runs of the bundled shop at that API."""
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SANDBOX_KEY)
    folder = declare(tmp_path / "shops", ('base_url: "sandbox://"', f'base_url: "{api.base_url}"'))
    with runs(tmp_path, build_defs(folder)) as running:
        yield running


def pauses(outcome: Outcome) -> int:
    """Return how often a step asked for a retry."""
    return sum(event.event_type_value == "STEP_UP_FOR_RETRY" for event in outcome.result.all_events)


def test_a_failing_resource_fails_alone(tmp_path: Path) -> None:
    """Its siblings load, report and are checked; then the run fails, in one line and with no traceback."""
    folder = declare(tmp_path / "shops", ("path: /v1/customers", "path: /v1/nothing"))
    with runs(tmp_path, build_defs(folder)) as running:
        outcome = running.load("customers", "orders", start=DAY)
        assert not outcome.success
        assert outcome.materialised.keys() == {("orders", DAY)}
        assert {table for table, _ in outcome.checks} == {"orders"}
        head, line = outcome.failure.split("\n")
        assert head == "1 of 2 resources failed, the others were loaded"
        assert line.startswith("customers: ")
        assert "404" in line
        assert "Traceback" not in outcome.failure


def test_the_asset_says_why_its_load_failed(tmp_path: Path) -> None:
    """One observation of the failed resource's partition, with the text of the error; none of the others."""
    folder = declare(tmp_path / "shops", ("path: /v1/customers", "path: /v1/nothing"))
    with runs(tmp_path, build_defs(folder)) as running:
        outcome = running.load("customers", "orders", start=DAY)
    (event,) = [e for e in outcome.result.all_events if e.event_type_value == "ASSET_OBSERVATION"]
    found = event.asset_observation_data.asset_observation
    assert (found.asset_key.path[-1], found.partition) == ("customers", DAY)
    assert found.description is not None
    assert found.description.startswith("The load failed. ")
    assert found.description.count("404") == 1
    assert list(found.metadata) == ["reason", "shop", "declaration", "look_at"], (
        "the overview begins with the reason"
    )
    assert found.description == f"The load failed. {found.metadata['reason'].value}"


def test_the_only_resource_fails(tmp_path: Path) -> None:
    """One line without a headline."""
    folder = declare(tmp_path / "shops", ("path: /v1/customers", "path: /v1/nothing"))
    with runs(tmp_path, build_defs(folder)) as running:
        outcome = running.load("customers", start=DAY)
        assert outcome.materialised == {}
        assert outcome.failure.startswith("customers: ")
        assert "\n" not in outcome.failure


def test_a_missing_secret_fails_the_run_in_one_line(tmp_path: Path) -> None:
    """A shop that is not the sandbox, and has no key anywhere."""
    folder = declare(tmp_path / "shops", ('base_url: "sandbox://"', 'base_url: "http://127.0.0.1:9"'))
    with runs(tmp_path, build_defs(folder)) as running:
        outcome = running.load("orders", start=DAY)
        assert outcome.failure.startswith("the secret 'api_key' of shop 'sandbox' was not found: looked in")
        assert "\n" not in outcome.failure


def test_a_long_pause_is_taken_by_dagster(api: Running, shop: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API asks for a longer pause than a run waits. Dagster retries the step after it, and all rows are loaded."""
    monkeypatch.setattr("ecom_assets.client.adapter.LONGEST_WAIT", 0.5)
    api.faults.put(Fault(path="/v1/orders", status=429, headers={"Retry-After": "1"}, times=1))
    outcome = shop.load("customers", "orders", start=DAY)
    assert outcome.success
    assert pauses(outcome) == 1
    assert outcome.materialised.keys() == {("customers", DAY), ("orders", DAY)}


def test_an_api_that_only_asks_for_pauses(api: Running, shop: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three pauses the run fails and names the request. The other resource is loaded."""
    monkeypatch.setattr("ecom_assets.client.adapter.LONGEST_WAIT", 0.5)
    api.faults.put(Fault(path="/v1/orders", status=429, headers={"Retry-After": "1"}, times=None))
    outcome = shop.load("customers", "orders", start=DAY)
    assert not outcome.success
    assert pauses(outcome) == 3
    assert outcome.failure.endswith(" (after 3 pauses)")
    assert "/v1/orders" in outcome.failure
    assert shop.rows("select count(*) from sandbox.customers")[0][0] > 0
    assert outcome.materialised.keys() == {("customers", DAY)}


def test_a_wrong_declaration_of_the_warehouse(shop: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the whole run is one line too."""
    monkeypatch.setenv("ECOM_LOCK_TIMEOUT", "soon")
    assert shop.load("customers", start=DAY).failure == (
        "ECOM_LOCK_TIMEOUT: found 'soon'; allowed: a number of seconds, 0 or more"
    )


def test_one_window_of_a_range_fails_alone(api: Running, shop: Runs) -> None:
    """The other partitions are reported, each with its own figures; the run fails and names the window."""
    days = {"2026-01-02", "2026-01-03", "2026-01-04"}
    api.faults.put(Fault(path="/v1/orders", status=404, times=1))
    outcome = shop.load("orders", "order_items", start=min(days), end=max(days))
    assert not outcome.success
    loaded = {str(day) for name, day in outcome.materialised if name == "orders"}
    (failed,) = days - loaded
    assert outcome.materialised.keys() == {
        (name, day) for name in ("orders", "order_items") for day in loaded
    }
    for (_, _), metadata in outcome.materialised.items():
        assert metadata["dagster/partition_row_count"] == metadata["fetched"] > 0
    assert f"1 of 3 windows failed, the others were loaded: {failed}: " in outcome.failure
    complete = outcome.checks["orders", "complete"]
    assert (complete.passed, complete.description) == (False, f"{failed}: not in the ledger")
    assert shop.load("orders", "order_items", start=failed).success
