"""Finds out, with few requests, whether an API filters by the time of a record's last change.

An instant in the far future must bring no record. Instants of the sample's own records then show which parameter
works, in which format, and whether the ends are included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.declaration.reading import Incremental
from ecom_assets.discovery.endpoint_draft import ApiConventions, TimeFilter
from ecom_assets.discovery.exploration.cursors import Cursor, says_change
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.narrow_window import (
    NarrowWindow,
    bounds_evidence,
    distinct_steps,
    grain_of,
    narrow_window_ends,
    refuses_future,
)
from ecom_assets.discovery.exploration.paging.page_size import mentioned_in, sorted_by_refusal
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_request import window_request

_EARLY = 1990
_FAR = datetime(2090, 1, 1, tzinfo=timezone.utc)
_PAST = datetime(_EARLY, 1, 1, tzinfo=timezone.utc)
_UNKNOWN_PARAM = "x_discover_unknown"

NamePairs = list[tuple[str, tuple[str, ...]]]
"""Each parameter for a window's start, with the parameters that may be its end."""


@dataclass
class TimeFilterSearch:
    """The search for one endpoint's time filter.

    `names` are the parameters to try. `size_params` go with every request and ask for `size` records. `tried` are the
    parameters tried so far.
    """

    record_list: RecordList
    cursor: Cursor
    names: NamePairs
    size_params: Mapping[str, Any]
    size: int
    tried: list[str] = field(default_factory=list)
    empty_responses: list[ApiResponse] = field(default_factory=list)
    """The answers without a record to an instant in the far future."""
    far: datetime = _FAR
    """An instant after which no record has changed."""
    refusal: str = ""
    """Why the API refused the last request, empty if it did not."""

    def find(self, conventions: ApiConventions) -> TimeFilter | None:
        """Return the filter, None where the API honours none of the parameters. Raises OutOfRequests."""
        formats = list(self.cursor.formats)
        names = [name for name, _ in self.names]
        if conventions.start_param in names:
            usual = [conventions.format] if conventions.format else []
            formats = list(dict.fromkeys([*usual, *formats]))
            if self._far_future_is_empty([conventions.start_param], formats[0]):
                return self._try_narrow_windows(conventions.start_param, formats)
        refused = False
        at_once = len(names) > 1 and not self.record_list.refuses_unknown
        untried = formats[:2] if at_once else []
        while untried:
            instant_format = untried.pop(0)
            empty = self._far_future_is_empty(names, instant_format)
            if empty:
                name = self._find_honoured_name(names, instant_format)
                others = [entry for entry in formats if entry != instant_format]
                return self._confirm_or_try_others(name, names, [instant_format, *others])
            refused = empty is None
            if refused and instant_format == formats[0] and "date" in formats[2:]:
                untried.insert(0, "date")  # an API that filters by days refuses times
        if self.record_list.refuses_unknown or len(names) == 1 or refused:
            return self._try_one_by_one(self._known_names(names, formats[0]), formats)
        return None

    def _confirm_or_try_others(self, name: str, names: list[str], formats: list[str]) -> TimeFilter | None:
        """Confirm a parameter; where nothing confirms it, the API may take any parameter as a condition."""
        found = self._try_narrow_windows(name, formats[:1])
        specific = self._specific_names(names, name)
        if found is None and specific and self._is_honoured(specific, formats[0]):
            # the parameter filters by another time, such as that of creation, or not at all
            better = self._find_honoured_name(specific, formats[0], is_last=True)
            found = self._try_narrow_windows(better, formats)
        if found is None:
            found = self._try_narrow_windows(name, formats[1:])
        if found or not self._unknown_parameter_empties():
            return found
        for other in names:
            early = self._format_interval(_PAST, _PAST, formats[0])[0]
            response, records = self.record_list.request_filtered({**self.size_params, other: early})
            if not response.refused and records and self._far_future_is_empty([other], formats[0]):
                return self._try_narrow_windows(other, formats)
        return None

    def _unknown_parameter_empties(self) -> bool:
        """Tell whether a parameter that no API has leaves no record."""
        response, records = self.record_list.request_filtered({**self.size_params, _UNKNOWN_PARAM: "1"})
        return not response.refused and not records

    def _known_names(self, names: list[str], instant_format: str) -> list[str]:
        """Return the names that the API does not call unknown, where it names all unknown ones at once."""
        if not self.record_list.names_unknown or len(names) == 1:
            return names
        response, _ = self._request_from(self.far, names, instant_format)
        unknown = mentioned_in(names, response.refused_text)
        self.tried += [name for name in unknown if name not in self.tried]
        return [name for name in names if name not in unknown] if len(unknown) > 1 else names

    def _try_one_by_one(self, names: list[str], formats: list[str]) -> TimeFilter | None:
        for name in names:
            for instant_format in formats[:2]:
                empty = self._far_future_is_empty([name], instant_format)
                if empty is True:
                    return self._try_narrow_windows(name, formats)
                if empty is False or self._is_unknown(name):
                    break
        return None

    def _is_unknown(self, name: str) -> bool:
        """Tell whether the API called a parameter unknown, rather than its value wrong."""
        return self.refusal != "" and sorted_by_refusal([name, "x"], self.refusal)[0] == "x"

    def _far_future_is_empty(self, names: Sequence[str], instant_format: str) -> bool | None:
        """Tell whether an instant in the far future brings no record, None where the API refuses the request."""
        response, records = self._request_from(self.far, names, instant_format)
        self.tried += [name for name in names if name not in self.tried]
        if self.far is _FAR and refuses_future(response):
            # an API may refuse times in the future: a minute ago, hardly anything has changed since
            self.far = datetime.now(timezone.utc) - timedelta(minutes=1)
            response, records = self._request_from(self.far, names, instant_format)
        self.refusal = response.refusal
        if response.status in (204, 404) or (not response.refused and not records):
            self.empty_responses.append(response)
            return True
        return None if response.refused else False

    def _request_from(
        self, instant: datetime, names: Sequence[str], instant_format: str
    ) -> tuple[ApiResponse, list[Any]]:
        """Request the records since an instant, by each of the parameters at once."""
        text = self._format_interval(instant, instant, instant_format)[0]
        return self.record_list.request_filtered({**self.size_params, **dict.fromkeys(names, text)})

    def _find_honoured_name(self, names: list[str], instant_format: str, *, is_last: bool = False) -> str:
        """Return the parameter that works: each gets another instant, and the oldest record that comes shows which.

        Args:
            names: The parameters, of which one works.
            instant_format: The format of the instants.
            is_last: Do not look for another one where several seem to work.
        """
        while len(names) > 1:
            page = max((records for _, records in self.record_list.pages), key=len)
            steps = distinct_steps(
                self.cursor.instants, self.cursor.instants_of(page), grain_of(instant_format)
            )
            steps = steps[-len(names) :]
            if len(steps) < 2:
                return self._find_by_halves(names, instant_format)
            # the likeliest names have steps of their own
            groups = [
                [name, *names[2 * len(steps) - 1 - number :: len(steps)]]
                for number, name in enumerate(names[: len(steps)])
            ]
            params = {
                name: self._format_interval(step, step, instant_format)[0]
                for step, group in zip(steps, groups, strict=True)
                for name in group
            }
            response, records = self.record_list.request_filtered({**self.size_params, **params})
            instants = [instant for instant in self.cursor.instants_of(records) if instant]
            possible = [
                group for step, group in zip(steps, groups, strict=True) if instants and step <= min(instants)
            ]
            if response.refused or not possible:
                return self._find_by_halves(names, instant_format)
            step = steps[groups.index(possible[-1])]
            lacks_records = not is_last and self._lacks_records_since(step, records)
            if lacks_records and not self._is_honoured(possible[-1], instant_format):
                names = self._specific_names(names) or names
                return self._find_honoured_name(names, instant_format, is_last=True)
            names = possible[-1]
        return names[0]

    def _lacks_records_since(self, step: datetime, records: Sequence[Any]) -> bool:
        """Tell whether known records since an instant did not come, as where another filter works too."""
        came = {self.record_list.identity(record) for record in records}
        present = [
            (instant > step, self.record_list.identity(record) in came)
            for record, instant in zip(self.record_list.sample(), self.cursor.instants, strict=False)
        ]
        # behind the last record of a full page, nothing is missing
        if len(records) >= self.size:
            last = max((number for number, (_, is_here) in enumerate(present) if is_here), default=0)
            present = present[:last]
        return any(is_wanted and not is_here for is_wanted, is_here in present)

    def _is_honoured(self, names: Sequence[str], instant_format: str) -> bool:
        return self._far_future_is_empty(names, instant_format) is True

    def _specific_names(self, names: Sequence[str], tried: str = "") -> list[str]:
        """Return the names that speak of changes, without one that was tried: others may filter by another time."""
        return [
            name
            for name in names
            if name != tried and (says_change(name, {}) or self.cursor.path[-1] in name)
        ]

    def _find_by_halves(self, names: list[str], instant_format: str) -> str:
        """Return the parameter that works: half of the names get the far future, then half of the rest."""
        while len(names) > 1:
            half = names[: len(names) // 2]
            empty = self._far_future_is_empty(half, instant_format)
            names = half if empty is True else names[len(names) // 2 :]
        return names[0]

    def _try_narrow_windows(self, start: str, formats: Sequence[str]) -> TimeFilter | None:
        """Request a narrow window between two records, in each format and with each end, until one is honoured.

        A filter is accepted only if the window brings some records and leaves out others.
        """
        end_names: tuple[str | None, ...] = (*dict(self.names).get(start, ()), None)
        for instant_format in formats:
            grain = grain_of(instant_format)
            low, high = narrow_window_ends(self.cursor.instants, grain)
            for end in end_names:
                interval = self._format_interval(low, high, instant_format)
                params = {start: interval[0]} | ({end: interval[1]} if end else {})
                response, records = self.record_list.request_filtered({**self.size_params, **params})
                if response.refused:
                    self.refusal = response.refusal
                    if end and self._is_unknown(end):
                        continue
                    break
                only_page = len(records) < self.size
                window = NarrowWindow(
                    self.record_list, self.cursor.instants_of, low, high, grain, records, only_page=only_page
                )
                if window.has_earlier or not window.nothing_missing or not window.count:
                    break
                if end and window.has_later:
                    continue
                return self._filter(start, end, instant_format, window)
        return None

    def _filter(self, start: str, end: str | None, instant_format: str, window: NarrowWindow) -> TimeFilter:
        low, high = window.includes_low, window.includes_high
        bounds = ("[" if low else "(") + ("]" if high and end else ")")
        evidence = {
            "start_param": (
                f"{start} in the {self._far_words()} brought no record, within the sample only later changes"
            ),
            "format": f"a narrow window brought {window.count} records, all of them inside it",
            "bounds": bounds_evidence(low, high, has_end=bool(end)),
        }
        if end:
            evidence["end_param"] = f"{end} left out later changes"
        incremental = {
            "cursor_path": self.cursor.name,
            "start_param": start,
            "end_param": end,
            "format": instant_format,
        }
        declared = {key: value for key, value in incremental.items() if value}
        return TimeFilter(declared | {"bounds": bounds}, evidence)

    def _far_words(self) -> str:
        return f"year {_FAR.year}" if self.far is _FAR else "minute before the request"

    def find_oldest(self, time_filter: TimeFilter, oldest: datetime) -> datetime:
        """Request the records before the oldest one of the sample, once.

        Args:
            time_filter: The filter that was found; without an end it cannot ask for earlier records.
            oldest: The oldest instant of the sample, in UTC.

        Returns:
            The oldest instant known then, in UTC.
        """
        end = time_filter.incremental.get("end_param")
        if not end:
            return oldest
        before = Slice("", (), oldest.replace(year=_EARLY), oldest - timedelta(seconds=1))
        interval = window_request(before, Incremental.model_validate(dict(time_filter.incremental)))
        params = {str(time_filter.incremental["start_param"]): interval.start, str(end): interval.end}
        records = self.record_list.request_filtered({**self.size_params, **params})[1]
        return min([oldest, *(instant for instant in self.cursor.instants_of(records) if instant)])

    def _format_interval(self, low: datetime, high: datetime, instant_format: str) -> tuple[str, str]:
        """Return the ends of an interval as a load would write them."""
        incremental = Incremental(cursor_path=self.cursor.name, start_param="start", format=instant_format)
        interval = window_request(Slice("", (), low, high), incremental)
        return interval.start, interval.end
