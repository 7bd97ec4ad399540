"""The assets of a shop's tables: one partitioned multi-asset for its windows, one for its snapshots.

An op loads the selected resources, reports them, then runs the selected checks of the tables that were loaded.
See `ecom_assets.orchestration.translator` for the look of an asset.
"""

# no postponed annotations here: Dagster reads that of `context` as a type
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dlt
from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    Failure,
    MaterializeResult,
    TimeWindowPartitionsDefinition,
    multi_asset,
)
from dagster_dlt import build_dlt_asset_specs

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.source import describe_source
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.errors import IngestError
from ecom_assets.foundation.temporary_folder import temporary_folder
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.orchestration.check_events import log_evaluations
from ecom_assets.orchestration.checks import check_specs, run_checks
from ecom_assets.orchestration.failures import (
    failure_of_resources,
    failure_of_run,
    failure_or_retry,
    failures_of,
    report_failures,
)
from ecom_assets.orchestration.metadata import (
    common_figures,
    row_counts,
    table_metadata,
    valid_row_counts,
    window_metadata,
)
from ecom_assets.orchestration.partitions import backfill_policy, partitions_def, windows_in_range
from ecom_assets.orchestration.resources import secrets_key
from ecom_assets.orchestration.status import report_status
from ecom_assets.orchestration.translation import NamedFailures, Translator, runnable_specs, translator_for
from ecom_assets.orchestration.translator import asset_key, load_pool, table_spec
from ecom_assets.orchestration.unions import report_unions
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.warehouse import Warehouse

Event = MaterializeResult[Any] | AssetCheckResult

SINCE_TAG = "ecom_assets/since"
"""The tag of a run with the cursor to which it sets open-ended tables back."""


class LoadListener:
    """Is told about the loads of this process. A subclass overrides what it wants to hear."""

    def progress(self, line: str) -> None:
        """Take one line about the progress, for a person."""

    def report(self, report: RunReport) -> None:
        """Take the report of a run."""


listeners: list[LoadListener] = []
"""Those who listen in this process; none in a run that Dagster started."""


def shop_specs(shop: Shop, translator: Translator | None = None) -> dict[AssetKey, AssetSpec]:
    """Return the spec of every resource by its declared key; needs no secret and no network.

    Args:
        shop: The declared shop.
        translator: A translator of the project's own, see `translator_for`. The key in a spec of it may be another.

    Raises:
        WarehouseError: dlt's pipeline cannot have a temporary folder.
        IngestError: The given translator failed.
    """
    if translator is None:
        return {asset_key(shop, resource.name): table_spec(shop, resource) for resource in shop.tables}
    made = translator_for(shop, translator)
    with temporary_folder() as folder:
        # dagster-dlt reads nothing of a pipeline but its destination's name, as a kind; this one never runs
        pipeline = dlt.pipeline(f"{shop.name}_specs", pipelines_dir=str(folder), destination="duckdb")
        try:
            source = describe_source(shop)
            specs = build_dlt_asset_specs(source, pipeline, NamedFailures(shop, made))
        finally:
            pipeline.deactivate()
    return runnable_specs(shop, list(source.selected_resources), specs)


def shop_assets(shop: Shop) -> list[AssetsDefinition]:
    """Return the multi-assets of a shop: one or two, unless its tables have several pools."""
    return load_assets(shop, shop_specs(shop))


def load_assets(shop: Shop, specs: Mapping[AssetKey, AssetSpec]) -> list[AssetsDefinition]:
    """Return the multi-assets of specs by their declared keys."""
    windowed = partitions_def(shop.partitions) if shop.partitions else None
    return [
        *_multi_assets(shop, "windows", shop.windowed_resources() if windowed else (), specs, windowed),
        *_multi_assets(shop, "snapshots", shop.snapshot_resources(), specs, None),
    ]


