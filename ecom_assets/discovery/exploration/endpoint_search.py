"""Finds the endpoints at an address: those that its root links to, else the usual collections of a shop."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.contract.record_keys import value_at
from ecom_assets.discovery.exploration.endpoint_client import EndpointClient
from ecom_assets.discovery.exploration.response_structure import find_record_list
from ecom_assets.foundation.errors import ApiError, IngestError
from ecom_assets.foundation.progress import OnProgress

COLLECTIONS = ("customers", "products", "orders", "stores", "categories", "refunds", "payments", "shipments")
"""Neutral names of the collections that shops usually have."""

_PREFIXES = ("", "/v1")


def find_endpoints(connection: ApiConnection, on_progress: OnProgress) -> list[str]:
    """Return the paths of the collections below the API's address, none where none was found.

    Requests the root, then each usual name once.

    Raises:
        ApiError: There is no answer, or the API refuses the secrets.
        IngestError: The address is that of a collection.
    """
    max_requests = 1 + len(_PREFIXES) * len(COLLECTIONS)
    client = EndpointClient(connection, "", max_requests=max_requests, on_progress=on_progress)
    response = client.request({})
    if find_record_list(response.body, "") == () and response.body:
        raise IngestError(
            "the address itself answers with a list of records; "
            "give the address above it, and the rest with --endpoint"
        )
    if response.status == 0:
        raise ApiError(response.refusal)
    linked = list(_linked_paths(response.body, connection.shop.client.base_url))
    if linked:
        return linked
    forbidden = ""
    for prefix in _PREFIXES:
        paths = []
        for name in COLLECTIONS:
            client.path = f"{prefix}/{name}"
            response = client.request({})
            forbidden = forbidden or (response.refusal if response.status == 403 else "")
            records_path = None if response.refused else find_record_list(response.body, name)
            if records_path is not None and value_at(response.body, records_path):
                paths.append(client.path)
        if paths:
            return paths
    if forbidden:
        raise ApiError(forbidden)
    return []


def _linked_paths(body: object, base_url: str) -> Iterator[str]:
    """Yield the paths of the addresses below `base_url` in an object, except those with parameters."""
    base = base_url.rstrip("/") + "/"
    for value in body.values() if isinstance(body, dict) else ():
        if not isinstance(value, str) or "{" in value or " " in value or "/" not in value:
            continue
        url = urljoin(base, value)
        if url.startswith(base) and len(url) > len(base) and not urlsplit(url).query:
            yield "/" + url.removeprefix(base)
