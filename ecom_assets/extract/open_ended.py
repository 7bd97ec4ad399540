"""Open-ended readings: from a cursor to the present, the parameter that asks for it, and how far a reading came.

A reading includes its start, whatever the API's parameter includes. So a record that appears later with the same cursor
as the last one is not missed, and the load does not repeat those that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.contract.conversion import cursor_instants
from ecom_assets.contract.cursor_values import comparable, cursor_text, in_form_of, moved_back
from ecom_assets.contract.nested_values import values_at
from ecom_assets.declaration.placeholders import START
from ecom_assets.declaration.reading import Column, Incremental, Resource, Shop
from ecom_assets.extract.request_template import converted, window_values
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_request import window_request
from ecom_assets.foundation.progress import OnProgress

_CLOCK_TOLERANCE = timedelta(days=1)
"""A cursor further in the future than this is not read on from: what changes until then would be missed."""


def start_parameter(shop: Shop, resource: Resource, start: Any) -> str | int:
    """Return the value with which an API returns all records from a cursor on.

    It is the cursor as the API wrote it, or in the declared `format`. If the API excludes the start, it is a step less.
    """
    incremental = shop.incremental_of(resource.name)
    cursor = _cursor_of(resource)
    excluded = incremental.bounds[0] == "("
    if "format" in incremental.model_fields_set and cursor.data_type in ("timestamp", "date"):
        instant = _instant_of(start, cursor, incremental)
        if instant is not None:
            request = window_request(Slice("", (), instant, instant), incremental)
            return window_values(request, incremental)[START]
    if excluded:
        start = moved_back(start, cursor, incremental.timezone, step=True)
    return converted(incremental, start if isinstance(start, int) else cursor_text(start))


def records_from(
    shop: Shop, resource: Resource, start: Any, records: list[Any], on_progress: OnProgress
) -> list[Any]:
    """Return the records whose cursor is not before the start of a reading, and those without a usable cursor.

    Args:
        shop: The declared shop.
        resource: The open-ended resource with the endpoint.
        start: The cursor from which the endpoint was read.
        records: All records that the API returned for it.
        on_progress: Gets a line if records are left out.
    """
    cursor, zone = _cursor_of(resource), shop.timezone_of(resource)
    found = comparable([start, *values_at(records, cursor.path)[0]], cursor, zone)
    first = found[0]
    if first is None:
        return records
    kept = [
        record for record, value in zip(records, found[1:], strict=True) if value is None or value >= first
    ]
    if len(kept) < len(records):
        incremental = shop.incremental_of(resource.name)
        if incremental.server_filter:
            on_progress(
                f"{resource.name}: {len(records) - len(kept)} of {len(records)} records are older than the cursor "
                f"{cursor_text(start)} and are left out. The API ignores {incremental.parameter_names}, or rounds it"
            )
    return kept


@dataclass
class CursorProgress:
    """How far one reading of one table came.

    Attributes:
        start: The cursor from which it was read.
        column: The cursor of the root.
        zone: The time zone of instants without an offset.
        highest: The greatest cursor of a record that was read, None before the first one.
        held: The least cursor of a rejected record, None if none was rejected. The next load reads it again.
        rejected: How many records were rejected.
    """

    start: Any
    column: Column
    zone: str
    highest: Any = None
    held: Any = None
    rejected: int = 0

    def add(self, read: Sequence[Any], rejected: Sequence[Any]) -> None:
        """Take the cursors of the root records that were read, and of those of which something was rejected.

        A rejected record without a usable cursor may be anywhere, so it counts as one at the start.
        """
        self.highest = self._extreme([self.highest, *read], max)
        if rejected:
            usable = comparable(rejected, self.column, self.zone)
            self.rejected += len(rejected)
            values = [
                self.start if value is None else raw for raw, value in zip(rejected, usable, strict=True)
            ]
            self.held = self._extreme([self.held, *values], min)

    def end(self, now: datetime) -> str:
        """Return the cursor, as the ledger keeps it, from which the next load reads on.

        Args:
            now: When the run began, in UTC.
        """
        if self.held is not None:
            return cursor_text(self.held)
        if self.highest is None:
            return cursor_text(self.start)
        latest = comparable([self.highest], self.column, self.zone)[0]
        if isinstance(latest, datetime) and isinstance(self.highest, str) and latest > now + _CLOCK_TOLERANCE:
            return in_form_of(self.highest, now.replace(microsecond=0), self.zone, latest)
        return cursor_text(self.highest)

    def _extreme(self, values: Sequence[Any], choose: Any) -> Any:
        """Return the greatest or the least of the values that convert, as the API writes it."""
        usable = zip(comparable(values, self.column, self.zone), values, strict=True)
        pairs = [pair for pair in usable if pair[0] is not None]
        return choose(pairs, key=lambda pair: pair[0])[1] if pairs else None


def cursor_progress(shop: Shop, root: Resource, slices: Sequence[Slice]) -> CursorProgress | None:
    """Return the progress of a reading before its first record; None if it is not open-ended."""
    start = slices[0].cursor if slices else None
    if start is None:
        return None
    return CursorProgress(start, _cursor_of(root), shop.timezone_of(root))


def _cursor_of(resource: Resource) -> Column:
    if resource.cursor is None:
        raise LookupError(f"{resource.name} has no cursor")
    return resource.cursor


def _instant_of(value: Any, cursor: Column, incremental: Incremental) -> datetime | None:
    instant: datetime | None = cursor_instants([value], cursor, incremental.timezone).to_pylist()[0]
    return instant and instant.astimezone(timezone.utc)