def _multi_assets(
    shop: Shop,
    kind: str,
    resources: Sequence[Resource],
    specs: Mapping[AssetKey, AssetSpec],
    definition: TimeWindowPartitionsDefinition | None,
) -> Iterator[AssetsDefinition]:
    """Yield a multi-asset for each pool, because an op has one pool. That of the shop's pool comes first."""
    by_pool: dict[str, list[Resource]] = {load_pool(shop): []}
    for resource in resources:
        by_pool.setdefault(load_pool(shop, resource), []).append(resource)
    for pool, members in by_pool.items():
        if members:
            name = kind if pool == load_pool(shop) else f"{kind}__{members[0].name}"
            yield _multi_asset(shop, name, members, specs, definition)


def _multi_asset(
    shop: Shop,
    kind: str,
    resources: Sequence[Resource],
    specs: Mapping[AssetKey, AssetSpec],
    definition: TimeWindowPartitionsDefinition | None,
) -> AssetsDefinition:
    """Put resources of one kind into one op, so that a run reads the endpoint of a parent once."""
    keys = {resource.name: specs[asset_key(shop, resource.name)].key for resource in resources}

    @multi_asset(
        name=f"load_{shop.name}_{kind}",
        specs=[specs[asset_key(shop, resource.name)] for resource in resources],
        check_specs=[
            spec
            for resource in resources
            for spec in check_specs(shop, resource, definition, keys[resource.name])
        ],
        partitions_def=definition,
        backfill_policy=backfill_policy(shop.partitions) if definition and shop.partitions else None,
        can_subset=True,
        pool=load_pool(shop, resources[0]),
        required_resource_keys={secrets_key(shop)},
        description=f"Loads the {kind.partition('__')[0]} of {shop.name}, then checks the tables.",
    )
    def load(context: AssetExecutionContext) -> Iterator[Event]:
        yield from _load_report_check(context, shop, specs, keys, definition)

    return load


def _load_report_check(
    context: AssetExecutionContext,
    shop: Shop,
    specs: Mapping[AssetKey, AssetSpec],
    declared: Mapping[str, AssetKey],
    definition: TimeWindowPartitionsDefinition | None,
) -> Iterator[Event]:
    """Load the selected resources, report and check them, and raise at the end for those that failed."""
    keys = _keys_in_run(context, declared)
    names = [name for name, key in keys.items() if key in context.selected_asset_keys]
    if not names and not context.selected_asset_check_keys:
        raise Failure(
            description=f"the run selects assets of {shop.name}, and none of them is known: nothing was loaded",
            metadata={"shop": shop.name, "known": ", ".join(key.to_user_string() for key in keys.values())},
            allow_retries=False,
        )
    windows = _windows_of_run(context, shop, definition) if names or _has_partitions(context) else ()
    try:
        warehouse = warehouse_from_environment()
        report = _load(context, shop, names, windows, warehouse) if names else None
    except IngestError as error:
        report_failures(context, shop, {keys[name]: {None: error} for name in names})
        raise failure_of_run(shop, error) from None
    errors = report.errors if report else {}
    if report is not None:
        yield from _materializations(context, shop, keys, report, warehouse)
        report_failures(context, shop, {keys[name]: errors for name, errors in failures_of(report).items()})
    failed = {keys[name] for name in errors if report and report.resources[name].error}
    checks = [key for key in context.selected_asset_check_keys if key.asset_key not in failed]
    resources_by_key = {key: name for name, key in keys.items()}
    alone = definition is not None and not _has_partitions(context)
    evaluations: list[AssetCheckEvaluation] = []
    for result in run_checks(shop, warehouse, checks, windows or None, resources_by_key, as_events=alone):
        if isinstance(result, AssetCheckEvaluation):
            evaluations.append(result)
            continue
        log_evaluations(context, evaluations)
        evaluations.clear()
        yield result
    log_evaluations(context, evaluations)
    if report and keys == declared:  # or that of the status is replaced too
        report_status(context, shop, warehouse, specs, _failed_windows(report, windows))
    if report:
        report_unions(context, report.unions)
    if errors:
        failure = failure_of_resources(shop, errors, len(names))
        raise failure_or_retry(context, failure, errors.values()) from None
    if report and report.unpublished:
        raise Failure(description=str(report.unpublished), metadata={"shop": shop.name}) from None


