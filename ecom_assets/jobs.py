"""The jobs of a shop: one for its windows, one for its snapshots, each with the checks of its tables.

When they run is `schedules`'s and `sensors`'s.
"""

from __future__ import annotations

from dagster import AssetSelection, define_asset_job, in_process_executor
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from ecom_assets.ingest.declaration import Resource, Shop
from ecom_assets.translator import asset_key


def windows_job(shop: Shop) -> UnresolvedAssetJobDefinition | None:
    """Return the partitioned job of the windowed resources, None when there is none."""
    return _job(shop, "windows", shop.windowed_resources())


def snapshots_job(shop: Shop) -> UnresolvedAssetJobDefinition | None:
    """Return the job of the snapshot resources, None when there is none."""
    return _job(shop, "snapshots", shop.snapshot_resources())


def _job(shop: Shop, kind: str, resources: tuple[Resource, ...]) -> UnresolvedAssetJobDefinition | None:
    """Select assets by key, which brings their checks along."""
    if not resources:
        return None
    return define_asset_job(
        f"{shop.name}_{kind}",
        selection=AssetSelection.assets(*(asset_key(shop, resource.name) for resource in resources)),
        # one process a run: a step of its own for each of two dozen checks would import everything again
        executor_def=in_process_executor,
        description=f"Loads the {kind} of {shop.name} and checks their tables.",
    )
