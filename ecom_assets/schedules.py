"""When a shop is loaded by the clock: each window soon after it closed, the snapshots once a day, in UTC.

Loading only what changed is `sensors`'s. Both are off until somebody switches them on in the UI.
"""

from __future__ import annotations

from typing import Any

from dagster import DefaultScheduleStatus, ScheduleDefinition, build_schedule_from_partitioned_job

from ecom_assets.ingest.declaration import Shop
from ecom_assets.jobs import AssetJob, job_name

MINUTES_AFTER = 10
"""How long after a window closed it is loaded, so that the API has settled."""

SNAPSHOT_CRON = "40 0 * * *"


def windows_schedule(shop: Shop, job: AssetJob) -> Any:
    """Return the schedule that requests the window which closed last, under its partition key."""
    every = shop.partitions.every if shop.partitions else "day"
    return build_schedule_from_partitioned_job(
        job,
        name=job_name(shop, "windows_schedule"),
        description=f"Loads each {every} of {shop.name} {MINUTES_AFTER} minutes after it ended (UTC).",
        minute_of_hour=MINUTES_AFTER,
        hour_of_day=None if every == "hour" else 0,
        default_status=DefaultScheduleStatus.STOPPED,
    )


def snapshots_schedule(shop: Shop, job: AssetJob) -> ScheduleDefinition:
    """Return the schedule that loads the snapshots once a day."""
    return ScheduleDefinition(
        name=job_name(shop, "snapshots_schedule"),
        job=job,
        cron_schedule=SNAPSHOT_CRON,
        execution_timezone="UTC",
        description=f"Loads the snapshots of {shop.name} every day at 00:40 (UTC).",
        default_status=DefaultScheduleStatus.STOPPED,
    )
