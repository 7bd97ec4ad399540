"""dlt's REST API source, reading the `things` of a loopback with a session of two secrets."""

from __future__ import annotations

from typing import Any

from dlt.sources.rest_api import rest_api_source

from ecom_assets.client.session import ShopSession

IN_QUERY = {"type": "api_key", "location": "query", "name": "key"}
IN_HEADER = {"type": "bearer"}
SECRETS = {"api_key": "the-key", "token": "the-token"}


def read(session: ShopSession, base_url: str, paginator: Any = "single_page", **endpoint: Any) -> list[Any]:
    """Return what dlt's REST API source reads with a session."""
    client: Any = {"base_url": base_url, "session": session, "paginator": paginator}
    resource: Any = {
        "name": "things",
        "endpoint": {"path": "things", "data_selector": "data"} | endpoint,
    }
    source = rest_api_source({"client": client, "resources": [resource]})
    return list(source.resources["things"])
