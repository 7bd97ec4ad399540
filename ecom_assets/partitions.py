"""Windows as Dagster partitions, in both directions.

What a window is, and how a range of them is cut for reading, is `ecom_assets.ingest.windows`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone

from dagster import (
    DailyPartitionsDefinition,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    TimeWindowPartitionsDefinition,
    WeeklyPartitionsDefinition,
)

from ecom_assets.ingest.declaration import Partitions
from ecom_assets.ingest.windows import Window

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


def windows_of(definition: TimeWindowPartitionsDefinition, keys: Iterable[str]) -> tuple[Window, ...]:
    """Return the windows of partition keys, in the order of the keys."""
    found = []
    for key in keys:
        bounds = definition.time_window_for_partition_key(key)
        found.append(Window(key, _utc(bounds.start), _utc(bounds.end)))
    return tuple(found)


def range_tags(windows: Iterable[Window]) -> Mapping[str, str]:
    """Return the run tags that ask for all windows from the earliest to the latest in one run."""
    ordered = sorted(windows, key=lambda window: window.start)
    return {RANGE_START_TAG: ordered[0].partition_key, RANGE_END_TAG: ordered[-1].partition_key}


def _utc(instant: datetime) -> datetime:
    """Return an aware instant in plain UTC; Dagster's carries a named zone, and would not compare by type."""
    return datetime.fromtimestamp(instant.timestamp(), timezone.utc)
