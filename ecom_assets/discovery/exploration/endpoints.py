"""Which endpoints there may be at an address: what its root links to, else the usual collections of a shop."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.discovery.exploration.requests import Asker
from ecom_assets.discovery.exploration.rows import find_rows, value_at
from ecom_assets.foundation.errors import ApiError, IngestError
from ecom_assets.foundation.progress import OnProgress

COLLECTIONS = ("customers", "products", "orders", "stores", "categories", "refunds", "payments", "shipments")
"""Neutral names of what shops have."""

_PREFIXES = ("", "/v1")


def find_endpoints(connection: ApiConnection, on_progress: OnProgress) -> list[str]:
    """Return the paths of collections below an address, none where none was found.

    Asks the root, and each usual name once. Raises ApiError where there is no answer or
    the secrets are refused, and IngestError where the address is a collection's own.
    """
    asker = Asker(connection, "", most=1 + len(_PREFIXES) * len(COLLECTIONS), on_progress=on_progress)
    reply = asker.ask({})
    path = find_rows(reply.body, "")
    if path == () and reply.body:
        raise IngestError(
            "the address itself answers with a list of records; give the address above it, and the rest with --endpoint"
        )
    if reply.status == 0:
        raise ApiError(reply.refusal)
    linked = list(_linked(reply.body, connection.shop.client.base_url))
    if linked:
        return linked
    forbidden = ""
    for prefix in _PREFIXES:
        found = []
        for name in COLLECTIONS:
            asker.path = f"{prefix}/{name}"
            reply = asker.ask({})
            forbidden = forbidden or (reply.refusal if reply.status == 403 else "")
            rows = None if reply.refused else find_rows(reply.body, name)
            if rows is not None and value_at(reply.body, rows):
                found.append(asker.path)
        if found:
            return found
    if forbidden:
        raise ApiError(forbidden)
    return []


def _linked(body: object, base_url: str) -> Iterator[str]:
    """Yield the paths of the addresses below `base_url` that stand in an object, without parameters."""
    base = base_url.rstrip("/") + "/"
    for value in body.values() if isinstance(body, dict) else ():
        if not isinstance(value, str) or "{" in value or " " in value or "/" not in value:
            continue
        url = urljoin(base, value)
        if url.startswith(base) and len(url) > len(base) and not urlsplit(url).query:
            yield "/" + url.removeprefix(base)
