"""Runs of a range of partitions with many events, for the tests of event logs."""

# no postponed annotations here: Dagster reads that of `context` as a type
import warnings
from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    BackfillPolicy,
    DagsterEventType,
    DagsterInstance,
    DailyPartitionsDefinition,
    Definitions,
    EventLogEntry,
    MaterializeResult,
    MetadataValue,
    PreviewWarning,
    in_process_executor,
    multi_asset,
)

from ecom_assets.orchestration.check_events import log_evaluations
from ecom_assets.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG

TABLES = ("orders", "order_items")
DAYS = DailyPartitionsDefinition("2026-01-01")


with warnings.catch_warnings():
    warnings.simplefilter("ignore", PreviewWarning)  # of partitions_def, as in the assets of a shop
    CHECKS = [
        AssetCheckSpec(check, asset=name, partitions_def=DAYS if check == "filled" else None)
        for name in TABLES
        for check in ("complete", "filled")
    ]


@multi_asset(
    # without a version, the id of the run becomes part of that of the data
    specs=[AssetSpec(name, code_version="1") for name in TABLES],
    check_specs=CHECKS,
    partitions_def=DAYS,
    backfill_policy=BackfillPolicy.single_run(),
    can_subset=True,
)
def load(context: AssetExecutionContext) -> Iterator[Any]:
    """Report every partition of a range, as the assets of a shop do."""
    for name in TABLES:
        for number, key in enumerate(context.partition_keys):
            context.add_asset_metadata({"fetched": number}, AssetKey(name), key)
        yield MaterializeResult(asset_key=name, metadata={"load_id": "1"})
    for name in TABLES:
        if len(context.partition_keys) > 1:
            log_evaluations(
                context,
                [
                    AssetCheckEvaluation(
                        asset_key=AssetKey(name),
                        check_name="filled",
                        passed=bool(number),
                        metadata={"rows": MetadataValue.int(number)},
                        partition=key,
                    )
                    for number, key in enumerate(context.partition_keys)
                ],
            )
        for check in ("filled", "complete"):
            yield AssetCheckResult(asset_key=name, check_name=check, passed=True)
    if context.partition_keys[0] == "2026-01-02":
        raise ValueError("a day that fails")


def materialise(instance: DagsterInstance, start: str, end: str) -> str:
    """Run a range of partitions; returns the run's id."""
    job = Definitions(assets=[load], executor=in_process_executor).resolve_implicit_global_asset_job_def()
    tags = {RANGE_START_TAG: start, RANGE_END_TAG: end}
    return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).run_id


def batches(instance: DagsterInstance, run_id: str, new_run_id: str) -> list[list[EventLogEntry]]:
    """Return the materializations of a run, a list for each asset, as events of another run."""
    entries = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    found: dict[Any, list[EventLogEntry]] = {}
    for entry in entries:
        new = entry._replace(run_id=new_run_id)
        found.setdefault(new.get_dagster_event().asset_key, []).append(new)
    return list(found.values())
