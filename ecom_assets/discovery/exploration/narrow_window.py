"""Judges the answer to a narrow window: does the API honour the window, and does it include its ends?"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.discovery.evidence import assumed
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.record_list import RecordList

_SECOND = timedelta(seconds=1)
_REFUSES_FUTURE = re.compile(
    r"future|past|later than|range|exceed|greater than|before now|too (late|large|high)"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class NarrowWindow:
    """The records that came for a window from `low` to `high`, both in UTC.

    Attributes:
        count: How many records came.
        has_earlier: A record lies before the window.
        has_later: A record lies after the window.
        nothing_missing: Every known record inside the window came.
        includes_low: The window includes its start; None where that cannot be told.
        includes_high: The window includes its end; None where that cannot be told.
    """

    def __init__(
        self,
        record_list: RecordList,
        instants_of: Callable[[Sequence[Any]], Sequence[datetime | None]],
        low: datetime,
        high: datetime,
        grain: timedelta,
        records: Sequence[Any],
        *,
        only_page: bool,
    ) -> None:
        """Judge the records.

        Args:
            record_list: The endpoint's list, whose sample holds the known records.
            instants_of: Returns the cursors of records.
            low: The window's start.
            high: The window's end.
            grain: The step in which the format tells instants apart.
            records: The records that came.
            only_page: There is no other page of this window.
        """
        steps = [floor_to(instant, grain) for instant in instants_of(records) if instant]
        self.count = len(records)
        self.has_earlier = any(step < low for step in steps)
        self.has_later = any(step > high for step in steps)
        came = {record_list.identity(record) for record in records}
        sample = record_list.sample()
        known = [
            (floor_to(instant, grain), instant, record_list.identity(record) in came)
            for record, instant in zip(sample, instants_of(sample), strict=True)
            if instant
        ]
        # a missing record between the ends is the sign of a wrong format or time zone
        self.nothing_missing = not only_page or all(
            present for step, _, present in known if low < step < high
        )

        def includes(end: datetime) -> bool | None:
            # an instant with a fraction of a second tells nothing about a parameter in whole seconds
            at_end = [
                present
                for step, instant, present in known
                if step == end and (instant == end or grain > _SECOND)
            ]
            if at_end and end in steps:
                return True
            return False if at_end and only_page else None

        self.includes_low = includes(low)
        self.includes_high = includes(high)


ENDS = {True: "included", False: "excluded", None: "not certain, taken as excluded"}
"""Words for `includes_low` and `includes_high`."""


def bounds_evidence(low: bool | None, high: bool | None, *, has_end: bool) -> str:
    """Return what a narrow window shows of the ends that a filter includes."""
    text = f"a record at the start is {ENDS[low]}" + (f", one at the end {ENDS[high]}" if has_end else "")
    return assumed(text) if low is None or (has_end and high is None) else text


def narrow_window_ends(instants: Sequence[datetime], grain: timedelta) -> tuple[datetime, datetime]:
    """Return two instants of the sample with few records between them."""
    steps = sorted({floor_to(instant, grain) for instant in instants})
    middle = len(steps) // 2
    return steps[max(middle - 1, 0)], steps[min(middle + 2, len(steps) - 1)]


def distinct_steps(
    instants: Sequence[datetime], on_page: Sequence[datetime | None], grain: timedelta
) -> list[datetime]:
    """Return instants of the sample, in their order, to tell parameters for a start apart by what comes.

    Between each two of them, a record of a page must come. One instant is left out too, so that an excluded one is not
    taken for the next.

    Args:
        instants: Those of the sample, in UTC.
        on_page: Those of the records on the longest page.
        grain: The step in which the format tells instants apart.
    """
    page_steps = {floor_to(instant, grain) for instant in on_page if instant}
    steps, is_apart = [], True
    for instant in sorted({floor_to(instant, grain) for instant in instants})[1:]:
        if is_apart:
            steps.append(instant)
        is_apart = not is_apart and instant in page_steps
    return steps


def refuses_future(response: ApiResponse) -> bool:
    """Tell whether the API refused a request with words that may speak of a time in the future."""
    return response.refused and _REFUSES_FUTURE.search(response.refusal.partition("body:")[2]) is not None


def grain_of(instant_format: str) -> timedelta:
    """Return the step in which a format tells instants apart."""
    return timedelta(days=1) if instant_format == "date" else _SECOND


def floor_to(instant: datetime, grain: timedelta) -> datetime:
    """Return the start of an instant's step."""
    return instant - (instant - _EPOCH) % grain
