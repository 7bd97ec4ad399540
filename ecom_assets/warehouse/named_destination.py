"""A dlt destination that is configured in `.dlt/`, by its name: where it is, or why no load may go there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlt.common.configuration import known_sections, resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import DestinationException
from dlt.common.exceptions import MissingDependencyException
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.ducklake.configuration import Lake, described_lake, lacking, libpq_address

_CREDENTIALS: Mapping[str, type[DuckDbCredentials | PostgresCredentials]] = {
    "duckdb": DuckDbCredentials,
    "postgres": PostgresCredentials,
}
_LAKE = "ducklake"
_REFUSAL = (
    "dlt commits each table by itself there, so that a killed load would leave some tables loaded and others not, "
    "and no lock keeps two loads of one dataset apart; allowed: a destination of the kind duckdb, ducklake or "
    "postgres, from which the tables can be copied on"
)
_REFUSALS: Mapping[str, str] = {
    "filesystem": (
        "files and Delta tables commit one by one there, so a load of several tables is not one step, and readers "
        "see half of it; allowed: a DuckLake with its catalog in PostgreSQL, which writes Parquet to a bucket "
        "(ECOM_WAREHOUSE=ducklake), a PostgreSQL database, or a DuckDB file"
    ),
}
"""By kind: why no load may go there, and where it may go instead. `_REFUSAL` is for all other kinds."""


def address_of(name: str) -> str | Lake | None:
    """Return the path or the address of the destination that dlt knows by a name; None where it knows none.

    For a lake, return its description.

    Raises WarehouseError for one that is not configured, and for one that cannot keep what is promised of a load.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name) or Path(name).is_file():
        return None
    try:
        destination: Any = Destination.from_reference(name)
    except (DestinationException, ImportError):
        return None
    kind = destination.destination_type.rpartition(".")[2]
    if kind not in (_LAKE, *_CREDENTIALS):
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found the destination {name!r}, {_of_kind(name, kind)}which cannot keep what is "
            f"promised of a load: {_REFUSALS.get(kind, _REFUSAL)}"
        )
    where = f"{known_sections.DESTINATION}.{name}.credentials"
    try:
        if kind == _LAKE:
            return described_lake(name)
        found = resolve_configuration(_CREDENTIALS[kind](), sections=tuple(where.split(".")))
    except (ConfigurationException, MissingDependencyException, ValueError) as error:
        # dlt's text may quote what it found
        raise WarehouseError(
            f"ECOM_WAREHOUSE: the destination {name!r} lacks {lacking(error)} under {where}, in "
            f".dlt/secrets.toml or in the environment as {where.replace('.', '__').upper()}"
        ) from None
    if isinstance(found, PostgresCredentials):
        return libpq_address(found)
    return str(found.database)


def _of_kind(name: str, kind: str) -> str:
    return "" if name == kind else f"of the kind {kind}, "
