"""A declaration that is wrong, among others that are not: an asset of its own that says so, with a failing check.

The other shops' definitions are loaded as ever. What is wrong in a file is `ecom_assets.declaration.reading`'s to
say; without any right file there is nothing to show, and loading fails.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from dagster import AssetCheckResult, AssetChecksDefinition, AssetKey, AssetSpec, asset_check

from ecom_assets.declaration.reading import load_shops
from ecom_assets.foundation.errors import DeclarationError

CHECK = "declaration_valid"

_log = logging.getLogger(__name__)


def broken_files(
    wrong: Mapping[Path, DeclarationError],
) -> tuple[list[AssetSpec], list[AssetChecksDefinition]]:
    """Return an asset and its check for each file that is wrong, and say so in the log."""
    specs, checks = [], []
    for file, error in wrong.items():
        _log.error("%s is left out: %s", file.name, error)
        # the shop's own name may be what is wrong
        key = AssetKey([re.sub(r"[^A-Za-z0-9_]", "_", file.stem), "declaration"])
        specs.append(
            AssetSpec(
                key=key,
                group_name=key.path[0],
                description=f"This shop is left out, because its declaration is wrong. {error}",
                kinds={"yaml"},
            )
        )
        checks.append(_check(key, file))
    return specs, checks


def _check(key: AssetKey, file: Path) -> AssetChecksDefinition:
    """Return the check that reads the file once more."""

    @asset_check(asset=key, name=CHECK, description=f"The declaration {file.name} is right.")
    def declaration_valid() -> AssetCheckResult:
        error = load_shops(file.parent)[1].get(file)
        if error is None:
            return AssetCheckResult(
                passed=True, description=f"{file.name} is right now: reload the definitions to have its shop"
            )
        parts = {"file": error.file, "place": error.path, "found": error.found, "allowed": error.allowed}
        return AssetCheckResult(passed=False, description=str(error), metadata=parts)

    return declaration_valid
