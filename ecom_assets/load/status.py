"""What has been loaded of a shop, read from its ledger: the figures behind `ecom-assets status`.

How they are printed is `showing`'s; what Dagster knows of runs that failed is in its UI.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.ledger import LEDGER
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

BAR = 50
"""Cells of a bar, each of which stands for an equal part of the windows."""

LOADED, PARTLY, MISSING, FAILED = "█", "▒", "·", "!"


@dataclass(frozen=True)
class ResourceStatus:
    """What there is of one table.

    `windows` are the closed ones since the declared start, 1 for a snapshot. Each is loaded, missing (it was
    never loaded), or failed (the newest load of it does not add up in the ledger). `rows` is None without a
    table. `last_load` is aware and in UTC. The bar goes from the first window to the last.
    """

    resource: str
    windows: int
    loaded: int
    missing: int
    failed: int
    rows: int | None
    rejected: int
    last_load: datetime | None
    first: str | None
    last: str | None
    bar: str


def status(shop: Shop, warehouse: Warehouse, now: datetime) -> tuple[ResourceStatus, ...]:
    """Return the status of each resource, at an aware instant. Raises WarehouseError."""
    with warehouse.read(shop.name) as connection:
        tables = connection.columns_of(shop.name)
        return tuple(_status(shop, resource, connection, tables, now) for resource in shop.resources)


def _status(
    shop: Shop,
    resource: Resource,
    connection: Transaction,
    tables: Collection[str],
    now: datetime,
) -> ResourceStatus:
    """Read one table's status."""
    newest = _newest(shop, resource, connection) if LEDGER in tables else {}
    keys: Sequence[str | None] = [None]
    if resource.windowed and shop.partitions:
        closed = windows_between(shop.partitions, shop.partitions.start, now)
        keys = [window.partition_key for window in closed] or keys
    marks = [_mark(newest.get(key)) for key in keys]
    rows = None
    if resource.name in tables:
        rows = connection.fetch_value(f'select count(*) from "{shop.name}"."{resource.name}"')
    return ResourceStatus(
        resource=resource.name,
        windows=len(keys),
        loaded=marks.count(LOADED),
        missing=marks.count(MISSING),
        failed=marks.count(FAILED),
        rows=rows,
        rejected=sum(newest[key]["rejected"] for key in keys if key in newest),
        last_load=max((row["loaded_at"] for row in newest.values()), default=None),
        first=keys[0],
        last=keys[-1],
        bar=bar(marks),
    )


def _newest(shop: Shop, resource: Resource, connection: Transaction) -> dict[str | None, dict[str, Any]]:
    """Return the newest ledger row of each window of a resource by its partition key."""
    cursor = connection.execute(
        "select partition_key, source_total, fetched, kept, rejected, loaded_at from (\n"
        "select *, row_number() over (partition by partition_key order by loaded_at desc) as age\n"
        f'from "{shop.name}"."{LEDGER}" where resource = ?\n'
        ") as entries where age = 1",
        [resource.name],
    )
    names = [entry[0] for entry in cursor.description or ()]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def _mark(row: Mapping[str, Any] | None) -> str:
    """Return the mark of a window with this newest ledger row."""
    if row is None:
        return MISSING
    whole = row["kept"] + row["rejected"] == row["fetched"]
    return LOADED if whole and row["source_total"] in (None, row["fetched"]) else FAILED


def bar(marks: Sequence[str]) -> str:
    """Return at most BAR cells for the marks of windows in order; one failed window marks its cell."""
    cells = min(len(marks), BAR)
    found = []
    for cell in range(cells):
        part = set(marks[cell * len(marks) // cells : (cell + 1) * len(marks) // cells])
        found.append(FAILED if FAILED in part else part.pop() if len(part) == 1 else PARTLY)
    return "".join(found)
