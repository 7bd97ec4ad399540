"""Check of an API: does it behave as the declaration says? `ecom-assets check` prints the findings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from requests import Request

from ecom_assets.client.secrets import secret_sources
from ecom_assets.contract.record_keys import Key, keys_of
from ecom_assets.declaration.api.paginator import reported_total
from ecom_assets.declaration.promises import promises
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.answers.masked_values import masked_text
from ecom_assets.extract.check.contract_check import check_contract
from ecom_assets.extract.check.cost_check import Cost, check_cost, endpoint_cost
from ecom_assets.extract.check.outcome import NO_RECORD, Outcome, Result
from ecom_assets.extract.check.paging_check import NO_TOTAL, check_next_page, check_total
from ecom_assets.extract.check.reached_check import check_reached
from ecom_assets.extract.check.window_check import start_problem, window_ahead_has_records
from ecom_assets.extract.filter_comparison import filter_problem
from ecom_assets.extract.paging.page_size import PageSizes
from ecom_assets.extract.paging.unconfirmed import unconfirmed_problem
from ecom_assets.extract.probe import Page, Probe, open_probe
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.window_request import window_request
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.foundation.errors import ApiError, RefusedRequest

SHOP = "(shop)"
"""Stands for a resource's name in findings about the whole shop."""


@dataclass(frozen=True)
class Finding:
    """The result of one check of one resource.

    Attributes:
        resource: The resource's name; SHOP for what concerns the whole shop.
        what: What was checked.
        result: A limit is not an error. It marks something this API cannot provide.
        detail: The details, for a person.
    """

    resource: str
    what: str
    result: Result
    detail: str


