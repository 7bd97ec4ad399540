"""Finds the time filter that a description has: parameters for a window, or an example of an expression."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ecom_assets.declaration.placeholders import END, START, find_placeholders
from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.endpoint_argument import EndpointArgument
from ecom_assets.discovery.endpoint_draft import TimeFilter
from ecom_assets.discovery.evidence import assumed
from ecom_assets.discovery.exploration.cursors import (
    Cursor,
    change_headers,
    filter_params,
    says_change,
    tells_change,
)
from ecom_assets.discovery.exploration.header_search import HTTP_DATE
from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.filter_expressions import described_expressions
from ecom_assets.discovery.tables.described_fields import AS_DESCRIBED
from ecom_assets.foundation.errors import ApiError

_TIME = re.compile(r"\b(date|time|instant|timestamp|datetime|iso[- ]?8601|rfc[- ]?\d{4}|unix|epoch|day)")
_BOUNDS = assumed("not known, so each window is requested with one more step at its ends")


def described_filter(described: DescribedEndpoint, taken: Collection[str]) -> TimeFilter | None:
    """Return the time filter that a description has, None where it has none.

    Args:
        described: The endpoint's description.
        taken: The parameters that the paging has.
    """
    for path in _cursor_paths(described):
        cursor = Cursor(path, (), ())
        pairs = filter_params(cursor, described.params, taken) if described.params else []
        for start, ends in pairs:
            if takes_time(start, described.params[start]):
                return _by_params(cursor, start, ends, described.params[start])
        for expression, field in described_expressions(described.params):
            if field == cursor.field and expression.param not in taken:
                template = expression.template(cursor.field, as_number=False)
                evidence = {"params": expression.evidence, "bounds": _BOUNDS}
                incremental = {"cursor_path": cursor.name, "format": "iso8601", "bounds": "()"}
                return TimeFilter(incremental, evidence, template)
        for name in change_headers(described.request_headers):
            about = described.request_headers[name]
            says_format = about.get("format") or _says_time(about)
            evidence = {
                "headers": AS_DESCRIBED,
                "format": AS_DESCRIBED if says_format else assumed("not described"),
                "bounds": _BOUNDS,
            }
            incremental = {
                "cursor_path": cursor.name,
                "format": _format_of_header(name, about),
                "bounds": "()",
            }
            return TimeFilter(incremental, evidence, headers={name: f"{{{START}}}"})
    return None


def _format_of_header(name: str, about: Mapping[str, Any]) -> str:
    """Return the format of instants in a header: that of HTTP, unless the description has another one."""
    text = f"{about.get('format', '')} {about.get('description', '')}".lower()
    is_http = name.lower() == "if-modified-since" and not re.search(r"iso|date-time|rfc[- ]?3339", text)
    return HTTP_DATE if is_http else _format(about)


def described_placeholder_filter(described: DescribedEndpoint, argument: EndpointArgument) -> TimeFilter:
    """Return the time filter of a request with placeholders for a window.

    Raises:
        ApiError: No described field tells when a record changed.
    """
    paths = _cursor_paths(described)
    if not paths:
        raise ApiError(
            f"{argument.path}: found placeholders of a window, but no described field of a record tells when it "
            "changed; declare the cursor by hand"
        )
    places = [
        "/".join(map(str, place)) for part in (argument.params, argument.body) for place in _places(part)
    ]
    path = next((path for path in paths if any(path[-1] in place for place in places)), paths[0])
    about = [
        described.params[name]
        for name in (place.replace("/", ".") for place in places)
        if name in described.params
    ]
    incremental = {
        "cursor_path": ".".join(path),
        "format": _format(about[0]) if about else "iso8601",
        "bounds": "()",
    }
    return TimeFilter(incremental, {"cursor_path": AS_DESCRIBED, "bounds": _BOUNDS})


def _places(part: Any) -> list[tuple[str | int, ...]]:
    return [place for place, name in find_placeholders(part) if name in (START, END)]


def _cursor_paths(described: DescribedEndpoint) -> list[FieldPath]:
    """Return the described fields that tell when a record changed, the outer ones first."""
    paths = [
        path
        for path, entry in described.table.fields.items()
        if entry.data_type in ("timestamp", "date", "bigint") and tells_change(path[-1])
    ]
    return sorted(paths, key=len)


def _by_params(cursor: Cursor, start: str, ends: tuple[str, ...], about: Mapping[str, Any]) -> TimeFilter:
    incremental = {"cursor_path": cursor.name, "start_param": start}
    if ends:
        incremental["end_param"] = ends[0]
    incremental |= {"format": _format(about), "bounds": "()"}
    evidence = {"cursor_path": AS_DESCRIBED, "start_param": AS_DESCRIBED, "bounds": _BOUNDS}
    evidence |= {"end_param": AS_DESCRIBED} if ends else {}
    says_format = about.get("format") or about.get("type") in ("integer", "number") or _says_time(about)
    evidence["format"] = AS_DESCRIBED if says_format else assumed("not described")
    return TimeFilter(incremental, evidence)


def takes_time(name: str, about: Mapping[str, Any]) -> bool:
    """Tell whether a parameter takes the time of a change: `after` alone may take a key, or another time."""
    if not says_change(name, about):
        return False
    return about.get("format") in ("date", "date-time") or says_change(name, {}) or _says_time(about)


def _says_time(about: Mapping[str, Any]) -> bool:
    return _TIME.search(str(about.get("description", "")).lower()) is not None


def _format(about: Mapping[str, Any]) -> str:
    """Return the format of instants in a parameter."""
    text = str(about.get("description", "")).lower()
    is_number = about.get("type") in ("integer", "number")
    if is_number or (re.search(r"\b(unix|epoch)\b", text) and "iso" not in text):
        return "unix_ms" if re.search(r"milli|\bms\b", text) else "unix"
    return "date" if about.get("format") == "date" else "iso8601"
