"""The page after the last one that was read, whatever the kind of paging."""

from __future__ import annotations

from urllib.parse import urljoin

from dlt.common import jsonpath
from requests.utils import parse_header_links

from ecom_assets.discovery.exploration.first_page import Listing
from ecom_assets.discovery.exploration.requests import Reply
from ecom_assets.discovery.guess import Paging


def read_on(listing: Listing, paging: Paging) -> bool:
    """Ask for the next page, and tell whether there was one."""
    reply, rows = listing.replies[-1]
    kind = paging.paginator["type"]
    if not rows:
        return False
    if kind in ("json_link", "header_link"):
        url = _next_url(reply, paging)
        return bool(url and listing.follow(urljoin(reply.url, url))[1])
    if kind in ("cursor", "header_cursor"):
        cursor = _cursor(reply, paging)
        return bool(cursor and listing.ask({**paging.params, paging.paginator["cursor_param"]: cursor})[1])
    size = paging.size or len(listing.rows)
    place = paging.place(size, len(listing.sample()) // size * size)
    return bool(place and listing.ask(place)[1])


def _next_url(reply: Reply, paging: Paging) -> str | None:
    if paging.paginator["type"] == "json_link":
        found = jsonpath.find_values(paging.paginator["next_url_path"], reply.body)
        return str(found[0]) if found and found[0] else None
    links = parse_header_links(reply.headers.get("Link", ""))
    return next((link["url"] for link in links if link.get("rel") == "next"), None)


def _cursor(reply: Reply, paging: Paging) -> str | int | None:
    if paging.paginator["type"] == "header_cursor":
        return reply.headers.get(paging.paginator["cursor_key"])
    found = jsonpath.find_values(paging.paginator["cursor_path"], reply.body)
    return found[0] if found else None