def check_secrets(shop: Shop, secrets: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield a finding for each secret of a shop: where it comes from, never its value.

    Args:
        shop: The declared shop.
        secrets: Secrets by name. What is missing comes from dlt's providers.

    Raises:
        MissingSecret: A secret was not found, or would go to two hosts.
    """
    for name, source in secret_sources(shop, secrets).items():
        yield Finding(SHOP, "secret", "ok", f"{name} comes from {source}")


def check(
    shop: Shop, secrets: Mapping[str, str] | None = None, now: datetime | None = None
) -> Iterator[Finding]:
    """Yield the findings of a shop: for each endpoint its requests and the promises for its tables, then the cost.

    An endpoint takes at most fifteen requests; a child takes some more to find a parent record that has children.
    An endpoint that cannot be reached does not end the check of the others.

    Args:
        shop: The declared shop.
        secrets: Secrets by name. What is missing comes from dlt's providers.
        now: The aware instant that decides which window closed last; by default the present.

    Raises:
        MissingSecret: A secret was not found.
    """
    now = now or datetime.now(timezone.utc)
    windows, costs = 0, []
    with open_probe(shop, secrets) as probe:
        for resource in shop.resources:
            if resource.endpoint:
                endpoint_findings = []
                endpoint_check = _EndpointCheck(shop, resource, probe, now)
                for finding in endpoint_check.findings():
                    endpoint_findings.append(finding)
                    yield finding
                windows = max(windows, len(endpoint_check.windows))
                costs.append(endpoint_check.cost)
                doubt = _doubt(endpoint_findings)
                for table in (resource, *shop.children_of(resource.name)):
                    for promise in promises(shop, table):
                        if promise.unconfirmed and doubt:
                            yield Finding(table.name, "promise", "skipped", f"{promise.unconfirmed}: {doubt}")
                        else:
                            status: Result = "ok" if promise.provided else "limit"
                            yield Finding(table.name, "promise", status, promise.text)
        if windows:
            yield Finding(SHOP, "requests", *check_cost(shop, costs, windows))


def _doubt(findings: Sequence[Finding]) -> str:
    """Return why nothing confirms that an endpoint reports how many records it has, empty if something does."""
    if not findings or findings[0].result != "ok":
        return "the list of the endpoint was not seen"
    results = {finding.what: finding.result for finding in findings}
    if results.get("total") != "ok":
        return "no total of the list was seen"
    return "its paging failed" if results.get("paging") == "failed" else ""


class _EndpointCheck:
    """The checks of one endpoint, on single pages of it."""

    def __init__(self, shop: Shop, resource: Resource, probe: Probe, now: datetime) -> None:
        self.shop = shop
        self.resource = resource
        self.probe = probe
        self.now = now
        endpoint = resource.endpoint
        paginator = (endpoint.paginator if endpoint else None) or shop.client.paginator or {}
        self.by_offset = paginator.get("type") in ("offset", "range")
        self.has_fixed_pages = paginator.get("send_limit") is False
        self.has_total = bool(reported_total(paginator))
        self.windows = self._closed_windows()
        self.last_window = self.windows[-1] if self.windows else None
        self.first_page: list[Any] = []
        self.cost = Cost(resource.name, unknown="its list was not seen")

    def findings(self) -> Iterator[Finding]:
        """Yield the findings: reached, paging if none is declared, total, order, limit, offset, window and contract."""
        if problem := unconfirmed_problem(self.resource):
            yield self._finding("paging", "failed", problem)
        try:
            page = self.probe.page(self.resource)
        except ApiError as error:
            yield self._finding("reached", "failed", str(error))
            return
        self.first_page = page.records
        keys = keys_of(page.records, self.resource.key_paths)
        yield self._finding("reached", *check_reached(self.resource, page))
        if page.errors:
            yield self._finding("errors", "failed", page.errors)
        if page.masked:
            yield self._finding("masking", "limit", masked_text(page.masked))
        if found := page.undeclared_paging:
            detail = f"there are more pages: declare paginator: {found.declaration}"
            yield self._finding("paging", "skipped" if found.config else "failed", detail)
        elif not page.ignored:
            yield from self._check_paging(page, keys)
        yield self._finding("total", *self._check_total(page))
        for what, check_of in (
            ("order", self._check_order),
            ("limit", self._check_limit),
            ("offset", self._check_offset),
            ("window", self._check_window),
        ):
            try:
                yield self._finding(what, *check_of(keys))
            except ApiError as error:
                yield self._finding(what, "failed", str(error))
        if self._sweeps_without_an_end():
            yield self._finding(
                "deletes",
                "limit",
                "nothing confirms that a sweep reads all keys, so it asks for the windows of missing rows, or marks "
                "none: declare total_path, the paginator, or in deletes.params a page size above the number of records",
            )
        if cost := self._double_reading(page):
            yield self._finding("requests", "limit", cost)
        self.cost = endpoint_cost(self.probe, self.shop, self.resource, self.windows, page, self.now)
        for resource in (self.resource, *self.shop.children_of(self.resource.name)):
            records = self.probe.processed(self.resource, page.records)
            for what, (result, detail) in check_contract(self.shop, resource, records):
                yield Finding(resource.name, what, result, self.probe.redactor.scrub(detail))

    def _sweeps_without_an_end(self) -> bool:
        """Tell whether the resource has a sweep, and its one page may be a part of a longer list."""
        deletes, endpoint = self.resource.deletes, self.resource.endpoint
        if deletes is None or deletes.by is None or deletes.single_page or endpoint is None or self.has_total:
            return False
        paginator = endpoint.paginator or self.shop.client.paginator or {}
        params = {**endpoint.params, **deletes.params}
        sizes = PageSizes(Request(params=params, json=dict(endpoint.json_body or {})))
        return paginator.get("type") in (None, "single_page") and not sizes

    def _double_reading(self, page: Page) -> str:
        """Return what the two readings of a snapshot cost, empty if one page is everything, or one reading enough."""
        endpoint = self.resource.endpoint
        if self.resource.windowed or self.resource.parent or endpoint is None or endpoint.verify == "once":
            return ""
        count = len(page.records)
        if page.total is None or not count or page.total <= count:
            return ""
        # pages by offset overlap by one record
        overlap = 1 if self.by_offset and count > 1 else 0
        pages = math.ceil((page.total - overlap) / (count - overlap))
        return (
            f"a snapshot of {page.total} records takes about {pages} pages, and is read twice, because no cursor "
            f"tells which records changed meanwhile: {2 * pages} requests a day on its daily schedule. If the list "
            "has a fixed order, endpoint.verify: once halves that; the list may then mix states of several moments"
        )

    def _check_paging(self, page: Page, keys: list[Key]) -> Iterator[Finding]:
        """Check the way to the next page."""
        try:
            outcome = check_next_page(self.probe, self.resource, page, keys)
            if outcome and outcome[0] != "ok":
                yield self._finding("paging", *outcome)
        except ApiError as error:
            yield self._finding("paging", "failed", str(error))

    def _check_total(self, page: Page) -> Outcome:
        """Check the total, if one is declared."""
        if not self.has_total:
            return NO_TOTAL
        try:
            return check_total(self.probe, self.resource, page)
        except ApiError as error:
            return "failed", str(error)

    def _finding(self, what: str, result: Result, detail: str) -> Finding:
        return Finding(self.resource.name, what, result, self.probe.redactor.scrub(detail))

    def _check_order(self, keys: list[Key]) -> Outcome:
        """Request the same page again. Without a fixed order, pages do not fit together."""
        if self.resource.primary_key and len(set(keys)) < len(keys):
            return "failed", f"the primary key {', '.join(self.resource.primary_key)} is twice on one page"
        if len(keys) < 2:
            return NO_RECORD if not keys else ("skipped", "there are too few records to tell")
        again = keys_of(self.probe.page(self.resource).records, self.resource.key_paths)
        if again != keys:
            return "failed", "the same page came in another order; look for a parameter that sorts"
        return "ok", "the same page came twice in the same order"

    def _check_limit(self, keys: list[Key]) -> Outcome:
        if not self.by_offset or len(keys) < 2:
            return "skipped", self._why_no_offset()
        if self.has_fixed_pages:
            return "skipped", "send_limit is false: no page size is asked for"
        count = len(self.probe.page(self.resource, limit=1).records)
        if count != 1:
            return "failed", f"asked for 1 record, {count} came; look for limit_param"
        return "ok", "one record came when one was asked for"

    def _check_offset(self, keys: list[Key]) -> Outcome:
        if not self.by_offset or len(keys) < 2:
            return "skipped", self._why_no_offset()
        second = keys_of(self.probe.page(self.resource, limit=1, offset=1).records, self.resource.key_paths)
        if second[:1] != keys[1:2]:
            return "failed", "the record at offset 1 is not the second one; look for offset_param"
        return "ok", "the record at offset 1 is the second one"

    def _why_no_offset(self) -> str:
        return "there are too few records to tell" if self.by_offset else "the paginator is of another type"

    def _check_window(self, keys: list[Key]) -> Outcome:
        """Request the last closed window, and a window of the far future, which must be empty.

        If the first one is empty too, the list without a filter tells whether the filter leaves out everything.
        """
        if self.last_window is None:
            if self.resource.open_ended:
                return "skipped", "the resource is open-ended: it is read from a cursor, without windows"
            return "skipped", "the resource is a snapshot, or no window has closed"
        if self.resource.parent:
            return "skipped", f"its rows have the windows of {self.resource.parent}"
        incremental = self.shop.incremental_of(self.resource.name)
        if not incremental.server_filter:
            return "skipped", "server_filter is false: all records are read, then assigned to windows"
        bounds = (self.last_window.start, self.last_window.end)
        page = self.probe.page(self.resource, bounds)
        request = window_request(Slice("", (), *bounds), incremental)
        outside = [
            instant
            for instant in cursor_instants_of(self.shop, self.resource, page.records).to_pylist()
            if instant and not (request.low or instant) <= instant <= (request.high or instant)
        ]
        window_key, parameters = self.last_window.partition_key, incremental.parameter_names
        if outside:
            return "failed", f"{len(outside)} records lie outside of {window_key}: {parameters} is ignored"
        if window_ahead_has_records(self.probe, self.resource, self.now):
            return "failed", f"records came for a window ten years ahead: {parameters} is ignored"
        if not page.records:
            try:
                problem = filter_problem(
                    self.probe, self.shop, self.resource, self.now, empty=[bounds], unfiltered=self.first_page
                )
            except RefusedRequest as error:
                return (
                    "skipped",
                    f"no record came for {window_key}, and nothing is answered without it: {error}",
                )
            if problem:
                return "failed", problem
        if problem := start_problem(self.probe, self.shop, self.resource, page.records or self.first_page):
            return "failed", problem
        if not page.records and not self.first_page:
            return (
                "skipped",
                f"no record came for {window_key}, and none without it, so nothing tells the filter",
            )
        if page.total is None and page.following:
            return "ok", f"{window_key} holds {len(page.records)} records or more"
        return "ok", f"{window_key} holds {len(page.records) if page.total is None else page.total} records"

    def _closed_windows(self) -> tuple[Window, ...]:
        if not self.resource.windowed or self.shop.partitions is None:
            return ()
        return windows_between(self.shop.partitions, self.shop.partitions.start, self.now)
