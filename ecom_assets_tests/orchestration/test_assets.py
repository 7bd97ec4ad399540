"""Real loads of the sandbox through the definitions: their metadata equals the contents of the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecom_assets.definitions import defs
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets_tests.support.dagster.dagster_runs import WINDOWED, Outcome, Runs, declare, runs
from ecom_assets_tests.support.warehouses.engines import SLOWLY, Place

DAYS = ("2026-01-02", "2026-01-03", "2026-01-04")


@pytest.fixture(scope="module", params=SLOWLY)
def sandbox(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    empty_place: Callable[[str], Place],
) -> Iterator[Runs]:
    """Return runs of the bundled shop that share a warehouse."""
    with runs(tmp_path_factory.mktemp("assets"), defs, empty_place(request.param)) as running:
        yield running


@pytest.fixture(scope="module")
def ranged(sandbox: Runs) -> Outcome:
    """Load a range of three days in one run, after the snapshots."""
    assert sandbox.snapshots().success
    return sandbox.load(start=DAYS[0], end=DAYS[-1])


def ledger(sandbox: Runs, resource: str) -> dict[str | None, tuple[int | None, ...]]:
    """Return the newest ledger row of each window of a resource."""
    rows = sandbox.rows(
        "select partition_key, kept, source_total, fetched, rejected, requests, retries, restarts "
        f"from sandbox.load_ledger where resource = '{resource}' order by loaded_at"
    )
    return {key: tuple(rest) for key, *rest in rows}


def test_a_range_is_one_run_that_materialises_each_partition(ranged: Outcome) -> None:
    """One step, and an event for each of three tables and three days."""
    assert ranged.success
    assert ranged.materialised.keys() == {(name, day) for name in WINDOWED for day in DAYS}
    starts = [event for event in ranged.result.all_events if event.event_type_value == "STEP_START"]
    assert len(starts) == 1


def test_metadata_of_each_partition_is_the_ledger(sandbox: Runs, ranged: Outcome) -> None:
    """Every figure of every partition, and none of them the sum of the range."""
    names = ("dagster/partition_row_count", "source_total", "fetched", "rejected", "requests", "retries")
    for (resource, day), metadata in ranged.materialised.items():
        reported = tuple(metadata[name] for name in (*names, "restarts"))
        assert reported == ledger(sandbox, resource)[day], (resource, day)
        assert metadata["seconds"] >= 0


def test_metadata_of_each_partition_is_what_is_in_the_table(sandbox: Runs, ranged: Outcome) -> None:
    """Orders of a window by SQL; the whole table's rows beside them."""
    total = sandbox.rows("select count(*) from sandbox.orders")[0][0]
    for day in DAYS:
        metadata = ranged.materialised["orders", day]
        inside = f"updated_at >= '{day}' and updated_at < timestamptz '{day}' + interval '1 day'"
        count = sandbox.rows(f"select count(*) from sandbox.orders where {inside}")[0][0]
        assert metadata["dagster/partition_row_count"] == count > 0
        assert metadata["dagster/row_count"] == total > count


def test_metadata_of_the_run(sandbox: Runs, ranged: Outcome) -> None:
    """Table, file, seconds per phase, load, and a preview of the window itself."""
    metadata = ranged.materialised["orders", DAYS[0]]
    assert metadata["dagster/table_name"] == "sandbox.orders"
    assert metadata["dagster/uri"] == sandbox.place.warehouse().uri
    assert {f"run_seconds/{phase}" for phase in ("fetch", "stage", "wait", "load")} <= metadata.keys()
    for day in DAYS:
        first, *_ = ranged.materialised["orders", day]["preview"].splitlines()[2:]
        assert first.startswith("| ")
        (found,) = sandbox.rows(f"select updated_at from sandbox.orders where id = {first.split()[1]}")
        assert str(found[0])[:10] == day
    assert (metadata["load_id"],) in sandbox.rows("select distinct load_id from sandbox.load_ledger")


def test_counts_come_first_and_seconds_are_rounded(ranged: Outcome) -> None:
    """What a person looks at is above what is technical."""
    metadata = ranged.materialised["orders", DAYS[1]]
    assert list(metadata)[:4] == ["dagster/partition_row_count", "rejected", "fetched", "source_total"]
    for name, value in metadata.items():
        if "seconds" in name:
            assert value == round(value, 2), name


