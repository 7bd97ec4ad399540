"""An endpoint as a user names it: `orders?status=any`, or `POST /search/orders {"page": {"offset": 0}}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson

from ecom_assets.declaration.placeholders import ALLOWED, END, START, parent_field, placeholder_names
from ecom_assets.foundation.errors import IngestError

_POST = re.compile(r"POST\s+(\S+)(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Named:
    """A path, the parameters behind it, and the body of what is asked by POST, None for GET.

    Each may hold placeholders in the words of the declaration.
    """

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


def named(endpoint: str) -> Named:
    """Return the parts of an endpoint; a parameter that is there twice has a list.

    Raises IngestError for a POST without an object as its body, and for braces that nothing can fill.
    """
    posted = _POST.fullmatch(endpoint.strip())
    place = posted[1] if posted else endpoint
    path, _, query = place.partition("?")
    params = parse_qs(query, keep_blank_values=True)
    parts = {name: values if len(values) > 1 else values[0] for name, values in params.items()}
    found = Named(path, parts, _body(path, posted[2]) if posted else None)
    _check_fillable(found)
    return found


def _check_fillable(found: Named) -> None:
    names = placeholder_names(found.path, found.params, found.body)
    fields = {name: field for name in names if (field := parent_field(name))}
    for name in sorted(names - {START, END} - fields.keys()):
        # a longer text in braces might be a secret
        plain = re.fullmatch(r"[A-Za-z_.]{1,40}", name)
        shown = f"{{{name}}}" if plain else "a brace that encloses none of these"
        raise IngestError(f"{found.path}: found {shown}; allowed: {ALLOWED}")
    parents = sorted({field.resource for field in fields.values()})
    if len(parents) > 1 or (parents and len(names) > len(fields)):
        other = "a window" if len(parents) == 1 else f"fields of {parents[1]}"
        raise IngestError(
            f"{found.path}: found fields of {parents[0]} beside {other}; allowed: fields of one resource"
        )


def listed(text: str) -> list[str]:
    """Return endpoints with commas between them; one within braces is a part of a body."""
    parts, depth = [""], 0
    for mark in text:
        depth += {"{": 1, "}": -1}.get(mark, 0)
        if mark == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += mark
    return [part.strip() for part in parts if part.strip()]


def _body(path: str, text: str | None) -> Mapping[str, Any]:
    try:
        body = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise IngestError(
            f"POST {path}: found {'no JSON object' if text else 'nothing'} behind the path; allowed: the body "
            'as a JSON object, {} or {"page": {"offset": 0}}'
        )
    return body
