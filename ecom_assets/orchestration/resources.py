"""The Dagster resource that holds a shop's secrets.

See `ecom_assets.client.auth` for the other places of a secret, and for how it signs a request.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from dagster import ConfigurableResource, EnvVar
from pydantic import Field

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

    Args:
        shops: All shops of the code location.
        overrides: Secrets that replace the default by resource key. The default is empty.
        some_invalid: Whether declarations were left out. A key may then be that of a shop whose file is invalid.

    Raises:
        ValueError: No shop has a key of `overrides`, or a secret is a value instead of an EnvVar.
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
    return resources
