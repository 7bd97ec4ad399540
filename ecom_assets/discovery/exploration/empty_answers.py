"""Tells in which form an API answers that there are no records, where it is no empty list."""

from __future__ import annotations

from ecom_assets.contract.record_keys import value_at
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.record_list import RecordList


def empty_form(response: ApiResponse, record_list: RecordList) -> str:
    """Return the form of an answer without records in the words of `empty_answers`.

    Empty for an empty list, for a refusal, and for an answer with a field that no answer with records has: that may
    tell of an error.
    """
    body, path = response.body, record_list.path
    if response.refused or response.status == 204 or (record_list.shape and not record_list.shape.is_list):
        return ""
    if body is None:
        return "null"
    if body == [] and path:
        return "[]"
    if not isinstance(body, dict) or not path:
        return ""
    if not body:
        return "{}"
    known: set[str] = set().union(*(page.body for page, found in record_list.pages if found))
    if not set(body) <= known:
        return ""
    above = value_at(body, path[:-1]) if len(path) > 1 else body
    if not isinstance(above, dict) or path[-1] not in above:
        return "missing"
    value = above[path[-1]]
    return {"None": "null", "False": "false", "{}": "{}"}.get(str(value), "")
