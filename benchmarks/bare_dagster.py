"""The smallest Dagster definitions to compare with: one asset with daily partitions that does nothing."""

# no postponed annotations here: Dagster reads that of `context` as a type
from dagster import (
    AssetExecutionContext,
    DailyPartitionsDefinition,
    Definitions,
    MaterializeResult,
    asset,
    in_process_executor,
)


@asset(partitions_def=DailyPartitionsDefinition("2025-01-01"))
def number(context: AssetExecutionContext) -> MaterializeResult[None]:
    """Report the partition key."""
    return MaterializeResult(metadata={"partition": context.partition_key})


defs = Definitions(assets=[number], executor=in_process_executor)
