"""Which windows rows are in, to load these windows again.

Rows may have a null in a column that must not be null any more, or a value that does not fit another type.
"""

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
    """Return the windows of the rows with a null in a column, each as a partition key or as a range such as `A to B`.

    See `windows_of_rows` for what it leaves out.
    """
    ranges = windows_of_rows(checked, f'"{column}" is null')
    return [
        first.partition_key if first == last else f"{first.partition_key} to {last.partition_key}"
        for first, last in ranges
    ]


def windows_of_rows(checked: CheckedTable, condition: str) -> list[tuple[Window, Window]]:
    """Return the windows of some rows, as the first and the last of windows that follow each other.

    Args:
        checked: The table of a resource.
        condition: The SQL condition of the rows.

    Returns:
        Nothing for a table without windows of its own: a snapshot, or the rows of a parent.
    """
    shop, resource = checked.shop, checked.resource
    cursor = resource.cursor
    if shop.partitions is None or cursor is None or resource.parent is not None:
        return []
    ends = checked.transaction.fetch_arrow(
        f'select min("{cursor.name}") as low, max("{cursor.name}") as high from {checked.quoted(resource.name)} '
        f"where {condition}"
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
        return [(windows[0], windows[-1])]
    counts, parameters = [], list[object]()
    for window in windows:
        inside, bounds = range_condition(shop, resource, [(window.start, window.end)])
        counts.append(f"sum(case when {inside} then 1 else 0 end)")
        parameters += bounds
    found = checked.transaction.execute(
        f"select {', '.join(counts)} from {checked.quoted(resource.name)} where {condition}",
        parameters,
    ).fetchall()[0]
    return [(group[0], group[-1]) for group in _neighbours(windows, found)]


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
