"""The instance of many shops: its declarations are valid, and what it costs is compared with one shop."""

from __future__ import annotations

from pathlib import Path

from benchmarks.many_shops import make_instance, table
from benchmarks.measure import Cost
from ecom_assets.orchestration.build_definitions import build_defs


def test_an_instance_has_so_many_shops_of_eight_tables(tmp_path: Path) -> None:
    make_instance(tmp_path, 3)
    graph = build_defs(tmp_path).resolve_asset_graph()
    loaded = [key for key in graph.materializable_asset_keys if key.path[-1] != "status"]
    assert sorted({key.path[0] for key in loaded}) == ["shop_0000", "shop_0001", "shop_0002"]
    assert len(loaded) == 24


def test_the_table_says_what_more_shops_cost() -> None:
    shown = table([1, 1000], [Cost(2, 1.5, 200, 0), Cost(9.04, 8.25, 310.4, 0)])
    assert shown.splitlines()[2:] == ["| 1 | 2.0 | 1.5 | 200 | 0.0 |", "| 1,000 | 9.0 | 8.2 | 310 | 6.8 |"]
