"""Asset keys that a project replaces by its own: the same tables load, are reported and checked under these keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetsDefinition, Definitions

from ecom_assets.definitions import defs
from ecom_assets.orchestration.resources import ShopSecrets
from ecom_assets.sandbox import SANDBOX_KEY

DAY = "2026-01-05"


def replaced(key: AssetKey, how: str) -> AssetKey:
    """Return the key of a project's own."""
    return AssetKey(["raw", *key.path]) if how == "a prefix" else AssetKey(["shop_" + "_".join(key.path)])


@pytest.mark.parametrize("how", ["a prefix", pytest.param("another name", marks=pytest.mark.slow)])
def test_replaced_keys(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOM_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    assets: list[Any] = [
        entry.with_attributes(asset_key_replacements={key: replaced(key, how) for key in entry.keys})
        for entry in defs.assets or ()
        if isinstance(entry, AssetsDefinition) and AssetKey(["sandbox", "orders"]) in entry.keys
    ]
    own = Definitions(
        assets=assets, resources={"sandbox_secrets": ShopSecrets(secrets={"api_key": SANDBOX_KEY})}
    )
    job = own.resolve_implicit_global_asset_job_def()
    orders = replaced(AssetKey(["sandbox", "orders"]), how)
    result = job.execute_in_process(partition_key=DAY, asset_selection=[orders])
    (event,) = result.get_asset_materialization_events()
    assert event.asset_key == orders
    fetched: Any = event.materialization.metadata["fetched"].value
    assert fetched > 0
    checks = result.get_asset_check_evaluations()
    assert {check.asset_key for check in checks} == {orders}
    assert all(check.passed for check in checks if check.check_name != "references")
