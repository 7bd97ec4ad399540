"""The table `_ecom_audits`: one row for each audit of a window of a table, or of a table as a whole.

It is beside the ledger, which tells what loads did: an audit loads nothing. A row names the load that it compared the
API with. Once a newer load has written the window, the audit says nothing about it any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import pyarrow as pa

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.load.own_tables import append_rows
from ecom_assets.warehouse.transaction import Transaction

AUDITS_TABLE = "_ecom_audits"
"""No resource can have this name, because it begins with an underscore."""

EQUAL, DRIFT, MOVED, FAILED = "equal", "drift", "moved", "failed"
"""The outcomes: API and table agree, they do not, the list changed while it was read, or it could not be read."""

_INSTANT = pa.timestamp("us", "UTC")
_SCHEMA = pa.schema(
    [
        pa.field("audited_at", _INSTANT),
        pa.field("resource", pa.string()),
        pa.field("partition_key", pa.string()),
        pa.field("window_start", _INSTANT),
        pa.field("window_end", _INSTANT),
        pa.field("load_id", pa.string()),
        pa.field("outcome", pa.string()),
        pa.field("compared", pa.int64()),
        pa.field("missing", pa.int64()),
        pa.field("stale", pa.int64()),
        pa.field("surplus", pa.int64()),
        pa.field("details", pa.string()),
    ]
)


@dataclass(frozen=True)
class AuditEntry:
    """One row of `_ecom_audits`.

    `load_id` is the newest load of the window when it was audited. `compared` are the rows that were read; `missing`,
    `stale` and `surplus` are the rows that differ. `details` says what differs, or why nothing was compared.
    """

    audited_at: datetime
    resource: str
    partition_key: str | None
    window_start: datetime | None
    window_end: datetime | None
    load_id: str
    outcome: str
    compared: int = 0
    missing: int = 0
    stale: int = 0
    surplus: int = 0
    details: str = ""

    @property
    def drift(self) -> int:
        """Return how many rows differ."""
        return self.missing + self.stale + self.surplus


Audits = Mapping[tuple[str, datetime | None, datetime | None], AuditEntry]
"""The newest audit that compared something, by resource, start and end of the window."""


def record_audits(transaction: Transaction, shop: Shop, entries: Sequence[AuditEntry]) -> None:
    """Add rows to the table of audits, and create it if there is none."""
    rows = pa.Table.from_pylist([asdict(entry) for entry in entries], schema=_SCHEMA)
    append_rows(transaction, shop, AUDITS_TABLE, rows)


def newest_audits(transaction: Transaction, shop: Shop, tables: Collection[str]) -> Audits:
    """Return the newest audit of each window that compared something; `tables` are those that exist."""
    if AUDITS_TABLE not in tables:
        return {}
    names = ", ".join(f'"{name}"' for name in _SCHEMA.names)
    rows = transaction.execute(
        f'select {names} from "{shop.name}"."{AUDITS_TABLE}" where outcome in (?, ?) order by audited_at',
        [EQUAL, DRIFT],
    ).fetchall()
    entries = [AuditEntry(*row) for row in rows]
    return {(entry.resource, entry.window_start, entry.window_end): entry for entry in entries}


def audit_in_force(
    audits: Audits, resource: Resource, window: tuple[datetime | None, datetime | None], load_id: str | None
) -> AuditEntry | None:
    """Return the audit that says something about a window, given its newest load; None if there is none."""
    entry = audits.get((resource.name, *window))
    return entry if entry is not None and entry.load_id == load_id else None


def delete_audits(
    transaction: Transaction, shop: Shop, tables: Collection[str], resources: Iterable[str]
) -> None:
    """Delete the audits of tables that are dropped; `tables` are those that exist."""
    for name in resources if AUDITS_TABLE in tables else ():
        transaction.execute(f'delete from "{shop.name}"."{AUDITS_TABLE}" where resource = ?', [name])
