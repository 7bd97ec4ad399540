"""Finds out whether a parameter of an API takes an expression that asks for a window."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ecom_assets.discovery.endpoint_draft import TimeFilter
from ecom_assets.discovery.exploration.cursors import Cursor
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse, OutOfRequests
from ecom_assets.discovery.exploration.narrow_window import (
    NarrowWindow,
    bounds_evidence,
    floor_to,
    grain_of,
    narrow_window_ends,
)
from ecom_assets.discovery.exploration.paging.page_size import sorted_by_refusal
from ecom_assets.discovery.exploration.placeholder_window import placeholder_values
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.filter_expressions import (
    SEARCH_PARAMS,
    STRUCTURED_PARAMS,
    Expression,
    described_expressions,
    usual_expressions,
)
from ecom_assets.extract.request_template import Template

_FAR, _FURTHER = datetime(2090, 1, 1, tzinfo=timezone.utc), datetime(2095, 1, 1, tzinfo=timezone.utc)
_RESERVED_REQUESTS = 1
_MAX_BLIND_TRIES = 8
"""Expressions that are tried where no description names the parameter."""


@dataclass
class ExpressionSearch:
    """The search for an expression that filters one endpoint by its cursor.

    `size_params` go with every request and ask for `size` records. `tried` are the values of the parameters tried so
    far. `empty_responses` are the answers without a record to a window in the far future.
    """

    record_list: RecordList
    cursor: Cursor
    size_params: Mapping[str, Any]
    size: int
    tried: list[str] = field(default_factory=list)
    empty_responses: list[ApiResponse] = field(default_factory=list)
    found: Expression | None = None

    def find(
        self, convention: Expression | None, known: Collection[str], taken: Collection[str]
    ) -> TimeFilter | None:
        """Return the filter, None where no expression that was tried is honoured. Raises OutOfRequests.

        Args:
            convention: The expression of the other endpoints; it is tried first.
            known: The parameters that the API is known to have, empty where they are not known.
            taken: The parameters that already have another use.
        """
        first = [convention] if convention and (not known or convention.param in known) else []
        first += [expression for expression, _ in described_expressions(known)]
        time_filter = self._try_all([entry for entry in dict.fromkeys(first) if entry.param not in taken])
        for params in (STRUCTURED_PARAMS, SEARCH_PARAMS):
            names = [name for name in params if name not in taken and (not known or name in known)]
            if names and time_filter is None:
                expressions: Sequence[Expression] = usual_expressions(names)
                if not known:
                    expressions = self._worth_trying(expressions)[:_MAX_BLIND_TRIES]
                time_filter = self._try_all(expressions)
        return time_filter

    def _try_all(self, expressions: Sequence[Expression]) -> TimeFilter | None:
        """Try expressions in the likeliest format, then the refused ones in the next format."""
        for instant_format in self.cursor.formats[:2]:
            refused = []
            for expression in expressions:
                found = self._try(expression, instant_format)
                if isinstance(found, TimeFilter):
                    return found
                refused += [expression] if found else []
            expressions = refused
        return None

    def _worth_trying(self, expressions: Sequence[Expression]) -> Sequence[Expression]:
        """Return expressions, none if the API ignores all their parameters: each gets an expression in one request."""
        if self.record_list.refuses_unknown:
            return ()
        by_param: dict[str, Expression] = {}
        for expression in expressions:
            by_param.setdefault(expression.param, expression)
        params: dict[str, Any] = {}
        for expression in by_param.values():
            params |= self._filled(expression, self.cursor.formats[0], _FAR, _FURTHER)
        response, records = self._request(params)
        if not response.refused and records:
            return ()
        if response.refused:
            # a refusal usually mentions what it refuses
            order = sorted_by_refusal(list(by_param), response.refusal.partition("body:")[2])[::-1]
            return sorted(
                expressions, key=lambda entry: (order.index(entry.param) > 0, expressions.index(entry))
            )
        return expressions

    def _try(self, expression: Expression, instant_format: str) -> TimeFilter | bool:
        """Request a narrow window, which must bring some of the known records, and no others.

        Returns:
            The filter; else whether the API refused the expression.
        """
        if self.record_list.client.requests_left <= _RESERVED_REQUESTS:
            raise OutOfRequests
        grain = grain_of(instant_format)
        low, high = narrow_window_ends(self.cursor.instants, grain)
        response, records = self._request(self._filled(expression, instant_format, low, high))
        if response.refused:
            return True
        only_page = len(records) < self.size
        window = NarrowWindow(
            self.record_list, self.cursor.instants_of, low, high, grain, records, only_page=only_page
        )
        later = window.has_later and expression.has_end
        if window.has_earlier or later or not window.nothing_missing or not window.count:
            return False
        steps = [floor_to(instant, grain) for instant in self.cursor.instants]
        left_out = any(step < low or (step > high and expression.has_end) for step in steps)
        if not self._far_window_is_empty(expression, instant_format, left_out=left_out):
            return False
        self.found = expression
        return self._filter(expression, instant_format, window)

    def _far_window_is_empty(self, expression: Expression, instant_format: str, *, left_out: bool) -> bool:
        """Tell whether a window in the far future brings no record; `left_out` is enough where no request is left."""
        if left_out and self.record_list.client.requests_left <= _RESERVED_REQUESTS:
            return True
        response, records = self._request(self._filled(expression, instant_format, _FAR, _FURTHER))
        if response.status in (204, 404) or (not response.refused and not records):
            self.empty_responses.append(response)
            return True
        return response.refused and left_out

    def _filter(self, expression: Expression, instant_format: str, window: NarrowWindow) -> TimeFilter:
        low, high = window.includes_low, window.includes_high
        bounds = ("[" if low else "(") + ("]" if high and expression.has_end else ")")
        template = expression.template(self.cursor.field, as_number=instant_format.startswith("unix"))
        evidence = {
            "params": f"{expression.param} brought {window.count} records of a narrow window and no others",
            "cursor_path": "the records of a narrow window agree with it",
            "bounds": bounds_evidence(low, high, has_end=expression.has_end),
        }
        incremental = {"cursor_path": self.cursor.name, "format": instant_format, "bounds": bounds}
        return TimeFilter(incremental, evidence, template)

    def find_oldest(self, time_filter: TimeFilter, oldest: datetime) -> datetime:
        """Request the records before the oldest one once, and return the oldest instant known then, in UTC."""
        if self.found is None or not self.found.has_end:
            return oldest
        params = self._filled(
            self.found,
            str(time_filter.incremental["format"]),
            oldest.replace(year=1990),
            oldest - timedelta(seconds=1),
        )
        records = self._request(params)[1]
        return min([oldest, *(instant for instant in self.cursor.instants_of(records) if instant)])

    def _request(self, params: Mapping[str, Any]) -> tuple[ApiResponse, list[Any]]:
        self.tried += [name for name in params if name not in self.tried]
        return self.record_list.request_filtered({**self.size_params, **params})

    def _filled(
        self, expression: Expression, instant_format: str, low: datetime, high: datetime
    ) -> Mapping[str, Any]:
        template = expression.template(self.cursor.field, as_number=instant_format.startswith("unix"))
        return Template("", template, {}, None).fill(placeholder_values(instant_format, low, high)).params
