"""Requests that are signed with an HMAC, by the recipe in the declaration.

Each try is signed anew, so that its timestamp and its nonce are its own. The secret itself is never sent.
"""

from __future__ import annotations

import hmac
import re
import time
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timezone
from hashlib import new as new_hash
from secrets import token_hex
from urllib.parse import parse_qsl, quote, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from ecom_assets.declaration.reading import Auth

_PART = re.compile(r"\{(\w+)\}")


class HmacSignature(AuthBase):
    """Signs a request. It sees what the auth kinds before it have added."""

    def __init__(self, declared: Auth, values: Mapping[str, str]) -> None:
        """Take the recipe, and the values of the secrets by field."""
        self._declared = declared
        self._values = dict(values)

    @property
    def secret_parameters(self) -> frozenset[str]:
        """Return the parameters that belong to one request alone. A next link may repeat them."""
        own = () if self._declared.location == "header" else (self._declared.name,)
        return frozenset((*self._declared.signed_params, *own))

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return the request with its signature, and with the headers and parameters that belong to it."""
        declared = self._declared
        body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
        parts = {
            "timestamp": _timestamp(declared.timestamp_format),
            "nonce": token_hex(16),
            "body_hash": new_hash(declared.hash, body).hexdigest(),
            **self._values,
        }
        _add_to_query(
            request, {name: _filled_in(text, parts) for name, text in declared.signed_params.items()}
        )
        parts |= _parts_of(request, body)
        text = _filled_in(declared.signed_text or "", parts).encode()
        digest = hmac.new(self._values["api_secret"].encode(), text, declared.hash).digest()
        written = b64encode(digest).decode() if declared.encoding == "base64" else digest.hex()
        signature = written.upper() if declared.encoding == "hex_upper" else written
        value = _filled_in(declared.signature_value, {**parts, "signature": signature})
        for name, header in declared.signed_headers.items():
            request.headers[name] = _filled_in(header, parts)
        if declared.location == "header":
            request.headers[declared.name] = value
        else:
            _add_to_query(request, {declared.name: value})
        return request


def _parts_of(request: PreparedRequest, body: bytes) -> dict[str, str]:
    """Return the parts of a request as they are sent; those of `sorted_params` are decoded."""
    address = urlsplit(request.url or "")
    pairs = sorted(parse_qsl(address.query, keep_blank_values=True))
    return {
        "method": request.method or "",
        "url": address._replace(fragment="").geturl(),
        "host": address.netloc,
        "path": address.path,
        "query": address.query,
        "sorted_query": "&".join(sorted(filter(None, address.query.split("&")))),
        "sorted_params": "".join(name + value for name, value in pairs),
        "body": body.decode("utf-8", "replace"),
    }


def _add_to_query(request: PreparedRequest, params: Mapping[str, str]) -> None:
    address = urlsplit(request.url or "")
    added = (f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params.items())
    query = "&".join(filter(None, (address.query, *added)))
    request.url = address._replace(query=query).geturl()


def _filled_in(text: str, parts: Mapping[str, str]) -> str:
    """Return a text in which each part in braces has its value; a value is not looked at again."""
    return _PART.sub(lambda found: parts.get(found[1], found[0]), text)


def _timestamp(form: str) -> str:
    now = time.time()
    if form == "iso":
        return datetime.fromtimestamp(int(now), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(int(now * 1000) if form == "milliseconds" else int(now))
