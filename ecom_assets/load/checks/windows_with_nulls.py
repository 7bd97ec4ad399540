"""Which windows to load again, because rows of them have a null in a column that must not be null any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ecom_assets.contract.conversion import instants_of_cursor
from ecom_assets.extract.windows import Window, floor, windows_between
from ecom_assets.load.checks.finding import CheckedTable
from ecom_assets.load.dispositions.cursor_ranges import range_condition

_MAX_WINDOWS = 400
"""Windows that are counted one by one. Of more, only the first and the last are named."""


def windows_with_nulls(checked: CheckedTable, column: str) -> list[str]:
    """Return the windows of the rows with a null, each as a partition key or as a range such as `A to B`.

    Args:
        checked: The table of a resource.
        column: A column of it that has nulls.

    Returns:
        Nothing for a table without windows of its own: a snapshot, or the rows of a parent.
    """
    shop, resource = checked.shop, checked.resource
    cursor = resource.cursor
    if shop.partitions is None or cursor is None or resource.parent is not None:
        return []
    ends = checked.transaction.fetch_arrow(
        f'select min("{cursor.name}") as low, max("{cursor.name}") as high from {checked.quoted(resource.name)} '
        f'where "{column}" is null'
    )
    first, last = (
        instants_of_cursor(ends.column(name).combine_chunks(), cursor, shop.timezone_of(resource))[0].as_py()
        for name in ("low", "high")
    )
    if first is None or last is None:
        return []
    every = shop.partitions.every
    # a cursor in milliseconds and one in seconds do not compare as numbers, so the ends may be swapped
    first, last = min(first, last), max(first, last)
    windows = windows_between(shop.partitions, floor(first, every), last + timedelta(days=31, seconds=1))
    windows = tuple(window for window in windows if window.start <= last)
    if not windows:
        return []
    if len(windows) > _MAX_WINDOWS:
        return [_range(windows)]
    counts, parameters = [], list[object]()
    for window in windows:
        condition, bounds = range_condition(shop, resource, [(window.start, window.end)])
        counts.append(f"sum(case when {condition} then 1 else 0 end)")
        parameters += bounds
    found = checked.transaction.execute(
        f'select {", ".join(counts)} from {checked.quoted(resource.name)} where "{column}" is null',
        parameters,
    ).fetchall()[0]
    return [_range(group) for group in _neighbours(windows, found)]


def _neighbours(windows: Sequence[Window], counts: Sequence[int]) -> list[list[Window]]:
    """Return the windows with a count, those that follow each other in one group."""
    groups: list[list[Window]] = []
    for window, count in zip(windows, counts, strict=True):
        if count:
            if groups and groups[-1][-1].end == window.start:
                groups[-1].append(window)
            else:
                groups.append([window])
    return groups


def _range(windows: Sequence[Window]) -> str:
    first, last = windows[0].partition_key, windows[-1].partition_key
    return first if first == last else f"{first} to {last}"
