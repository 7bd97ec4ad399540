"""The two jobs of a shop: what they select, and that a run is one process."""

from __future__ import annotations

from pathlib import Path

from dagster import AssetKey

from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.definitions import defs
from ecom_assets.orchestration.automation.jobs import snapshots_job, windows_job
from ecom_assets_tests.support.dagster.dagster_runs import SNAPSHOTS, WINDOWED

SHOP = load_shop(BUNDLED_SHOPS / "sandbox.yaml")


def test_the_windows_job_has_the_windowed_tables_and_their_checks() -> None:
    """The selection has the checks too, so that each run ends with them."""
    layer = defs.resolve_job_def("sandbox_windows").asset_layer
    assert layer.executable_asset_keys == {AssetKey(["sandbox", name]) for name in WINDOWED}
    checked = {(key.asset_key.path[-1], key.name) for key in layer.asset_graph.asset_check_keys}
    assert ("orders", "complete") in checked
    assert len(checked) == 4 * len(WINDOWED) + 4


def test_the_snapshots_job_has_the_others() -> None:
    """Unpartitioned, with checks too."""
    job = defs.resolve_job_def("sandbox_snapshots")
    assert job.asset_layer.executable_asset_keys == {AssetKey(["sandbox", name]) for name in SNAPSHOTS}
    assert job.partitions_def is None


def test_no_job_for_nothing() -> None:
    """A shop without snapshots has no job for them, and the same for windows."""
    windowed = tuple(entry for entry in SHOP.resources if entry.windowed)
    stores = tuple(entry for entry in SHOP.resources if not entry.windowed)
    assert snapshots_job(SHOP.model_copy(update={"resources": windowed})) is None
    assert windows_job(SHOP.model_copy(update={"resources": stores})) is None


def test_a_run_is_one_process() -> None:
    """Also a run that the command line starts without one of our jobs."""
    for name in ("sandbox_windows", "sandbox_snapshots"):
        assert defs.resolve_job_def(name).executor_def.name == "in_process"
    assert defs.resolve_implicit_global_asset_job_def().executor_def.name == "in_process"


def test_shops_are_typed() -> None:
    """The jobs come from the bundled declaration."""
    assert isinstance(SHOP, Shop)
    assert SHOP.file == Path(BUNDLED_SHOPS / "sandbox.yaml")
