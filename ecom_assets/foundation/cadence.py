"""Where the hours, days, weeks and months begin and end, in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


def floor(instant: datetime, every: str) -> datetime:
    """Return the start, in UTC, of the hour, day, week or month that holds an instant.

    A week starts on Sunday, as in Dagster.
    """
    instant = instant.astimezone(timezone.utc)
    if every == "hour":
        return instant.replace(minute=0, second=0, microsecond=0)
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    if every == "week":
        return midnight - timedelta(days=(midnight.weekday() + 1) % 7)
    return midnight.replace(day=1) if every == "month" else midnight


def window_end(start: datetime, every: str) -> datetime:
    """Return the end of the window that starts at `start`."""
    if every == "month":
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1)
    return start + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[every]
