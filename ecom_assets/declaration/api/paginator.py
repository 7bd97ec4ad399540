"""The paginators of a declaration, in dlt's words: the types, the keys of each type and the meaning of each key.

See `ecom_assets.extract.paging.paginator` for following pages.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from dlt.sources.helpers.rest_client import paginators

from ecom_assets.declaration.api.fixed_page import FixedPagePaginator
from ecom_assets.declaration.api.item_range import CONTENT_RANGE, ItemRangePaginator
from ecom_assets.declaration.error_text import allowed_keys, format_value, value_error
from ecom_assets.declaration.field_types import TEXT_SCHEMA, json_path
from ecom_assets.declaration.model import Check

PAGINATORS: Mapping[str, type[paginators.BasePaginator]] = {
    "offset": paginators.OffsetPaginator,
    "page_number": paginators.PageNumberPaginator,
    "cursor": paginators.JSONResponseCursorPaginator,
    "json_link": paginators.JSONLinkPaginator,
    "header_link": paginators.HeaderLinkPaginator,
    "header_cursor": paginators.HeaderCursorPaginator,
    "single_page": paginators.SinglePagePaginator,
    "range": ItemRangePaginator,
}
"""dlt's paginators without `auto`, because nothing can prove that a guess reads all pages, and one of our own."""

BY_POSITION = ("offset", "page_number", "range")
"""The types that ask for a place in the list."""
OBJECT = "object"
"""The key under which a shop in Python holds a paginator object; no file can hold one."""

_TOTAL_KEYS = ("total_path", "total_header")
_OWN_KEYS = {
    "offset": ("send_limit",),
    "page_number": ("page_count_path",),
    "cursor": ("keep_params", "cursor_header"),
    "header_cursor": ("keep_params", "cursor_header"),
    "json_link": ("only_path_and_query",),
    "header_link": ("only_path_and_query",),
}
"""The keys of dlt's types that dlt does not have."""
_REQUIRED = (("offset", "limit"), ("range", "limit"))


class Key(NamedTuple):
    """A key of a paginator: what it may hold, in words and as a JSON Schema, and what it means."""

    allowed: str
    schema: Mapping[str, Any]
    description: str


def _whole_number(low: int, description: str) -> Key:
    return Key(f"a whole number, {low} or more", {"type": "integer", "minimum": low}, description)


def _text(description: str) -> Key:
    return Key("a text", TEXT_SCHEMA, description)


def _json_path(description: str) -> Key:
    return Key("a JSONPath, such as data or result.items", TEXT_SCHEMA, description)


