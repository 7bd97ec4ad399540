"""A declared paginator, in dlt's words: its type, the keys that this type has, and what each of them means.

How pages are followed is `pagination`'s.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from dlt.sources.helpers.rest_client import paginators

from ecom_assets.declaration.error_text import format_value, value_error
from ecom_assets.declaration.field_check import Check
from ecom_assets.declaration.field_types import TEXT, json_path

PAGINATORS: Mapping[str, type[paginators.BasePaginator]] = {
    "offset": paginators.OffsetPaginator,
    "page_number": paginators.PageNumberPaginator,
    "cursor": paginators.JSONResponseCursorPaginator,
    "json_link": paginators.JSONLinkPaginator,
    "header_link": paginators.HeaderLinkPaginator,
    "header_cursor": paginators.HeaderCursorPaginator,
    "single_page": paginators.SinglePagePaginator,
}
"""dlt's paginators; `auto` is none of them, because a guess cannot be proved complete."""

_TOTAL_KEYS = ("total_path", "total_header")
_REQUIRED = (("offset", "limit"),)


class Key(NamedTuple):
    """What a key of a paginator may hold: as a message says it, as a schema, and what it means."""

    allowed: str
    form: Mapping[str, Any]
    description: str


def _whole(low: int, description: str) -> Key:
    return Key(f"a whole number, {low} or more", {"type": "integer", "minimum": low}, description)


def _text(description: str) -> Key:
    return Key("a text", TEXT, description)


def _json_path(description: str) -> Key:
    return Key("a JSONPath, such as data or result.items", TEXT, description)


KEYS: Mapping[str, Key] = {
    "limit": _whole(1, "Records of a page."),
    "offset": _whole(0, "Where the first page starts."),
    "offset_param": _text("The parameter for the offset; `offset` unless given."),
    "limit_param": _text("The parameter for the page size; `limit` unless given."),
    "maximum_offset": _whole(1, "Where reading ends."),
    "stop_after_empty_page": Key(
        "true or false", {"type": "boolean"}, "Whether reading ends with a page without records."
    ),
    "has_more_path": _json_path("JSONPath to true or false in the body: whether there are more pages."),
    "offset_body_path": _text("Where the offset goes in a JSON body, dotted, in place of a parameter."),
    "limit_body_path": _text("Where the page size goes in a JSON body, dotted, in place of a parameter."),
    "base_page": _whole(0, "The number that the API gives to its first page."),
    "page": _whole(0, "The first page that is read; `base_page` unless given."),
    "page_param": _text("The parameter for the page's number; `page` unless given."),
    "page_body_path": _text("Where the page's number goes in a JSON body, dotted, in place of a parameter."),
    "maximum_page": _whole(1, "The page before which reading ends."),
    "cursor_path": _json_path("JSONPath to the next page's cursor in the body."),
    "cursor_param": _text("The parameter for the cursor; `cursor` unless given."),
    "cursor_body_path": _text("Where the cursor goes in a JSON body, dotted, in place of a parameter."),
    "next_url_path": _json_path("JSONPath to the next page's address in the body."),
    "links_next_key": _text("The relation of the next page's address in the `Link` header."),
    "cursor_key": _text("The header with the next page's cursor."),
    "total_path": _json_path("JSONPath to the number of records of the list that was asked for."),
    "total_header": _text("The header with the number of records of the list that was asked for."),
}
"""The keys of all types of paginators; which type has which is dlt's."""


def paginator_keys(kind: str) -> dict[str, Any]:
    """Return the keys of a type of paginator, without `type`, each with dlt's default, None where it has none."""
    signature = inspect.signature(PAGINATORS[kind].__init__).parameters
    known = {
        name: None if parameter.default is inspect.Parameter.empty else parameter.default
        for name, parameter in signature.items()
        if name not in ("self", *_TOTAL_KEYS)
    }
    return known | dict.fromkeys(_TOTAL_KEYS)


def paginator_form() -> dict[str, Any]:
    """Return as a JSON Schema what a file may hold: the type alone, or a mapping with the keys of its type."""
    kinds = []
    for kind in PAGINATORS:
        properties: dict[str, Any] = {
            "type": {"const": kind, "description": "How the API pages, one of dlt's types."}
        }
        for name, default in paginator_keys(kind).items():
            form = {"anyOf": [KEYS[name].form, {"type": "null"}]}
            if (kind, name) in _REQUIRED:
                form = dict(KEYS[name].form)
            properties[name] = form | {"description": KEYS[name].description}
            if default is not None:
                properties[name]["default"] = default
        required = ["type", *(name for owner, name in _REQUIRED if owner == kind)]
        kinds.append(
            {
                "title": f"Paginator {kind}",
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": False,
            }
        )
    bare = [kind for kind in PAGINATORS if kind not in dict(_REQUIRED)]
    return {"anyOf": [{"title": "Paginator", "enum": bare}, *kinds]}


def check_paginator(value: Any) -> dict[str, Any]:
    """Take a paginator in dlt's words, or its bare type, with keys that this type has.

    Every type may also say where the API reports the total: `total_path` or `total_header`.
    """
    config = {"type": value} if isinstance(value, str) else value
    if not isinstance(config, Mapping):
        raise value_error(format_value(value), "a mapping with a type")
    kind = config.get("type")
    if not isinstance(kind, str) or kind not in PAGINATORS:
        raise value_error("nothing" if kind is None else format_value(kind), ", ".join(PAGINATORS), "type")
    known = ["type", *paginator_keys(kind)]
    for key, given in config.items():
        if key not in known:
            raise value_error("an unknown key", f"{', '.join(known)} with type {kind}", key)
        try:
            _check_paginator_value(key, given)
        except ValueError as error:
            raise value_error(format_value(given), str(error), key) from None
    for owner, key in _REQUIRED:
        if kind == owner and config.get(key) is None:
            raise value_error("nothing", KEYS[key].allowed, key)
    return dict(config)


def _check_paginator_value(key: str, value: Any) -> None:
    """Raise ValueError with what is allowed for a value of the wrong type; null is dlt's default."""
    if value is None or key == "type":
        return
    form, fits = KEYS[key].form, False
    if form["type"] == "integer":
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= form["minimum"]
    elif form["type"] == "boolean":
        fits = isinstance(value, bool)
    elif KEYS[key].allowed == "a text":
        fits = isinstance(value, str) and bool(value.strip())
    else:
        fits = _is_json_path(value)
    if not fits:
        raise ValueError(KEYS[key].allowed)


def _is_json_path(value: Any) -> bool:
    try:
        json_path(value)
    except ValueError:
        return False
    return True


Paginator = Annotated[Mapping[str, Any], Check(check_paginator, {})]
"""Its form is `paginator_form`, which a schema has once."""
