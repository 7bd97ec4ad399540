"""Endpoints whose paging nobody has confirmed: `discover` marks them, and checks and loads refuse them."""

from __future__ import annotations

from ecom_assets.declaration.reading import Resource


def unconfirmed_problem(resource: Resource) -> str:
    """Return why the paging of an endpoint is not confirmed, and what to do; empty if nothing is marked."""
    endpoint = resource.endpoint
    if endpoint is None or not endpoint.unconfirmed:
        return ""
    return (
        f"{resource.name}: nobody has confirmed that the paginator reads all records ({endpoint.unconfirmed}). Run "
        "`ecom-assets discover` with the address of the API and without --offline, or look the paging up in the API's "
        "documentation. Then declare endpoint.paginator, {type: single_page} if one answer holds everything, and "
        "remove endpoint.unconfirmed"
    )
