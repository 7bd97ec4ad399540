"""The loads that failed last, as Dagster's instance knows them: of how many windows of each table of a shop."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dagster import (
    AssetKey,
    AssetSpec,
    DagsterInstance,
    DagsterRunStatus,
    TimeWindowPartitionsDefinition,
)

from ecom_assets.declaration.reading import Shop
from ecom_assets.orchestration.partitions import partitions_def
from ecom_assets.orchestration.translator import asset_key


def failed_loads(
    shop: Shop, instance: DagsterInstance, specs: Mapping[AssetKey, AssetSpec]
) -> dict[str, int]:
    """Return of how many windows of each table the last run failed; 1 or 0 for a table without windows.

    Args:
        shop: The declared shop.
        instance: The Dagster instance that runs its loads.
        specs: The specs of its assets by their declared keys.
    """
    found = dict.fromkeys((entry.name for entry in shop.tables), 0)
    definition = partitions_def(shop.partitions) if shop.partitions else None
    declared = {asset_key(shop, entry.name): entry for entry in shop.tables}
    keys = {specs[key].key if key in specs else key: entry for key, entry in declared.items()}
    if definition is not None:
        for key, resource in keys.items():
            if resource.windowed:
                # what Dagster remembers of the windows is up to date after this
                instance.get_status_by_partition(key, (), definition)
    for record in instance.get_asset_records(list(keys)):
        asset, resource = record.asset_entry, keys[record.asset_entry.asset_key]
        if resource.windowed and definition is not None:
            found[resource.name] = _failed_windows(instance, asset.asset_key, asset.cached_status, definition)
        elif asset.last_run_id and asset.last_run_id != (
            asset.last_materialization_record.run_id if asset.last_materialization_record else None
        ):
            run = instance.get_run_by_id(asset.last_run_id)
            found[resource.name] = int(run is not None and run.status is DagsterRunStatus.FAILURE)
    return found


def _failed_windows(
    instance: DagsterInstance,
    key: AssetKey,
    remembered: Any,
    definition: TimeWindowPartitionsDefinition,
) -> int:
    """Return of how many windows the last run failed.

    Dagster tells the status of a window only after it has looked for it in three lists, by its cron schedule. So it is
    asked about the windows that it remembers as failed. It is asked about all of them if it remembers no status at all.

    Args:
        instance: The Dagster instance.
        key: The key of the table's asset.
        remembered: The status that Dagster remembers, None if its storage cannot store one. It has no public type.
        definition: The windows.
    """
    windows: Collection[str] | None = None
    if remembered and remembered.partitions_def_id == definition.get_serializable_unique_identifier():
        windows = set(remembered.deserialize_failed_partition_subsets(definition).get_partition_keys())
        if not windows:
            return 0
    asked = [window for window in definition.get_partition_keys() if windows is None or window in windows]
    states = instance.get_status_by_partition(key, asked, definition) or {}
    return sum(state.value == "FAILED" for state in states.values() if state)
