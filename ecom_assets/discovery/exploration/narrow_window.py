"""What came of asking for a narrow window between two records' own instants: is it kept, are its ends included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.discovery.exploration.first_page import Listing

_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class NarrowWindow:
    """The records of a window `low` to `high`: `below` and `beyond` tell that some lie outside of it.

    `complete` tells that none is missing that is known to lie inside; `includes_low` and `includes_high` are None
    where it cannot be told.
    """

    def __init__(
        self,
        listing: Listing,
        moments_of: Callable[[Sequence[Any]], Sequence[datetime | None]],
        low: datetime,
        high: datetime,
        grain: timedelta,
        rows: Sequence[Any],
        *,
        whole: bool,
    ) -> None:
        """Look at the `rows` that came; `whole` tells that there is no other page of them."""
        steps = [floor_to(moment, grain) for moment in moments_of(rows) if moment]
        self.seen = len(rows)
        self.below = any(step < low for step in steps)
        self.beyond = any(step > high for step in steps)
        came = {listing.identity(row) for row in rows}
        sample = listing.sample()
        known = [
            (floor_to(moment, grain), moment, listing.identity(row) in came)
            for row, moment in zip(sample, moments_of(sample), strict=True)
            if moment
        ]
        # a record between the ends that does not come tells of a wrong format or time zone
        self.complete = not whole or all(present for step, _, present in known if low < step < high)

        def includes(end: datetime) -> bool | None:
            # of a parameter that says whole seconds, an instant with a fraction of one tells nothing
            at_end = [
                present
                for step, moment, present in known
                if step == end and (moment == end or grain > _SECOND)
            ]
            if at_end and end in steps:
                return True
            return False if at_end and whole else None

        self.includes_low = includes(low)
        self.includes_high = includes(high)


def grain_of(form: str) -> timedelta:
    """Return the step in which a format tells instants apart."""
    return timedelta(days=1) if form == "date" else _SECOND


def floor_to(moment: datetime, grain: timedelta) -> datetime:
    """Return the beginning of an instant's step."""
    return moment - (moment - _EPOCH) % grain
