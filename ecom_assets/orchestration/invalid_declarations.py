"""The asset that stands in for a shop whose declaration is invalid, with a failing check that says why.

The other shops load as usual. See `ecom_assets.declaration.reading` for what makes a file invalid.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dagster import AssetCheckResult, AssetChecksDefinition, AssetKey, AssetSpec, asset_check

from ecom_assets.declaration.reading import Shop, load_shops
from ecom_assets.foundation.errors import DeclarationError

CHECK = "declaration_valid"

_log = logging.getLogger(__name__)


def invalid_declaration_assets(
    invalid_files: Mapping[Path, DeclarationError], beside: Sequence[Shop] = ()
) -> tuple[list[AssetSpec], list[AssetChecksDefinition]]:
    """Return an asset and its check for each invalid file, and log each error; `beside` are the shops in Python."""
    specs, checks = [], []
    for file, error in invalid_files.items():
        _log.error("%s is invalid, its shop is not loaded: %s", file.name, error)
        # named after the file, because the shop's name may be what is invalid
        key = AssetKey([re.sub(r"[^A-Za-z0-9_]", "_", file.stem), "declaration"])
        specs.append(
            AssetSpec(
                key=key,
                group_name=key.path[0],
                description=f"This shop is not loaded, because its declaration is invalid. {error}",
                kinds={"yaml"},
            )
        )
        checks.append(_declaration_check(key, file, beside))
    return specs, checks


def _declaration_check(key: AssetKey, file: Path, beside: Sequence[Shop]) -> AssetChecksDefinition:
    """Return the check that reads the file again."""

    @asset_check(asset=key, name=CHECK, description=f"The declaration {file.name} is valid.")
    def declaration_valid() -> AssetCheckResult:
        error = load_shops(file.parent, beside)[1].get(file)
        if error is None:
            return AssetCheckResult(
                passed=True, description=f"{file.name} is valid now: reload the definitions to add its shop"
            )
        parts = {"file": error.file, "place": error.path, "found": error.found, "allowed": error.allowed}
        return AssetCheckResult(passed=False, description=str(error), metadata=parts)

    return declaration_valid
