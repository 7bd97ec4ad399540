"""Credentials of a destination in dlt's configuration."""

from __future__ import annotations

from collections.abc import Mapping

import pytest


def set_credentials(patch: pytest.MonkeyPatch, destination: str, credentials: Mapping[str, str]) -> None:
    """Set the variables for the credentials of a destination, by what follows `CREDENTIALS__` in their names."""
    for name, value in credentials.items():
        patch.setenv(f"DESTINATION__{destination.upper()}__CREDENTIALS__{name}", value)
