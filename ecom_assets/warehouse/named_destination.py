"""A dlt destination by its name in ECOM_WAREHOUSE: its engine and address, or why no load may write to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dlt.destinations
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
_FORMATS = ("delta", "iceberg", "parquet")
_KINDS_OF_ADDRESSES: Mapping[str, str] = {
    **dict.fromkeys(("s3", "gs", "gcs", "az", "abfss", *_FORMATS), "filesystem"),
    **dict.fromkeys(("sqlite", "oracle", "trino"), "sqlalchemy"),
}
"""dlt's type of the destination behind an address, where they have different names."""
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
        of_kind = "" if name == kind else f"of the kind {kind}, "
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found the destination {name!r}, {of_kind}{_refusal(kind, engines)}"
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


def refuse_address(value: str, engines: Sequence[Engine[Any]]) -> None:
    """Raise WarehouseError if a value is the address of a warehouse that dlt knows, and that no load may write to.

    The message shows only the beginning of the address, because a password may follow.

    Args:
        value: A value of ECOM_WAREHOUSE that is an address of none of the engines.
        engines: The engines that a load can write to.
    """
    found = re.match(r"([A-Za-z]\w+)[\w+.-]*:", value)
    kind = _KINDS_OF_ADDRESSES.get(found[1].lower(), found[1].lower()) if found else value
    is_format = value in _FORMATS and not Path(value).exists()
    if not is_format and (found is None or kind not in _known_kinds()):
        return
    what = f"the table format {value}" if found is None else f"an address of {kind} ({found[1]}:)"
    raise WarehouseError(
        f"ECOM_WAREHOUSE: found {what}, {_refusal('filesystem' if is_format else kind, engines)}"
    )


def _known_kinds() -> set[str]:
    return {name for name in dlt.destinations.__all__ if name.islower()}


def _refusal(kind: str, engines: Sequence[Engine[Any]]) -> str:
    """Return why no load may write to a destination of a type, and what to use instead."""
    kinds = sorted(engine.kind for engine in engines if engine.is_in_dlt)
    others = _ALLOWED.format(
        reason=_REASONS.get(kind, _REFUSAL), kinds=f"{', '.join(kinds[:-1])} or {kinds[-1]}"
    )
    return f"which cannot keep what is promised of a load: {_REFUSALS.get(kind, others)}"


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
