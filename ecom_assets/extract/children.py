"""Children read by a field of the parent: one request for each parent record, collected slice by slice.

The rows of a child belong to the windows of their parent records.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dlt
from dlt.extract import DltResource
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.rest_api.config_setup import create_response_hooks

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.client.read_statistics import SLICE_HEADER
from ecom_assets.client.signing import auth_header
from ecom_assets.contract.duplicates import superseded_records
from ecom_assets.contract.privacy import protect_personal_data
from ecom_assets.contract.record_keys import keys_of, value_at
from ecom_assets.declaration.api.paginator import reported_total
from ecom_assets.declaration.placeholders import parent_field
from ecom_assets.declaration.reading import Endpoint, Resource
from ecom_assets.extract.answers.errors_in_answers import report_errors
from ecom_assets.extract.answers.masked_values import report_masked
from ecom_assets.extract.answers.refused_children import RefusedChildLists
from ecom_assets.extract.paging.last_page import END, NOTHING, TOTAL
from ecom_assets.extract.paging.paginator import RECORDS, SlicePaginator
from ecom_assets.extract.processing import process_records
from ecom_assets.extract.request_template import response_actions, template_of
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_assignment import AssignedRecords
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.json_path import compiled_path
from ecom_assets.foundation.progress import OnProgress, Progress


@dataclass(frozen=True)
class ChildRequest:
    """The request for the list of one parent record.

    Attributes:
        id: The id of the list in the read statistics.
        slice_id: The id of the child's slice.
        position: The position of the parent record in that slice.
        values: The value of each placeholder.
    """

    id: str
    slice_id: str
    position: int
    values: Mapping[str, Any]


@dataclass
class _UnfinishedSlice:
    """A slice of a child whose lists are being read. `lists` has those that came, by their parent's position."""

    slice_: Slice
    parents: AssignedRecords
    requests: Sequence[ChildRequest]
    lists: dict[int, list[Any]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)


