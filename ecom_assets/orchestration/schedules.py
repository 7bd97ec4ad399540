"""When a shop is loaded by the clock: each window soon after it closed, the snapshots once a day, in UTC.

Once a week deletes are looked for. Loading only what changed is `sensors`'s. All are off until somebody
switches them on in the UI.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from ecom_assets.declaration.reading import Partitions, Shop
from ecom_assets.extract.windows import floor, window_at, windows_between
from ecom_assets.orchestration.jobs import AssetJob, job_name

MINUTES_AFTER = 10
"""How long after a window closed it is loaded, so that the API has settled."""

SNAPSHOT_CRON = "40 0 * * *"
DELETIONS_CRON = "20 2 * * 0"

_CRON: Mapping[str, str] = {
    "hour": f"{MINUTES_AFTER} * * * *",
    "day": f"{MINUTES_AFTER} 0 * * *",
    "week": f"{MINUTES_AFTER} 0 * * 0",
    "month": f"{MINUTES_AFTER} 0 1 * *",
}


def windows_schedule(shop: Shop, partitions: Partitions, job: AssetJob) -> ScheduleDefinition:
    """Return the schedule that requests the window which closed last; a missed one is a backfill's."""

    @schedule(
        name=job_name(shop, "windows_schedule"),
        job=job,
        cron_schedule=_CRON[partitions.every],
        execution_timezone="UTC",
        description=(
            f"Loads each {partitions.every} of {shop.name} {MINUTES_AFTER} minutes after it ended (UTC)."
        ),
        default_status=DefaultScheduleStatus.STOPPED,
    )
    def closed(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        end = floor(context.scheduled_execution_time, partitions.every)
        window = window_at(partitions, end - timedelta(microseconds=1))
        if not windows_between(partitions, window.start, window.end):
            return SkipReason(f"{window.partition_key} lies before the first window, at {partitions.start}")
        return RunRequest(run_key=window.partition_key, partition_key=window.partition_key)

    return closed


def snapshots_schedule(shop: Shop, job: AssetJob) -> ScheduleDefinition:
    """Return the schedule that loads the snapshots once a day."""
    text = f"Loads the snapshots of {shop.name} every day at 00:40 (UTC)."
    return _by_the_clock(shop, "snapshots_schedule", job, SNAPSHOT_CRON, text)


def deletions_schedule(shop: Shop, job: AssetJob) -> ScheduleDefinition:
    """Return the schedule that looks for deletes once a week."""
    text = f"Looks for records that are gone from {shop.name} every Sunday at 02:20 (UTC)."
    return _by_the_clock(shop, "deletions_schedule", job, DELETIONS_CRON, text)


def _by_the_clock(shop: Shop, kind: str, job: AssetJob, cron: str, description: str) -> ScheduleDefinition:
    """Return a schedule of a job without partitions, in UTC and off."""
    return ScheduleDefinition(
        name=job_name(shop, kind),
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        description=description,
        default_status=DefaultScheduleStatus.STOPPED,
    )