def _keys_in_run(context: AssetExecutionContext, keys: Mapping[str, AssetKey]) -> dict[str, AssetKey]:
    """Return the asset keys of resources as they are in the run: a project may have replaced ours by others."""
    by_output = context.assets_def.node_keys_by_output_name
    return {name: by_output[key.to_python_identifier()] for name, key in keys.items()}


def _windows_of_run(
    context: AssetExecutionContext, shop: Shop, definition: TimeWindowPartitionsDefinition | None
) -> tuple[Window, ...]:
    """Return the windows of a run, none for snapshots.

    Raises:
        Failure: The assets are partitioned, and the run names no partition, or one that does not exist.
    """
    if definition is None:
        return ()
    problem = "these assets are partitioned: choose a partition, or a range of them"
    if _has_partitions(context):
        chosen = context.partition_key_range
        try:
            return windows_in_range(definition, chosen.start, chosen.end)
        except ValueError as error:
            problem = str(error)
    raise Failure(
        description=problem,
        metadata={
            "shop": shop.name,
            "look_at": "the options --partition and --partition-range, or the UI's dialog",
        },
        allow_retries=False,
    )


def _has_partitions(context: AssetExecutionContext) -> bool:
    return bool(context.has_partition_key_range or context.has_partition_key)


def _load(
    context: AssetExecutionContext,
    shop: Shop,
    names: Sequence[str],
    windows: Sequence[Window],
    warehouse: Warehouse,
) -> RunReport:
    """Load resources with the secrets that the Dagster resource holds."""
    secrets = getattr(context.resources, secrets_key(shop)).secrets

    def progress(line: str) -> None:
        context.log.info(line)
        for listener in listeners:
            listener.progress(line)

    report = run_load(
        shop,
        names,
        windows,
        secrets=secrets,
        warehouse=warehouse,
        progress=progress,
        since=context.run.tags.get(SINCE_TAG),
    )
    for listener in listeners:
        listener.report(report)
    return report


def _materializations(
    context: AssetExecutionContext,
    shop: Shop,
    keys: Mapping[str, AssetKey],
    report: RunReport,
    warehouse: Warehouse,
) -> Iterator[Event]:
    """Yield a result for each resource that was loaded, with the metadata of each of its partitions.

    A result stands for all partitions of the run. Where some failed, the others are reported one by one instead.
    """
    loaded = {name: entry for name, entry in report.resources.items() if entry.error is None}
    counts, valid = row_counts(shop, warehouse, loaded), valid_row_counts(shop, warehouse, loaded)
    for name, entry in loaded.items():
        key = keys[name]
        metadata = table_metadata(report, entry, warehouse, counts.get(name), shop.resource(name))
        if name in valid:
            metadata["rows_valid_now"] = valid[name]
        # the figures of windows come first, each replaced by that of the partition
        metadata = {**common_figures(entry.windows), **metadata}
        if entry.failed_windows:
            for window in entry.windows:
                values = {**metadata, **window_metadata(window, entry)}
                context.log_event(AssetMaterialization(key, metadata=values, partition=window.partition_key))
            continue
        for window in entry.windows:
            if window.partition_key is None:
                metadata |= window_metadata(window, entry)
            else:
                context.add_asset_metadata(window_metadata(window, entry), key, window.partition_key)
        yield MaterializeResult(asset_key=key, metadata=metadata)


def _failed_windows(report: RunReport, windows: Sequence[Window]) -> dict[str, int]:
    """Return how many windows of each table failed, 1 for a table without windows."""
    return {
        name: (len(windows) or 1) if entry.error else len(entry.failed_windows)
        for name, entry in report.resources.items()
    }
