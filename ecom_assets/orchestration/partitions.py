"""Windows as Dagster partitions, in both directions: definitions, partition keys and run tags.

See `ecom_assets.extract.windows` for windows themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone

from dagster import (
    BackfillPolicy,
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    PartitionKeyRange,
    TimeWindowPartitionsDefinition,
    WeeklyPartitionsDefinition,
)

from ecom_assets.declaration.reading import Partitions
from ecom_assets.extract.windows import Window

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


_DEFINITIONS: Mapping[str, Callable[..., TimeWindowPartitionsDefinition]] = {
    "hour": HourlyPartitionsDefinition,
    "day": DailyPartitionsDefinition,
    "week": WeeklyPartitionsDefinition,
    "month": MonthlyPartitionsDefinition,
}


def partitions_def(partitions: Partitions) -> TimeWindowPartitionsDefinition:
    """Return Dagster's partitions for declared ones: in UTC, one per closed window."""
    return _DEFINITIONS[partitions.every](start_date=partitions.start, timezone="UTC")


def backfill_policy(partitions: Partitions) -> BackfillPolicy:
    """Return how many windows Dagster puts into one run of a backfill: all of them, unless declared."""
    if partitions.windows_per_run is None:
        return BackfillPolicy.single_run()
    return BackfillPolicy.multi_run(max_partitions_per_run=partitions.windows_per_run)


def windows_of(definition: TimeWindowPartitionsDefinition, keys: Iterable[str]) -> tuple[Window, ...]:
    """Return the windows of partition keys, in the order of the keys."""
    windows = []
    for key in keys:
        bounds = definition.time_window_for_partition_key(key)
        windows.append(Window(key, _utc(bounds.start), _utc(bounds.end)))
    return tuple(windows)


def windows_in_range(
    definition: TimeWindowPartitionsDefinition, first_key: str, last_key: str
) -> tuple[Window, ...]:
    """Return the windows from one partition key to another, both included, in order.

    Raises:
        ValueError: No closed window has the key, or the range ends before it starts. Dagster itself refuses such a key
            only where a run has a single partition.
    """
    for key in (first_key, last_key):
        if not _is_closed_window(definition, key):
            first, last = definition.get_first_partition_key(), definition.get_last_partition_key()
            allowed = f"{first} to {last}" if last else "none, no window has closed yet"
            raise ValueError(f"partition: found {key!r}; allowed: {allowed}")
    key_range = PartitionKeyRange(first_key, last_key)
    windows = windows_of(definition, definition.get_partition_keys_in_range(key_range))
    if not windows:
        raise ValueError(
            f"partition: found the range {first_key} to {last_key}; allowed: one that starts before it ends"
        )
    return windows


def _is_closed_window(definition: TimeWindowPartitionsDefinition, key: str) -> bool:
    """Return whether a key names a window that has closed."""
    try:
        return definition.has_partition_key(key)
    except ValueError:
        return False


def range_tags(windows: Iterable[Window]) -> Mapping[str, str]:
    """Return the run tags that ask for all windows from the earliest to the latest in one run."""
    ordered = sorted(windows, key=lambda window: window.start)
    return {RANGE_START_TAG: ordered[0].partition_key, RANGE_END_TAG: ordered[-1].partition_key}


def _utc(instant: datetime) -> datetime:
    """Return an aware instant with `timezone.utc`: Dagster's has a named zone, and windows would not compare equal."""
    return datetime.fromtimestamp(instant.timestamp(), timezone.utc)
