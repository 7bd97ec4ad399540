"""The windows of a shop: the first one begins where the declaration says."""

from __future__ import annotations

from datetime import datetime

from ecom_assets.declaration.error_text import Place, format_value, rule_error
from ecom_assets.declaration.partitions import Partitions
from ecom_assets.foundation.cadence import floor, window_end

_YEARS = (1900, 2200)
"""The years in which windows may begin. Dagster writes years before 1000 so that it cannot read them."""


def check_start(place: Place, partitions: Partitions) -> None:
    """Require that a window begins at `start`, in a year that all parts of the project can handle.

    The first window would otherwise begin later, and what lies in between would never be loaded.
    """
    start, every = partitions.start, partitions.every
    if not _YEARS[0] <= start.year < _YEARS[1]:
        raise rule_error(
            place,
            format_value(_text(start)),
            f"a year from {_YEARS[0]} to {_YEARS[1] - 1}, as no shop is older",
        )
    before = floor(start, every)
    if before != start:
        allowed = f"{_text(before)} or {_text(window_end(before, every))}"
        week = ", a Sunday" if every == "week" else ""
        raise rule_error(
            place,
            f"{format_value(_text(start))}, at which no {every} begins in UTC",
            f"the start of a window: {allowed}{week}; or another every",
        )


def _text(instant: datetime) -> str:
    """Return an instant in UTC as a declaration has it, a midnight as a date."""
    midnight = instant.hour == instant.minute == instant.second == instant.microsecond == 0
    return str(instant.date()) if midnight else instant.isoformat().replace("+00:00", "Z")
