"""Probe: single requests to the endpoints of a shop, for one page each. Nothing of them is loaded."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, NamedTuple

from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import BasePaginator, OffsetPaginator
from dlt.sources.helpers.rest_client.utils import join_url
from dlt.sources.rest_api.config_setup import create_response_hooks
from requests import Request, Response, Session

from ecom_assets.client.api_connection import ApiConnection, open_api
from ecom_assets.client.read_statistics import SLICE_HEADER, SliceStatistics
from ecom_assets.client.redaction import Redactor
from ecom_assets.client.signing import auth_header
from ecom_assets.contract.privacy import protect_personal_data
from ecom_assets.declaration.placeholders import START
from ecom_assets.declaration.reading import Endpoint, Resource, Shop
from ecom_assets.extract.answers.ignored_answers import ignored_status, is_ignored
from ecom_assets.extract.answers.masked_values import count_masked, is_masked
from ecom_assets.extract.answers.redirected_answers import refuse_lost_request
from ecom_assets.extract.children import add_parent_fields, placeholder_values
from ecom_assets.extract.paging.detection import DetectedPaging, declares_paging, detect_paging
from ecom_assets.extract.paging.guarded_paginator import paginator_of
from ecom_assets.extract.paging.page_reader import PageReader
from ecom_assets.extract.paging.page_size import PageSizes, resize_pages
from ecom_assets.extract.paging.past_the_end import past_the_end
from ecom_assets.extract.paging.record_detection import RecordDetection
from ecom_assets.extract.processing import process_records
from ecom_assets.extract.request_template import first_parameter, response_actions, template_of, window_values
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_assignment import with_window_start
from ecom_assets.extract.window_request import window_request

Bounds = tuple[datetime, datetime]
"""Start and end of a half-open interval; both instants are aware."""


class PageSource(NamedTuple):
    """Where a page comes from: its response, the paginator that has seen it, and the page sizes asked for."""

    response: Response
    paginator: BasePaginator
    sizes: PageSizes


@dataclass(frozen=True)
class Page:
    """One page of an endpoint.

    Attributes:
        records: Its records.
        total: The total that the API reports, None if it reports none.
        undeclared_paging: The paging that leads to another page although none is declared, else None.
        masked: How many texts of the records held a secret of the shop.
        errors: What to declare about errors beside the data, "" if there are none.
        statistics: What the answer says about the list if the API leaves out lists.
        ignored: The statuses of the answers that a response action ignored. Of a child, those of all parent records
            that were tried.
        lists: How many lists were asked for; of a child, one for each parent record that was tried.
        source: The response and the paginator that has seen it; None if there was no response with records.
        following: Requests the next page and returns its records; None if the paginator knows none.
    """

    records: list[Any]
    total: int | None
    undeclared_paging: DetectedPaging | None = None
    ignored: tuple[int, ...] = ()
    lists: int = 1
    masked: int = 0
    errors: str = ""
    statistics: SliceStatistics = field(default_factory=SliceStatistics)
    source: PageSource | None = None
    following: Callable[[], list[Any]] | None = None


class Probe:
    """Reads single pages of the endpoints of one shop."""

    def __init__(self, shop: Shop, session: Session, redactor: Redactor, pii_key: str = "") -> None:
        """Take what requests need.

        Args:
            shop: The declared shop.
            session: The session that signs the requests.
            redactor: Hides the shop's secrets in messages.
            pii_key: The key of hashed columns.
        """
        self.redactor = redactor
        self._shop = shop
        self._pii_key = pii_key
        self._session = session
        self._parents: dict[tuple[str, Bounds | None], Any] = {}

    def page(
        self,
        resource: Resource,
        bounds: Bounds | None = None,
        *,
        limit: int | None = None,
        offset: int | None = None,
        page_size: int | None = None,
        page_number: int | None = None,
        max_parents: int | None = None,
        slice_id: str = "",
    ) -> Page:
        """Return one page of an endpoint, in the API's own order.

        The page of a child is that of the first parent record which has children, on the parent's first page.

        Args:
            resource: A resource with an endpoint.
            bounds: The interval to ask for; without it, the page is of all records that the windows reach.
            limit: How many records to ask for, in place of the declared number, if the paging is by offset.
            offset: Where the page starts, in place of the declared offset, if the paging is by offset.
            page_size: How many records to ask for, in place of the declared number, whatever the paging is. Without a
                parameter that is named like a page size, it changes nothing.
            page_number: Which page to ask for, in place of the first one, if the paging is by number.
            max_parents: How many parent records to try for one that has children; by default all of the page.
            slice_id: The id under which the read statistics count the request, if they are to; not for a child.

        Raises:
            ApiError: The request failed, or `data_selector` leads to no list of records.
        """
        if resource.parent is None:
            own_values = self._window_values(resource, bounds)
            return self._request_page(
                resource, own_values, bounds, limit, offset, page_size, page_number, slice_id
            )
        known_parent = self._parents.get((resource.name, bounds))
        parent_resource = self._shop.resource(resource.parent)
        parents = [known_parent] if known_parent else None
        if parents is None:
            found = self.page(parent_resource, bounds, max_parents=max_parents).records
            parents = self.processed(parent_resource, found)[:max_parents]
        ignored: list[int] = []
        lists = 0
        for parent in parents:
            values = placeholder_values(resource, parent)
            page = None
            if values is not None:
                page = self._request_page(resource, values, bounds, limit, offset, page_size, page_number)
                lists += 1
            ignored += page.ignored if page else ()
            if page and (page.records or known_parent):
                self._parents[resource.name, bounds] = parent
                records = add_parent_fields(resource, parent, page.records)
                return replace(page, records=records, ignored=tuple(ignored), lists=lists)
        return Page([], None, ignored=tuple(ignored), lists=lists)

    def records(
        self, resource: Resource, bounds: Bounds | None = None, *, limit: int | None = None
    ) -> list[Any]:
        """Return the records of one page as the contract gets them, after the resource's processing steps.

        The arguments and errors are those of `page`.
        """
        return self.processed(resource, self.page(resource, bounds, limit=limit).records)

    def processed(self, resource: Resource, records: list[Any]) -> list[Any]:
        """Return the records of a page after the resource's processing steps, with its personal data protected."""
        if not resource.processing_steps:
            return records
        found = process_records(self._shop, resource, records).records
        protect_personal_data(self._shop, resource, found, self._pii_key)
        return found

    def _request_page(
        self,
        resource: Resource,
        values: Mapping[str, Any],
        bounds: Bounds | None,
        limit: int | None,
        offset: int | None,
        page_size: int | None,
        page_number: int | None,
        slice_id: str = "",
    ) -> Page:
        """Send one request with these values in place of its placeholders."""
        endpoint = resource.endpoint
        if endpoint is None:
            raise LookupError(f"{resource.name} has no endpoint")
        has_start = bounds is not None or resource.open_ended
        template = template_of(endpoint, in_window=has_start).fill(values)
        config = dict(endpoint.paginator or self._shop.client.paginator or {"type": "single_page"})
        if config["type"] in ("offset", "range"):
            config |= {"limit": limit or config["limit"], "offset": offset or config.get("offset") or 0}
        if config["type"] == "page_number" and page_number is not None:
            config["base_page"] = page_number
        body = None if template.json_body is None else copy.deepcopy(dict(template.json_body))
        request = Request(
            endpoint.method,
            url=join_url(self._shop.client.base_url, template.path),
            headers={
                **template.headers,
                **auth_header(resource),
                **({SLICE_HEADER: slice_id} if slice_id else {}),
            },
            params=dict(template.params),
            json=body,
            data=template.data,
        )
        paginator = paginator_of(config, resource.name)
        paginator.init_request(request)
        if isinstance(paginator, OffsetPaginator) and limit:
            paginator.limit = limit
        sizes = PageSizes(request, paginator)
        if page_size and sizes:
            resize_pages(request, int(str(sizes)), page_size)
        hooks = create_response_hooks(response_actions(endpoint))
        response = self._send(request, hooks)
        if is_ignored(response):
            return Page([], None, ignored=(ignored_status(response),))
        reader = PageReader(resource, endpoint, config, RecordDetection(resource))
        start = (bounds or (self._shop.partitions.start,))[0] if self._shop.partitions else None
        records = list(with_window_start(resource, self._records_in(reader, endpoint, response), start))
        if records:
            refuse_lost_request(resource.name, response)
        paging = None if declares_paging(self._shop, resource) else detect_paging(response, records)
        paginator.update_state(response, list(records))

        def following() -> list[Any]:
            paginator.update_request(request)
            next_response = self._send(request, past_the_end(hooks))
            return self._records_in(reader, endpoint, next_response)

        page = Page(
            records,
            reader.total(response, known=False),
            paging,
            masked=count_masked(records) if is_masked(response) else 0,
            errors=reader.undeclared_errors(response),
            source=PageSource(response, paginator, sizes),
            following=following if paginator.has_next_page else None,
        )
        is_list = bool(records) or reader.empty_answers.declared_form(response) is None
        reader.empty_answers.add(response, page.statistics, is_list=is_list, total=page.total)
        if not resource.processing_steps:
            protect_personal_data(self._shop, resource, page.records, self._pii_key)
        return page

    def _records_in(self, reader: PageReader, endpoint: Endpoint, response: Response) -> list[Any]:
        """Return the records of an answer, empty if it is ignored."""
        if is_ignored(response):
            return []
        return reader.records(
            response, self._client.extract_response(response, endpoint.data_selector or "$")
        )

    @cached_property
    def _client(self) -> RESTClient:
        """The client, made for the first request: most loads send none with it, and dlt looks up its settings."""
        client = self._shop.client
        return RESTClient(client.base_url, headers=dict(client.headers), session=self._session)

    def _send(self, request: Request, hooks: Any) -> Response:
        return self._client.request(
            request.url,
            request.method,
            params=request.params,
            json=request.json,
            data=request.data,
            headers=request.headers,
            hooks=hooks,
        )

    def _window_values(self, resource: Resource, bounds: Bounds | None) -> dict[str, Any]:
        """Return the placeholder values of an interval; without bounds, of all that the shop's windows reach.

        An open-ended endpoint is asked from its `initial_value` on.
        """
        incremental = resource.endpoint.incremental if resource.endpoint else None
        if incremental is not None and incremental.open_ended:
            return {START: first_parameter(incremental)}
        if incremental is None or self._shop.partitions is None:
            return {}
        bounds = bounds or (self._shop.partitions.start, datetime.now(timezone.utc))
        return dict(window_values(window_request(Slice("", (), *bounds), incremental), incremental))


@contextmanager
def open_probe(shop: Shop, secrets: Mapping[str, str] | None = None) -> Iterator[Probe]:
    """Open a shop's API for single requests.

    Args:
        shop: The declared shop.
        secrets: Secrets by name. What is missing comes from dlt's providers.

    Raises:
        MissingSecret: A secret was not found.
    """
    with open_api(shop, secrets) as connection:
        yield probe_of(connection)


def probe_of(connection: ApiConnection) -> Probe:
    """Return the probe of an open API."""
    return Probe(connection.shop, connection.session, connection.redactor, connection.pii_key)
