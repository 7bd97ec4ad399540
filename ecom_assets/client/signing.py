"""Adds a shop's secrets to a copy of a request, and takes them out of addresses that repeat them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
)
from requests import PreparedRequest
from requests.auth import AuthBase

from ecom_assets.client.auth_kinds.hmac_signature import HmacSignature
from ecom_assets.client.auth_kinds.login import LoginToken
from ecom_assets.client.auth_kinds.path_key import KeyInPath, with_mark
from ecom_assets.client.read_statistics import SLICE_HEADER
from ecom_assets.client.redaction import HIDDEN, Redactor
from ecom_assets.declaration.reading import Resource
from ecom_assets.foundation.errors import ApiError, IngestError

AUTH_HEADER = "X-Ecom-Auth"
"""Carries the name of the resource whose endpoint has an auth of its own; the adapter never sends it."""
_KNOWN = (APIKeyAuth, BearerTokenAuth, HttpBasicAuth, HmacSignature, KeyInPath)
"""The classes whose secrets are known, and that do nothing else than add them."""

_SHORTEST_LEARNED = 8
"""Characters of a value that an auth object adds and that is hidden; a shorter one may be anything."""

_MOST_LEARNED = 100
"""How many such values are hidden. An auth object that adds a new one to each request would slow the run down."""

_QUERY = re.compile(r"\?([^#>\s]*)")


def auth_header(resource: Resource) -> dict[str, str]:
    """Return the header that has a resource's requests signed with the auth of its endpoint, if it has one."""
    has_own = resource.endpoint is not None and resource.endpoint.auth is not None
    return {AUTH_HEADER: resource.name} if has_own else {}


