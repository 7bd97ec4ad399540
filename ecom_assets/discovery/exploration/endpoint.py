"""Explores one endpoint, within its number of requests: paging, total, time filter and a sample of records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from ecom_assets.discovery.endpoint_draft import ApiConventions, EndpointDraft, Guess, Paging
from ecom_assets.discovery.evidence import assumed
from ecom_assets.discovery.exploration.cursors import find_cursors
from ecom_assets.discovery.exploration.empty_answers import empty_form
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse, OutOfRequests
from ecom_assets.discovery.exploration.filter_choice import FilterChoice
from ecom_assets.discovery.exploration.paging.list_paging import ListPaging
from ecom_assets.discovery.exploration.paging.next_page import read_next_page
from ecom_assets.discovery.exploration.paging.window_pages import check_pages_of_window
from ecom_assets.discovery.exploration.parameter_names import ODATA_PARAMS
from ecom_assets.discovery.exploration.placeholder_window import (
    PlaceholderWindow,
    WideWindow,
    words_at_placeholders,
)
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.exploration.requested_total import ask_for_total
from ecom_assets.discovery.exploration.totals import find_total, total_in, verify_on_last_page
from ecom_assets.discovery.field_path import json_path
from ecom_assets.foundation.errors import ApiError

_ENOUGH_RECORDS = 50
"""A sample of this size shows enough of nulls and types."""
_RESERVED_REQUESTS = 1
_NO_RECORDS_STATUSES = (204, 304, 404)
"""Statuses that may stand for an empty page."""


def explore_endpoint(
    record_list: RecordList,
    conventions: ApiConventions,
    known: Collection[str] = (),
    window: WideWindow | None = None,
) -> EndpointDraft:
    """Return what an endpoint's answers show.

    Args:
        record_list: The endpoint's list, with its first page.
        conventions: What other endpoints of this API do.
        known: The parameters that the API is known to have, empty where they are not known.
        window: The window whose ends placeholders stand for, None without them.

    Raises:
        ApiError: The list is empty, or the API ignores the window in the placeholders.
    """
    if not record_list.records:
        raise ApiError(
            f"{record_list.client.path}: the list is empty, so nothing can be learned about its records"
        )
    return _Exploration(record_list, conventions, known, window).run()


def explore_paging(
    record_list: RecordList, conventions: ApiConventions, known: Collection[str] = ()
) -> EndpointDraft:
    """Return what an endpoint's answers show of paging and total alone, with the records of a page or two."""
    exploration = _Exploration(record_list, conventions, known, None)
    exploration.steps = {"paging": exploration.pages.find, "total": exploration.find_total}
    return exploration.run()


def odata_params(body: Any) -> Sequence[str]:
    """Return the parameters that an answer with annotations of OData shows, none without them."""
    annotated = isinstance(body, dict) and any(str(name).startswith("@odata.") for name in body)
    return ODATA_PARAMS if annotated else ()


class _Exploration:
    """The steps of an exploration; the requests may run out in any of them."""

    def __init__(
        self,
        record_list: RecordList,
        conventions: ApiConventions,
        known: Collection[str],
        window: WideWindow | None,
    ) -> None:
        self.record_list = record_list
        self.window = window
        self.steps: dict[str, Callable[[], None]] = {
            "paging": lambda: self.pages.find(),
            "total": self.find_total,
            "last page": lambda: self.pages.avoid_endless_links(),
            "time filter": self.find_time_filter,
            "pages of a window": lambda: check_pages_of_window(self.record_list, self.endpoint),
            "total to ask for": self.find_total_to_ask_for,
            "sample": self.read_more_records,
        }
        self.client = record_list.client
        self.conventions = conventions
        self.known = known = known or odata_params(record_list.first.body)
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
            shape=Guess(shape.declared, shape.evidence) if (shape := record_list.shape) else None,
        )
        self.pages = ListPaging(record_list, self.endpoint, conventions, known)

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
        for response, records in self.record_list.pages:
            if not records:
                self.pages.stop_at_empty_page(response)
                self._accept_empty_form(response)
        self.endpoint.records = self.record_list.sample()
        self.endpoint.requests = self.client.request_count
        return self.endpoint

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
        elif not total:
            self.pages.read_second_page()

    def find_total_to_ask_for(self) -> None:
        """Ask for a total by each usual parameter, where no answer reports one by itself."""
        endpoint = self.endpoint
        if not (endpoint.total or endpoint.complete or self.total_was_wrong) and self.client.body is None:
            ask_for_total(self.record_list, endpoint, self.known)

    def find_time_filter(self) -> None:
        """Find the time filter, and the oldest record with it."""
        record_list, endpoint = self.record_list, self.endpoint
        cursors = find_cursors(
            record_list.sample(), words_at_placeholders(self.client) if self.window else ()
        )
        if self.window:
            window = PlaceholderWindow(record_list, self.window, cursors)
            endpoint.time_filter, endpoint.oldest = window.find(), window.oldest
            self._check_total_of_empty_lists([self.window.empty_response])
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
            self._accept_empty_form(response)
            self.pages.stop_at_empty_page(response)
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
            and self.endpoint.paging.paginator["type"] not in ("single_page", "range")
        ):
            before = len(self.record_list.sample())
            self.endpoint.complete = not read_next_page(self.record_list, self.endpoint.paging)

    def _request_page_after_last(self) -> None:
        """Request a page far after the last one: without a total, a load reads on until such a page.

        The API answers it with an empty list, refuses it with a 404, or repeats the last page.
        """
        paging = self.endpoint.paging
        if paging.paginator["type"] != "page_number" or self.endpoint.total or not self.client.requests_left:
            return
        params = paging.params_at(paging.size or 1, 10_000 * (paging.size or 1))
        response = self.client.request(params or {})
        self._ignore_status_of_empty_page(response)
        if self.record_list.records_of(response):
            self.pages.use_has_more(response)
        else:
            self._accept_empty_form(response)

    def _accept_empty_form(self, response: ApiResponse) -> None:
        """Declare the form of an answer without records, if it is no empty list."""
        form = empty_form(response, self.record_list)
        if form and form not in self.endpoint.empty_answers:
            self.endpoint.empty_answers.append(form)

    def _ignore_status_of_empty_page(self, response: ApiResponse) -> None:
        """Declare that a status stands for an empty page, if it does."""
        action = {"status_code": response.status, "action": "ignore"}
        if response.status in _NO_RECORDS_STATUSES and action not in self.endpoint.actions:
            self.endpoint.actions.append(action)
