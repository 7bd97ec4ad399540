"""Drafts an endpoint from its description alone, without any request: paging, total and time filter by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ecom_assets.declaration.placeholders import END, START, placeholder_names
from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.description.described_filter import described_filter, described_placeholder_filter
from ecom_assets.discovery.description.described_search import is_paging_field
from ecom_assets.discovery.endpoint_argument import EndpointArgument
from ecom_assets.discovery.endpoint_draft import EndpointDraft, Guess, Paging, TimeFilter
from ecom_assets.discovery.evidence import assumed
from ecom_assets.discovery.evidence import described as described_evidence
from ecom_assets.discovery.exploration.page_size import MAX_PAGE_SIZE
from ecom_assets.discovery.exploration.parameter_names import (
    CURSOR_PARAMS,
    OFFSET_FIELDS,
    OFFSET_PARAMS,
    PAGE_FIELDS,
    PAGE_PARAMS,
    SIZE_PARAMS,
)
from ecom_assets.discovery.field_path import FieldPath, json_path
from ecom_assets.discovery.tables.described_fields import AS_DESCRIBED


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
    paging = _paging(described, in_body=argument.body is not None)
    if placeholder_names(argument.path, argument.params, argument.body) & {START, END}:
        time_filter = described_placeholder_filter(described, argument)
    elif argument.body is None:
        taken = [*paging.params, *paging.paginator.values(), paging.size_param, *argument.params]
        time_filter = described_filter(described, [str(name) for name in taken if name])
    notes = _notes(described, argument, paging, time_filter)
    selector = json_path(described.records_path)
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
        notes=notes,
    )


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


def _paging(described: DescribedEndpoint, *, in_body: bool) -> Paging:
    def find(usual: Sequence[str]) -> str | None:
        """Return the parameter with a usual name, or the field of the body."""
        if in_body:
            fields = (
                (path, name) for name in usual for path in described.params if is_paging_field(path, [name])
            )
            return next((path for path, _ in fields), None)
        return next((name for name in usual if name in described.params), None)

    size_param = find(SIZE_PARAMS)
    size, evidence = MAX_PAGE_SIZE, assumed("not described")
    if size_param:
        largest = described.params[size_param].get("maximum")
        if isinstance(largest, (int, float)) and largest >= 1:
            size, evidence = (
                min(int(largest), MAX_PAGE_SIZE),
                described_evidence(f"at most {int(largest)} as described"),
            )
    params = {size_param: size} if size_param else {}
    offset = find(OFFSET_FIELDS if in_body else OFFSET_PARAMS)
    page = find(PAGE_FIELDS if in_body else PAGE_PARAMS)
    next_paths = _paths_to_next(described)
    cursor = find(CURSOR_PARAMS)
    if offset:
        paginator = {"type": "offset", "limit": size}
        paginator |= {"offset_param": offset} if offset != "offset" else {}
        paginator |= {"limit_param": size_param} if size_param not in (None, "limit") else {}
        return Paging(paginator, AS_DESCRIBED, {}, size, size_param, evidence)
    if cursor and cursor != "page" and next_paths:
        paginator = {"type": "cursor", "cursor_path": json_path(next_paths[0]), "cursor_param": cursor}
    elif page:
        first = described.params[page].get("minimum", described.params[page].get("default", 1))
        paginator = {"type": "page_number", "base_page": first if first in (0, 1) else 1}
        paginator |= {"page_param": page} if page != "page" else {}
    elif next_paths:
        paginator = {"type": "json_link", "next_url_path": json_path(next_paths[0])}
    elif any(name.lower() == "link" for name in described.headers):
        paginator = {"type": "header_link"}
    else:
        return Paging(
            {"type": "single_page"}, assumed("no paging is described"), params, None, size_param, evidence
        )
    return Paging(paginator, AS_DESCRIBED, params, size, size_param, evidence)


def _paths_to_next(described: DescribedEndpoint) -> list[FieldPath]:
    """Return the described fields beside the records that may lead to the next page, the likeliest first."""
    paths = [
        path
        for path, entry in described.other_fields.items()
        if re.search("next|cursor", path[-1].lower())
        and not re.search("prev|start|before|first|self|has|is_|count", path[-1].lower())
        and entry.data_type != "bool"
    ]
    return sorted(paths, key=lambda path: "next" not in path[-1].lower())


def _total(described: DescribedEndpoint) -> Guess[dict[str, str]] | None:
    paths: list[FieldPath] = [
        path
        for path, entry in described.other_fields.items()
        if entry.data_type == "bigint"
        and re.fullmatch(r"total(_?(count|results|items|records))?|count", path[-1].lower())
    ]
    if paths:
        likeliest = min(paths, key=lambda path: ("total" not in path[-1], len(path)))
        return Guess({"total_path": json_path(likeliest)}, AS_DESCRIBED)
    header = next(
        (
            name
            for name in described.headers
            if re.search(r"total", name.lower()) and "page" not in name.lower()
        ),
        None,
    )
    return Guess({"total_header": header}, AS_DESCRIBED) if header else None
