"""Explores one endpoint, within its number of requests: paging, total, time filter and a sample of records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from ecom_assets.discovery.endpoint_draft import ApiConventions, EndpointDraft, Guess, Paging
from ecom_assets.discovery.evidence import assumed
from ecom_assets.discovery.exploration.cursors import find_cursors
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse, OutOfRequests
from ecom_assets.discovery.exploration.filter_choice import FilterChoice
from ecom_assets.discovery.exploration.next_page import read_next_page
from ecom_assets.discovery.exploration.page_size import find_largest_page_size, find_size_param
from ecom_assets.discovery.exploration.paging import find_paging, signs_of_next_page
from ecom_assets.discovery.exploration.parameter_names import TOTAL_PARAMS
from ecom_assets.discovery.exploration.placeholder_window import PlaceholderWindow
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.exploration.totals import (
    find_total,
    possible_totals,
    reports_more_records,
    total_in,
    verify_on_last_page,
)
from ecom_assets.discovery.field_path import json_path
from ecom_assets.foundation.errors import ApiError

_ENOUGH_RECORDS = 50
"""A sample of this size shows enough of nulls and types."""
_RESERVED_REQUESTS = 1
_RESERVED_FOR_SAMPLE = 2
_MAX_TOTAL_PARAMS = 2
"""Parameters that ask for a total, tried one by one where the API refuses unknown ones."""
_NO_RECORDS_STATUSES = (204, 404)
"""Statuses that may stand for an empty page."""


def explore_endpoint(
    record_list: RecordList,
    conventions: ApiConventions,
    known: Collection[str] = (),
    window_format: str = "",
) -> EndpointDraft:
    """Return what an endpoint's answers show.

    Args:
        record_list: The endpoint's list, with its first page.
        conventions: What other endpoints of this API do.
        known: The parameters that the API is known to have, empty where they are not known.
        window_format: The format of the window's ends, where placeholders stand for them.

    Raises:
        ApiError: The list is empty, or the API ignores the window in the placeholders.
    """
    if not record_list.records:
        raise ApiError(
            f"{record_list.client.path}: the list is empty, so nothing can be learned about its records"
        )
    return _Exploration(record_list, conventions, known, window_format).run()


def explore_paging(
    record_list: RecordList, conventions: ApiConventions, known: Collection[str] = ()
) -> EndpointDraft:
    """Return what an endpoint's answers show of paging and total alone, with the records of a page or two."""
    exploration = _Exploration(record_list, conventions, known, "")
    exploration.steps = {"paging": exploration.find_paging, "total": exploration.find_total}
    return exploration.run()


