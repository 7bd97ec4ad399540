"""Reads the auth kinds of an OpenAPI file in the words of the declaration."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from ecom_assets.discovery.description.addresses import filled, variables_in
from ecom_assets.discovery.description.openapi_document import Node

Kinds = list[dict[str, Any]]
_OTHER_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_SIGNED = (
    "digest",
    "hoba",
    "mutual",
    "negotiate",
    "oauth",
    "scram-sha-1",
    "scram-sha-256",
    "vapid",
    "privatetoken",
)
"""Schemes that sign each request, for which no word before a key is enough."""


def described_auth(
    document: Node, operations: list[Node], base_url: str, values: Mapping[str, str] | None = None
) -> Kinds:
    """Return the auth kinds of the first security requirement that can be declared.

    The requirements that most operations have come first, their own or else those of the whole API; then any scheme.

    Args:
        document: The outermost mapping.
        operations: The operations that read collections.
        base_url: The address of the API; the address of a token endpoint may be relative to it.
        values: The values of variables in addresses.
    """
    components = document.get("components")
    schemes = dict(components.each("securitySchemes")) if components else {}
    usual = _requirements(document)
    counted: Counter[tuple[str, ...]] = Counter()
    for operation in operations:
        # an empty list of an operation's own says that it needs none
        counted.update(_requirements(operation) if "security" in operation.content else usual)
    # of requirements that as many operations have, those of the whole API come first
    common = sorted(counted, key=lambda names: (-counted[names], names not in usual))
    for names in [*common, *usual] or [(name,) for name in schemes]:
        kinds = [_auth_kind(schemes[name], base_url, values or {}) for name in names if name in schemes]
        if kinds and all(kinds):
            return [kind for kind in kinds if kind]
    return []


def _requirements(node: Node) -> list[tuple[str, ...]]:
    return [tuple(entry.content) for _, entry in node.each("security") if entry.content]


def _auth_kind(scheme: Node, base_url: str, values: Mapping[str, str]) -> dict[str, Any] | None:
    kind, location = scheme.text("type").lower(), scheme.text("in")
    if kind == "apikey" and location in ("query", "header") and scheme.text("name"):
        return {"type": "api_key", "name": scheme.text("name"), "location": location}
    word = scheme.text("scheme")
    if kind == "http" and word.lower() in ("basic", "bearer"):
        return {"type": "http_basic" if word.lower() == "basic" else "bearer"}
    if kind == "http" and _OTHER_WORDS.fullmatch(word) and word.lower() not in _SIGNED:
        return {"type": "api_key", "name": "Authorization", "location": "header", "prefix": word}
    flows = scheme.get("flows") if kind == "oauth2" else None
    flow = flows.get("clientCredentials") if flows else None
    address = urljoin(f"{base_url.rstrip('/')}/", filled(flow.text("tokenUrl"), values)) if flow else ""
    if flow and flow.text("tokenUrl") and "://" in address and not variables_in(address):
        return {"type": "oauth2_client_credentials", "access_token_url": address}
    # a person logs in and gets a token, and a load takes that token
    return {"type": "bearer"} if flows and flows.content else None
