"""Assets of the API shapes: all have definitions; children are loaded and checked like other tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import AssetKey

from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets_tests.support.dagster.dagster_runs import runs
from ecom_assets_tests.support.shapes import SHAPES

DAY = "2026-03-29"


def test_all_shapes_stand_side_by_side_in_one_code_location(tmp_path: Path) -> None:
    for shape in SHAPES.values():
        (tmp_path / f"{shape.name}.yaml").write_text(
            shape.declaration("https://api.example.com"), encoding="utf-8"
        )
    graph = build_defs(tmp_path).resolve_asset_graph()
    assert {key.path[0] for key in graph.get_all_asset_keys()} == set(SHAPES)
    above = {
        key.path[1]: {parent.path[1] for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
        if key.path[0] == "parent_children"
    }
    assert above == {
        "status": set(),
        "orders": set(),
        "refunds": {"orders"},
        "refund_lines": {"refunds"},
        "refund_events": {"refunds"},
        "shipments": {"orders"},
        "products": set(),
        "variants": {"products"},
    }


def test_a_run_loads_and_checks_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = SHAPES["parent_children"]
    (secret,) = shape.secrets.values()
    monkeypatch.setenv("SOURCES__PARENT_CHILDREN__API_KEY", secret)
    with shape.serve() as base_url:
        (tmp_path / "shops").mkdir()
        file = tmp_path / "shops" / "parent_children.yaml"
        file.write_text(shape.declaration(base_url), encoding="utf-8")
        defs = build_defs(tmp_path / "shops")
        with runs(tmp_path, defs) as running:
            assert running.run(defs.resolve_job_def("parent_children_snapshots")).success
            windows = defs.resolve_job_def("parent_children_windows")
            both = [AssetKey(["parent_children", name]) for name in ("orders", "refunds")]
            outcome = running.run(windows, partition_key=DAY, asset_selection=both)
            assert outcome.success
            assert set(outcome.materialised) == {("orders", DAY), ("refunds", DAY)}
            refunds = outcome.materialised["refunds", DAY]
            assert refunds["dagster/partition_row_count"] == refunds["fetched"]
            assert refunds["fetched"] > 0
            outcome = running.run(windows, partition_key=DAY)
            assert outcome.success
            assert {resource for resource, _ in outcome.checks} == {
                "orders",
                "refunds",
                "refund_lines",
                "refund_events",
                "shipments",
            }
            # the weight of all shipments is null
            failed = [key for key, entry in outcome.checks.items() if not entry.passed]
            assert failed == [("shipments", "declared_columns_filled")]