class _Exploration:
    """The steps of an exploration; the requests may run out in any of them."""

    def __init__(
        self,
        record_list: RecordList,
        conventions: ApiConventions,
        known: Collection[str],
        window_format: str,
    ) -> None:
        self.record_list = record_list
        self.window_format = window_format
        self.steps: dict[str, Callable[[], None]] = {
            "paging": self.find_paging,
            "total": self.find_total,
            "time filter": self.find_time_filter,
            "total to ask for": self.find_total_to_ask_for,
            "sample": self.read_more_records,
        }
        self.client = record_list.client
        self.conventions = conventions
        self.known = known
        self.total_was_wrong = False
        where = "the answer itself is the list" if not record_list.path else "the list in the answer"
        self.endpoint = EndpointDraft(
            path=self.client.path,
            records=[],
            records_path=record_list.path,
            data_selector=Guess(
                json_path(record_list.path), f"{where}, with {len(record_list.records)} records"
            ),
            paging=Paging(
                {"type": "single_page"}, assumed("no parameter that was tried leads to another page")
            ),
            params=dict(self.client.params),
            body=self.client.body,
        )

    def run(self) -> EndpointDraft:
        """Take the steps in their order."""
        for name, step in self.steps.items():
            try:
                step()
            except OutOfRequests:
                self.endpoint.notes.append(
                    f"{name}: not explored to the end, all {self.client.max_requests} requests were used; "
                    "raise --requests"
                )
        self._request_page_after_last()
        self.endpoint.records = self.record_list.sample()
        self.endpoint.requests = self.client.request_count
        return self.endpoint

    def find_paging(self) -> None:
        """Find the paging and the largest page, and read one page of that size."""
        record_list, endpoint = self.record_list, self.endpoint
        size_param = find_size_param(record_list, self.conventions.size_param, self.known)
        paging = find_paging(record_list, size_param, self.conventions.paginator, self.known)
        records, size = record_list.records, len(record_list.records)
        evidence = "the size of a page when none is asked for"
        # set at once, in case that no request is left for more
        endpoint.paging = self._with_size(paging or endpoint.paging, size_param, size, evidence)
        if size_param:
            size, records, evidence = find_largest_page_size(record_list, size_param, {})
        more = reports_more_records(*record_list.pages[-1], record_list.path)
        if paging is None:
            signs = signs_of_next_page(record_list.pages[-1][0], record_list.path)
            more = more or bool(signs)
            endpoint.complete = not more
            if more:
                subject = ", ".join(signs) or "the reported total"
                endpoint.notes.append(
                    f"{subject} says that there are more records, but no parameter that was tried leads to them; "
                    "name the right one with --parameter"
                )
            else:
                paging = self._paging_of_other_endpoints()
        elif paging.paginator["type"] in ("offset", "page_number"):
            endpoint.complete = len(records) < size and not more
        else:
            endpoint.complete = (
                size_param is not None
                and len(records) < size
                and not more
                and len(records) > len(record_list.records)
            )
        if more and len(records) < size and records:
            size, evidence = len(records), f"{len(records)} records came when {size} were asked for"
        endpoint.paging = self._with_size(paging or endpoint.paging, size_param, size, evidence)

    def _paging_of_other_endpoints(self) -> Paging | None:
        """Return the other endpoints' paging for a list that is too short to show its own, if it does no harm."""
        kind = self.conventions.paginator.get("type")
        paging = Paging(
            self.conventions.paginator,
            assumed("as at the other endpoints, this list is too short to show it"),
        )
        if kind in ("offset", "page_number"):
            few = len(self.record_list.records) < 2
            params = paging.params_at(1, len(self.record_list.records)) if few else None
            return paging if params and not self.record_list.request_page(params)[1] else None
        return paging if kind else None

    def _with_size(self, paging: Paging, size_param: str | None, size: int, evidence: str) -> Paging:
        """Return the paging with its page size, in the paginator or in the parameters."""
        if paging.paginator["type"] == "offset":
            paginator = {**paging.paginator, "limit": size}
            if size_param and size_param != "limit":
                paginator["limit_param"] = size_param
            return replace(
                paging, paginator=paginator, size=size, size_param=size_param, size_evidence=evidence
            )
        params = {size_param: size} if size_param else {}
        return replace(paging, params=params, size=size, size_param=size_param, size_evidence=evidence)

    def find_total(self) -> None:
        """Find the total, and verify it on the last page; without a total, read one more page."""
        record_list, endpoint = self.record_list, self.endpoint
        size = endpoint.paging.size or len(record_list.records)
        total = find_total(record_list, endpoint.complete)
        number = total_in(total, *record_list.pages[-1], record_list.path) if total else None
        if total and number is not None and number <= len(record_list.pages[-1][1]):
            endpoint.complete = True
        endpoint.total = total
        if total and not endpoint.complete:
            endpoint.total = verify_on_last_page(record_list, endpoint.paging, total, size)
            if endpoint.total is None:
                self.total_was_wrong = True
                place = next(iter(total.value.values()))
                endpoint.notes.append(f"{place} is no total: the last page has another number of records")
        else:
            params = None if endpoint.complete else endpoint.paging.params_at(size, size)
            if params:
                response, records = record_list.request_page(params)
                endpoint.complete = not response.refused and not records

    def find_total_to_ask_for(self) -> None:
        """Ask for a total by each usual parameter, where no answer reports one by itself."""
        endpoint, record_list = self.endpoint, self.record_list
        if endpoint.total or endpoint.complete or self.client.body is not None or self.total_was_wrong:
            return
        used = {*endpoint.paging.params, endpoint.paging.size_param, *self.client.params}
        pairs = [
            pair for pair in TOTAL_PARAMS if (not self.known or pair[0] in self.known) and pair[0] not in used
        ]
        most = max(self.client.requests_left - _RESERVED_FOR_SAMPLE, 0)
        if not self.known:
            most = min(most, _MAX_TOTAL_PARAMS if record_list.refuses_unknown else len(pairs))
        size = endpoint.paging.size_params
        if len(pairs) > 1 and most and not record_list.refuses_unknown:
            response, records = record_list.request_filtered({**size, **dict(pairs)})
            if response.refused or not reports_more_records(response, records, record_list.path):
                return
            most -= 1
        for name, value in pairs[: max(most, 0)]:
            response, records = record_list.request_filtered({**size, name: value})
            places = [
                entry
                for entry in possible_totals(response, records, record_list.path)
                if entry[1] > max(len(records), len(record_list.sample()) - 1)
            ]
            if response.refused or not places or len(records) < len(record_list.records):
                continue
            (key, where), number = places[0]
            path = json_path(where) if isinstance(where, tuple) else where
            endpoint.total = Guess({key: path}, f"{number}, when {name}={value} asks for it")
            endpoint.params = {**endpoint.params, name: value}
            return

    def find_time_filter(self) -> None:
        """Find the time filter, and the oldest record with it."""
        record_list, endpoint = self.record_list, self.endpoint
        cursors = find_cursors(record_list.sample())
        if self.window_format:
            window = PlaceholderWindow(record_list, self.window_format, cursors)
            endpoint.time_filter, endpoint.oldest = window.find(), window.oldest
            return
        if not cursors or self.client.body is not None:
            endpoint.notes.append(
                "the body of the request has no placeholder for a window, so each load reads everything; write "
                "{incremental.start_value} into the body of --endpoint"
                if cursors
                else "no field looks like the time of a record's last change, so each load reads everything; if "
                "there is one, declare it as incremental.cursor_path"
            )
            return
        choice = FilterChoice(record_list, endpoint, cursors[0], self.conventions, self.known)
        choice.find()
        self._check_total_of_empty_lists(choice.empty_responses)
        choice.find_oldest()

    def _check_total_of_empty_lists(self, responses: Sequence[ApiResponse]) -> None:
        """Drop a total that is not 0 where the filter left no record, and note a 404 for an empty list."""
        endpoint = self.endpoint
        for response in responses:
            self._ignore_status_of_empty_page(response)
            number = total_in(endpoint.total, response, [], self.record_list.path) if endpoint.total else None
            if endpoint.total and number is not None and not response.refused:
                if number:
                    place = next(iter(endpoint.total.value.values()))
                    endpoint.notes.append(f"{place} is no total: it ignores the time filter")
                    self.total_was_wrong = True
                    endpoint.total = None
                elif "0 of an empty list" not in endpoint.total.evidence:
                    evidence = f"{endpoint.total.evidence}, and it is 0 of an empty list"
                    endpoint.total = Guess(endpoint.total.value, evidence)

    def read_more_records(self) -> None:
        """Read on where pages are small, since a few records show little of nulls and types."""
        before = -1
        while (
            self.client.requests_left > _RESERVED_REQUESTS
            and before < len(self.record_list.sample()) < _ENOUGH_RECORDS
            and not self.endpoint.complete
        ):
            before = len(self.record_list.sample())
            self.endpoint.complete = not read_next_page(self.record_list, self.endpoint.paging)

    def _request_page_after_last(self) -> None:
        """Request a page far after the last one: without a total, a load reads on until such a page.

        The API answers it with an empty list or refuses it with a 404.
        """
        paging = self.endpoint.paging
        if paging.paginator["type"] != "page_number" or self.endpoint.total or not self.client.requests_left:
            return
        params = paging.params_at(paging.size or 1, 10_000 * (paging.size or 1))
        self._ignore_status_of_empty_page(self.client.request(params or {}))

    def _ignore_status_of_empty_page(self, response: ApiResponse) -> None:
        """Declare that a status stands for an empty page, if it does."""
        action = {"status_code": response.status, "action": "ignore"}
        if response.status in _NO_RECORDS_STATUSES and action not in self.endpoint.actions:
            self.endpoint.actions.append(action)
