"""The address of a warehouse that is a server or a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ServerAddress:
    """An address, taken apart.

    `parameters` are those with which the driver connects. `name` is the address without user, secrets and options.
    """

    name: str
    parameters: Mapping[str, Any] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
