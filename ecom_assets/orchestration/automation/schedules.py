"""The schedules of a shop, in UTC: each window soon after it closed, snapshots daily, delete detection weekly.

All are off until somebody switches them on in the UI, except the audit, which exists only if it is declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from dagster import (
    DefaultScheduleStatus,
    JobDefinition,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from ecom_assets.declaration.audit import Audit
from ecom_assets.declaration.reading import Partitions, Shop
from ecom_assets.extract.windows import floor, window_at, windows_between
from ecom_assets.orchestration.automation.jobs import AssetJob, job_name
from ecom_assets.orchestration.next_runs import MINUTES_AFTER as MINUTES_AFTER

SNAPSHOT_CRON = "40 0 * * *"
DELETIONS_CRON = "20 2 * * 0"

_AUDIT_CRON: Mapping[str, str] = {"day": "20 1 * * *", "week": "20 1 * * 0", "month": "20 1 1 * *"}
"""After the snapshots, which change from day to day, were loaded."""

_WINDOW_CRON: Mapping[str, str] = {
    "hour": f"{MINUTES_AFTER} * * * *",
    "day": f"{MINUTES_AFTER} 0 * * *",
    "week": f"{MINUTES_AFTER} 0 * * 0",
    "month": f"{MINUTES_AFTER} 0 1 * *",
}


def windows_schedule(shop: Shop, partitions: Partitions, job: AssetJob) -> ScheduleDefinition:
    """Return the schedule that requests the window that closed last. A missed one takes a backfill."""

    @schedule(
        name=job_name(shop, "windows_schedule"),
        job=job,
        cron_schedule=_WINDOW_CRON[partitions.every],
        execution_timezone="UTC",
        description=(
            f"Loads each {partitions.every} of {shop.name} {MINUTES_AFTER} minutes after it ended (UTC)."
        ),
        default_status=DefaultScheduleStatus.STOPPED,
    )
    def request_closed_window(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        end = floor(context.scheduled_execution_time, partitions.every)
        window = window_at(partitions, end - timedelta(microseconds=1))
        if not windows_between(partitions, window.start, window.end):
            return SkipReason(
                f"the window {window.partition_key} is before the first one, which starts at {partitions.start}"
            )
        return RunRequest(run_key=window.partition_key, partition_key=window.partition_key)

    return request_closed_window


def snapshots_schedule(shop: Shop, job: AssetJob) -> ScheduleDefinition:
    """Return the schedule that loads the snapshots once a day."""
    description = f"Loads the snapshots of {shop.name} every day at 00:40 (UTC)."
    return _unpartitioned_schedule(shop, "snapshots_schedule", job, SNAPSHOT_CRON, description)


def deletions_schedule(shop: Shop, job: AssetJob) -> ScheduleDefinition:
    """Return the schedule that detects deletes once a week."""
    description = f"Looks for records that the API of {shop.name} deleted, every Sunday at 02:20 (UTC)."
    return _unpartitioned_schedule(shop, "deletions_schedule", job, DELETIONS_CRON, description)


def audit_schedule(shop: Shop, declared: Audit, job: JobDefinition) -> ScheduleDefinition:
    """Return the schedule that audits the shop as often as it declares. It is on from the start."""
    description = (
        f"Reads closed windows of {shop.name} again every {declared.every}, and compares them (UTC)."
    )
    return _unpartitioned_schedule(
        shop, "audit_schedule", job, _AUDIT_CRON[declared.every], description, DefaultScheduleStatus.RUNNING
    )


def _unpartitioned_schedule(
    shop: Shop,
    kind: str,
    job: AssetJob,
    cron: str,
    description: str,
    status: DefaultScheduleStatus = DefaultScheduleStatus.STOPPED,
) -> ScheduleDefinition:
    """Return a schedule of a job without partitions, in UTC and switched off unless `status` says otherwise."""
    return ScheduleDefinition(
        name=job_name(shop, kind),
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        description=description,
        default_status=status,
    )
