"""Drafts an endpoint from its description alone, without any request: paging, total and time filter by their names."""

from __future__ import annotations

import re

from ecom_assets.declaration.placeholders import END, START, placeholder_names
from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.description.described_filter import described_filter, described_placeholder_filter
from ecom_assets.discovery.description.offline_paging import (
    NOT_DESCRIBED,
    described_paging,
    is_first_page_unknown,
)
from ecom_assets.discovery.endpoint_argument import EndpointArgument
from ecom_assets.discovery.endpoint_draft import EndpointDraft, Guess, Paging, TimeFilter
from ecom_assets.discovery.exploration.record_shape import BESIDE_RECORD
from ecom_assets.discovery.field_path import FieldPath, json_path
from ecom_assets.discovery.tables.described_fields import AS_DESCRIBED, DescribedTable


def offline_draft(described: DescribedEndpoint, argument: EndpointArgument | None = None) -> EndpointDraft:
    """Return what a description says of an endpoint.

    Args:
        described: The endpoint's description.
        argument: The endpoint as the user names it, with the parameters or the body of every request; a plain GET
            unless given.

    Raises:
        ApiError: The request has placeholders for a window, and no field tells when a record changed.
    """
    argument = argument or EndpointArgument(described.path)
    time_filter: TimeFilter | None = None
    paging = described_paging(described, in_body=argument.body is not None)
    if placeholder_names(argument.path, argument.params, argument.body) & {START, END}:
        time_filter = described_placeholder_filter(described, argument)
    elif argument.body is None:
        taken = [*paging.params, *paging.paginator.values(), paging.size_param, *argument.params]
        time_filter = described_filter(described, [str(name) for name in taken if name])
    notes = _notes(described, argument, paging, time_filter)
    selector, wrapper = json_path(described.records_path), described_wrapper(described.table)
    if described.wrapper:
        selector = f"{selector}[*].{json_path((described.wrapper,))}"
    return EndpointDraft(
        path=described.path,
        records=[],
        records_path=described.records_path,
        data_selector=Guess(selector, AS_DESCRIBED),
        paging=paging,
        total=_total(described),
        time_filter=time_filter,
        params={**argument.params, **(time_filter.params if time_filter else {})},
        body=argument.body,
        shape=Guess({"wrapper": wrapper}, AS_DESCRIBED) if wrapper else None,
        unconfirmed=_unconfirmed(described, paging),
        notes=notes,
    )


def _unconfirmed(described: DescribedEndpoint, paging: Paging) -> str:
    """Return why a load may leave out records, empty if the description tells how to read all."""
    if paging.paginator["type"] == "single_page":
        return NOT_DESCRIBED
    # with a total, a load notices that a page is missing
    if is_first_page_unknown(described, paging) and _total(described) is None:
        return "not described whether pages are counted from 0 or from 1"
    return ""


def described_wrapper(table: DescribedTable) -> str:
    """Return the field in which each element of a list has its record, empty where elements are the records."""
    objects = {path[0] for path in table.fields if len(path) > 1}
    others = {path[0] for path in [*table.fields, *table.lists]} - objects
    return objects.pop() if len(objects) == 1 and others and others <= set(BESIDE_RECORD) else ""


def _notes(
    described: DescribedEndpoint, argument: EndpointArgument, paging: Paging, time_filter: TimeFilter | None
) -> list[str]:
    """Return what a load will miss: required parameters, or fields of the body, that nothing sets."""
    if argument.body is not None:
        missing = ", ".join(described.missing)
        return [f"required in the body, without a known value: {missing}"] if missing else []
    sent = {*paging.params, *argument.params, *(str(value) for value in paging.paginator.values())}
    sent |= {"page", "offset", "limit", paging.size_param or ""}
    if time_filter:
        sent |= {*time_filter.params, *map(str, time_filter.incremental.values())}
    unsent = [name for name, about in described.params.items() if about.get("required") and name not in sent]
    if not unsent:
        return []
    return [
        f"required, without a known value: {', '.join(unsent)}; name the endpoint as in "
        f"--endpoint '{described.path}?{unsent[0]}=VALUE'"
    ]


def _total(described: DescribedEndpoint) -> Guess[dict[str, str]] | None:
    paths: list[FieldPath] = [
        path
        for path, entry in described.other_fields.items()
        if entry.data_type == "bigint"
        and re.fullmatch(
            r"(@odata\.)?(total(_?(count|results|items|records|elements|entries|hits))?|count)|num_?found|filter_count",
            path[-1].lower(),
        )
    ]
    if paths:
        likeliest = min(paths, key=lambda path: ("total" not in path[-1], len(path)))
        return Guess({"total_path": json_path(likeliest)}, AS_DESCRIBED)
    header = next(
        (
            name
            for name in described.headers
            if re.search(r"total|^content-range$|(item|record|result)-?count", name.lower())
            and "page" not in name.lower()
        ),
        None,
    )
    return Guess({"total_header": header}, AS_DESCRIBED) if header else None
