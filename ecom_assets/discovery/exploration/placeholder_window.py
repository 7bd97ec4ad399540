"""Explores a window whose ends the user put into a request as placeholders: its format, and whether it is honoured.

Each format is tried with a wide window, which must bring records. A window in the far future must then bring none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.declaration.placeholders import END, START, placeholder_names
from ecom_assets.declaration.reading import Incremental
from ecom_assets.discovery.endpoint_draft import TimeFilter
from ecom_assets.discovery.evidence import assumed
from ecom_assets.discovery.exploration.cursors import Cursor
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse, EndpointClient, OutOfRequests
from ecom_assets.discovery.exploration.narrow_window import (
    ENDS,
    NarrowWindow,
    bounds_evidence,
    grain_of,
    narrow_window_ends,
    refuses_future,
)
from ecom_assets.discovery.exploration.record_list import RecordList, record_list_in
from ecom_assets.extract.request_template import window_values
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_request import window_request
from ecom_assets.foundation.errors import ApiError

FORMATS = ("iso8601", "unix_ms", "unix", "iso8601_naive", "date", "%Y-%m-%d %H:%M:%S")
_BEFORE, _EARLY, _LATE, _FAR = (
    datetime(year, 1, 1, tzinfo=timezone.utc) for year in (1985, 1990, 2090, 2095)
)
_SHORTLY = timedelta(minutes=5)
_WORD = re.compile(r"[A-Za-z_][\w.]*")


def has_window_placeholders(client: EndpointClient) -> bool:
    """Tell whether the requests hold placeholders of a window."""
    return bool(placeholder_names(client.path, client.params, client.body) & {START, END})


def words_at_placeholders(client: EndpointClient) -> list[str]:
    """Return the words of the request that may name the field to filter by, those at a window's placeholders first."""
    near: list[str] = []
    others: list[str] = []
    for part in (client.path, client.params, client.body or {}):
        for place, text in _texts(part):
            before, _, after = text.partition("{incremental.")
            words = [*reversed(_WORD.findall(before)), *(_WORD.findall(after) if after else ())]
            words += [word for name in reversed(place) for word in _WORD.findall(name)]
            (near if after else others).extend(words)
    return list(dict.fromkeys([*near, *others]))


def _texts(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each text within a value, with the names that lead to it."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, (Mapping, list, tuple)):
        entries = value.items() if isinstance(value, Mapping) else (("", entry) for entry in value)
        for name, entry in entries:
            yield from _texts(entry, (*place, str(name)))


@dataclass(frozen=True)
class WideWindow:
    """A window that brings records: the format of its ends, and the answer to a window that must be empty.

    `empty_year` is the year in which the empty window begins.
    """

    format: str
    empty_year: int
    empty_response: ApiResponse


def request_wide_window(client: EndpointClient, resource: str) -> tuple[RecordList, WideWindow]:
    """Return the list of a wide window, and how the API takes its ends.

    Raises:
        ApiError: No format brings records of a wide window and none of a window in the far future.
    """
    outcome, late, empty = "no record came", _LATE, (_LATE, _FAR)
    formats = list(FORMATS)
    while formats:
        instant_format = formats.pop(0)
        client.values = placeholder_values(instant_format, _EARLY, late)
        try:
            response = client.request({})
            if response.refused:
                outcome = response.refusal
                if late is _LATE and refuses_future(response):
                    late, empty = datetime.now(timezone.utc) - _SHORTLY, (_BEFORE, _EARLY)
                    formats.insert(0, instant_format)
                continue
            record_list = record_list_in(client, resource, response)
            if not record_list.records:
                continue
            response, records = record_list.request_filtered({}, placeholder_values(instant_format, *empty))
        except OutOfRequests:
            break
        except ApiError as error:
            outcome = str(error)  # an API may tell of a wrong format in an answer without a list
            continue
        if not records and (not response.refused or response.status in (204, 404)):
            return record_list, WideWindow(instant_format, empty[0].year, response)
        outcome = f"the API ignores the window: records came for the year {empty[0].year}"
    raise ApiError(f"{client.path}: tried a window in the formats {', '.join(FORMATS)}: {outcome}")


def placeholder_values(instant_format: str, low: datetime, high: datetime) -> dict[str, Any]:
    """Return the values of the placeholders for an interval in UTC, as a load would write them."""
    incremental = Incremental(cursor_path="any", start_param="any", format=instant_format)
    return dict(window_values(window_request(Slice("", (), low, high), incremental), incremental))


class PlaceholderWindow:
    """Explores one window in placeholders; `oldest` is the oldest instant known so far, in UTC."""

    def __init__(self, record_list: RecordList, wide: WideWindow, cursors: Sequence[Cursor]) -> None:
        """Take the first of the cursors. Raises ApiError without any."""
        if not cursors:
            raise ApiError(
                f"{record_list.client.path}: no field looks like the time of a record's last change, and none with the "
                "name of one at the placeholders holds a time in every record"
            )
        self.record_list = record_list
        self.instant_format = wide.format
        self.empty_year = wide.empty_year
        self.cursor = cursors[0]
        self.oldest = min(self.cursor.instants)

    def find(self) -> TimeFilter:
        """Return the filter, with the ends that a narrow window shows. Raises ApiError where it is ignored."""
        evidence = {
            "cursor_path": "the records of a narrow window agree with it",
            "format": f"a wide window brought records, one in the year {self.empty_year} none",
        }
        incremental = {"cursor_path": self.cursor.name, "format": self.instant_format, "bounds": "()"}
        try:
            window = self._request_narrow_window()
            if window.has_earlier or window.has_later or not window.nothing_missing:
                raise ApiError(
                    f"{self.record_list.client.path}: by {self.cursor.name}, a narrow window brought records from "
                    "outside of it, or left out records inside it"
                )
            incremental["bounds"] = ("[" if window.includes_low else "(") + (
                "]" if window.includes_high else ")"
            )
            evidence["bounds"] = bounds_evidence(window.includes_low, window.includes_high, has_end=True)
            before = placeholder_values(self.instant_format, _EARLY, self.oldest - timedelta(seconds=1))
            earlier = self.cursor.instants_of(self.record_list.request_filtered({}, before)[1])
            self.oldest = min([self.oldest, *(instant for instant in earlier if instant)])
        except OutOfRequests:
            evidence.setdefault("bounds", assumed(f"{ENDS[None]}: no request was left"))
        return TimeFilter(incremental, evidence)

    def _request_narrow_window(self) -> NarrowWindow:
        grain = grain_of(self.instant_format)
        low, high = narrow_window_ends(self.cursor.instants, grain)
        values = placeholder_values(self.instant_format, low, high)
        records = self.record_list.request_filtered({}, values)[1]
        # a page as long as the longest may be one of several
        only_page = len(records) < len(self.record_list.records)
        return NarrowWindow(
            self.record_list, self.cursor.instants_of, low, high, grain, records, only_page=only_page
        )
