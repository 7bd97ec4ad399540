"""A window whose bounds the user put into a request as placeholders: in which format they go, and if they are kept.

Formats are tried with a wide window; a far-future one must then bring nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.contract.conversion import cursor_instants
from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.placeholders import END, START, find_placeholders, placeholder_names
from ecom_assets.declaration.reading import Incremental
from ecom_assets.discovery.exploration.cursors import INSTANT, Cursor
from ecom_assets.discovery.exploration.first_page import Listing, listing_in
from ecom_assets.discovery.exploration.narrow_window import NarrowWindow, floor_to, grain_of
from ecom_assets.discovery.exploration.requests import Asker, Spent
from ecom_assets.discovery.guess import Filter
from ecom_assets.extract.request_template import window_values
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_request import window_request
from ecom_assets.foundation.errors import ApiError

FORMATS = ("iso8601", "unix_ms", "unix", "iso8601_naive", "date", "%Y-%m-%d %H:%M:%S")
_EARLY, _LATE, _FAR = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (1990, 2090, 2095))


def is_placed(asker: Asker) -> bool:
    """Tell whether a request holds placeholders of a window."""
    return bool(placeholder_names(asker.path, asker.params, asker.body) & {START, END})


def open_placed(asker: Asker, name: str) -> tuple[Listing, str]:
    """Return the list of a wide window and the format in which the API wants that.

    Raises ApiError where no format brings records, and brings none of a far-future window.
    """
    outcome = "no record came"
    for form in FORMATS:
        asker.values = values_of(form, _EARLY, _LATE)
        try:
            reply = asker.ask({})
            if reply.refused:
                outcome = reply.refusal
                continue
            listing = listing_in(asker, name, reply)
            if not listing.rows:
                continue
            reply, rows = listing.filtered({}, values_of(form, _LATE, _FAR))
        except Spent:
            break
        if not rows and (not reply.refused or reply.status in (204, 404)):
            return listing, form
        outcome = f"the window is not kept: records came of the year {_LATE.year}"
    raise ApiError(f"{asker.path}: asked with a window in {', '.join(FORMATS)}: {outcome}")


def values_of(form: str, low: datetime, high: datetime) -> dict[str, Any]:
    """Return the values of the placeholders for an interval, as a run would write them."""
    incremental = Incremental(cursor_path="any", start_param="any", format=form)
    return dict(window_values(window_request(Slice("", (), low, high), incremental), incremental))


class PlacedWindow:
    """The trials of one window in placeholders; `oldest` is the instant of the oldest record known."""

    def __init__(self, listing: Listing, form: str, cursors: Sequence[Cursor]) -> None:
        """Take the cursor that the placeholders stand beside, else the likeliest. Raises ApiError without any."""
        if not cursors:
            raise ApiError(f"{listing.asker.path}: no field looks like the time of a record's last change")
        self.listing = listing
        self.form = form
        asker = listing.asker
        beside = {
            piece
            for part in (asker.params, asker.body or {})
            for place, name in find_placeholders(part)
            if name in (START, END)
            for piece in place
        }
        self.cursor = next((cursor for cursor in cursors if cursor.path[-1] in beside), cursors[0])
        self.oldest = min(self.cursor.moments)

    def find(self) -> Filter:
        """Return the filter, with what a narrow window tells of its ends. Raises ApiError where it is not kept."""
        why = {
            "cursor_path": "the window's records are told by it",
            "format": f"a wide window brought records, one of the year {_LATE.year} none",
        }
        incremental = {"cursor_path": self.cursor.name, "format": self.form, "bounds": "()"}
        try:
            trial = self._narrow()
            if trial.below or trial.beyond or not trial.complete:
                raise ApiError(
                    f"{self.listing.asker.path}: a narrow window brought what {self.cursor.name} says is outside of "
                    "it, or left out what is inside"
                )
            incremental["bounds"] = ("[" if trial.includes_low else "(") + (
                "]" if trial.includes_high else ")"
            )
            told = {True: "included", False: "excluded", None: "not told, and taken for excluded"}
            why["bounds"] = (
                f"a record at the start is {told[trial.includes_low]}, one at the end {told[trial.includes_high]}"
            )
            before = values_of(self.form, _EARLY, self.oldest - timedelta(seconds=1))
            earlier = self._moments(self.listing.filtered({}, before)[1])
            self.oldest = min([self.oldest, *(moment for moment in earlier if moment)])
        except Spent:
            why.setdefault("bounds", "not told, and taken for excluded: no request was left")
        return Filter(incremental, why)

    def _narrow(self) -> NarrowWindow:
        grain = grain_of(self.form)
        steps = sorted({floor_to(moment, grain) for moment in self.cursor.moments})
        middle = len(steps) // 2
        low, high = steps[max(middle - 1, 0)], steps[min(middle + 2, len(steps) - 1)]
        rows = self.listing.filtered({}, values_of(self.form, low, high))[1]
        # a page as long as the longest may be one of several
        whole = len(rows) < len(self.listing.rows)
        return NarrowWindow(self.listing, self._moments, low, high, grain, rows, whole=whole)

    def _moments(self, rows: Sequence[Any]) -> list[datetime | None]:
        found: list[datetime | None] = cursor_instants(
            [value_at(row, self.cursor.path) for row in rows], INSTANT
        ).to_pylist()
        return found
