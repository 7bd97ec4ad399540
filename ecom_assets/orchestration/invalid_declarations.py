"""The asset that stands in for a shop whose declaration is invalid, with a failing check that says why.

The other shops load as usual. See `ecom_assets.declaration.reading` for what makes a file invalid.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from pathlib import Path

from dagster import AssetCheckResult, AssetChecksDefinition, AssetKey, AssetSpec, asset_check

from ecom_assets.declaration.reading import Shop, format_path, load_shops
from ecom_assets.foundation.errors import DeclarationError

CHECK = "declaration_valid"
_LONGEST_GROUP = 100

_log = logging.getLogger(__name__)


def invalid_declaration_assets(
    invalid_files: Mapping[Path, DeclarationError],
    beside: Sequence[Shop] = (),
    taken: Collection[AssetKey] = (),
) -> tuple[list[AssetSpec], list[AssetChecksDefinition]]:
    """Return an asset and its check for each invalid file, and log each error.

    Args:
        invalid_files: The errors by file.
        beside: The shops in Python.
        taken: The keys of the assets of valid shops.
    """
    specs: list[AssetSpec] = []
    checks = []
    for file, error in invalid_files.items():
        _log.error("%s is invalid, its shop is not loaded: %s", _name_of(file), error)
        key = _key_of(file, {*taken, *(spec.key for spec in specs)})
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


def _key_of(file: Path, taken: Collection[AssetKey]) -> AssetKey:
    """Return a key that is named after the file, because the shop's name may be what is invalid."""
    group = re.sub(r"[^A-Za-z0-9_]", "_", file.stem)[:_LONGEST_GROUP]
    names = (group if number == 1 else f"{group}_{number}" for number in count(1))
    return next(key for name in names if (key := AssetKey([name, "declaration"])) not in taken)


def _name_of(file: Path) -> str:
    """Return the name of a file as a text that can be printed and stored."""
    return format_path(Path(file.name))


def _declaration_check(key: AssetKey, file: Path, beside: Sequence[Shop]) -> AssetChecksDefinition:
    """Return the check that reads the file again."""

    @asset_check(asset=key, name=CHECK, description=f"The declaration {_name_of(file)} is valid.")
    def declaration_valid() -> AssetCheckResult:
        error = load_shops(file.parent, beside)[1].get(file)
        if error is None:
            return AssetCheckResult(
                passed=True,
                description=f"{_name_of(file)} is valid now: reload the definitions to add its shop",
            )
        parts = {"file": error.file, "place": error.path, "found": error.found, "allowed": error.allowed}
        return AssetCheckResult(passed=False, description=str(error), metadata=parts)

    return declaration_valid
