"""Where the secrets of shops are looked up, and which host each of them is sent to.

See `ecom_assets.client.secrets` for the lookup itself. Nothing here ever holds a secret.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


class SecretUse(NamedTuple):
    """A shop's use of a secret: the shop's name, the secret's name, and the host and port that it is sent to."""

    shop: str
    name: str
    host: str

    @property
    def places(self) -> tuple[str, ...]:
        """Return the places in dlt's secrets where the secret is looked up, in this order."""
        return secret_places(self.shop, self.name)


def secret_places(shop: str, name: str) -> tuple[str, ...]:
    """Return the places in dlt's secrets where a secret is looked up, the shop's own place first.

    Args:
        shop: The shop's name.
        name: The secret's name. One with a dot is a place itself, and the only one.
    """
    return (name,) if "." in name else (f"sources.{shop}.{name}", f"sources.{name}", name)


def is_general(place: str, name: str) -> bool:
    """Tell whether a place is not the shop's own, so that other shops look there too without naming it."""
    return "." not in name and place in (f"sources.{name}", name)


def variable_of(place: str) -> str:
    """Return the environment variable in which dlt looks for a place."""
    return place.replace(".", "__").upper()


def host_and_port(address: str) -> str:
    """Return host and port of an address, the port also where it is the default one."""
    parts = urlsplit(address)
    return f"{parts.hostname}:{parts.port or _DEFAULT_PORTS.get(parts.scheme, '')}"
