"""Reads a described search by POST: whether an operation is one, and the body that asks for a window of all records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.declaration.placeholders import END, START
from ecom_assets.discovery.description.described_filter import takes_time
from ecom_assets.discovery.description.described_params import about_param
from ecom_assets.discovery.description.openapi_document import Node
from ecom_assets.discovery.description.openapi_schema import schema_of
from ecom_assets.discovery.exploration.cursors import Cursor, filter_params, tells_change
from ecom_assets.discovery.exploration.endpoint_client import normalized, with_fields
from ecom_assets.discovery.exploration.parameter_names import (
    OFFSET_FIELDS,
    PAGE_FIELDS,
    SIZE_PARAMS,
)

_SEARCH = re.compile(r"_?(search|query|list|find|filter|lookup)", re.IGNORECASE)
_SEARCH_NAMES = re.compile(r"^(search|query|list|find)[-_A-Z]|(^|[-_.])(search|query|list)$|Search$")
_MAX_DEPTH = 5
_MAX_FIELDS = 300
_USUAL_SIZE = 100


@dataclass(frozen=True)
class SearchBody:
    """The body of a search; `params` are its fields by dotted path, `missing` the required ones without a value."""

    body: Mapping[str, Any]
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def is_search(path: str, operation: Node) -> bool:
    """Tell whether a POST operation reads records, by the last word of its path or by its name."""
    last = path.rstrip("/").rpartition("/")[2]
    return bool(_SEARCH.fullmatch(last) or _SEARCH_NAMES.search(operation.text("operationId")))


def search_body(operation: Node, record: Node) -> SearchBody | None:
    """Return the body that asks for all records, or for a window of them; None where no JSON object is described.

    Args:
        operation: The POST operation.
        record: The schema of its records.
    """
    request = operation.get("requestBody")
    schemas = (
        [content.get("schema") for name, content in request.each("content") if "json" in name]
        if request
        else []
    )
    node = next(iter(schemas), None)
    if node is None:
        return None
    nodes = dict(_fields(node, "", frozenset()))
    params = {path: about_param(entry) for path, entry in nodes.items()}
    values: dict[str, Any] = {}
    for names, usual in ((SIZE_PARAMS, _USUAL_SIZE), (OFFSET_FIELDS, 0), (PAGE_FIELDS, None)):
        path = next(
            (path for path in params if is_paging_field(path, names) and _is_number(params[path])), None
        )
        if path is not None and not (
            usual is None and any(is_paging_field(other, OFFSET_FIELDS) for other in values)
        ):
            values[path] = _first_value(params[path], usual)
    values |= _window(params, record)
    missing = []
    for name in sorted(schema_of(node).required):
        if name in values or any(path.startswith(f"{name}.") for path in values):
            continue
        value = _given_value(nodes.get(name))
        values |= {name: value} if value is not None else {}
        missing += [name] if value is None else []
    return SearchBody(with_fields({}, values), params, tuple(missing))


def _fields(node: Node, prefix: str, trail: frozenset[int]) -> Iterator[tuple[str, Node]]:
    """Yield the single values of a body by dotted path, the outer ones first."""
    schema = schema_of(node)
    if schema.identity in trail or prefix.count(".") >= _MAX_DEPTH:
        return
    entries = [(name, entry) for name, entry in schema.properties.items() if name and "." not in name]
    for name, entry in entries[:_MAX_FIELDS]:
        if not schema_of(entry).properties:
            yield f"{prefix}{name}", entry
    for name, entry in entries[:_MAX_FIELDS]:
        if schema_of(entry).properties:
            yield from _fields(entry, f"{prefix}{name}.", trail | {schema.identity})


def _window(params: Mapping[str, Mapping[str, Any]], record: Node) -> dict[str, str]:
    """Return the fields that take the ends of a window, with placeholders as their values."""
    for name in schema_of(record).properties:
        if not tells_change(name):
            continue
        for start, ends in filter_params(Cursor((name,), (), ()), params, ()):
            if takes_time(start, params[start]):
                return {start: f"{{{START}}}"} | dict.fromkeys(ends[:1], f"{{{END}}}")
    return {}


def is_paging_field(path: str, names: Sequence[str]) -> bool:
    """Tell whether a field of a body pages; the same names within a filter mean something else."""
    prefix, _, name = path.rpartition(".")
    pages = not prefix or re.search(r"pag(e|ing|ination)|cursor|slice", prefix.lower()) is not None
    return pages and normalized(name) in map(normalized, names) and (bool(prefix) or name != "number")


def _is_number(about: Mapping[str, Any]) -> bool:
    return about.get("type") in ("integer", "number")


def _first_value(about: Mapping[str, Any], usual: int | None) -> int:
    """Return the size of a page, or the place of the first page."""
    largest, smallest = about.get("maximum"), about.get("minimum", about.get("default"))
    if usual == _USUAL_SIZE:
        return int(largest) if isinstance(largest, (int, float)) and 1 <= largest < usual else usual
    return 0 if usual == 0 or (usual is None and smallest == 0) else 1


def _given_value(node: Node | None) -> Any:
    """Return the default of a field, or its only allowed value."""
    content = node.content if node else {}
    allowed = content.get("enum")
    only = allowed[0] if isinstance(allowed, list) and len(allowed) == 1 else None
    value = next(
        (entry for entry in (content.get("default"), content.get("const"), only) if entry is not None), None
    )
    return (
        value
        if isinstance(value, (str, int, float, bool)) and not (isinstance(value, str) and "{" in value)
        else None
    )
