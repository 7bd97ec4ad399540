"""Windows in a run of a backfill, and the pool that all writers of a shop's dataset share."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import AssetsDefinition, BackfillPolicy, Definitions

from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets_tests.support.dagster.dagster_runs import declare, runs

START = 'start: "2026-01-01"'


def ops(defs: Definitions) -> dict[str, AssetsDefinition]:
    """Return the executable assets of definitions by the name of their op."""
    found = [entry for entry in defs.assets or () if isinstance(entry, AssetsDefinition)]
    return {entry.op.name: entry for entry in found if entry.is_executable}


@pytest.mark.parametrize(
    ("declared", "policy"),
    [
        ("", BackfillPolicy.single_run()),
        (", windows_per_run: null", BackfillPolicy.single_run()),
        (", windows_per_run: 1", BackfillPolicy.multi_run(max_partitions_per_run=1)),
        (", windows_per_run: 25", BackfillPolicy.multi_run(max_partitions_per_run=25)),
    ],
)
def test_a_backfill_is_cut_as_declared(tmp_path: Path, declared: str, policy: BackfillPolicy) -> None:
    found = ops(build_defs(declare(tmp_path, (START, f"{START}{declared}"))))
    assert found["load_sandbox_windows"].backfill_policy == policy
    assert found["load_sandbox_snapshots"].backfill_policy is None


def test_a_range_is_still_one_run_where_backfills_are_cut(tmp_path: Path) -> None:
    defs = build_defs(declare(tmp_path / "shops", (START, f"{START}, windows_per_run: 2")))
    with runs(tmp_path, defs) as running:
        outcome = running.load("customers", start="2026-02-01", end="2026-02-03")
    assert outcome.success
    assert len(outcome.materialised) == 3


def test_all_that_writes_to_a_dataset_shares_a_pool(tmp_path: Path) -> None:
    swept = declare(tmp_path, ("  - name: orders\n", "  - name: orders\n    deletes: sweep\n"))
    found = ops(build_defs(swept))
    assert found.pop("show_sandbox_status").op.pool is None
    assert set(found) == {"load_sandbox_windows", "load_sandbox_snapshots", "sweep_sandbox_orders"}
    assert {name: entry.op.pool for name, entry in found.items()} == dict.fromkeys(found, "sandbox_load")
