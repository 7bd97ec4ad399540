"""The Dagster resource that holds a shop's secrets.

See `ecom_assets.client.auth` for the other places of a secret, and for how it signs a request.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import ConfigurableResource, EnvVar
from pydantic import Field

from ecom_assets.client.secrets import used_secrets
from ecom_assets.declaration.reading import Shop

_log = logging.getLogger(__name__)


class ShopSecrets(ConfigurableResource[Any]):
    """Secrets of one shop by their name under `sources.<shop>.`, such as `api_key`.

    Give `dagster.EnvVar("NAME")` for each. A secret that is missing here comes from dlt's secret providers. A
    value is read when a run starts, is not part of `repr`, and is never in the definitions.
    """

    secrets: dict[str, str] = Field(default_factory=dict, repr=False)

    def literal_secret_name(self) -> str | None:
        """Return the name of a secret that is a value instead of an EnvVar: the definitions would show it."""
        for name, value in self.secrets.items():
            if not isinstance(value, EnvVar):
                return name
        return None

    def available_secrets(self) -> dict[str, str]:
        """Return the secrets that the environment has right now, by name; works outside a run too."""
        values = {
            name: value.get_value() if isinstance(value, EnvVar) else value
            for name, value in self.secrets.items()
        }
        return {name: value for name, value in values.items() if value}


def secrets_key(shop: Shop) -> str:
    """Return the Dagster resource key of a shop's secrets."""
    return f"{shop.name}_secrets"


def shop_resources(
    shops: tuple[Shop, ...], overrides: Mapping[str, ShopSecrets], *, some_invalid: bool = False
) -> dict[str, ShopSecrets]:
    """Return the secrets of each shop by resource key.

    Shops may share a resource, or have equal ones. Each shop then gets the secrets that it uses.

    Args:
        shops: All shops of the code location.
        overrides: Secrets that replace the default by resource key. The default is empty.
        some_invalid: Whether declarations were left out. A key may then be that of a shop whose file is invalid.

    Raises:
        ValueError: No shop has a key of `overrides`, a secret is a value instead of an EnvVar, or no shop with this
            resource uses it.
    """
    resources = {secrets_key(shop): ShopSecrets() for shop in shops}
    for key, resource in overrides.items():
        if key not in resources and some_invalid:
            _log.warning("resource_overrides: no valid shop has the key %r, so it is not used", key)
            continue
        if key not in resources:
            raise ValueError(f"resource_overrides: found {key!r}; allowed: {', '.join(resources)}")
        if not isinstance(resource, ShopSecrets):
            raise ValueError(f"{key}: found {type(resource).__name__!r}; allowed: ShopSecrets")
        literal = resource.literal_secret_name()
        if literal:
            raise ValueError(
                f"{key}: found a value for {literal!r}; allowed: dagster.EnvVar, because Dagster shows values"
            )
        resources[key] = resource
    given = {key: overrides[key] for key in resources if key in overrides}
    of_invalid = [
        resource.secrets
        for key, resource in overrides.items()
        if key not in resources and isinstance(resource, ShopSecrets)
    ]
    return resources | _used_parts(shops, given, of_invalid)


def _used_parts(
    shops: tuple[Shop, ...], given: Mapping[str, ShopSecrets], of_invalid: Sequence[Mapping[str, str]]
) -> dict[str, ShopSecrets]:
    """Return the resources with the secrets that each shop uses.

    A misspelt name would be ignored, and the secret looked up in a general place, such as `API_KEY`.

    Args:
        shops: All shops of the code location.
        given: The resources of some of them.
        of_invalid: The secrets of shops whose files are invalid. Nobody knows which of them those shops use, so a
            resource that is shared with such a shop stays as it is.

    Raises:
        ValueError: No shop with a resource uses one of its secrets.
    """
    parts = {}
    by_key = {secrets_key(shop): shop for shop in shops}
    for key, resource in given.items():
        if not resource.secrets or resource.secrets in of_invalid:
            continue
        sharing = [by_key[other] for other, entry in given.items() if entry.secrets == resource.secrets]
        used = tuple(dict.fromkeys(name for shop in sharing for name in used_secrets(shop)))
        unused = [name for name in resource.secrets if name not in used]
        if unused:
            names = " and ".join(shop.name for shop in sharing)
            verb = "shop {} uses" if len(sharing) == 1 else "shops {} use"
            raise ValueError(
                f"{key}: found {unused[0]!r}; allowed: {', '.join(used) or 'nothing'}, "
                f"because {verb.format(names)} no other secret"
            )
        own = {name: value for name, value in resource.secrets.items() if name in used_secrets(by_key[key])}
        if own != resource.secrets:
            parts[key] = ShopSecrets(secrets=own)
    return parts
