"""OAuth 2 client credentials as APIs really ask for them: in the body or a header, as a form or as JSON.

See `ecom_assets.client.signing` for when a token is requested.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from requests.auth import AuthBase

from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.reading import Auth

_LONGEST_EXPIRATION = 365 * 24 * 3600.0
"""The most seconds that a token is used; an API may write any number."""


def with_declared_requests(
    auth: Sequence[AuthBase], declared: Sequence[Auth], redactor: Redactor
) -> tuple[AuthBase, ...]:
    """Return auth objects whose requests for tokens are those that the declaration describes.

    Args:
        auth: dlt's auth objects of the declared kinds, then those of a shop in Python, which stay as they are.
        declared: The declared kinds.
        redactor: Learns the form in which the secrets are sent.
    """
    return tuple(
        ClientCredentials(entry, declared[position], redactor)
        if position < len(declared) and type(entry) is OAuth2ClientCredentials
        else entry
        for position, entry in enumerate(auth)
    )


class ClientCredentials(OAuth2ClientCredentials):
    """dlt's client credentials, with the request for a token that the declaration describes."""

    def __init__(self, auth: OAuth2ClientCredentials, declared: Auth, redactor: Redactor) -> None:
        """Take over the fields of dlt's auth object.

        Args:
            auth: dlt's auth object.
            declared: How to ask for a token.
            redactor: Learns the form in which the secrets are sent.
        """
        super().__init__(
            access_token_url=auth.access_token_url,
            client_id=auth.client_id,
            client_secret=auth.client_secret,
            access_token_request_data=auth.access_token_request_data,
            default_token_expiration=auth.default_token_expiration,
            session=auth.session,
        )
        self._in_header = declared.access_token_request_auth == "client_secret_basic"
        self._as_json = declared.access_token_request_format == "json"
        if self._in_header:
            redactor.add(quote_plus(str(auth.client_secret)))
            redactor.add(quote_plus(str(auth.client_id)), in_data=False)

    def build_access_token_request(self) -> dict[str, Any]:
        """Return the arguments of the request for a token."""
        fields: dict[str, Any] = {"grant_type": "client_credentials", **self.access_token_request_data}
        headers = {}
        if self._in_header:
            # encoded first, as RFC 6749 says, because the id may hold a colon
            pair = f"{quote_plus(str(self.client_id))}:{quote_plus(str(self.client_secret))}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            fields = {"client_id": self.client_id, "client_secret": self.client_secret, **fields}
        if self._as_json:
            return {"headers": headers, "json": fields}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return {"headers": headers, "data": fields}

    def parse_expiration_in_seconds(self, response_json: Any) -> int:
        """Return the seconds that a token is valid; the declared default if the response does not say it.

        Raises:
            ValueError: The response says something that is no number.
        """
        return expiration_in_seconds(response_json, self.default_token_expiration)


def expiration_in_seconds(response_json: Any, default: int) -> int:
    """Return the seconds that a token is valid by `expires_in`, the default if the response does not say it.

    Raises:
        ValueError: The response says something that is no number.
    """
    given = response_json.get("expires_in") if isinstance(response_json, Mapping) else None
    if given is None or given == "":
        return default
    seconds = float(given)
    if math.isnan(seconds):
        raise ValueError("expires_in is no number")
    return int(min(max(seconds, 0.0), _LONGEST_EXPIRATION))
