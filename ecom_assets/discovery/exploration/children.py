"""Explores child endpoints: endpoints that are requested once for each record of a parent resource."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.placeholders import ParentField, parent_field, placeholder_names
from ecom_assets.discovery.endpoint_argument import EndpointArgument
from ecom_assets.discovery.endpoint_draft import ApiConventions, EndpointDraft
from ecom_assets.discovery.exploration.endpoint import explore_paging
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse, EndpointClient, OutOfRequests
from ecom_assets.discovery.exploration.record_list import RecordList, record_list_in
from ecom_assets.discovery.tables.columns import ColumnDraft
from ecom_assets.discovery.tables.naming import singular
from ecom_assets.discovery.tables.table_draft import TableDraft
from ecom_assets.foundation.errors import ApiError

_MAX_PARENTS_FOR_TWO_RECORDS = 4
"""How many parents are tried for a list of two records, before a list of one record is accepted."""

_MAX_PARENTS_FOR_ONE_RECORD = 8
"""How many parents are tried for a list with any record."""

_NO_RECORDS_STATUSES = (204, 404)
_GOLDEN_RATIO = 0.618034


def parent_resource(endpoint: EndpointArgument) -> str | None:
    """Return the resource whose fields fill an endpoint's placeholders, None where there is none."""
    fields = _parent_fields(endpoint.path, endpoint.params, endpoint.body)
    return next((field.resource for field in fields.values()), None)


def _parent_fields(*parts: Any) -> dict[str, ParentField]:
    return {name: field for name in sorted(placeholder_names(*parts)) if (field := parent_field(name))}


def parent_key_columns(parent: TableDraft) -> tuple[list[str], list[ColumnDraft]]:
    """Return the fields that a child includes from its parent, the parent's key, and the columns for them.

    Where the parent is a child itself, the key of its own parent keeps its name.
    """
    parent_name, include, columns = singular(parent.name), [], []
    for name in parent.key.value:
        key = next(column for column in parent.columns if column.name == name)
        field = ".".join(key.path)
        from_grandparent = parent.parent_endpoint is not None and field.startswith(
            f"_{parent.parent_endpoint}_"
        )
        column = ColumnDraft(
            name if from_grandparent or name.startswith(f"{parent_name}_") else f"{parent_name}_{name}",
            (f"_{parent.name}_{field}",),
            key.type,
            False,
            ["from the parent"],
        )
        if from_grandparent:
            column.references = key.references
        elif len(parent.key.value) == 1:
            column.references = f"{parent.name}.{name}"
        include.append(field)
        columns.append(column)
    return include, columns


def explore_child(
    client: EndpointClient,
    name: str,
    parent: TableDraft,
    conventions: ApiConventions,
    known: Collection[str],
) -> EndpointDraft:
    """Return what the lists of several parents show about a child endpoint.

    Args:
        client: The client of the child endpoint.
        name: The child's resource name.
        parent: The parent's table; the records of its sample fill the placeholders.
        conventions: What other endpoints of this API do.
        known: The parameters that the API is known to have, empty where they are not known.

    Returns:
        The endpoint, with records that hold the parent's key as a load adds it.

    Raises:
        ApiError: No parent that was tried has a record.
    """
    lists = _ChildLists(client, parent)
    lists.find_records(name)
    longest_parent, record_list = lists.longest()
    client.values = lists.values(longest_parent)
    endpoint = explore_paging(record_list, conventions, known)
    children = {id(longest_parent): record_list.sample()}
    lists.read_others(record_list, endpoint.paging.params or endpoint.paging.size_params, children)
    include, _ = parent_key_columns(parent)
    endpoint.records = [
        {
            **child,
            **{f"_{parent.name}_{field}": value_at(record, tuple(field.split("."))) for field in include},
        }
        for record in lists.parents
        for child in children.get(id(record), ())
    ]
    endpoint.complete = False
    if endpoint.paging.paginator["type"] == "single_page" and all(
        len(entries) < 2 for entries in children.values()
    ):
        # lists of at most one record do not show that a page has a size
        endpoint.paging = replace(endpoint.paging, params={}, size_param=None)
    for status, count in lists.count_by_status.items():
        endpoint.actions_evidence = f"{count} of the {lists.request_count} parents tried have no records"
        action = {"status_code": status, "action": "ignore"}
        endpoint.actions += [action] if action not in endpoint.actions else []
    endpoint.requests = client.request_count
    return endpoint


class _ChildLists:
    """The child lists of some parents, spread over the parent's sample.

    `count_by_status` counts, by HTTP status, the parents whose list the API answered with "not found" or "nothing".
    """

    def __init__(self, client: EndpointClient, parent: TableDraft) -> None:
        """Choose among the parents that have a value for each placeholder."""
        self.client = client
        self.parent_name = parent.name
        self._fields = _parent_fields(client.path, client.params, client.body)
        records = parent.endpoint.records if parent.endpoint else []
        usable = [record for record in records if self._has_all_values(record)]
        # spread without a fixed step: ids may show by their remainder which parents have records
        spread = sorted(range(len(usable)), key=lambda position: position * _GOLDEN_RATIO % 1)
        self.parents: Sequence[Any] = [usable[position] for position in spread[: client.max_requests]]
        self.request_count = 0
        self.count_by_status: dict[int, int] = {}
        self._first_pages: list[tuple[Any, RecordList]] = []

    def values(self, record: Any) -> dict[str, Any]:
        """Return the values of the placeholders for a parent's record."""
        return {name: value_at(record, tuple(field.field.split("."))) for name, field in self._fields.items()}

    def _has_all_values(self, record: Any) -> bool:
        return all(
            isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""
            for value in self.values(record).values()
        )

    def _request(self, record: Any, params: Mapping[str, Any]) -> ApiResponse:
        response = self.client.request(params, self.values(record))
        self.request_count += 1
        if response.status in _NO_RECORDS_STATUSES:
            self.count_by_status[response.status] = self.count_by_status.get(response.status, 0) + 1
        elif response.refused:
            raise ApiError(response.refusal)
        return response

    def find_records(self, name: str) -> None:
        """Try one parent after the other until a list has two records, or after some parents one record."""
        for record in self.parents[:_MAX_PARENTS_FOR_ONE_RECORD]:
            try:
                response = self._request(record, {})
            except OutOfRequests:
                break
            if response.refused:
                continue
            record_list = record_list_in(self.client, name, response)
            self._first_pages.append((record, record_list))
            enough_tried = self.request_count >= _MAX_PARENTS_FOR_TWO_RECORDS
            if len(record_list.records) > 1 or (enough_tried and self.longest()[1].records):
                break
        if not self._first_pages or not self.longest()[1].records:
            raise ApiError(
                f"{self.client.path}: {self.request_count} records of {self.parent_name} were tried, "
                "none of them has a record here"
            )

    def longest(self) -> tuple[Any, RecordList]:
        """Return the parent with the most records on its first page, and its list."""
        return max(self._first_pages, key=lambda entry: len(entry[1].records))

    def read_others(
        self, record_list: RecordList, params: Mapping[str, Any], children: dict[int, list[Any]]
    ) -> None:
        """Read a page of as many other parents as there are requests left.

        Args:
            record_list: The list that was explored.
            params: The parameters of a page.
            children: Gets the records by the `id()` of the parent's record.
        """
        for record, first_page in self._first_pages:
            children.setdefault(id(record), first_page.records)
        for record in self.parents:
            if id(record) in children or not self.client.requests_left:
                continue
            response = self._request(record, params)
            children[id(record)] = [
                child for child in record_list.records_of(response) if isinstance(child, dict)
            ]
