"""Finds out whether an API takes the start of a window in a request header, such as `If-Modified-Since`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.declaration.placeholders import START
from ecom_assets.discovery.endpoint_draft import TimeFilter
from ecom_assets.discovery.exploration.cursors import Cursor
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.narrow_window import (
    NarrowWindow,
    bounds_evidence,
    floor_to,
    grain_of,
    narrow_window_ends,
)
from ecom_assets.discovery.exploration.placeholder_window import placeholder_values
from ecom_assets.discovery.exploration.record_list import RecordList

HEADERS = (
    "If-Modified-Since", "X-Updated-Since", "X-Modified-Since", "Updated-Since", "Modified-Since", "X-Changed-Since",
    "X-If-Modified-Since", "X-Since",
)  # fmt: skip
"""What APIs call a header for the start of a window, the likely names first."""
HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"
_NO_RECORDS_STATUSES = (204, 304, 404)
_RESERVED_REQUESTS = 1
_SHORTLY = timedelta(minutes=1)


@dataclass
class HeaderSearch:
    """The search for a header that filters one endpoint by its cursor.

    `size_params` go with every request and ask for `size` records. `tried` are the headers tried so far.
    `empty_responses` are the answers without a record.
    """

    record_list: RecordList
    cursor: Cursor
    size_params: Mapping[str, Any]
    size: int
    tried: list[str] = field(default_factory=list)
    empty_responses: list[ApiResponse] = field(default_factory=list)

    def find(self, described: Collection[str], known: Collection[str]) -> TimeFilter | None:
        """Return the filter, None where no header is honoured. Raises OutOfRequests.

        Args:
            described: Headers that a description calls a filter by the time of change.
            known: The parameters that the API is known to have; without a described header, none is tried then.
        """
        names = list(described or ([] if known else HEADERS))
        left = self.record_list.client.requests_left
        if not names or left <= _RESERVED_REQUESTS + 1 or not self._leave_nothing(names):
            return None
        while len(names) > 1:
            # the likeliest alone, then halves of the others
            part = names[:1] if names[0] == HEADERS[0] else names[: len(names) // 2]
            names = part if self._leave_nothing(part) else names[len(part) :]
        return self._try_formats(names[0])

    def _leave_nothing(self, names: Sequence[str]) -> bool:
        """Tell whether no record comes for a time a minute ago; HTTP lets an API ignore a time in the future."""
        moment = datetime.now(timezone.utc) - _SHORTLY
        for likely in (True, False):
            headers = {name: _text(moment, self._formats(name, likely=likely)[0]) for name in names}
            response, records = self._request(headers)
            if response.status in _NO_RECORDS_STATUSES or (not response.refused and not records):
                self.empty_responses.append(response)
                return True
            if not response.refused:
                return False
        return False

    def _formats(self, name: str, *, likely: bool = True) -> list[str]:
        """Return the formats in which a header may take a time; `likely` puts that of HTTP first where it is usual."""
        usual = ["iso8601", "iso8601_naive", *self.cursor.formats, HTTP_DATE]
        is_http = name.lower().endswith(HEADERS[0].lower()) and likely
        return list(dict.fromkeys([HTTP_DATE, *usual] if is_http else usual))

    def _try_formats(self, name: str) -> TimeFilter | None:
        """Request the records since one of the sample in each format, until the earlier ones are left out."""
        for instant_format in self._formats(name):
            grain = grain_of(instant_format)
            low, high = narrow_window_ends(self.cursor.instants, grain)
            if not any(floor_to(instant, grain) < low for instant in self.cursor.instants):
                continue  # nothing could be left out: a header may only save an answer that is the same
            response, records = self._request({name: _text(low, instant_format)})
            window = NarrowWindow(
                self.record_list,
                self.cursor.instants_of,
                low,
                high,
                grain,
                records,
                only_page=len(records) < self.size,
            )
            if response.refused or window.has_earlier or not window.nothing_missing or not window.count:
                continue
            bounds = "[)" if window.includes_low else "()"
            evidence = {
                "headers": f"{name} of a minute ago brought no record, within the sample only later changes",
                "bounds": bounds_evidence(window.includes_low, None, has_end=False),
            }
            incremental = {"cursor_path": self.cursor.name, "format": instant_format, "bounds": bounds}
            return TimeFilter(incremental, evidence, headers={name: f"{{{START}}}"})
        return None

    def _request(self, headers: Mapping[str, str]) -> tuple[ApiResponse, list[Any]]:
        self.tried += [name for name in headers if name not in self.tried]
        return self.record_list.request_filtered(self.size_params, headers=headers)


def _text(instant: datetime, instant_format: str) -> str:
    return str(placeholder_values(instant_format, instant, instant)[START])
