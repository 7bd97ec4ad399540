"""Paginators that follow what a response says of the next page: a link or a cursor, in the body or in a header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from dlt.common import jsonpath
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request, Response
from requests.exceptions import RequestException

from ecom_assets.extract.paging.body_path import BodyPath
from ecom_assets.extract.paging.link_header import link_target
from ecom_assets.foundation.errors import ApiError

POINTER_TYPES = ("cursor", "json_link", "header_link", "header_cursor")
"""The declared types that follow a pointer."""

_WHERE = {
    "cursor": ("cursor_path", "cursors.next"),
    "json_link": ("next_url_path", "next"),
    "header_link": ("links_next_key", "next"),
    "header_cursor": ("cursor_key", "next"),
}
"""The key of each type that says where the pointer is, and dlt's default."""


class PointerPaginator(BasePaginator):
    """Follows the pointers of one declared type.

    Attributes:
        place: The key and value of the declaration that say where the pointer is.
        by_cursor: Whether the pointer is a cursor, not a link.
        found: Whether a page had the place of the pointer, with or without a pointer in it.
        is_told: Whether the last page said by an empty pointer that there is no next page.
        leads_to_itself: Whether the link of the last page leads to that page.
        stopped_at_empty_page: Whether reading ends because the last page was empty.
    """

    def __init__(self, config: Mapping[str, Any], resource: str) -> None:
        """Take the declared paginator, and the resource's name for messages."""
        super().__init__()
        self._resource = resource
        self._kind: str = config["type"]
        key, default = _WHERE[self._kind]
        place = str(config.get(key) or default)
        self.place = f"{key} {place}"
        self._path = BodyPath(place) if self._kind in ("cursor", "json_link") else None
        self._header_name = place
        self._cursor_param: str | None = config.get("cursor_param")
        self._cursor_body_path: str | None = config.get("cursor_body_path")
        self._cursor_header: str | None = config.get("cursor_header")
        self._keep_params: Sequence[str] | None = config.get("keep_params")
        self._only_path_and_query = bool(config.get("only_path_and_query"))
        if self._cursor_param is None and self._cursor_body_path is None:
            self._cursor_param = "cursor"
        self._stops_at_empty_page = bool(config.get("stop_after_empty_page"))
        self.by_cursor = not self.follows_links
        self.found = self.is_told = self.leads_to_itself = self.stopped_at_empty_page = False
        self._next: Any = None
        self._address = ""

    @property
    def follows_links(self) -> bool:
        """Tell whether the pointer is a link."""
        return self._kind in ("json_link", "header_link")

    def init_request(self, request: Request) -> None:
        """Keep the address of the first page, to which a link may lead."""
        self._address = _address_of(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take the pointer of a response.

        Raises:
            ApiError: There is something else at the place of the pointer.
        """
        found = self._pointers(response)
        self.found = self.found or bool(found)
        value = found[0] if found else None
        if isinstance(value, (dict, list)) or value is True:
            raise ApiError(
                f"{self._resource}: {self.place} found {type(value).__name__}; "
                f"{'an address' if self.follows_links else 'a text or a number'} was expected. Declare the path of it"
            )
        if isinstance(value, str):
            value = value.strip() if self.follows_links else value
        self._next = value or None
        self.is_told = bool(found) and self._next is None
        self.leads_to_itself = False
        if self._next is not None and self.follows_links:
            target = self._target(self._address)
            self.leads_to_itself = _same_page(target, self._address)
            if self.leads_to_itself:
                self._next = None
        self.stopped_at_empty_page = self._stops_at_empty_page and not data
        if self.stopped_at_empty_page:
            self._next = None
        self._has_next_page = self._next is not None

    def update_request(self, request: Request) -> None:
        """Put the pointer into the request."""
        if self.follows_links:
            target = self._target(request.url)
            self._refuse_other_host(target, request.url)
            request.url = target
            # the link has all parameters
            request.params = None
            self._address = request.url
            return
        if self._keep_params is not None:
            request.params = {
                key: value for key, value in (request.params or {}).items() if key in self._keep_params
            }
        if self._cursor_header:
            request.headers[self._cursor_header] = str(self._next)
        elif self._cursor_body_path:
            request.json = {} if request.json is None else request.json
            jsonpath.set_value_at_path(request.json, self._cursor_body_path, self._next)
        else:
            request.params = {} if request.params is None else request.params
            request.params[self._cursor_param] = self._next

    def _refuse_other_host(self, target: str, address: str) -> None:
        """Raise ApiError if a link leads to another host, before the session refuses it without a hint."""
        try:
            there, here = _origin(target), _origin(address)
        except ValueError:
            return
        if there and there != here:
            raise ApiError(
                f"{self._resource}: refused to send this to {there}: this shop's requests go to {here} only. If a "
                "proxy writes a wrong address into the next link, declare only_path_and_query: true in the paginator"
            )

    def _pointers(self, response: Response) -> list[Any]:
        """Return what is at the declared place, an empty list if the response has no such place."""
        if self._path is not None:
            return self._path.find(response.json())
        if self._kind == "header_cursor":
            value: Any = response.headers.get(self._header_name)
        else:
            value = link_target(response.headers.get("Link", ""), self._header_name, response.url or "")
        return [] if value is None else [value]

    def _target(self, address: str) -> str:
        """Return the address that a link leads to; the session refuses a link that is none."""
        link = str(self._next)
        try:
            target = urljoin(address, link)
            if self._only_path_and_query:
                scheme, host, *_ = urlsplit(address)
                target = urlsplit(target)._replace(scheme=scheme, netloc=host).geturl()
        except ValueError:
            return link
        return target


def _address_of(request: Request) -> str:
    """Return the address of a request with its parameters."""
    try:
        return Request("GET", request.url, params=request.params).prepare().url or ""
    except (RequestException, ValueError):  # the session says what is wrong
        return ""


def _origin(address: str) -> str | None:
    """Return scheme, host and port of an address, None without a host."""
    parts = urlsplit(address)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else None


def _same_page(link: str, address: str) -> bool:
    """Tell whether two addresses lead to one page: path and parameters are the same, in any order."""
    try:
        one, other = urlsplit(link), urlsplit(address)
    except ValueError:
        return False
    return one.path == other.path and sorted(parse_qsl(one.query)) == sorted(parse_qsl(other.query))
