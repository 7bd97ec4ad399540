"""Ticks of the schedules: the window that just closed, and the snapshots once a day."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DefaultScheduleStatus,
    RepositoryDefinition,
    ScheduleDefinition,
    build_schedule_context,
)

from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets_tests.support.dagster.dagster_runs import declare

UTC = timezone.utc


def repository(folder: Path, every: str) -> RepositoryDefinition:
    """Return the definitions of the bundled shop with windows of another length."""
    start = "2026-01-04" if every == "week" else "2026-01-01"  # a Sunday
    declared = declare(
        folder, ("every: day", f"every: {every}"), ('start: "2026-01-01"', f'start: "{start}"')
    )
    return build_defs(declared).get_repository_def()


def schedule(folder: Path, every: str, name: str) -> ScheduleDefinition:
    """Return one of their schedules."""
    return repository(folder, every).get_schedule_def(f"sandbox_{name}")


def tick(folder: Path, every: str, name: str, at: datetime) -> Any:
    """Return the result of a schedule's tick at an instant."""
    definitions = repository(folder, every)
    with DagsterInstance.ephemeral() as instance:
        context = build_schedule_context(
            instance=instance, scheduled_execution_time=at, repository_def=definitions
        )
        return definitions.get_schedule_def(f"sandbox_{name}").evaluate_tick(context)


@pytest.mark.parametrize(
    ("every", "cron", "at", "key"),
    [
        ("hour", "10 * * * *", datetime(2026, 3, 5, 7, 10, tzinfo=UTC), "2026-03-05-06:00"),
        ("day", "10 0 * * *", datetime(2026, 3, 5, 0, 10, tzinfo=UTC), "2026-03-04"),
        ("week", "10 0 * * 0", datetime(2026, 3, 8, 0, 10, tzinfo=UTC), "2026-03-01"),
        ("month", "10 0 1 * *", datetime(2026, 3, 1, 0, 10, tzinfo=UTC), "2026-02-01"),
    ],
)
def test_the_window_that_just_closed(tmp_path: Path, every: str, cron: str, at: datetime, key: str) -> None:
    """Ten minutes after it ended, in UTC, and no other window."""
    definition = schedule(tmp_path, every, "windows_schedule")
    assert definition.cron_schedule == cron
    assert definition.execution_timezone == "UTC"
    (request,) = tick(tmp_path, every, "windows_schedule", at).run_requests
    assert request.tags["dagster/partition"] == key
    assert request.run_key == key
    assert definition.job_name == "sandbox_windows"


def test_nothing_before_the_first_window_closed(tmp_path: Path) -> None:
    """On the first day there is no partition yet."""
    found = tick(tmp_path, "day", "windows_schedule", datetime(2026, 1, 1, 0, 10, tzinfo=UTC))
    assert not found.run_requests
    assert found.skip_message == (
        "the window 2025-12-31 is before the first one, which starts at 2026-01-01 00:00:00+00:00"
    )


def test_snapshots_once_a_day(tmp_path: Path) -> None:
    """At a fixed time, without a partition."""
    definition = schedule(tmp_path, "hour", "snapshots_schedule")
    assert (definition.cron_schedule, definition.execution_timezone) == ("40 0 * * *", "UTC")
    at = datetime(2026, 3, 5, 0, 40, tzinfo=UTC)
    (request,) = tick(tmp_path, "hour", "snapshots_schedule", at).run_requests
    assert request.partition_key is None


def test_off_until_switched_on(tmp_path: Path) -> None:
    """Loading a code location starts no request to an API."""
    for name in ("windows_schedule", "snapshots_schedule"):
        assert schedule(tmp_path, "day", name).default_status is DefaultScheduleStatus.STOPPED
