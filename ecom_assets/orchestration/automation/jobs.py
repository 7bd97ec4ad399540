"""The jobs of a shop: one loads its windows, one its snapshots, one detects deletes.

The first two also run the checks of the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from dagster import AssetKey, AssetSelection, define_asset_job, in_process_executor

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.table.deletes import deletions_name
from ecom_assets.orchestration.next_runs import job_name as job_name
from ecom_assets.orchestration.translator import KeyOf, asset_key

AssetJob: TypeAlias = Any
"""What `define_asset_job` returns; Dagster gives the class no public name."""

SHOP_TAG = "ecom_assets/shop"
"""The tag on each run of a job that names its shop."""


def windows_job(shop: Shop, key_of: KeyOf = asset_key) -> AssetJob | None:
    """Return the partitioned job of the windowed resources, None when there is none."""
    return _load_job(shop, "windows", shop.windowed_resources(), key_of)


def snapshots_job(shop: Shop, key_of: KeyOf = asset_key) -> AssetJob | None:
    """Return the job of the snapshot resources, None when there is none."""
    return _load_job(shop, "snapshots", shop.snapshot_resources(), key_of)


def deletions_job(shop: Shop, key_of: KeyOf = asset_key) -> AssetJob | None:
    """Return the job that detects deletes, None when no resource asks for it."""
    names = [deletions_name(resource.name) for resource in shop.resources_with_deletes()]
    description = f"Marks the rows of {shop.name} whose records the API no longer has."
    return _job(shop, "deletions", [key_of(shop, name) for name in names], description)


def _load_job(shop: Shop, kind: str, resources: tuple[Resource, ...], key_of: KeyOf) -> AssetJob | None:
    """Return a job that loads and checks the tables of resources."""
    keys = [key_of(shop, resource.name) for resource in resources]
    return _job(shop, kind, keys, f"Loads the {kind} of {shop.name} and checks their tables.")


def _job(shop: Shop, kind: str, keys: Sequence[AssetKey], description: str) -> AssetJob | None:
    """Return a job that selects assets by key, which selects their checks too; None without assets."""
    if not keys:
        return None
    return define_asset_job(
        job_name(shop, kind),
        selection=AssetSelection.assets(*keys),
        # one process a run: another one would import everything again
        executor_def=in_process_executor,
        description=description,
        tags={SHOP_TAG: shop.name},
    )
