"""What a description of an API says of an endpoint, in our own words; reading one is `openapi`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.declaration.column_types import COLUMN_TYPES, DataType
from ecom_assets.discovery.tables.fields import Path
from ecom_assets.discovery.tables.type_inference import Kind

AS_DESCRIBED = "as described, not seen"
"""The evidence of what comes from a description alone."""


@dataclass(frozen=True)
class DescribedField:
    """One field: its type in our words and as it is written there; `nullable` is None where nothing is said."""

    data_type: DataType | None
    said: str
    nullable: bool | None = None
    description: str = ""


@dataclass(frozen=True)
class DescribedTable:
    """The fields of records by path, and of the nested lists of objects in them."""

    fields: Mapping[Path, DescribedField] = field(default_factory=dict)
    lists: Mapping[Path, Mapping[Path, DescribedField]] = field(default_factory=dict)
    list_descriptions: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DescribedEndpoint:
    """One collection: its path below the address, its parameters, where its records and their number are."""

    path: str
    description: str = ""
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows_at: Path = ()
    outside: Mapping[Path, DescribedField] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    table: DescribedTable = field(default_factory=DescribedTable)


def agreed(seen: Kind | None, said: DescribedField | None) -> tuple[Kind | None, str]:
    """Return the type that goes into the declaration, and what the description says otherwise.

    What was seen goes before what is said; what is said counts where nothing was seen, and where it only says more
    than could be seen.
    """
    if said is None or said.data_type is None:
        return seen, ""
    if seen is None:
        sized = (18, 4) if said.data_type == "decimal" else (None, None)
        return Kind(said.data_type, AS_DESCRIBED, *sized), ""
    if said.data_type == "bigint" and seen.data_type == "decimal" and "whole so far" in seen.why:
        return Kind("bigint"), ""
    if said.data_type in ("decimal", "double") and seen.data_type == "bigint":
        return Kind("decimal", "described as a number", 18, 4), ""
    if seen.data_type in (said.data_type, *COLUMN_TYPES[said.data_type].seen_as):
        return seen, ""
    return seen, f"described as {said.said}"