def test_each_window_of_a_range_has_its_own_check(ranged: Outcome) -> None:
    """Dagster's results have no partition in a run of a range; ours have, with the figures of the window."""
    found = {
        (event.asset_check_evaluation_data.check_name, event.asset_check_evaluation_data.partition): (
            event.asset_check_evaluation_data
        )
        for event in ranged.result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
        and event.asset_check_evaluation_data.asset_key.path[-1] == "orders"
    }
    for day in DAYS:
        assert found["no_rejected_rows", day].passed
        fetched = found["complete", day].metadata["fetched"].value
        assert fetched == ranged.materialised["orders", day]["fetched"] > 0
    assert {partition for name, partition in found if name == "primary_key_unique"} == {None}


def test_children_have_no_total(ranged: Outcome) -> None:
    """A nested list has no total of its own, so its total is null."""
    assert ranged.materialised["order_items", DAYS[0]]["source_total"] is None


def test_all_checks_ran_and_passed(ranged: Outcome) -> None:
    """Each table's checks, after its load, in the same run."""
    names = ("primary_key_unique", "schema_nullability", "complete", "no_rejected_rows")
    expected = {(table, name) for table in WINDOWED for name in names}
    expected |= {("orders", "references"), ("order_items", "references")}
    expected |= {("customers", "declared_columns_filled"), ("orders", "declared_columns_filled")}
    assert ranged.checks.keys() == expected
    assert all(entry.passed for entry in ranged.checks.values())
    assert ranged.checks["orders", "complete"].description == (
        f"{ranged.checks['orders', 'complete'].metadata['fetched'].value} records in 3 loads: "
        "as many as the API said it had"
    )


def test_the_second_run_in_one_process_changes_nothing(sandbox: Runs, ranged: Outcome) -> None:
    """Loading a partition again gives the same rows and figures, and a newer load."""
    before = sandbox.rows("select * from sandbox.orders order by id")
    again = sandbox.load(start=DAYS[1])
    assert again.success
    assert again.materialised.keys() == {(name, DAYS[1]) for name in WINDOWED}
    assert sandbox.rows("select * from sandbox.orders order by id") == before
    first, second = ranged.materialised["orders", DAYS[1]], again.materialised["orders", DAYS[1]]
    assert second["dagster/partition_row_count"] == first["dagster/partition_row_count"]
    # rows of other days count too, though this run loaded one day
    assert second["dagster/row_count"] == len(before) > second["dagster/partition_row_count"]
    assert second["load_id"] != first["load_id"]
    assert second["preview"].startswith("| id | number |")


def test_a_subset_loads_what_was_selected(tmp_path: Path, place: Place) -> None:
    """A child without its parent's table: one asset, its checks, no other table."""
    with runs(tmp_path, defs, place) as running:
        outcome = running.load("order_items", start=DAYS[0])
        assert outcome.success
        assert outcome.materialised.keys() == {("order_items", DAYS[0])}
        assert {table for table, _ in outcome.checks} == {"order_items"}
        assert place.present(WINDOWED) == ["order_items"]
        missing = outcome.checks["order_items", "references"]
        assert not missing.passed
        assert missing.description == (
            "the table sandbox.orders does not exist: materialise sandbox/orders first"
        )


def test_snapshots_are_not_partitioned(sandbox: Runs) -> None:
    """Stores have one materialization with the figures of the whole table."""
    outcome = sandbox.snapshots()
    assert outcome.success
    count = sandbox.rows("select count(*) from sandbox.stores")[0][0]
    metadata = outcome.materialised["stores", None]
    assert metadata["dagster/row_count"] == metadata["dagster/partition_row_count"] == count > 0
    assert metadata["source_total"] == metadata["fetched"] == count
    assert all(entry.passed for entry in outcome.checks.values())
    assert outcome.checks["stores", "complete"].metadata["loads"].value == 1


def test_an_empty_window_reports_zero_rows(tmp_path: Path, place: Place) -> None:
    """A first run into an empty warehouse, for a day on which the shop had not opened."""
    folder = declare(tmp_path / "shops", ('start: "2026-01-01"', 'start: "2016-01-01"'))
    with runs(tmp_path, build_defs(folder), place) as running:
        outcome = running.load(start="2016-05-05")
        assert outcome.success
        for name in WINDOWED:
            metadata = outcome.materialised[name, "2016-05-05"]
            assert (metadata["dagster/partition_row_count"], metadata["dagster/row_count"]) == (0, 0)
            assert metadata["fetched"] == 0
            assert "preview" not in metadata
        red = {key for key, entry in outcome.checks.items() if not entry.passed}
        assert red == {("order_items", "references")}, "products were not loaded"


def test_a_windowed_run_needs_a_partition(sandbox: Runs) -> None:
    """A run without a partition, as from the launchpad, fails with a message."""
    outcome = sandbox.run(sandbox.defs.resolve_job_def("sandbox_windows"))
    assert outcome.failure == "these assets are partitioned: choose a partition, or a range of them"
    assert outcome.materialised == {}
