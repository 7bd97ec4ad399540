"""Intervals of time, and the SQL that finds the rows whose cursor lies in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any, TypeAlias

from ecom_assets.contract.conversion import cursor_instants
from ecom_assets.contract.value_conversion import MILLISECONDS
from ecom_assets.declaration.reading import Column, Resource, Shop

Interval: TypeAlias = tuple[datetime, datetime]
"""A half-open interval `[start, end)`, in UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def merge_intervals(intervals: Iterable[Interval]) -> list[Interval]:
    """Return intervals in order, with those that touch or overlap joined."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def subtract(intervals: Iterable[Interval], removed: Sequence[Interval]) -> list[Interval]:
    """Return the parts of intervals that lie in none of the removed ones. Both are in order and do not overlap."""
    left: list[Interval] = []
    for start, end in intervals:
        for low, high in removed:
            if low < end and high > start:
                if start < low:
                    left.append((start, low))
                start = max(start, high)
        if start < end:
            left.append((start, end))
    return left


def range_condition(shop: Shop, resource: Resource, intervals: Sequence[Interval]) -> tuple[str, list[Any]]:
    """Return the SQL condition that a row's cursor lies in one of some intervals, and its parameters.

    Args:
        shop: The declared shop.
        resource: A windowed resource without a parent.
        intervals: The intervals, at least one.
    """
    cursor = resource.cursor
    if cursor is None:
        raise LookupError(f"{resource.name} is not windowed")
    conditions, parameters = [], list[Any]()
    for interval in intervals:
        for low, high, limits in _bounds(cursor, shop.timezone_of(resource), interval):
            conditions.append(f'("{cursor.name}" >= ? and "{cursor.name}" < ?{limits})')
            parameters += [low, high]
    return f"({' or '.join(conditions)})", parameters


def _bounds(cursor: Column, zone: str, interval: Interval) -> list[tuple[Any, Any, str]]:
    """Return the values of a cursor that bound an interval, and a further condition on the cursor."""
    if cursor.data_type == "date":
        low, high = (_first_day(cursor, zone, instant) for instant in interval)
        return [(low, high, "")]
    if cursor.data_type == "bigint":
        seconds, milliseconds = (
            [_units(instant, unit) for instant in interval] for unit in (1_000_000, 1_000)
        )
        in_seconds = f'"{cursor.name}" between {1 - MILLISECONDS} and {MILLISECONDS - 1}'
        return [
            (seconds[0], seconds[1], f" and {in_seconds}"),
            (milliseconds[0], milliseconds[1], f" and not {in_seconds}"),
        ]
    return [(*interval, "")]


def _first_day(cursor: Column, zone: str, instant: datetime) -> date:
    """Return the first day that does not begin before an instant."""
    days = [(instant + timedelta(days=step)).date() for step in range(-2, 4)]
    begins = cursor_instants([day.isoformat() for day in days], cursor, zone).to_pylist()
    return next(day for day, begin in zip(days, begins, strict=True) if begin >= instant)


def _units(instant: datetime, microseconds: int) -> int:
    """Return the first whole number of units since 1970 that is not before an instant."""
    return -((_EPOCH - instant) // timedelta(microseconds=1) // microseconds)
