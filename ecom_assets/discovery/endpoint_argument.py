"""Parses the values of `--endpoint`: `orders?status=any`, or `POST /search/orders {"page": {"offset": 0}}`."""

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
class EndpointArgument:
    """An endpoint as the user names it; each part may hold placeholders of the declaration.

    `body` is the body of a POST request, None for GET.
    """

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


def parse_endpoint(text: str) -> EndpointArgument:
    """Return the parts of an endpoint; a parameter that is given twice gets a list.

    Raises:
        IngestError: A POST has no JSON object as its body, or nothing can fill a placeholder.
    """
    posted = _POST.fullmatch(text.strip())
    address = posted[1] if posted else text
    path, _, query = address.partition("?")
    values_by_name = parse_qs(query, keep_blank_values=True)
    params = {name: values if len(values) > 1 else values[0] for name, values in values_by_name.items()}
    endpoint = EndpointArgument(path, params, _parse_body(path, posted[2]) if posted else None)
    _check_placeholders(endpoint)
    return endpoint


def _check_placeholders(endpoint: EndpointArgument) -> None:
    names = placeholder_names(endpoint.path, endpoint.params, endpoint.body)
    fields = {name: field for name in names if (field := parent_field(name))}
    for name in sorted(names - {START, END} - fields.keys()):
        # a longer text in braces might be a secret
        harmless = re.fullmatch(r"[A-Za-z_.]{1,40}", name)
        shown = f"{{{name}}}" if harmless else "other text in braces"
        raise IngestError(f"{endpoint.path}: found {shown}; allowed: {ALLOWED}")
    parents = sorted({field.resource for field in fields.values()})
    if len(parents) > 1 or (parents and len(names) > len(fields)):
        other = "a window" if len(parents) == 1 else f"fields of {parents[1]}"
        raise IngestError(
            f"{endpoint.path}: found fields of {parents[0]} together with {other}; "
            "allowed: fields of one resource"
        )


def split_endpoints(text: str) -> list[str]:
    """Return the endpoints between commas; a comma within braces belongs to a body."""
    parts, depth = [""], 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _parse_body(path: str, text: str | None) -> Mapping[str, Any]:
    try:
        body = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise IngestError(
            f"POST {path}: found {'no JSON object' if text else 'nothing'} after the path; allowed: the body "
            'as a JSON object, {} or {"page": {"offset": 0}}'
        )
    return body
