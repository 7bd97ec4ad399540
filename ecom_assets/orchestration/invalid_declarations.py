"""The asset that stands in for a shop whose declaration is invalid, with a failing check that says why.

The other shops load as usual. See `ecom_assets.declaration.reading` for what makes a file invalid.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetKey,
    AssetSpec,
    DefaultSensorStatus,
    MetadataValue,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    asset_check,
    sensor,
)

from ecom_assets.declaration.reading import format_path
from ecom_assets.declaration.unions import FILE_NAMES
from ecom_assets.foundation.errors import DeclarationError

CHECK = "declaration_valid"
_LONGEST_GROUP = 100

_log = logging.getLogger(__name__)


class _InvalidFile:
    """A file that was invalid when the definitions were loaded, and may be valid now."""

    def __init__(
        self, file: Path, error: DeclarationError, read_again: Callable[[Path], DeclarationError | None]
    ) -> None:
        """Remember the error and the state of the folder: the file may extend another file of it."""
        self.file = file
        self._error = error
        self._read_again = read_again
        self._state = self._state_now()

    def outcome(self) -> dict[str, Any]:
        """Read the file again if a file of its folder changed, and return the outcome of its check."""
        error: DeclarationError | None = self._error
        if self._state_now() != self._state:
            try:
                error = self._read_again(self.file)
            except DeclarationError as only:  # the folder has no valid file
                error = only
        if error is None:
            adds = "views" if self.file.name in FILE_NAMES else "shop"
            text = f"{_name_of(self.file)} is valid now: reload the definitions to add its {adds}"
            return {"passed": True, "description": text}
        parts: dict[str, Any] = {"file": error.file, "place": error.path, "found": error.found}
        parts |= {"allowed": error.allowed, "mistakes": 1 + len(error.others)}
        return {"passed": False, "description": str(error), "metadata": parts}

    def _state_now(self) -> list[tuple[Path, int, int]]:
        files = sorted({self.file, *self.file.parent.glob("*.y*ml")})
        found = []
        for file in files:
            with suppress(OSError):
                state = file.stat()
                found.append((file, state.st_mtime_ns, state.st_size))
        return found


def invalid_declaration_assets(
    invalid_files: Mapping[Path, DeclarationError],
    read_again: Callable[[Path], DeclarationError | None],
    taken: Collection[AssetKey] = (),
    name: str | None = None,
) -> tuple[list[AssetSpec], list[AssetChecksDefinition], list[SensorDefinition]]:
    """Return an asset, its check and the sensor that fails it for each invalid file, and log each error.

    Args:
        invalid_files: The errors by file.
        read_again: Reads a file, and returns what is wrong with it then.
        taken: The keys of the assets of valid shops.
        name: What the assets are named after; unless given, the file of each.
    """
    specs: list[AssetSpec] = []
    checks = []
    sensors = []
    for file, error in invalid_files.items():
        lacks = "its views are not written" if file.name in FILE_NAMES else "its shop is not loaded"
        _log.error("%s is invalid, %s: %s", _name_of(file), lacks, error)
        key = _key_of(name or file.stem, {*taken, *(spec.key for spec in specs)})
        specs.append(
            AssetSpec(
                key=key,
                group_name=key.path[0],
                description=f"{_name_of(file)} is invalid, so {lacks}. " + str(error).replace("\n", "\n\n"),
                kinds={"yaml"},
                metadata={"declaration": MetadataValue.path(format_path(file.absolute()))},
            )
        )
        checks.append(_declaration_check(key, _InvalidFile(file, error, read_again)))
        sensors.append(_declaration_sensor(key, _InvalidFile(file, error, read_again)))
    return specs, checks, sensors


def _key_of(given: str, taken: Collection[AssetKey]) -> AssetKey:
    """Return a key that is not named after the shop, because the shop's name may be what is invalid."""
    group = re.sub(r"[^A-Za-z0-9_]", "_", given)[:_LONGEST_GROUP]
    names = (group if number == 1 else f"{group}_{number}" for number in count(1))
    return next(key for name in names if (key := AssetKey([name, "declaration"])) not in taken)


def _name_of(file: Path) -> str:
    """Return the name of a file as a text that can be printed and stored."""
    return format_path(Path(file.name))


def _declaration_check(key: AssetKey, invalid: _InvalidFile) -> AssetChecksDefinition:
    """Return the check that reads the file again."""

    @asset_check(asset=key, name=CHECK, description=f"The declaration {_name_of(invalid.file)} is valid.")
    def declaration_valid() -> AssetCheckResult:
        return AssetCheckResult(**invalid.outcome())

    return declaration_valid


def _declaration_sensor(key: AssetKey, invalid: _InvalidFile) -> SensorDefinition:
    """Return the sensor that reports the check without a run, so that the asset is red before anybody looks.

    It is on from the start, and only there while the file is invalid. It reports once, and again after a change.
    """

    @sensor(
        name=f"{key.path[0]}_declaration",
        description=f"Reports that {_name_of(invalid.file)} is invalid.",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
    )
    def report_invalid_file(context: SensorEvaluationContext) -> SensorResult:
        outcome = invalid.outcome()
        description = outcome["description"]
        if context.cursor == description:
            return SensorResult(skip_reason=description)
        evaluation = AssetCheckEvaluation(asset_key=key, check_name=CHECK, **outcome)
        return SensorResult(skip_reason=description, asset_events=[evaluation], cursor=description)

    return report_invalid_file
