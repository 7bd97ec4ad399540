"""Where a shop's secrets come from: the Dagster resource, then dlt's secret providers.

No secret is kept here. See `ecom_assets.client.auth` for the auth objects made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dlt

from ecom_assets.declaration.privacy import PII_KEY_NAME
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import MissingSecret
from ecom_assets.sandbox import SANDBOX_KEY

PLACEHOLDER = "<configure me>"
"""What dlt writes into a new secrets.toml; nobody has filled in a secret with this value."""

SANDBOX_SCHEME = "sandbox://"
"""How the `base_url` of a shop begins that uses the bundled sandbox."""


def secret_names(shop: Shop) -> tuple[str, ...]:
    """Return the names, under `sources.<shop>`, of the secrets that a shop needs."""
    return tuple(dict.fromkeys(name for auth in shop.auths for name in auth.fields.values()))


def environment_variable(shop: Shop, name: str) -> str:
    """Return the environment variable in which dlt looks for a secret of a shop."""
    return f"SOURCES__{shop.name}__{name}".upper()


def resolve_secrets(shop: Shop, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the value of each of a shop's secrets by name.

    A password may be empty, for APIs that take a key as the user name; no other secret may. A shop of the bundled
    sandbox needs no secret.

    Args:
        shop: The shop, with its auth kinds.
        given: Values by name, such as those of the Dagster resource. They win over dlt's secret providers.

    Raises:
        MissingSecret: A secret is not found, is still dlt's placeholder, or cannot be sent.
    """
    secrets = {}
    for auth in shop.auths:
        for field, name in auth.fields.items():
            secrets[name] = _resolve_secret(shop, name, given or {}, may_be_empty=field == "password")
    if shop.needs_pii_key:
        secrets[PII_KEY_NAME] = _resolve_secret(shop, PII_KEY_NAME, given or {}, may_be_empty=False)
    return secrets


def _resolve_secret(shop: Shop, name: str, given: Mapping[str, str], *, may_be_empty: bool) -> str:
    """Return one secret from the first place that has it."""
    value, problem = (given[name], "") if given.get(name) is not None else _provider_value(shop, name)
    # a secret that was stored in a file often ends in a line break that is not part of it
    secret = str(value).strip("\r\n") if isinstance(value, (str, int)) else ""
    if not secret and shop.client.base_url.startswith(SANDBOX_SCHEME):
        return SANDBOX_KEY
    label = f"the secret {name!r} of shop {shop.name!r}"
    if secret == PLACEHOLDER:
        raise MissingSecret(f"{label} is still the placeholder {PLACEHOLDER}: {_places_text(shop, name)}")
    if not secret and not (may_be_empty and value is not None):
        raise MissingSecret(f"{label} was not found: {_places_text(shop, name)}{problem}")
    if not secret.isprintable():
        raise MissingSecret(f"{label} holds a line break or another control character, and cannot be sent")
    return secret


def _provider_value(shop: Shop, name: str) -> tuple[Any, str]:
    """Return what dlt's secret providers have, else None, and a text about a provider that failed, else "".

    The client of a vault that cannot be reached may raise any error, and that error's text may hold anything.
    """
    try:
        return dlt.secrets.get(f"sources.{shop.name}.{name}"), ""
    except Exception as error:
        return None, f"; a provider of secrets failed with {type(error).__name__}"


def _places_text(shop: Shop, name: str) -> str:
    """Return a text that names every place where a secret is looked for."""
    return (
        f"looked in the Dagster resource, the environment variable {environment_variable(shop, name)}, "
        f"dlt's secrets under sources.{shop.name}.{name} (.dlt/secrets.toml and configured vaults)"
    )
