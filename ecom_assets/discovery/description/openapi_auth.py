"""Reads the auth kinds of an OpenAPI file in the words of the declaration."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urljoin

from ecom_assets.discovery.description.openapi_document import Node

Kinds = list[dict[str, Any]]


def described_auth(document: Node, operations: list[Node], base_url: str) -> Kinds:
    """Return the auth kinds of the first security requirement that can be declared.

    The requirements of the whole API come first, then those that most operations have, then any scheme.

    Args:
        document: The outermost mapping.
        operations: The operations that read collections.
        base_url: The address of the API; the address of a token endpoint may be relative to it.
    """
    components = document.get("components")
    schemes = dict(components.each("securitySchemes")) if components else {}
    own = Counter(names for operation in operations for names in _requirements(operation))
    requirements = [*_requirements(document), *(names for names, _ in own.most_common())]
    for names in requirements or [(name,) for name in schemes]:
        kinds = [_auth_kind(schemes[name], base_url) for name in names if name in schemes]
        if kinds and all(kinds):
            return [kind for kind in kinds if kind]
    return []


def _requirements(node: Node) -> list[tuple[str, ...]]:
    return [tuple(entry.content) for _, entry in node.each("security") if entry.content]


def _auth_kind(scheme: Node, base_url: str) -> dict[str, Any] | None:
    kind, location = scheme.text("type").lower(), scheme.text("in")
    if kind == "apikey" and location in ("query", "header"):
        return {"type": "api_key", "name": scheme.text("name"), "location": location}
    if kind == "http" and scheme.text("scheme").lower() in ("basic", "bearer"):
        return {"type": "http_basic" if scheme.text("scheme").lower() == "basic" else "bearer"}
    flows = scheme.get("flows") if kind == "oauth2" else None
    flow = flows.get("clientCredentials") if flows else None
    address = urljoin(f"{base_url.rstrip('/')}/", flow.text("tokenUrl")) if flow else ""
    if flow and flow.text("tokenUrl") and "://" in address:
        return {"type": "oauth2_client_credentials", "access_token_url": address}
    # a person logs in and gets a token, and a load takes that token
    return {"type": "bearer"} if flows and flows.content else None
