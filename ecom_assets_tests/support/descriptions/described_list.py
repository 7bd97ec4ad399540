"""A small OpenAPI document with one list, for tests of what a description says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecom_assets.discovery.description.openapi import read_openapi
from ecom_assets.discovery.discover import Discovery, DiscoveryOptions, discover


def document(
    fields: Mapping[str, Any],
    params: Sequence[Mapping[str, Any]] = (),
    path: str = "/orders",
    around: Mapping[str, Any] | None = None,
    **top: Any,
) -> dict[str, Any]:
    """Return a document of one list, whose records have these fields; `around` are the fields beside the list."""
    record = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, **fields}}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"data": {"type": "array", "items": record}, **(around or {})},
    }
    answer = {"description": "", "content": {"application/json": {"schema": schema}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "shop", "version": "1"},
        "servers": [{"url": "https://api.example.com"}],
        "paths": {path: {"get": {"parameters": list(params), "responses": {"200": answer}}}},
        **top,
    }


def offline(folder: Path, content: Mapping[str, Any], *endpoints: str) -> Discovery:
    """Return what discovery makes of a document alone."""
    file = folder / "api.json"
    file.write_text(json.dumps(content), "utf-8")
    described = read_openapi(file)
    return discover(
        DiscoveryOptions(
            "shop",
            described.base_url,
            described.auth,
            endpoints or [guess.endpoint for guess in described.collections],
            described=described.endpoints,
            offline=True,
        )
    )