class RequestSigner:
    """Signs requests with a shop's auth objects; threads may share it."""

    def __init__(
        self,
        auth: Sequence[AuthBase],
        redactor: Redactor,
        wait_for_turn: Callable[[PreparedRequest], None],
        endpoint_auth: Mapping[str, Sequence[AuthBase]] | None = None,
    ) -> None:
        """Keep what signing needs.

        Args:
            auth: dlt's auth objects, applied in this order.
            redactor: Learns each token that is obtained, so that it is hidden too.
            wait_for_turn: Waits until the rate limit lets a request leave.
            endpoint_auth: The auth objects, in place of `auth`, of requests with an AUTH_HEADER, by its value.
        """
        self._auth = tuple(auth)
        self._endpoint_auth = {name: tuple(entries) for name, entries in (endpoint_auth or {}).items()}
        every = (*auth, *(entry for entries in self._endpoint_auth.values() for entry in entries))
        self._secret_parameters = {name for entry in every for name in _secret_parameters(entry)}
        self._key_is_in_path = any(isinstance(entry, KeyInPath) for entry in every)
        self._redactor = redactor
        self._wait_for_turn = wait_for_turn
        self._token_lock = threading.Lock()
        self._object_lock = threading.Lock()
        self._learned: set[str] = set()

    def sign(self, unsigned: PreparedRequest) -> PreparedRequest:
        """Return a copy that carries the shop's secrets and none of the project's own headers."""
        signed = unsigned.copy()
        signed.headers.pop(SLICE_HEADER, None)
        signed.headers.pop(AUTH_HEADER, None)
        for auth in self._auth_of(unsigned):
            if isinstance(auth, OAuth2ClientCredentials):
                signed = self._sign_with_token(auth, signed)
            elif type(auth) in _KNOWN:
                signed = auth(signed)
            else:
                signed = self._sign_with_object(auth, signed)
        return signed

    def drop_token(self, unsigned: PreparedRequest, signed: PreparedRequest) -> bool:
        """Drop the token that the API refused, and return whether the request has a token, so that a new one may help.

        Where another worker has obtained a new token meanwhile, that one stays.

        Args:
            unsigned: The request.
            signed: The copy that carried the token.
        """
        tokens = [auth for auth in self._auth_of(unsigned) if isinstance(auth, OAuth2ClientCredentials)]
        with self._token_lock:
            for auth in tokens:
                if _carries_token(auth, signed):
                    auth.access_token = None
        return bool(tokens)

    def unsigned_address(self, url: str) -> str:
        """Return an address without what carries a secret, and with the mark of a key in its path."""
        url = self.without_secrets(url)
        return with_mark(url) if self._key_is_in_path else url

    def without_secrets(self, text: str) -> str:
        """Remove the parameters that carry a secret, hidden or not, from the addresses in a text.

        A next link or a redirect may repeat them from the request. Signing would then add them a second time.
        """

        def without_secret_parameters(query: re.Match[str]) -> str:
            parameters = []
            for parameter in query[1].split("&"):
                name, _, value = parameter.partition("=")
                if unquote_plus(name) not in self._secret_parameters and unquote_plus(value) != HIDDEN:
                    parameters.append(parameter)
            return "?" + "&".join(parameters) if parameters else ""

        return _QUERY.sub(without_secret_parameters, text)

    def _auth_of(self, unsigned: PreparedRequest) -> tuple[AuthBase, ...]:
        """Return the auth objects that sign a request."""
        resource = unsigned.headers.get(AUTH_HEADER)
        return self._auth if resource is None else self._endpoint_auth[resource]

    def _sign_with_object(self, auth: AuthBase, request: PreparedRequest) -> PreparedRequest:
        """Sign with an auth object of the user's own, and hide what it adds to the request from now on.

        Raises:
            ApiError: The object fails, or does to the request what the project does not allow.
        """
        headers, url, hooks = (
            dict(request.headers),
            request.url or "",
            len(request.hooks.get("response") or ()),
        )
        kind = type(auth).__name__
        problem = ""
        signed: Any = None
        with self._object_lock:  # workers share the object, which may keep a token
            try:
                signed = auth(request)
            except IngestError:
                raise
            except Exception as error:  # its text may hold a secret
                problem = f"failed with {type(error).__name__}"
        if not problem and not isinstance(signed, PreparedRequest):
            problem = f"returned a value of type {type(signed).__name__}; a PreparedRequest was expected"
        elif not problem and urlsplit(signed.url)[:2] != urlsplit(url)[:2]:
            problem = "changed the host of the request, which is refused"
        elif not problem and len(signed.hooks.get("response") or ()) != hooks:
            problem = "signs after a first response, which is not supported"
        if problem:
            raise ApiError(f"the auth object {kind} {problem}")
        self._learn(headers, url, signed)
        return cast(PreparedRequest, signed)

    def _learn(self, headers: Mapping[str, str], url: str, signed: PreparedRequest) -> None:
        """Hide the values of new headers and parameters; a header's part after its first word too."""
        before = parse_qsl(urlsplit(url).query, keep_blank_values=True)
        added = [
            pair
            for pair in parse_qsl(urlsplit(signed.url or "").query, keep_blank_values=True)
            if pair not in before
        ]
        self._secret_parameters.update(name for name, _ in added)
        values = [value for _, value in added]
        for name, value in signed.headers.items():
            if headers.get(name) != value:
                text = _header_text(value)
                values += [text, text.partition(" ")[2]]
        new = {value for value in values if len(value) >= _SHORTEST_LEARNED} - self._learned
        if new and len(self._learned) < _MOST_LEARNED:
            self._learned |= new
            self._redactor.add(*new)

    def _sign_with_token(self, auth: OAuth2ClientCredentials, request: PreparedRequest) -> PreparedRequest:
        """Sign with a token; obtain one first when there is none or it has expired."""
        with self._token_lock:  # workers that start at once need one token, not one each
            before = auth.access_token
            try:
                signed: PreparedRequest = auth(request)
            except IngestError:
                raise
            except Exception:  # dlt reads the response without checking what it holds
                auth.access_token = None
            token = auth.access_token
            if token in (None, "", "None"):  # the last is what dlt makes of a response without a token
                auth.access_token = token = None
            else:
                self._redactor.add(token)
        if token is None:
            where = auth.token_path if isinstance(auth, LoginToken) else "access_token"
            raise ApiError(f"{auth.access_token_url}: the answer holds no {where} that can be used")
        if token != before:
            self._wait_for_turn(request)  # the request for the token used the turn of this request
        return signed


def _secret_parameters(auth: AuthBase) -> Collection[str]:
    """Return the parameters with which an auth object signs."""
    if isinstance(auth, HmacSignature):
        return auth.secret_parameters
    if isinstance(auth, LoginToken):
        return () if auth.secret_parameter is None else (auth.secret_parameter,)
    return (auth.name,) if isinstance(auth, APIKeyAuth) and auth.location in ("query", "param") else ()


def _carries_token(auth: OAuth2ClientCredentials, signed: PreparedRequest) -> bool:
    """Tell whether a request carries the present token of an auth object."""
    if isinstance(auth, LoginToken):
        return auth.carries(signed)
    return bool(signed.headers.get("Authorization") == f"Bearer {auth.access_token}")


def _header_text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
