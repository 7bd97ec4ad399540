"""A key in the path of each address: what stands in its place, and how it gets there and out again."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from ecom_assets.client.redaction import HIDDEN
from ecom_assets.declaration.api.auth import SECRET_IN_PATH

_MARK = re.compile("|".join(map(re.escape, (SECRET_IN_PATH, quote(SECRET_IN_PATH)))), re.IGNORECASE)
_HIDDEN = re.compile("|".join(map(re.escape, (HIDDEN, quote(HIDDEN, safe="")))), re.IGNORECASE)


class KeyInPath(AuthBase):
    """Puts the key where the path has `{secret}`."""

    def __init__(self, key: str) -> None:
        """Keep the key."""
        self._written = quote(key, safe="")

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return the request with the key in its path."""
        address = urlsplit(request.url or "")
        request.url = address._replace(path=_MARK.sub(self._written, address.path)).geturl()
        return request


def with_mark(url: str) -> str:
    """Return an address of the API, in which the key was hidden, with the mark in the key's place."""
    address = urlsplit(url)
    return address._replace(path=_HIDDEN.sub(quote(SECRET_IN_PATH), address.path)).geturl()