def child_slices(resource: Resource, slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """Return the slices of a child: the slices of its parent, with ids of its own."""
    return tuple(replace(slice_, id=f"{resource.name}/{slice_.id.partition('/')[2]}") for slice_ in slices)


def placeholder_values(resource: Resource, record: Any) -> dict[str, Any] | None:
    """Return the values of a child's placeholders for one parent record.

    Args:
        resource: The child.
        record: The parent record.

    Returns:
        The values by placeholder. None if the parent record lacks one of them; then there is nothing to request.

    Raises:
        ApiError: A value is neither a text nor a number.
    """
    endpoint = resource.endpoint
    if endpoint is None:
        raise LookupError(f"{resource.name} has no endpoint")
    values: dict[str, Any] = {}
    for name in endpoint.placeholder_names():
        if found := parent_field(name):
            value = value_at(record, found.field.split("."))
            if value is None or value == "":
                return None
            if isinstance(value, (bool, dict, list)):
                raise ApiError(
                    f"{resource.name}: {found.field} of a record of {found.resource} is neither a text nor a "
                    "number, so it cannot be put into a request"
                )
            values[name] = value
    return values


def add_parent_fields(resource: Resource, parent: Any, records: Iterable[Any]) -> list[Any]:
    """Return a child's records with the fields of `include_from_parent`. A record that is no object stays as it is."""
    included = {
        f"_{resource.parent}_{name}": value_at(parent, name.split("."))
        for name in resource.include_from_parent
    }
    return [{**record, **included} if isinstance(record, dict) else record for record in records]


def child_records(
    connection: ApiConnection,
    resource: Resource,
    parents: DltResource,
    name: str,
    slices: Sequence[Slice],
    on_progress: OnProgress,
) -> DltResource:
    """Return a dlt resource that yields the `AssignedRecords` of a child, slice by slice.

    Workers, client and requests are dlt's. dlt's own dependent resource is not used, because it yields nothing for
    a slice without parent records. The table of such a slice has to be made and counted all the same.

    Args:
        connection: The open API.
        resource: The child.
        parents: The dlt resource that yields the `AssignedRecords` of the parent.
        name: The name of the new dlt resource.
        slices: The slices of the child.
        on_progress: Gets lines that say how far the reading is.
    """
    shop, endpoint = connection.shop, resource.endpoint or Endpoint(path="")
    children = ChildCollector(connection, resource, slices, on_progress)
    client = RESTClient(shop.client.base_url, dict(shop.client.headers), session=connection.session)
    template = template_of(endpoint)
    paginator = SlicePaginator(shop, resource, connection.statistics)
    # compiled here, because dlt would otherwise compile it for each page
    selector = compiled_path(endpoint.data_selector or "$")
    hooks = create_response_hooks(response_actions(endpoint))

    @dlt.defer
    def read_list(child_request: ChildRequest) -> list[tuple[ChildRequest, list[Any]]]:
        request = template.fill(child_request.values)
        pages = client.paginate(
            request.path,
            endpoint.method,
            dict(request.params),
            None if request.json_body is None else dict(request.json_body),
            paginator=copy.deepcopy(paginator),
            data_selector=selector,
            hooks=hooks,
            headers={**request.headers, SLICE_HEADER: child_request.id, **auth_header(resource)},
            data=request.data,
        )
        records = [record for page in pages for item in page for record in item[RECORDS]]
        if not resource.processing_steps:
            protect_personal_data(shop, resource, records, connection.pii_key)
        return [(child_request, records)]

    def read_lists(parent_slices: list[AssignedRecords]) -> Iterator[Any]:
        for assigned in parent_slices:
            requests = children.requests_for(assigned)
            if not requests:
                yield [children.finish_without_requests(assigned)]
            for request in requests:
                yield read_list(request)

    child = dlt.transformer(read_lists, data_from=parents, name=name, selected=False)
    child.add_map(lambda item: item if isinstance(item, AssignedRecords) else children.add_list(*item))
    child.add_filter(lambda assigned: assigned is not None)
    return child


class ChildCollector:
    """Makes the requests of one child endpoint, and collects the lists that come back slice by slice."""

    def __init__(
        self,
        connection: ApiConnection,
        resource: Resource,
        slices: Sequence[Slice],
        on_progress: OnProgress,
    ) -> None:
        """Take the child and its slices; lines for a person go to `on_progress`."""
        shop = connection.shop
        paginator = (resource.endpoint and resource.endpoint.paginator) or shop.client.paginator or {}
        self._has_total = bool(reported_total(paginator))
        self._shop = shop
        self._resource = resource
        self._parent = shop.resource(resource.parent or "")
        self._slices = {slice_.id: slice_ for slice_ in slices}
        self._statistics = connection.statistics
        self._pii_key = connection.pii_key
        self._progress = Progress(resource.name, len(slices), on_progress)
        self._unfinished: dict[str, _UnfinishedSlice] = {}
        self._on_progress = on_progress
        self._refused_lists = RefusedChildLists(resource, len(slices), on_progress)

    def requests_for(self, parents: AssignedRecords) -> list[ChildRequest]:
        """Return the requests for a slice of the parent: one for each record, made from its last state.

        Raises:
            ApiError: A parent record has a value that cannot be put into a request.
        """
        (slice_,) = child_slices(self._resource, [parents.slice_])
        superseded = superseded_records(self._shop, self._parent, parents.records)
        requests = []
        for position, record in enumerate(parents.records):
            values = None if position in superseded else placeholder_values(self._resource, record)
            if values is not None:
                requests.append(ChildRequest(f"{slice_.id}/{position}", slice_.id, position, values))
        self._unfinished[slice_.id] = _UnfinishedSlice(self._slices[slice_.id], parents, requests)
        return requests

    def finish_without_requests(self, parents: AssignedRecords) -> AssignedRecords:
        """Return the child's slice for a slice of the parent that needs no request."""
        (slice_,) = child_slices(self._resource, [parents.slice_])
        return self._finish(self._unfinished.pop(slice_.id))

    def add_list(self, request: ChildRequest, records: list[Any]) -> AssignedRecords | None:
        """Add the list of one parent record. Return its slice if it was the last list, else None."""
        unfinished = self._unfinished[request.slice_id]
        unfinished.lists[request.position] = records
        if len(unfinished.lists) < len(unfinished.requests):
            return None
        return self._finish(self._unfinished.pop(request.slice_id))

    def _finish(self, slice_read: _UnfinishedSlice) -> AssignedRecords:
        """Return the records of a slice, in the order of the parent records, and sum up its statistics."""
        parents = slice_read.parents
        records: list[Any] = []
        windows: list[int] = []
        filtered = 0
        for position in sorted(slice_read.lists):
            found = add_parent_fields(self._resource, parents.records[position], slice_read.lists[position])
            if self._resource.processing_steps:
                found, dropped = process_records(self._shop, self._resource, found)
                protect_personal_data(self._shop, self._resource, found, self._pii_key)
                filtered += dropped
            records += found
            windows += [parents.windows[position]] * len(found)
        self._sum_up_statistics(slice_read)
        report_masked(self._resource.name, self._statistics.of(slice_read.slice_.id), self._on_progress)
        report_errors(self._resource.name, self._statistics.of(slice_read.slice_.id), self._on_progress)
        self._progress.add(len(records))
        statistics = {request.position: self._statistics.of(request.id) for request in slice_read.requests}
        refused = self._refused_lists.add_slice(statistics)
        roots = parents.roots
        if refused:
            keys = keys_of(roots, self._parent.key_paths)
            kept = {keys[position] for position in refused}
            roots = [root for root, key in zip(roots, keys, strict=True) if key not in kept]
        return AssignedRecords(slice_read.slice_, records, windows, roots, filtered)

    def _sum_up_statistics(self, slice_read: _UnfinishedSlice) -> None:
        """Sum the statistics of a slice's lists. The slice has a total only if each list has one."""
        lists = [self._statistics.of(request.id) for request in slice_read.requests]
        totals = [entry.source_total for entry in lists if entry.source_total is not None]
        statistics = self._statistics.of(slice_read.slice_.id)
        if self._has_total and len(totals) == len(lists):
            statistics.source_total = sum(totals)
        confirmed = {entry.confirmed_by for entry in lists}
        # the list of lists is at its end where each of them is
        statistics.confirmed_by = TOTAL if confirmed == {TOTAL} else NOTHING if NOTHING in confirmed else END
        for name in ("fetched", "requests", "retries", "restarts", "ignored", "masked", "with_errors"):
            setattr(statistics, name, sum(getattr(entry, name) for entry in lists))
        statistics.errors_text = next((entry.errors_text for entry in lists if entry.errors_text), "")
        statistics.seconds = time.monotonic() - slice_read.started
        statistics.complete = all(entry.complete for entry in lists)
