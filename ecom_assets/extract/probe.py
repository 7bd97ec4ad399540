"""Single requests to a shop's API: has anything changed, and what does one page look like.

Nothing here is loaded; reading whole slices is `source`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from dlt.common import jsonpath
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator
from dlt.sources.rest_api.config_setup import create_response_hooks
from requests import Request

from ecom_assets.client.api_connection import open_api
from ecom_assets.client.redaction import Redactor
from ecom_assets.contract.privacy import protect_personal_data
from ecom_assets.declaration.paginator import PAGINATORS
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.children import asking_values, with_parent
from ecom_assets.extract.request_template import response_actions, template_of, window_values
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.windows import Slice, Window, window_request, windows_between
from ecom_assets.foundation.errors import ApiError

Bounds = tuple[datetime, datetime]

_MANY = 2
"""From more windows than this, one question about all of them comes first."""


@dataclass(frozen=True)
class Page:
    """One page of an endpoint: its records, and the total that the API reports, None where it does not."""

    records: list[Any]
    total: int | None


class Probe:
    """Asks the endpoints of one shop for single pages."""

    def __init__(self, shop: Shop, client: RESTClient, redactor: Redactor, pii_key: str = "") -> None:
        """Ask through this client, whose session signs; `redactor` hides the shop's secrets."""
        self.redactor = redactor
        self._shop = shop
        self._pii_key = pii_key
        self._client = client
        self._parents: dict[tuple[str, Bounds | None], Any] = {}

    def page(
        self,
        resource: Resource,
        bounds: Bounds | None = None,
        *,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Page:
        """Return a page of an endpoint, of the records in `[bounds)` where given, in the API's own order.

        Of a child it is the page of the first parent that has one, among the parent's first page. `limit` and
        `offset` go before the declared ones, where the paginator is of that kind. Raises ApiError for any
        failure, also for an answer without the declared `data_selector`.
        """
        if resource.parent is None:
            return self._page(resource, self._window(resource, bounds), bounds, limit, offset)
        known = self._parents.get((resource.name, bounds))
        parents = [known] if known else self.page(self._shop.resource(resource.parent), bounds).records
        for parent in parents:
            values = asking_values(resource, parent)
            page = None if values is None else self._page(resource, values, bounds, limit, offset)
            if page and (page.records or known):
                self._parents[resource.name, bounds] = parent
                return Page(with_parent(resource, parent, page.records), page.total)
        return Page([], None)

    def _page(
        self,
        resource: Resource,
        values: Mapping[str, Any],
        bounds: Bounds | None,
        limit: int | None,
        offset: int | None,
    ) -> Page:
        """Send one request, with these values for its placeholders."""
        endpoint = resource.endpoint
        if endpoint is None:
            raise LookupError(f"{resource.name} has no endpoint")
        template = template_of(endpoint, in_window=bounds is not None).filled(values)
        config = dict(endpoint.paginator or self._shop.client.paginator or {"type": "single_page"})
        total_path, total_header = config.pop("total_path", None), config.pop("total_header", None)
        kind = config.pop("type")
        if kind in ("offset", "page_number"):
            config["total_path"] = None
        if kind == "offset":
            config |= {"limit": limit or config["limit"], "offset": offset or config.get("offset") or 0}
        body = None if template.json_body is None else dict(template.json_body)
        request = Request(endpoint.method, params=dict(template.params), json=body)
        paginator = PAGINATORS[kind](**config)
        paginator.init_request(request)
        if isinstance(paginator, OffsetPaginator) and limit:
            paginator.limit = limit
        response = self._client.request(
            template.path,
            endpoint.method,
            params=request.params,
            json=request.json,
            headers=dict(template.headers),
            hooks=create_response_hooks(response_actions(endpoint)),
        )
        if getattr(response, "ignored", False):
            return Page([], None)
        body = response.json()
        selector = endpoint.data_selector or "$"
        found = jsonpath.find_values(selector, body)
        records = found[0] if len(found) == 1 else found
        if not found or not isinstance(records, (list, dict)) or (selector == "$" and isinstance(body, dict)):
            keys = ", ".join(map(str, list(body)[:8])) if isinstance(body, dict) else type(body).__name__
            raise ApiError(
                f"{resource.name}: data_selector {selector!r} found no list of records in an answer with: {keys}"
            )
        if total_header:
            value: Any = response.headers.get(total_header)
        else:
            value = next(iter(jsonpath.find_values(total_path, body)), None) if total_path else None
        total = int(value) if str(value).isdigit() else None
        if total is None and (total_header or total_path):
            where = f"total_header {total_header}" if total_header else f"total_path {total_path}"
            raise ApiError(f"{resource.name}: {where} found {value!r}; the number of records was expected")
        page = Page(records if isinstance(records, list) else [records], total)
        protect_personal_data(self._shop, resource, page.records, self._pii_key)
        return page

    def _window(self, resource: Resource, bounds: Bounds | None) -> dict[str, Any]:
        """Return the values that ask for an interval; without one, for all that the shop's windows reach."""
        incremental = resource.endpoint.incremental if resource.endpoint else None
        if incremental is None or self._shop.partitions is None:
            return {}
        bounds = bounds or (self._shop.partitions.start, datetime.now(timezone.utc))
        return dict(window_values(window_request(Slice("", (), *bounds), incremental), incremental))


@contextmanager
def open_probe(shop: Shop, secrets: Mapping[str, str] | None = None) -> Iterator[Probe]:
    """Open the way to a shop's API for single requests. Raises MissingSecret."""
    with open_api(shop, secrets) as connection:
        client = RESTClient(
            connection.shop.client.base_url,
            headers=dict(shop.client.headers),
            session=connection.session,
        )
        yield Probe(connection.shop, client, connection.redactor, connection.pii_key)


def changed_windows(
    shop: Shop, since: datetime, now: datetime, *, secrets: Mapping[str, str] | None = None
) -> tuple[Window, ...]:
    """Return the windows, closed by `now`, that hold records which changed at `since` or later, in order.

    Asks for one record a window and endpoint, or for a page where that one lies beyond. An API without a filter
    cannot be asked, so all windows since are returned. Raises ApiError and MissingSecret.
    """
    if shop.partitions is None:
        return ()
    closed = [
        window
        for window in windows_between(shop.partitions, shop.partitions.start, now)
        if window.end > since
    ]
    endpoints = [
        entry for entry in shop.windowed_resources() if entry.endpoint and entry.endpoint.incremental
    ]
    if not closed or not endpoints:
        return ()
    if any(
        entry.endpoint.incremental.server_filter is False
        for entry in endpoints
        if entry.endpoint and entry.endpoint.incremental
    ):
        return tuple(closed)
    with open_probe(shop, secrets) as probe:

        def changed(start: datetime, end: datetime) -> bool:
            return any(_holds(probe, shop, entry, max(start, since), end) for entry in endpoints)

        if len(closed) > _MANY and not changed(closed[0].start, closed[-1].end):
            return ()
        return tuple(window for window in closed if changed(window.start, window.end))


def _holds(probe: Probe, shop: Shop, resource: Resource, start: datetime, end: datetime) -> bool:
    """Tell whether an endpoint has records in `[start, end)`; the API may be asked for, and answer, more."""
    for limit in (1, None):
        page = probe.page(resource, (start, end), limit=limit)
        moments = cursor_instants_of(shop, resource, page.records).to_pylist()
        if not moments or any(moment is None or start <= moment < end for moment in moments):
            return bool(moments)
    return page.total is None or page.total > len(moments)
