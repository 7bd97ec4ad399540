"""What becomes of records under a contract: kept rows, and rejected rows with their reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema

DUPLICATE = "duplicate of the primary key"
OUTDATED = "of an outdated record"
SUPERSEDED = (DUPLICATE, OUTDATED)
"""How the reason begins for a record in whose place another one was kept."""
_SHOWN_FIELDS = 100
"""Fields that a count by field names."""


class UnusableElement(list[Any]):
    """An element of a list, alone in this one, from which no record can be taken. The contract rejects it."""

    reason = ""


@dataclass(frozen=True)
class RejectedRow:
    """A record that breaks the contract.

    Attributes:
        row: Its position among the records.
        primary_key: Its key as text, empty if it has none.
        reasons: Every reason.
        record: The record as JSON.
    """

    row: int
    primary_key: str
    reasons: tuple[str, ...]
    record: str

    @property
    def is_superseded(self) -> bool:
        """Tell whether another record of the same reading took its place, so that nothing is missing."""
        return self.reasons[0].startswith(SUPERSEDED)


@dataclass(frozen=True)
class ContractResult:
    """The kept and the rejected rows of a list of records.

    Attributes:
        kept: The rows that keep the contract.
        kept_rows: The positions of these rows among the records.
        rejected: The other records.
        discarded: The number of values that were discarded, by field.
        hints: dlt's hints for the undeclared columns, by name.
    """

    kept: pa.Table
    kept_rows: Sequence[int]
    rejected: tuple[RejectedRow, ...] = ()
    discarded: Mapping[str, int] = field(default_factory=dict)
    hints: Mapping[str, TColumnSchema] = field(default_factory=dict)


def shown_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts by field, of very many fields only the greatest ones and one entry for all others.

    The names in an object may be data, such as SKUs.
    """
    if len(counts) <= _SHOWN_FIELDS:
        return dict(counts)
    most = sorted(counts.items(), key=lambda entry: -entry[1])[:_SHOWN_FIELDS]
    rest = sum(counts.values()) - sum(count for _, count in most)
    return {**dict(most), f"{len(counts) - _SHOWN_FIELDS:,} other fields": rest}
