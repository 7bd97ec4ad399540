"""The Dagster resource that holds a shop's secrets.

Where else a secret is looked for, and how it signs a request, is `ecom_assets.client.auth`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import ConfigurableResource, EnvVar
from pydantic import Field

from ecom_assets.declaration.reading import Shop


class ShopSecrets(ConfigurableResource[Any]):
    """Secrets of one shop by their name under `sources.<shop>.`, such as `api_key`.

    Give `dagster.EnvVar("NAME")` for each. A secret that is not here comes from dlt's secret providers. A
    value is read when a run starts, is not part of `repr`, and is never in the definitions.
    """

    secrets: dict[str, str] = Field(default_factory=dict, repr=False)

    def literal(self) -> str | None:
        """Return the name of a secret given as a value, which the definitions would hold and show."""
        for name, value in self.secrets.items():
            if not isinstance(value, EnvVar):
                return name
        return None

    def known(self) -> dict[str, str]:
        """Return the secrets that the environment has right now; outside a run too."""
        values = {
            name: value.get_value() if isinstance(value, EnvVar) else value
            for name, value in self.secrets.items()
        }
        return {name: value for name, value in values.items() if value}


def secrets_key(shop: Shop) -> str:
    """Return the resource key under which a shop's secrets are found."""
    return f"{shop.name}_secrets"


def shop_resources(shops: tuple[Shop, ...], overrides: Mapping[str, ShopSecrets]) -> dict[str, ShopSecrets]:
    """Return a resource per shop; `overrides` replace them by key.

    Raises ValueError for a key that no shop has, and for a secret that is a value instead of an EnvVar.
    """
    resources = {secrets_key(shop): ShopSecrets() for shop in shops}
    for key, resource in overrides.items():
        if key not in resources:
            raise ValueError(f"resource_overrides: found {key!r}; allowed: {', '.join(resources)}")
        if not isinstance(resource, ShopSecrets):
            raise ValueError(f"{key}: found {type(resource).__name__!r}; allowed: ShopSecrets")
        literal = resource.literal()
        if literal:
            raise ValueError(
                f"{key}: found a value for {literal!r}; allowed: dagster.EnvVar, because Dagster shows values"
            )
        resources[key] = resource
    return resources
