"""Child resources by a field of the parent: a request a record of the parent, put together again slice by slice.

Rows of a child belong to the windows of its parent. Which records a slice of the parent has is `sorting`'s, when a
list is complete `pagination`'s.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dlt
from dlt.common import jsonpath
from dlt.extract import DltResource
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.rest_api.config_setup import create_response_hooks

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics
from ecom_assets.contract.privacy import protect_personal_data
from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.placeholders import parent_field, placeholder_names
from ecom_assets.declaration.reading import Endpoint, Resource, Shop
from ecom_assets.extract.paginator import RECORDS, SlicePaginator
from ecom_assets.extract.request_template import response_actions, template_of
from ecom_assets.extract.window_assignment import AssignedRecords, superseded_records
from ecom_assets.extract.windows import Slice
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.progress import OnProgress, Progress


@dataclass(frozen=True)
class Asked:
    """One request: its id in the meter, its slice, its parent's position there, and values by placeholder."""

    id: str
    slice_id: str
    position: int
    values: Mapping[str, Any]


@dataclass
class _Open:
    """A slice whose lists are being read; `lists` are those that came, by their parent's position."""

    part: Slice
    parents: AssignedRecords
    asked: Sequence[Asked]
    lists: dict[int, list[Any]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)


def child_slices(resource: Resource, slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """Return the slices of a child: those of its parent, under its own name."""
    return tuple(replace(part, id=f"{resource.name}/{part.id.partition('/')[2]}") for part in slices)


def asking_values(resource: Resource, record: Any) -> dict[str, Any] | None:
    """Return the value of each placeholder for a parent's record, None when one has none: nothing is asked then.

    Raises ApiError for a value that is neither a text nor a number.
    """
    endpoint = resource.endpoint
    if endpoint is None:
        raise LookupError(f"{resource.name} has no endpoint")
    values: dict[str, Any] = {}
    for name in placeholder_names(endpoint.path, endpoint.params, endpoint.json_body, endpoint.headers):
        if found := parent_field(name):
            value = value_at(record, found.field.split("."))
            if value is None or value == "":
                return None
            if isinstance(value, (bool, dict, list)):
                raise ApiError(
                    f"{resource.name}: {found.field} of a record of {found.resource} is neither a text nor a "
                    "number, so there is nothing to ask by"
                )
            values[name] = value
    return values


def with_parent(resource: Resource, parent: Any, records: Iterable[Any]) -> list[Any]:
    """Return a child's records with the fields of `include_from_parent`; what is no object stays as it is."""
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
    """Return a dlt resource of that name with the batches of a child, made from those of its parent.

    dlt's own dependent resource would hand over nothing for a slice without parents, whose table is to be made
    and counted all the same. Workers, client and requests are dlt's.
    """
    shop, endpoint = connection.shop, resource.endpoint or Endpoint(path="")
    children = Children(shop, resource, slices, connection.statistics, on_progress)
    client = RESTClient(shop.client.base_url, dict(shop.client.headers), session=connection.session)
    template = template_of(endpoint)
    paginator = SlicePaginator(shop, resource, connection.statistics)
    # compiled, or dlt does it again for each page
    selector = jsonpath.compile_path(endpoint.data_selector or "$")
    hooks = create_response_hooks(response_actions(endpoint))

    @dlt.defer
    def read(asked: Asked) -> list[tuple[Asked, list[Any]]]:
        request = template.filled(asked.values)
        pages = client.paginate(
            request.path,
            endpoint.method,
            dict(request.params),
            None if request.json_body is None else dict(request.json_body),
            paginator=copy.deepcopy(paginator),
            data_selector=selector,
            hooks=hooks,
            headers={**request.headers, SLICE_HEADER: asked.id},
        )
        records = [record for page in pages for proved in page for record in proved[RECORDS]]
        protect_personal_data(shop, resource, records, connection.pii_key)
        return [(asked, records)]

    def lists(batches: list[AssignedRecords]) -> Iterator[Any]:
        for batch in batches:
            asked = children.ask(batch)
            if not asked:
                yield [children.nothing(batch)]
            for one in asked:
                yield read(one)

    batches = dlt.transformer(lists, data_from=parents, name=name, selected=False)
    batches.add_map(lambda item: item if isinstance(item, AssignedRecords) else children.gather(*item))
    batches.add_filter(lambda batch: batch is not None)
    return batches


class Children:
    """The lists of one child endpoint, from the batches of its parent to batches of its own."""

    def __init__(
        self,
        shop: Shop,
        resource: Resource,
        slices: Sequence[Slice],
        statistics: ReadStatistics,
        on_progress: OnProgress,
    ) -> None:
        """Take the child's slices, and where its readings and its progress are told."""
        paginator = (resource.endpoint and resource.endpoint.paginator) or shop.client.paginator or {}
        self._tells_total = "total_path" in paginator or "total_header" in paginator
        self._shop = shop
        self._resource = resource
        self._parent = shop.resource(resource.parent or "")
        self._slices = {part.id: part for part in slices}
        self._statistics = statistics
        self._progress = Progress(resource.name, len(slices), on_progress)
        self._open: dict[str, _Open] = {}

    def ask(self, parents: AssignedRecords) -> list[Asked]:
        """Return what to ask for a slice of the parent: once for each record, by the last state of it.

        Raises ApiError for a parent that cannot be asked by.
        """
        (part,) = child_slices(self._resource, [parents.part])
        lost = superseded_records(self._shop, self._parent, parents.records)
        asked = []
        for position, record in enumerate(parents.records):
            values = None if position in lost else asking_values(self._resource, record)
            if values is not None:
                asked.append(Asked(f"{part.id}/{position}", part.id, position, values))
        self._open[part.id] = _Open(self._slices[part.id], parents, asked)
        return asked

    def nothing(self, parents: AssignedRecords) -> AssignedRecords:
        """Return the batch of a slice of the parent for which there was nothing to ask."""
        (part,) = child_slices(self._resource, [parents.part])
        return self._closed(self._open.pop(part.id))

    def gather(self, asked: Asked, records: list[Any]) -> AssignedRecords | None:
        """Take in the list of one parent; returns the batch of its slice when all lists of that have come."""
        opened = self._open[asked.slice_id]
        opened.lists[asked.position] = records
        if len(opened.lists) < len(opened.asked):
            return None
        return self._closed(self._open.pop(asked.slice_id))

    def _closed(self, opened: _Open) -> AssignedRecords:
        """Return the batch of a slice, in the order of the parents, and sum up what reading it took."""
        records: list[Any] = []
        windows: list[int] = []
        for position in sorted(opened.lists):
            found = with_parent(self._resource, opened.parents.records[position], opened.lists[position])
            records += found
            windows += [opened.parents.windows[position]] * len(found)
        self._sum_up(opened)
        self._progress.add(len(records))
        return AssignedRecords(opened.part, records, windows, opened.parents.roots)

    def _sum_up(self, opened: _Open) -> None:
        """Put the readings of a slice's lists into that of the slice; the total only where each list told one."""
        lists = [self._statistics.of(asked.id) for asked in opened.asked]
        totals = [reading.source_total for reading in lists if reading.source_total is not None]
        reading = self._statistics.of(opened.part.id)
        if self._tells_total and len(totals) == len(lists):
            reading.source_total = sum(totals)
        for name in ("fetched", "requests", "retries", "restarts"):
            setattr(reading, name, sum(getattr(entry, name) for entry in lists))
        reading.seconds = time.monotonic() - opened.began
        reading.complete = all(entry.complete for entry in lists)