KEYS: Mapping[str, Key] = {
    "limit": _whole_number(1, "Records per page."),
    "offset": _whole_number(0, "The offset of the first page."),
    "offset_param": _text("The parameter that takes the offset; `offset` unless given."),
    "limit_param": _text("The parameter that takes the page size; `limit` unless given."),
    "send_limit": Key(
        "true or false",
        {"type": "boolean"},
        "False sends no page size, for an API that has one page size, `limit`, and refuses a parameter for it.",
    ),
    "maximum_offset": _whole_number(1, "The offset at which reading ends."),
    "stop_after_empty_page": Key(
        "true or false", {"type": "boolean"}, "True ends reading at a page without records."
    ),
    "has_more_path": _json_path(
        "JSONPath in the body to true or false, 1 or 0, or a text such as yes: whether there are more pages."
    ),
    "offset_body_path": _text(
        "Dotted path in the JSON body of the request that takes the offset, instead of a parameter."
    ),
    "limit_body_path": _text(
        "Dotted path in the JSON body of the request that takes the page size, instead of a parameter."
    ),
    "base_page": _whole_number(0, "The number of the API's first page."),
    "page": _whole_number(0, "The first page to read; `base_page` unless given."),
    "page_param": _text("The parameter that takes the page number; `page` unless given."),
    "page_body_path": _text(
        "Dotted path in the JSON body of the request that takes the page number, instead of a parameter."
    ),
    "maximum_page": _whole_number(1, "Reading ends before this page."),
    "page_count_path": _json_path(
        "JSONPath in the body to the number of pages, after which reading ends. Unless the last page is shorter than "
        "others, the page behind it is asked for too, and must have no new record."
    ),
    "cursor_path": _json_path("JSONPath in the body to the cursor of the next page."),
    "cursor_param": _text("The parameter that takes the cursor; `cursor` unless given."),
    "cursor_body_path": _text(
        "Dotted path in the JSON body of the request that takes the cursor, instead of a parameter."
    ),
    "next_url_path": _json_path("JSONPath in the body to the address of the next page."),
    "links_next_key": _text("The relation (`rel`) of the next page in the `Link` header."),
    "cursor_key": _text("The header with the cursor of the next page."),
    "keep_params": Key(
        "a list of parameter names, such as [limit]",
        {"type": "array", "items": TEXT_SCHEMA},
        "The parameters that go along with the cursor; all unless given. An empty list sends the cursor alone.",
    ),
    "cursor_header": _text("The request header that takes the cursor, instead of a parameter."),
    "only_path_and_query": Key(
        "true or false",
        {"type": "boolean"},
        "True takes only path and query of a next link, for an API behind a proxy that writes another scheme, host or "
        "port into it.",
    ),
    "unit": _text("What the range counts, in front of the `=`; `items` unless given."),
    "range_header": _text("The request header that takes the range; `Range` unless given."),
    "range_param": _text("The parameter that takes the range, such as `0-99`, instead of a header."),
    "total_path": _json_path("JSONPath in the body to the number of records in the requested list."),
    "total_header": _text("The header with the number of records in the requested list."),
}
"""The keys of all paginators. dlt's classes determine which of them a type has: see `paginator_keys`."""


def paginator_keys(kind: str) -> dict[str, Any]:
    """Return the keys of a type of paginator, without `type`, each with dlt's default or None."""
    signature = inspect.signature(PAGINATORS[kind].__init__).parameters
    known = {
        name: None if parameter.default is inspect.Parameter.empty else parameter.default
        for name, parameter in signature.items()
        if name not in ("self", *_TOTAL_KEYS)
    }
    return known | dict.fromkeys((*_OWN_KEYS.get(kind, ()), *_TOTAL_KEYS))


def paginator_schema() -> dict[str, Any]:
    """Return the JSON Schema of a paginator in a file: the type alone, or a mapping with the keys of its type."""
    kinds = []
    for kind in PAGINATORS:
        properties: dict[str, Any] = {
            "type": {
                "const": kind,
                "description": "How the API splits a list into pages; "
                + ("a type that dlt does not have." if kind == "range" else "one of dlt's types."),
            }
        }
        for name, default in paginator_keys(kind).items():
            schema = {"anyOf": [KEYS[name].schema, {"type": "null"}]}
            if (kind, name) in _REQUIRED:
                schema = dict(KEYS[name].schema)
            properties[name] = schema | {"description": KEYS[name].description}
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
    without_required_keys = [kind for kind in PAGINATORS if kind not in dict(_REQUIRED)]
    return {"anyOf": [{"title": "Paginator", "enum": without_required_keys}, *kinds]}


def check_paginator(value: Any) -> dict[str, Any]:
    """Return a paginator of a file as a mapping: dlt's configuration, or only the type.

    Every type may also state where the API reports the total: `total_path` or `total_header`.
    """
    config = {"type": value} if isinstance(value, str) else value
    if not isinstance(config, Mapping):
        raise value_error(format_value(value), "a mapping with a type")
    if isinstance(config.get(OBJECT), paginators.BasePaginator):
        return dict(config)
    kind = config.get("type")
    if (registered := _registered_class(kind)) is not None:
        return _check_registered(config, registered)
    if not isinstance(kind, str) or kind not in PAGINATORS:
        raise value_error("nothing" if kind is None else format_value(kind), ", ".join(PAGINATORS), "type")
    known = ["type", *paginator_keys(kind)]
    for key, given in config.items():
        if key not in known:
            raise value_error("an unknown key", allowed_keys(key, known, f" with type {kind}"), key)
        try:
            _check_paginator_value(key, given)
        except ValueError as error:
            raise value_error(format_value(given), str(error), key) from None
    if config.get("send_limit") is False:
        for key in ("limit_param", "limit_body_path"):
            if config.get(key) is not None:
                raise value_error(
                    "a place for the page size beside send_limit: false", "only one of them", key
                )
    for owner, key in _REQUIRED:
        if kind == owner and config.get(key) is None:
            raise value_error("nothing", KEYS[key].allowed, key)
    return dict(config)


