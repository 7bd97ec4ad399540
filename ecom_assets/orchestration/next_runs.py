"""When the schedules and sensors of a shop start its next runs, and how they are called."""

from __future__ import annotations

from datetime import datetime, timedelta

from dagster import DagsterInstance

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import floor, window_end

MINUTES_AFTER = 10
"""Minutes from the end of a window to its load, so that the API has settled."""


def job_name(shop: Shop, kind: str) -> str:
    """Return a name that begins with the shop's; `kind` is `windows`, `snapshots` or `deletions` for a job.

    A job may not have the name of an op of another shop. Those of the shop `x` begin with `load_x_` and `sweep_x_`, so
    a shop named `load_x` or `sweep_x` gets another separator. No name in a declaration has three underscores.
    """
    separator = "___" if shop.name.startswith(("load_", "sweep_")) else "_"
    return f"{shop.name}{separator}{kind}"


_SUNDAY = 7


def next_runs(shop: Shop, instance: DagsterInstance, now: datetime) -> list[str]:
    """Return a line for each schedule, and for the sensor of changes: its next run, or that it is off.

    Args:
        shop: The declared shop.
        instance: The Dagster instance. Its states do not tell apart two code locations with the same shop.
        now: An aware instant in UTC.
    """
    # an instance in memory keeps no states
    states = instance.all_instigator_state() if instance.schedule_storage else ()
    running = {state.instigator_name for state in states if state.status.value == "RUNNING"}
    stopped = {state.instigator_name for state in states if state.status.value == "STOPPED"}
    due: dict[str, datetime] = {}
    if shop.partitions and shop.windowed_resources():
        due["windows"] = next_window(shop.partitions.every, now)
    if shop.snapshot_resources():
        due["snapshots"] = _next(now, timedelta(minutes=40))
    if shop.resources_with_deletes():
        sunday = _next(now, timedelta(hours=2, minutes=20))
        while sunday.isoweekday() != _SUNDAY:
            sunday += timedelta(days=1)
        due["deletions"] = sunday
    if shop.audit and not all(resource.open_ended for resource in shop.tables):
        due["audit"] = next_audit(shop.audit.every, now)
        # the only one that is on from the start
        running |= {job_name(shop, "audit_schedule")} - stopped
    lines = []
    for kind, instant in due.items():
        name = job_name(shop, f"{kind}_schedule")
        lines.append(f"{kind}: {instant:%Y-%m-%d %H:%M} UTC" if name in running else f"{kind}: {name} is off")
    sensor = job_name(shop, "changes")
    return [*lines, f"changed windows: {sensor} looks for them"] if sensor in running else lines


def next_window(every: str, now: datetime) -> datetime:
    """Return when the schedule of windows is due after an instant."""
    start = floor(now, every)
    due = start + timedelta(minutes=MINUTES_AFTER)
    return due if due > now else window_end(start, every) + timedelta(minutes=MINUTES_AFTER)


def next_audit(every: str, now: datetime) -> datetime:
    """Return when the schedule of audits is due after an instant: on a Sunday, or on the first of a month."""
    due = _next(now, timedelta(hours=1, minutes=20))
    while (every == "week" and due.isoweekday() != _SUNDAY) or (every == "month" and due.day != 1):
        due += timedelta(days=1)
    return due


def _next(now: datetime, time_of_day: timedelta) -> datetime:
    """Return the next instant with a time of day, in UTC."""
    due = floor(now, "day") + time_of_day
    return due if due > now else due + timedelta(days=1)
