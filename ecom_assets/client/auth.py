"""Where a shop's secrets come from, and dlt's auth objects made of them.

Putting these to use, on a request just before it leaves, is `http`'s. No secret is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import dlt
from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    AuthConfigBase,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
)

from ecom_assets.declaration.privacy import PII_KEY_NAME
from ecom_assets.declaration.reading import Auth, Shop
from ecom_assets.foundation.errors import MissingSecret

PLACEHOLDER = "<configure me>"
"""What dlt writes into a new secrets.toml; a value like this was never filled in."""

_SANDBOX = "sandbox://"
_SANDBOX_KEY = "sandbox-key"


def secret_names(shop: Shop) -> tuple[str, ...]:
    """Return the names, under `sources.<shop>`, of the secrets that a shop needs."""
    return tuple(name for auth in shop.client.auth for name in auth.fields.values())


def resolve_secrets(shop: Shop, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the value of each of a shop's secrets by name.

    `given` comes first, which is what the Dagster resource holds, then dlt's secret providers. The bundled
    sandbox needs neither. A password may be empty, as for a key that is sent as the user; no other secret
    may. Raises MissingSecret for the first one that is nowhere, is still dlt's placeholder or cannot be sent.
    """
    secrets = {}
    for auth in shop.client.auth:
        for field, name in auth.fields.items():
            secrets[name] = _resolve(shop, name, given or {}, may_be_empty=field == "password")
    if shop.needs_pii_key:
        secrets[PII_KEY_NAME] = _resolve(shop, PII_KEY_NAME, given or {}, may_be_empty=False)
    return secrets


def _resolve(shop: Shop, name: str, given: Mapping[str, str], *, may_be_empty: bool) -> str:
    """Return one secret from the first place that has it."""
    value, problem = _looked_up(shop, name) if given.get(name) is None else (given[name], "")
    # a secret kept in a file mostly ends in a line break, which is none of it
    secret = str(value).strip("\r\n") if isinstance(value, (str, int)) else ""
    if not secret and shop.client.base_url.startswith(_SANDBOX):
        return _SANDBOX_KEY
    label = f"the secret {name!r} of shop {shop.name!r}"
    if secret == PLACEHOLDER:
        raise MissingSecret(f"{label} is still the placeholder {PLACEHOLDER}: {_looked_in(shop, name)}")
    if not secret and not (may_be_empty and value is not None):
        raise MissingSecret(f"{label} was not found: {_looked_in(shop, name)}{problem}")
    if not secret.isprintable():
        raise MissingSecret(f"{label} holds a line break or another control character, and cannot be sent")
    return secret


def _looked_up(shop: Shop, name: str) -> tuple[Any, str]:
    """Return what dlt's secret providers have, else None, and what is wrong with a provider, if anything.

    A vault that cannot be reached raises whatever its client does, with a text that may hold anything.
    """
    try:
        return dlt.secrets.get(f"sources.{shop.name}.{name}"), ""
    except Exception as error:
        return None, f"; a provider of secrets failed with {type(error).__name__}"


def _looked_in(shop: Shop, name: str) -> str:
    """Return every place that a secret is looked for in."""
    return (
        f"looked in the Dagster resource, the environment variable {environment_variable(shop, name)}, "
        f"dlt's secrets under sources.{shop.name}.{name} (.dlt/secrets.toml and configured vaults)"
    )


def environment_variable(shop: Shop, name: str) -> str:
    """Return the environment variable in which dlt looks for a secret of a shop."""
    return f"SOURCES__{shop.name}__{name}".upper()


def build_auth(shop: Shop, secrets: Mapping[str, str]) -> tuple[AuthConfigBase, ...]:
    """Return dlt's auth objects in the order of the declaration; `secrets` is what `resolve_secrets` gave."""
    return tuple(_built(auth, secrets) for auth in shop.client.auth)


def _built(auth: Auth, secrets: Mapping[str, str]) -> AuthConfigBase:
    """Return the auth object of one declared kind."""
    values = {field: secrets[name] for field, name in auth.fields.items()}
    if auth.type == "api_key":
        key = (auth.prefix or "") + values["api_key"]
        return APIKeyAuth(name=auth.name, api_key=key, location=auth.location)
    if auth.type == "bearer":
        return BearerTokenAuth(token=values["token"])
    if auth.type == "http_basic":
        return HttpBasicAuth(username=values["username"], password=values["password"])
    return OAuth2ClientCredentials(
        access_token_url=cast(str, auth.access_token_url),  # never None for this kind
        client_id=values["client_id"],
        client_secret=values["client_secret"],
        access_token_request_data=dict(auth.access_token_request_data),
        default_token_expiration=auth.default_token_expiration,
    )
