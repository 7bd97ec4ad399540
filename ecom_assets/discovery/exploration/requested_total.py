"""Finds a total that the API reports only when a parameter asks for it."""

from __future__ import annotations

from collections.abc import Collection

from ecom_assets.discovery.endpoint_draft import EndpointDraft, Guess
from ecom_assets.discovery.exploration.parameter_names import TOTAL_PARAMS
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.exploration.totals import possible_totals, reports_more_records
from ecom_assets.discovery.field_path import json_path

_RESERVED_REQUESTS = 2
_MAX_TRIES = 2
"""Parameters that are tried one by one where the API refuses unknown ones."""


def ask_for_total(record_list: RecordList, endpoint: EndpointDraft, known: Collection[str]) -> None:
    """Ask for a total by each usual parameter; put the one that works, and the total, into the draft.

    Args:
        record_list: The endpoint's list.
        endpoint: The draft of the endpoint.
        known: The parameters that the API is known to have, empty where they are not known.
    """
    client = record_list.client
    used = {*endpoint.paging.params, endpoint.paging.size_param, *client.params}
    pairs = [pair for pair in TOTAL_PARAMS if (not known or pair[0] in known) and pair[0] not in used]
    most = max(client.requests_left - _RESERVED_REQUESTS, 0)
    if not known:
        most = min(most, _MAX_TRIES if record_list.refuses_unknown else len(pairs))
    size = endpoint.paging.size_params
    if len(pairs) > 1 and most and not record_list.refuses_unknown:
        response, records = record_list.request_filtered({**size, **dict(pairs)})
        if response.refused or not reports_more_records(response, records, record_list.path):
            return
        most -= 1
    for name, value in pairs[: max(most, 0)]:
        response, records = record_list.request_filtered({**size, name: value})
        places = [
            entry
            for entry in possible_totals(response, records, record_list.path)
            if entry[1] > max(len(records), len(record_list.sample()) - 1)
        ]
        if response.refused or not places or len(records) < len(record_list.records):
            continue
        (key, where), number = places[0]
        path = json_path(where) if isinstance(where, tuple) else where
        endpoint.total = Guess({key: path}, f"{number}, when {name}={value} asks for it")
        endpoint.params = {**endpoint.params, name: value}
        return
