"""Which rows of the warehouse a load reads or changes; an engine that works elsewhere has no others at hand.

They are those of the records that came, of the windows that are loaded, and of loads that ended meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from ecom_assets.ingest.bookkeeping import LEDGER, REJECTED
from ecom_assets.ingest.declaration import Resource, Shop
from ecom_assets.ingest.sorting import root_key
from ecom_assets.ingest.tally import Tally
from ecom_assets.ingest.warehouse import Session


def bring_concerned(connection: Session, shop: Shop, tallies: Sequence[Tally], moment: datetime) -> None:
    """Bring what a load of these tallies, which had read everything at `moment`, needs of each table."""
    if not connection.copies:
        return
    connection.bring(LEDGER, "loaded_at > ?", [moment])
    windows = [(tally.resource.name, key) for tally in tallies for key in tally.partition_keys]
    pairs = pa.table(
        {
            "resource": pa.array([resource for resource, _ in windows], pa.string()),
            "partition_key": pa.array([key for _, key in windows], pa.string()),
        }
    )
    with connection.visible("ecom_windows", pairs):
        connection.bring(
            REJECTED,
            "exists (select 1 from ecom_windows as windows where windows.resource = rows.resource "
            "and windows.partition_key is not distinct from rows.partition_key)",
        )
    for tally in tallies:
        if not tally.resource.windowed:
            connection.bring(tally.resource.name)
    windowed = [tally for tally in tallies if tally.resource.windowed]
    for name in dict.fromkeys(shop.root_of(tally.resource).name for tally in windowed):
        group = [tally for tally in windowed if shop.root_of(tally.resource).name == name]
        _bring_records(connection, shop, shop.resource(name), group)


def _bring_records(connection: Session, shop: Shop, root: Resource, tallies: Sequence[Tally]) -> None:
    """Bring the rows of the records that came, in their own table and in those of what is nested in them."""
    states = pa.concat_tables([table.select(root.primary_key) for tally in tallies for table in tally.states])
    with connection.visible("ecom_states", states):
        for name in dict.fromkeys((root.name, *(tally.resource.name for tally in tallies))):
            resource = shop.resource(name)
            columns = (
                {key: key for key in root.primary_key} if name == root.name else root_key(shop, resource)
            )
            same = " and ".join(f'states."{key}" = rows."{column}"' for column, key in columns.items())
            connection.bring(
                name, f"exists (select 1 from ecom_states as states where {same})", key=resource.primary_key
            )
