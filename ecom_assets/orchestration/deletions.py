"""The assets of delete detection: one for each resource with `deletes`, next to the asset of its table.

They have no partitions, because delete detection reads the whole collection. See
`ecom_assets.load.sweeps.delete_detection`.
"""

# no postponed annotations here: Dagster reads that of `context` as a type
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Failure,
    FreshnessPolicy,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.table.deletes import deletions_name
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.sweeps.delete_detection import DeleteDetectionReport, detect_deletes
from ecom_assets.orchestration.failures import failure_of_resources, failure_or_retry, report_failures
from ecom_assets.orchestration.resources import secrets_key
from ecom_assets.orchestration.status import report_status
from ecom_assets.orchestration.translator import asset_key, load_pool, look_of, look_of_spec
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.warehouse import Warehouse

_INTERVAL = timedelta(weeks=1)
"""How often delete detection is due: as often as its schedule runs it."""


def deletions_assets(
    shop: Shop, specs: Mapping[AssetKey, AssetSpec] = MappingProxyType({})
) -> list[AssetsDefinition]:
    """Return an asset for each resource with delete detection.

    Args:
        shop: The declared shop.
        specs: The specs of its tables by their declared keys, if a translator changed them.
    """
    return [
        _deletions_asset(
            shop, resource, deletions_spec(shop, resource, specs.get(asset_key(shop, resource.name))), specs
        )
        for resource in shop.resources_with_deletes()
    ]


def deletions_spec(shop: Shop, resource: Resource, table: AssetSpec | None = None) -> AssetSpec:
    """Return the spec of a resource's delete detection. It looks like the asset of the table, beside which it is.

    Like a table, the asset is late after two and a quarter intervals, and warns after one and a half. It takes neither
    the freshness nor the automation condition of the table, because a sweep reads the whole collection.
    """
    key = asset_key(shop, resource.name) if table is None else table.key
    return AssetSpec(
        key=deletions_key(key),
        deps=[key],
        description=(
            f"Marks the rows of {resource.name} whose records the API no longer has: sets deleted_at, "
            "and clears it for a record that came back."
        ),
        freshness_policy=FreshnessPolicy.time_window(
            fail_window=_INTERVAL * 2.25, warn_window=_INTERVAL * 1.5
        ),
        **(look_of(shop, resource) if table is None else look_of_spec(table)),
    )


def deletions_key(key: AssetKey) -> AssetKey:
    """Return the key of a resource's delete detection by the key of its table."""
    return AssetKey([*key.path[:-1], deletions_name(key.path[-1])])


def _op_name(shop: Shop, resource: Resource) -> str:
    """Return a name that no resource of another shop has: `a` with `b_c` differs from `a_b` with `c`."""
    return f"sweep_{shop.name}{'__' if '_' in shop.name else '_'}{resource.name}"


def _deletions_asset(
    shop: Shop, resource: Resource, spec: AssetSpec, tables: Mapping[AssetKey, AssetSpec]
) -> AssetsDefinition:
    """Return the asset of one resource, in an op of its own, so that a failure stays with that resource."""

    @multi_asset(
        name=_op_name(shop, resource),
        specs=[spec],
        pool=load_pool(shop, resource),
        required_resource_keys={secrets_key(shop)},
    )
    def marked_deletes(context: AssetExecutionContext) -> Iterator[MaterializeResult[Any]]:
        try:
            warehouse = warehouse_from_environment()
            report = detect_deletes(
                shop,
                resource.name,
                secrets=getattr(context.resources, secrets_key(shop)).secrets,
                warehouse=warehouse,
                progress=lambda line: context.log.info(line),
            )
        except IngestError as error:
            report_failures(context, shop, {context.asset_key: {None: error}})
            failure = failure_of_resources(shop, {deletions_name(resource.name): error}, 1)
            raise failure_or_retry(context, failure, [error]) from None
        yield MaterializeResult(metadata=_metadata(report, warehouse))
        if context.asset_key == spec.key:  # or that of the status is replaced too
            report_status(context, shop, warehouse, tables)
        if report.unpublished:
            raise Failure(description=str(report.unpublished), metadata={"shop": shop.name}) from None

    return marked_deletes


def _metadata(report: DeleteDetectionReport, warehouse: Warehouse) -> Mapping[str, Any]:
    """Return the figures of a delete detection. A total is null where the API reports none."""
    return {
        "dagster/table_name": report.table,
        "dagster/uri": warehouse.uri,
        "deleted_at": MetadataValue.timestamp(report.instant),
        "live_before": report.live_before,
        "at_source": report.at_source,
        "newly_deleted": report.newly_deleted,
        "returned": report.returned,
        "source_total": MetadataValue.null() if report.source_total is None else report.source_total,
        "requests": report.requests,
        "retries": report.retries,
        "restarts": report.restarts,
        "seconds": report.seconds,
        "unfiltered": report.unfiltered,
        "unfiltered_loaded": report.unfiltered_loaded,
        "unfiltered_rejected": report.unfiltered_rejected,
        **({"unfiltered_keys": "; ".join(report.unfiltered_keys)} if report.unfiltered_keys else {}),
    }