def new_paginator(config: Mapping[str, Any]) -> paginators.BasePaginator:
    """Return a new paginator of dlt for a declared one. It knows nothing of the number of records."""
    if OBJECT in config:
        held: paginators.BasePaginator = copy.deepcopy(config[OBJECT])
        return held
    kind = config["type"]
    not_dlts = ("type", *_TOTAL_KEYS, *_OWN_KEYS.get(kind, ()))
    keys = {key: value for key, value in config.items() if key not in not_dlts}
    if (registered := _registered_class(kind)) is not None:
        own = inspect.signature(registered).parameters
        return registered(**keys, **{key: config[key] for key in _TOTAL_KEYS if key in config and key in own})
    if kind in ("offset", "page_number"):
        keys["total_path"] = None
    if config.get("send_limit") is False:
        return FixedPagePaginator(**keys)
    return PAGINATORS[kind](**keys)


def reported_total(config: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the key and value of a paginator that say where the API reports the number of records.

    If the class of a registered type has an argument `total_path` of its own, only the class knows what it means.
    """
    config = config or {}
    registered = _registered_class(config.get("type"))
    own = inspect.signature(registered).parameters if registered else ()
    if config.get("type") == "range":
        # HTTP has the total in this header; an API may leave it out there
        return {"total_header": CONTENT_RANGE} | {key: config[key] for key in _TOTAL_KEYS if config.get(key)}
    return {key: config[key] for key in _TOTAL_KEYS if config.get(key) and key not in own}


def _registered_class(kind: Any) -> type[paginators.BasePaginator] | None:
    """Return the class of a type that was registered with dlt's `register_paginator`, None for any other."""
    if not isinstance(kind, str) or kind in PAGINATORS:
        return None
    # imported here, because only such a type needs it
    from dlt.sources.rest_api.config_setup import get_paginator_class

    try:
        found = get_paginator_class(kind)
    except ValueError:
        return None
    is_of_dlt = found is None or found.__module__ == paginators.__name__
    return None if is_of_dlt else found


def _check_registered(
    config: Mapping[str, Any], registered: type[paginators.BasePaginator]
) -> dict[str, Any]:
    """Check the keys of a registered type against the arguments of its class."""
    kind = config["type"]
    parameters = inspect.signature(registered).parameters
    takes_any = any(entry.kind is inspect.Parameter.VAR_KEYWORD for entry in parameters.values())
    known = ["type", *(name for name in parameters), *(key for key in _TOTAL_KEYS if key not in parameters)]
    for key in config:
        if key not in known and not takes_any:
            raise value_error("an unknown key", allowed_keys(key, known, f" with type {kind}"), key)
        if key in _TOTAL_KEYS and key not in parameters:
            try:
                _check_paginator_value(key, config[key])
            except ValueError as error:
                raise value_error(format_value(config[key]), str(error), key) from None
    try:
        new_paginator(config)
    except Exception as error:  # its text may hold anything
        problem = type(error).__name__
    else:
        return dict(config)
    raise value_error(
        f"keys with which {registered.__name__} fails with {problem}",
        f"the arguments of {registered.__name__}",
    )


def _check_paginator_value(key: str, value: Any) -> None:
    """Raise ValueError with what is allowed if a value has the wrong type; null stands for dlt's default."""
    if value is None or key == "type":
        return
    schema = KEYS[key].schema
    if schema["type"] == "integer":
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= schema["minimum"]
    elif schema["type"] == "array":
        fits = isinstance(value, (list, tuple)) and all(
            isinstance(entry, str) and entry.strip() for entry in value
        )
    elif schema["type"] == "boolean":
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
"""A paginator in a file. The JSON Schema of a file defines it once, as `paginator_schema`."""
