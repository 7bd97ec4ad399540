"""A login: an endpoint of the API takes a user and a password, and gives out a token for a session.

Tokens are kept, renewed and hidden as those of OAuth: see `ecom_assets.client.signing`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, quote_plus, urlsplit

from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from requests import PreparedRequest

from ecom_assets.client.auth_kinds.client_credentials import expiration_in_seconds
from ecom_assets.declaration.reading import Auth

_PLACEHOLDER = re.compile(r"\{(username|password)\}")
_DEFAULT_FIELDS = {"username": "{username}", "password": "{password}"}


class LoginToken(OAuth2ClientCredentials):
    """The token of a login. dlt's class decides when one is requested; the declaration, how and where it goes."""

    def __init__(self, declared: Auth, values: Mapping[str, str]) -> None:
        """Take what the declaration says, and the values of its secrets by field."""
        super().__init__(
            access_token_url=cast(str, declared.access_token_url),  # never None for this kind
            client_id=values["username"],
            client_secret=values["password"],
            default_token_expiration=declared.default_token_expiration,
        )
        self._declared = declared
        self._values = dict(values)

    @property
    def secret_parameter(self) -> str | None:
        """Return the parameter that carries the token, None if a header does."""
        return None if self._declared.location == "header" else self._declared.name

    @property
    def token_path(self) -> str:
        """Return where an answer holds the token."""
        return self._declared.access_token_path

    def build_access_token_request(self) -> dict[str, Any]:
        """Return the arguments of the request that logs in."""
        fields = _filled_in(self._declared.access_token_request_data or _DEFAULT_FIELDS, self._values)
        return {"json": fields} if self._declared.access_token_request_format == "json" else {"data": fields}

    def parse_access_token(self, response_json: Any) -> str:
        """Return the token in an answer, empty if there is none; the path `$` is the answer itself, such as `"abc"`."""
        path = self._declared.access_token_path.removeprefix("$").removeprefix(".")
        for name in path.split(".") if path else ():
            if isinstance(response_json, list) and name.isdigit() and int(name) < len(response_json):
                response_json = response_json[int(name)]
            else:
                response_json = response_json.get(name) if isinstance(response_json, Mapping) else None
        usable = isinstance(response_json, (str, int)) and not isinstance(response_json, bool)
        return str(response_json) if usable else ""

    def parse_expiration_in_seconds(self, response_json: Any) -> int:
        """Return the seconds that a token is valid; the declared default if the answer does not say it."""
        return expiration_in_seconds(response_json, self.default_token_expiration)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return the request with a token; log in first if there is none, or if it has expired."""
        if self.access_token is None or self.is_token_expired():
            self.obtain_token()
        token = str(self.access_token)
        if self.secret_parameter is None:
            request.headers[self._declared.name] = self._header(token)
        else:
            parts = urlsplit(request.url or "")
            added = f"{quote_plus(self.secret_parameter)}={quote_plus(token)}"
            query = f"{parts.query}&{added}" if parts.query else added
            request.url = parts._replace(query=query).geturl()
        return request

    def carries(self, signed: PreparedRequest) -> bool:
        """Tell whether a request carries the present token."""
        token = str(self.access_token)
        if self.secret_parameter is None:
            return signed.headers.get(self._declared.name) == self._header(token)
        return (self.secret_parameter, token) in parse_qsl(urlsplit(signed.url or "").query)

    def _header(self, token: str) -> str:
        # as OAuth has it, unless the declaration says otherwise
        plain = {"name", "prefix"} & self._declared.model_fields_set
        return (self._declared.prefix or ("" if plain else "Bearer ")) + token


def _filled_in(value: Any, values: Mapping[str, str]) -> Any:
    """Return a copy of a body in which the placeholders have become the secrets."""
    if isinstance(value, Mapping):
        return {key: _filled_in(entry, values) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled_in(entry, values) for entry in value]
    return _PLACEHOLDER.sub(lambda found: values[found[1]], value) if isinstance(value, str) else value
