"""Drafts an endpoint from its description alone, without any request: paging, total and time filter by their names."""

from __future__ import annotations

import re

from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.description.offline_paging import NOT_DESCRIBED, described_paging
from ecom_assets.discovery.endpoint_draft import EndpointDraft, Guess, TimeFilter
from ecom_assets.discovery.exploration.cursors import Cursor, filter_params
from ecom_assets.discovery.exploration.record_shape import BESIDE_RECORD
from ecom_assets.discovery.field_path import FieldPath, json_path
from ecom_assets.discovery.tables.described_fields import AS_DESCRIBED, DescribedTable

_CHANGE_NAMES = re.compile(r"(^|_)(updated?|modified|changed)(_|$)")


def offline_draft(described: DescribedEndpoint) -> EndpointDraft:
    """Return what a description says of an endpoint."""
    paging = described_paging(described)
    wrapper = described_wrapper(described.table)
    return EndpointDraft(
        path=described.path,
        records=[],
        records_path=described.records_path,
        data_selector=Guess(json_path(described.records_path), AS_DESCRIBED),
        paging=paging,
        total=_total(described),
        time_filter=_time_filter(described, wrapper),
        shape=Guess({"wrapper": wrapper}, AS_DESCRIBED) if wrapper else None,
        unconfirmed=NOT_DESCRIBED if paging.paginator["type"] == "single_page" else "",
    )


def described_wrapper(table: DescribedTable) -> str:
    """Return the field in which each element of a list has its record, empty where elements are the records."""
    objects = {path[0] for path in table.fields if len(path) > 1}
    others = {path[0] for path in [*table.fields, *table.lists]} - objects
    return objects.pop() if len(objects) == 1 and others <= set(BESIDE_RECORD) else ""


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


def _time_filter(described: DescribedEndpoint, wrapper: str) -> TimeFilter | None:
    fields = described.table.within(wrapper).fields if wrapper else described.table.fields
    for path, entry in fields.items() if described.params else ():
        if entry.data_type not in ("timestamp", "date") or not _CHANGE_NAMES.search(path[-1].lower()):
            continue
        for start, ends in filter_params(Cursor(path, (), ()), described.params, ()):
            param = described.params[start]
            instant_format = "date" if param.get("format") == "date" else "iso8601"
            instant_format = "unix" if param.get("type") in ("integer", "number") else instant_format
            incremental = {"cursor_path": ".".join(path), "start_param": start}
            if ends:
                incremental["end_param"] = ends[0]
            incremental |= {"format": instant_format, "bounds": "()"}
            evidence = {
                "start_param": AS_DESCRIBED,
                "bounds": "not known, so each window is requested with one more step at its ends",
            }
            return TimeFilter(incremental, evidence)
    return None
