"""The jobs of a shop: one for its windows, one for its snapshots, each with the checks of its tables.

When they run is `schedules`'s and `sensors`'s.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from dagster import AssetSelection, define_asset_job, in_process_executor

from ecom_assets.ingest.declaration import Resource, Shop
from ecom_assets.translator import asset_key

AssetJob: TypeAlias = Any
"""What `define_asset_job` returns; Dagster gives the class no public name."""

SHOP_TAG = "ecom_assets/shop"
"""The tag on each run of a job that names its shop."""


def job_name(shop: Shop, kind: str) -> str:
    """Return the name of the job of the `windows` or the `snapshots` of a shop."""
    return f"{shop.name}_{kind}"


def windows_job(shop: Shop) -> AssetJob | None:
    """Return the partitioned job of the windowed resources, None when there is none."""
    return _job(shop, "windows", shop.windowed_resources())


def snapshots_job(shop: Shop) -> AssetJob | None:
    """Return the job of the snapshot resources, None when there is none."""
    return _job(shop, "snapshots", shop.snapshot_resources())


def _job(shop: Shop, kind: str, resources: tuple[Resource, ...]) -> AssetJob | None:
    """Select assets by key, which brings their checks along."""
    if not resources:
        return None
    return define_asset_job(
        job_name(shop, kind),
        selection=AssetSelection.assets(*(asset_key(shop, resource.name) for resource in resources)),
        # one process a run: another one would import everything again
        executor_def=in_process_executor,
        description=f"Loads the {kind} of {shop.name} and checks their tables.",
        tags={SHOP_TAG: shop.name},
    )
