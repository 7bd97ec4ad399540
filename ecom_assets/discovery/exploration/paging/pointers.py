"""Pointers to the next page in an answer: addresses and cursors, in the body and in headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.response_structure import lists_of_objects, scalar_values
from ecom_assets.discovery.field_path import FieldPath, json_path
from ecom_assets.extract.paging.link_header import link_target

_CURSOR_NAMES = re.compile(r"next|cursor|after|token|continuation|bookmark|marker|scroll")
_OTHER_NAMES = re.compile(
    r"prev|before|first|last(?!_?evaluated)|self|(^|_|\b)has|count|total|csrf|access|start_?cursor"
)
_NEXT_HEADERS = re.compile(r"next|cursor|continuation")
_ADDRESS = re.compile(r"https?://|/|\?|[\w.~/-]+\?[\w$\[%]+=")
_HREFS = ("href", "url", "uri")


def has_more_path(response: ApiResponse, records_path: FieldPath) -> str:
    """Return the path of a field that says that there are more records, empty where there is none."""
    scalars = scalar_values(response.body, records_path)
    return next((json_path(path) for path, value in scalars if says_more(path, value)), "")


def says_more(path: FieldPath, value: Any) -> bool:
    """Tell whether a value says that there are more records."""
    return value is True and re.search(r"(^|_)more|next|hasmore|ismore", path[-1].lower()) is not None


def next_links(response: ApiResponse, records_path: FieldPath) -> Iterator[tuple[str, str]]:
    """Yield each address of a next page in the body, with its JSONPath."""
    for path, value in scalar_values(response.body, records_path):
        if _is_address(value) and "next" in ".".join(path).lower():
            yield json_path(path), value
    for path, entries in lists_of_objects(response.body, records_path):
        for entry in entries:
            relation = str(entry.get("rel", "")).lower()
            name = next((name for name in _HREFS if _is_address(entry.get(name))), None)
            if relation == "next" and name:
                yield f"{json_path(path)}[?rel=='{entry['rel']}'].{name}", entry[name]


def next_cursors(response: ApiResponse, records_path: FieldPath) -> Iterator[tuple[FieldPath, str | int]]:
    """Yield each cursor of a next page in the body, with its path."""
    for path, value in scalar_values(response.body, records_path):
        name = path[-1].lower()
        if not _CURSOR_NAMES.search(name) or _OTHER_NAMES.search(name):
            continue
        if name.endswith("page") and str(value).isdigit():
            continue  # the number of a page, which the names of parameters find
        if type(value) in (int, str) and value != "" and not _is_address(value):
            yield path, value


def linked_page(response: ApiResponse) -> str | None:
    """Return the address of the next page in the header `Link`."""
    return link_target(response.headers.get("Link", ""), "next", response.url)


def header_addresses(response: ApiResponse) -> Iterator[str]:
    """Yield the addresses in headers such as `Next-Page`; `Link` has a form of its own."""
    for name, value in response.headers.items():
        if re.search(r"next|continuation", name.lower()) and _is_address(value.strip()):
            yield value.strip()


def header_cursors(response: ApiResponse) -> Iterator[tuple[str, str]]:
    """Yield each cursor in a header, with the header's name."""
    for name, value in response.headers.items():
        if _NEXT_HEADERS.search(name.lower()) and "://" not in value and value.strip():
            yield name, value


def derived_names(name: str) -> list[str]:
    """Return the parameters that take a cursor of a name: `nextPageToken` goes into `pageToken`.

    A short rest, such as that of `next_id`, is left out: the parameter `id` asks for one record.
    """
    plain = re.sub(r"^x[-_]", "", name, flags=re.IGNORECASE).replace("-", "_")
    plain = plain.lower() if "_" in plain or plain.isupper() else plain
    behind = re.fullmatch(r"(?:next|end)_?([A-Za-z]\w{2,})", plain, re.IGNORECASE)
    rest = behind[1][:1].lower() + behind[1][1:] if behind else ""
    if plain == "endCursor":  # the parameter of GraphQL's connections
        return ["after", rest, plain]
    # an API that writes its names with capitals takes them so
    names = [rest, plain] if plain[:1].islower() else [plain, rest]
    return [entry for entry in names if entry]


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and _ADDRESS.match(value) is not None
