"""Finds the address of a described API: asks for the names in braces that neither the user nor the address tells."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from ecom_assets.discovery.description.addresses import AddressVariable
from ecom_assets.discovery.description.openapi import ApiDescription
from ecom_assets.foundation.errors import IngestError


def locate(
    described: ApiDescription, url: str, values: Mapping[str, str], *, yes: bool
) -> tuple[ApiDescription, list[str]]:
    """Return a description at an address, and notes about the values that were taken from it.

    Args:
        described: The description.
        url: The address that the user gives, empty if it is the described one.
        values: The values of `--variable`.
        yes: Take the described values instead of asking.

    Raises:
        IngestError: A value is not known, or the description does not allow it.
    """
    notes: list[str] = []

    def ask(variable: AddressVariable) -> str:
        if not yes:
            words = f"{variable.name} in the API's addresses"
            words += f" ({variable.description[:120]})" if variable.description else ""
            return str(typer.prompt(words, variable.default or None, err=True))
        if not variable.default:
            raise IngestError(
                f"{{{variable.name}}}: found no value for this name in the described addresses; "
                f"give --variable {variable.name}=VALUE"
            )
        notes.append(
            f"{variable.name} in the address is {variable.default}, as the description offers; if yours is another, "
            f"give --variable {variable.name}=VALUE"
        )
        return variable.default

    located, used = described.located(url, values, ask)
    for name, value in used.items():
        variable = described.variables.get(name)
        if variable and variable.allowed and value not in variable.allowed and name in values:
            raise IngestError(f"--variable {name}: found {value}; allowed: {', '.join(variable.allowed)}")
    unknown = [name for name in values if name not in used]
    if unknown:
        allowed = ", ".join(used) or "none, because the description has no name in braces"
        raise IngestError(f"--variable: found {unknown[0]}; allowed: {allowed}")
    return located, notes
