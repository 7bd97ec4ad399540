"""The jobs of a shop: for its windows, for its snapshots, both with the checks of the tables, for its sweeps.

When they run is `schedules`'s and `sensors`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from dagster import AssetSelection, define_asset_job, in_process_executor

from ecom_assets.declaration.deletes import deletions_name
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.orchestration.translator import asset_key

AssetJob: TypeAlias = Any
"""What `define_asset_job` returns; Dagster gives the class no public name."""

SHOP_TAG = "ecom_assets/shop"
"""The tag on each run of a job that names its shop."""


def job_name(shop: Shop, kind: str) -> str:
    """Return the name of the job of the `windows`, the `snapshots` or the `deletions` of a shop."""
    return f"{shop.name}_{kind}"


def windows_job(shop: Shop) -> AssetJob | None:
    """Return the partitioned job of the windowed resources, None when there is none."""
    return _loading(shop, "windows", shop.windowed_resources())


def snapshots_job(shop: Shop) -> AssetJob | None:
    """Return the job of the snapshot resources, None when there is none."""
    return _loading(shop, "snapshots", shop.snapshot_resources())


def deletions_job(shop: Shop) -> AssetJob | None:
    """Return the job of the sweeps, None when there is none."""
    names = [deletions_name(resource.name) for resource in shop.resources_with_deletes()]
    return _job(
        shop, "deletions", names, f"Marks the rows of {shop.name} whose records are gone from the API."
    )


def _loading(shop: Shop, kind: str, resources: tuple[Resource, ...]) -> AssetJob | None:
    """Return a job that loads tables."""
    names = [resource.name for resource in resources]
    return _job(shop, kind, names, f"Loads the {kind} of {shop.name} and checks their tables.")


def _job(shop: Shop, kind: str, names: Sequence[str], description: str) -> AssetJob | None:
    """Select assets by key, which brings their checks along."""
    if not names:
        return None
    return define_asset_job(
        job_name(shop, kind),
        selection=AssetSelection.assets(*(asset_key(shop, name) for name in names)),
        # one process a run: another one would import everything again
        executor_def=in_process_executor,
        description=description,
        tags={SHOP_TAG: shop.name},
    )
