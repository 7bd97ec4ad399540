"""Links from an asset: to its place in the YAML file, to the API's address, and to the API's documentation."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

from dagster import BetaWarning, CodeReferencesMetadataValue, LocalFileCodeReference, MetadataValue
from dlt.sources.helpers.rest_client.utils import join_url

from ecom_assets.declaration.reading import Resource, Shop, format_path


def links(shop: Shop, resource: Resource | None = None) -> dict[str, Any]:
    """Return the links of an asset as metadata. A shop in Python has no file.

    Args:
        shop: The declared shop.
        resource: The resource of the asset, None for an asset of the whole shop.
    """
    found: dict[str, Any] = {}
    if shop.file != Path():
        file = shop.file.absolute()
        path = format_path(file)
        line = _line_of(file, resource.name) if resource else 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BetaWarning)
            reference = LocalFileCodeReference(file_path=path, line_number=line, label=Path(path).name)
            found["dagster/code_references"] = CodeReferencesMetadataValue(code_references=[reference])
        found["declaration"] = MetadataValue.path(path)
    endpoint = shop.parent_of(resource).endpoint if resource else None
    address = shop.client.base_url
    if endpoint is not None:
        address = join_url(address, endpoint.path)
    # a template is no address that a browser could open
    is_url = address.startswith(("http://", "https://")) and "{" not in address
    found["api"] = MetadataValue.url(address) if is_url else MetadataValue.text(address)
    if shop.docs_url:
        found["docs"] = MetadataValue.url(shop.docs_url)
    return found


def _line_of(file: Path, resource: str) -> int:
    """Return the line of a resource in the file, the first one if it is written in another way."""
    pattern = re.compile(rf"^\s*(-\s*|\{{\s*|-\s*\{{\s*)?name:\s*['\"]?{re.escape(resource)}\b(?!-)")
    return next((number for number, line in enumerate(_lines(file), 1) if pattern.search(line)), 1)


@lru_cache(maxsize=16)
def _lines(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return ()
