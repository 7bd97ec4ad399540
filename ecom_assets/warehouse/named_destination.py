"""A dlt destination by its name in ECOM_WAREHOUSE: its engine and address, or why no load may write to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlt.common.configuration import known_sections
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    FieldLookupTraces,
    LookupTraces,
)
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import DestinationException
from dlt.common.exceptions import MissingDependencyException

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.engine import Engine

_REFUSALS: Mapping[str, str] = {
    "filesystem": (
        "files and Delta tables commit one by one there, so a load of several tables is not one step, and readers "
        "see half of it; allowed: a DuckLake with its catalog in PostgreSQL, which writes Parquet to a bucket "
        "(ECOM_WAREHOUSE=ducklake), a PostgreSQL database, or a DuckDB file"
    ),
}
"""Why no load may write to a destination of this type, and what to use instead."""
_NO_TRANSACTION = "it has no transaction over several tables, so readers would see half of a load"
_REASONS: Mapping[str, str] = {"clickhouse": _NO_TRANSACTION, "athena": _NO_TRANSACTION}
"""Why no load may write to a destination of this type; what to use instead are the engines."""
_REFUSAL = (
    "this project has no transaction and no lock for it, and dlt would commit each table by itself, so that a killed "
    "load would leave some tables loaded and others not"
)
"""The reason for all other types that are not engines of this project."""
_ALLOWED = "{reason}; allowed: a destination of the kind {kinds}, from which the tables can be copied on"


def named_destination(name: str, engines: Sequence[Engine[Any]]) -> tuple[Engine[Any], Any] | None:
    """Return the engine and the address of a dlt destination.

    Args:
        name: A value of ECOM_WAREHOUSE.
        engines: The engines that a load can write to.

    Returns:
        None if dlt knows no destination of this name, or if a file has this name.

    Raises:
        WarehouseError: The destination is of another type, or its configuration is incomplete or not allowed.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name) or Path(name).is_file():
        return None
    try:
        destination: Any = Destination.from_reference(name)
    except (DestinationException, ImportError):
        return None
    kind = destination.destination_type.rpartition(".")[2]
    engine = next((engine for engine in engines if engine.kind == kind), None)
    if engine is None:
        kinds = sorted(engine.kind for engine in engines if engine.is_in_dlt)
        others = _ALLOWED.format(
            reason=_REASONS.get(kind, _REFUSAL), kinds=f"{', '.join(kinds[:-1])} or {kinds[-1]}"
        )
        reason = _REFUSALS.get(kind, others)
        of_kind = "" if name == kind else f"of the kind {kind}, "
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found the destination {name!r}, {of_kind}which cannot keep what is promised of a "
            f"load: {reason}"
        )
    try:
        return engine, engine.address_from_dlt(name)
    except (ConfigurationException, MissingDependencyException, ValueError) as error:
        # dlt's text is not shown, because it may quote a secret
        where = f"{known_sections.DESTINATION}.{name}.credentials"
        raise WarehouseError(
            f"ECOM_WAREHOUSE: the destination {name!r} {_problem(error)} under {where}, in "
            f".dlt/secrets.toml or in the environment as {where.replace('.', '__').upper()}"
        ) from None


def _problem(error: Exception) -> str:
    """Return what is wrong with a destination's configuration."""
    if not isinstance(error, ConfigFieldMissingException):
        return "has a value that cannot be read"
    return f"lacks {', '.join(name.removeprefix('credentials.') for name in _missing(error.traces, ''))}"


def _missing(traces: FieldLookupTraces, prefix: str) -> Iterator[str]:
    """Yield the names of the fields that dlt did not find."""
    for name, found in traces.items():
        nested = next((entry for entry in found if isinstance(entry, LookupTraces)), None)
        if nested is None:
            yield f"{prefix}{name}"
        else:
            yield from _missing(nested.traces, f"{prefix}{name}.")
