"""The asset that stands in for a shop whose declaration is invalid, with a failing check that says why.

The other shops load as usual. See `ecom_assets.declaration.reading` for what makes a file invalid.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping
from itertools import count
from pathlib import Path

from dagster import AssetCheckResult, AssetChecksDefinition, AssetKey, AssetSpec, asset_check

from ecom_assets.declaration.reading import format_path
from ecom_assets.foundation.errors import DeclarationError

CHECK = "declaration_valid"
_LONGEST_GROUP = 100

_log = logging.getLogger(__name__)


def invalid_declaration_assets(
    invalid_files: Mapping[Path, DeclarationError],
    read_again: Callable[[Path], DeclarationError | None],
    taken: Collection[AssetKey] = (),
    name: str | None = None,
) -> tuple[list[AssetSpec], list[AssetChecksDefinition]]:
    """Return an asset and its check for each invalid file, and log each error.

    Args:
        invalid_files: The errors by file.
        read_again: Reads a file, and returns what is wrong with it then.
        taken: The keys of the assets of valid shops.
        name: What the assets are named after; unless given, the file of each.
    """
    specs: list[AssetSpec] = []
    checks = []
    for file, error in invalid_files.items():
        _log.error("%s is invalid, its shop is not loaded: %s", _name_of(file), error)
        key = _key_of(name or file.stem, {*taken, *(spec.key for spec in specs)})
        specs.append(
            AssetSpec(
                key=key,
                group_name=key.path[0],
                description=f"This shop is not loaded, because its declaration is invalid. {error}",
                kinds={"yaml"},
            )
        )
        checks.append(_declaration_check(key, file, read_again))
    return specs, checks


def _key_of(given: str, taken: Collection[AssetKey]) -> AssetKey:
    """Return a key that is not named after the shop, because the shop's name may be what is invalid."""
    group = re.sub(r"[^A-Za-z0-9_]", "_", given)[:_LONGEST_GROUP]
    names = (group if number == 1 else f"{group}_{number}" for number in count(1))
    return next(key for name in names if (key := AssetKey([name, "declaration"])) not in taken)


def _name_of(file: Path) -> str:
    """Return the name of a file as a text that can be printed and stored."""
    return format_path(Path(file.name))


def _declaration_check(
    key: AssetKey, file: Path, read_again: Callable[[Path], DeclarationError | None]
) -> AssetChecksDefinition:
    """Return the check that reads the file again."""

    @asset_check(asset=key, name=CHECK, description=f"The declaration {_name_of(file)} is valid.")
    def declaration_valid() -> AssetCheckResult:
        error = read_again(file)
        if error is None:
            return AssetCheckResult(
                passed=True,
                description=f"{_name_of(file)} is valid now: reload the definitions to add its shop",
            )
        parts = {"file": error.file, "place": error.path, "found": error.found, "allowed": error.allowed}
        return AssetCheckResult(passed=False, description=str(error), metadata=parts)

    return declaration_valid
