"""Chooses how an endpoint is asked for a window: by parameters of their own, else by an expression in one parameter."""

from __future__ import annotations

from collections.abc import Collection

from ecom_assets.discovery.endpoint_draft import ApiConventions, EndpointDraft
from ecom_assets.discovery.exploration.cursors import Cursor, change_headers, filter_params
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.expression_search import ExpressionSearch
from ecom_assets.discovery.exploration.header_search import HeaderSearch
from ecom_assets.discovery.exploration.parameter_names import SIZE_PARAMS
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.exploration.time_filter import TimeFilterSearch

_RESERVED_REQUESTS = 1
_MAX_NAMES_SHOWN = 4


class FilterChoice:
    """The search for the time filter of one endpoint; the filter goes into its draft."""

    def __init__(
        self,
        record_list: RecordList,
        endpoint: EndpointDraft,
        cursor: Cursor,
        conventions: ApiConventions,
        known: Collection[str],
    ) -> None:
        """Leave out the parameters that the paging has."""
        self.endpoint = endpoint
        self.cursor = cursor
        self.conventions = conventions
        self.known = known
        client, paging = record_list.client, endpoint.paging
        names = [*paging.params, *paging.paginator.values(), paging.size_param, *client.params]
        # a link shows further parameters of paging, and the names that were tried for a page size
        names += [name for name in paging.pointer_params if name not in SIZE_PARAMS]
        self.taken = [str(name) for name in names if name]
        size = paging.size or len(record_list.records)
        pairs = filter_params(cursor, known, self.taken)
        self._search = TimeFilterSearch(record_list, cursor, pairs, paging.size_params, size)
        self._headers = HeaderSearch(record_list, cursor, paging.size_params, size)
        self._expressions = ExpressionSearch(record_list, cursor, paging.size_params, size)

    @property
    def empty_responses(self) -> list[ApiResponse]:
        """Return the answers to requests that leave no record."""
        found = self.endpoint.time_filter
        of_headers = self._headers.empty_responses if found and found.headers else []
        return [*self._search.empty_responses, *of_headers, *self._expressions.empty_responses]

    def find(self) -> None:
        """Find the filter. A note says what was tried where there is none. Raises OutOfRequests."""
        endpoint, conventions = self.endpoint, self.conventions
        try:
            if conventions.expression is None:
                endpoint.time_filter = self._search.find(conventions)
            if endpoint.time_filter is None and conventions.expression is None:
                endpoint.time_filter = self._headers.find(self._described_headers(), self.known)
            if endpoint.time_filter is None:
                endpoint.time_filter = self._expressions.find(conventions.expression, self.known, self.taken)
                conventions.expression = self._expressions.found or conventions.expression
            if endpoint.time_filter is None and conventions.expression is not None:
                endpoint.time_filter = self._search.find(conventions)
        finally:
            tried = list(dict.fromkeys([*self._search.tried, *self._headers.tried, *self._expressions.tried]))
            if endpoint.time_filter is None:
                some = ", ".join(tried[:_MAX_NAMES_SHOWN]) or "none"
                endpoint.notes.append(
                    f"no time filter was found for {self.cursor.name}: {len(tried)} parameters were tried, "
                    f"{some}{', …' if len(tried) > _MAX_NAMES_SHOWN else ''}; name "
                    "others with --parameter, or write the filter into --endpoint with placeholders"
                )
        if endpoint.time_filter:
            endpoint.params = {**endpoint.params, **endpoint.time_filter.params}
            endpoint.oldest = min(self.cursor.instants)

    def _described_headers(self) -> list[str]:
        return change_headers(self._search.record_list.client.described_headers)

    def find_oldest(self) -> None:
        """Ask once for earlier records than those of the sample, if the list has others and a request is left."""
        endpoint = self.endpoint
        left = self._search.record_list.client.requests_left
        by_header = endpoint.time_filter is not None and endpoint.time_filter.headers
        if endpoint.time_filter is None or by_header or endpoint.complete or left < _RESERVED_REQUESTS + 1:
            return
        search = self._expressions if self._expressions.found else self._search
        endpoint.oldest = search.find_oldest(endpoint.time_filter, endpoint.oldest)
