"""Secrets in a dictionary: a text, dlt's placeholder, or a place that is looked up in the run.

No object here shows a secret in its `repr`, and none of them takes it into a pickle.
"""

from __future__ import annotations

import re
from typing import Any

import dlt

from ecom_assets.declaration.error_text import format_value
from ecom_assets.declaration.field_types import SECRET_NAME
from ecom_assets.declaration.python_values import LiteralSecret
from ecom_assets.foundation.errors import DeclarationError

ALLOWED = "a text, dlt.secrets.value, or ecom_assets.secret('place.in.secrets')"
"""What a secret field of a dictionary may hold."""


class SecretPlace:
    """Stands for a secret in a dictionary; the run looks it up. See `secret`."""

    def __init__(self, place: str) -> None:
        """Keep the place in dlt's secrets, or the secret's name."""
        self.place = place

    def __repr__(self) -> str:
        """Return the call that makes this object."""
        return f"secret({self.place!r})"


def secret(place: str) -> Any:
    """Return a stand-in for a secret, which each run looks up in dlt's secrets.

    `dlt.secrets["…"]` reads the secret at once. This one needs no secret when the definitions load.

    Args:
        place: The place in dlt's secrets, such as `erp.shop.token`. Without a dot it is a name, which is looked up
            under `sources.<shop>`, then under `sources`, then at the top.

    Raises:
        DeclarationError: The place cannot be one. The message does not repeat it: it might be the secret itself.
    """
    if not isinstance(place, str) or not re.fullmatch(SECRET_NAME, place):
        found = "a text that is not repeated here" if isinstance(place, str) else format_value(place)
        raise DeclarationError(
            "ecom_assets.secret",
            "place",
            found,
            "a name or a place such as erp.shop.token, in lower snake_case",
        )
    return SecretPlace(place)


def is_placeholder(value: Any) -> bool:
    """Tell whether a value is `dlt.secrets.value` or `dlt.config.value`."""
    return value is dlt.secrets.value or value is dlt.config.value


def literal_secret(value: Any) -> LiteralSecret | None:
    """Return the secret that a value is: a text, or a number, as dlt makes one of digits. None for anything else."""
    is_secret = isinstance(value, (str, int)) and not isinstance(value, bool)
    return LiteralSecret(str(value)) if is_secret else None
