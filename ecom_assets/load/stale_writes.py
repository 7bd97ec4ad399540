"""What another run loaded while this one read: the newer state of a record stays, whichever run commits last.

A record's state is told by its cursor; the rows of a nested list, and of a child, go with the record that they are
from. A snapshot, and what a window had rejected, are told by when their reading ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.window_assignment import root_key
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.ledger import LEDGER, REJECTED
from ecom_assets.warehouse.transaction import Transaction

_PAIRS = "ecom_overtaken"
_STATES = "ecom_states"


@dataclass(frozen=True)
class _Kept:
    """Rows of a table, aside in a temporary one if the table was there; `condition` finds them as `rows`."""

    table: str
    condition: str
    aside: str
    columns: Collection[str]


def loads_after(connection: Transaction, shop: Shop, moment: datetime) -> frozenset[str]:
    """Return the loads whose reading ended after a moment, by the ledger; where clocks differ, even at once."""
    if LEDGER not in connection.columns_of(shop.name):
        return frozenset()
    found = connection.execute(
        f'select distinct load_id from "{shop.name}"."{LEDGER}" where loaded_at > ?', [moment]
    )
    return frozenset(load_id for (load_id,) in found.fetchall())


@contextmanager
def stale_write_protection(
    connection: Transaction,
    shop: Shop,
    load_metrics: Sequence[LoadMetrics],
    began: datetime,
    overtaking: Collection[str],
    on_progress: OnProgress,
) -> Iterator[None]:
    """Put back, at the end of the block that loads, the rows that are newer than what it brought.

    The run began to read at `began`; `overtaking` are the loads that were committed since, and whose reading
    ended later than this run's. In the usual case there is nothing newer, and it costs one join per endpoint.
    Raises WarehouseError where it cannot be told what is newer.
    """
    present = connection.columns_of(shop.name)
    kept: list[_Kept] = []
    if overtaking:
        for metrics in load_metrics:
            if metrics.resource.windowed and metrics.resource.parent:
                _refuse_children_alone(connection, shop, metrics.resource, began, overtaking)
        kept += _later_readings(connection, shop, load_metrics, overtaking, present, on_progress)
    windowed = [metrics for metrics in load_metrics if metrics.resource.windowed]
    for name in dict.fromkeys(shop.root_of(metrics.resource).name for metrics in windowed):
        group = [metrics for metrics in windowed if shop.root_of(metrics.resource).name == name]
        kept += _newer_states(connection, shop, shop.resource(name), group, present, on_progress)
    for entry in kept:
        if entry.columns:
            connection.execute(
                f'create temporary table {entry.aside} as select * from "{shop.name}"."{entry.table}" as rows '
                f"where {entry.condition}"
            )
    yield
    for entry in kept:
        connection.execute(f'delete from "{shop.name}"."{entry.table}" as rows where {entry.condition}')
        if entry.columns:
            names = ", ".join(f'"{column}"' for column in entry.columns)
            connection.execute(
                f'insert into "{shop.name}"."{entry.table}" ({names}) select {names} from {entry.aside}'
            )


def _refuse_children_alone(
    connection: Transaction,
    shop: Shop,
    resource: Resource,
    began: datetime,
    overtaking: Collection[str],
) -> None:
    """Raise WarehouseError when an overtaking load brought a child's rows without the records that they are from.

    Their cursors are not in the warehouse, so nobody can tell which rows are newer. What changed since this run
    began is in a window that was open then, so no load of other windows is in the way.
    """
    ledger, parent = f'"{shop.name}"."{LEDGER}"', shop.root_of(resource).name
    with connection.temporary_table(_STATES, pa.table({"load_id": list(overtaking)})):
        found = connection.fetch_value(
            f"select count(*) from {ledger} as list join {_STATES} using (load_id) "
            f"where list.resource = ? and list.window_end > ? and not exists (select 1 from {ledger} as parent "
            "where parent.load_id = list.load_id and parent.resource = ?)",
            [resource.name, began, parent],
        )
    if found:
        raise WarehouseError(
            f"{resource.name}: another load brought newer rows of it, without {parent}, while this one read: "
            "nothing was loaded, run it again"
        )


def _later_readings(
    connection: Transaction,
    shop: Shop,
    load_metrics: Sequence[LoadMetrics],
    overtaking: Collection[str],
    present: Mapping[str, Collection[str]],
    on_progress: OnProgress,
) -> Iterator[_Kept]:
    """Yield the snapshots, and the rejected rows of windows, that were read later than this run's."""
    with connection.temporary_table(_STATES, pa.table({"load_id": list(overtaking)})):
        connection.execute(
            f"create temporary table {_PAIRS} as select distinct resource, partition_key "
            f'from "{shop.name}"."{LEDGER}" join {_STATES} using (load_id)'
        )
    pairs = set(connection.execute(f"select resource, partition_key from {_PAIRS}").fetchall())
    for metrics in load_metrics:
        name = metrics.resource.name
        if not metrics.resource.windowed and (name, None) in pairs:
            on_progress(f"{name}: the warehouse has a newer snapshot, which stays")
            yield _Kept(name, "true", f"ecom_kept_{name}", present.get(name, ()))
    same = "pairs.resource = rows.resource and pairs.partition_key is not distinct from rows.partition_key"
    yield _Kept(
        REJECTED,
        f"exists (select 1 from {_PAIRS} as pairs where {same})",
        f"ecom_kept_{REJECTED}",
        present.get(REJECTED, ()),
    )


def _newer_states(
    connection: Transaction,
    shop: Shop,
    endpoint: Resource,
    load_metrics: Sequence[LoadMetrics],
    present: Mapping[str, Collection[str]],
    on_progress: OnProgress,
) -> Iterator[_Kept]:
    """Yield the records of an endpoint whose state in the warehouse is newer, and their rows in other tables."""
    if endpoint.cursor is None:
        return
    cursor, keys = endpoint.cursor.name, endpoint.primary_key
    states = [table for metrics in load_metrics for table in metrics.states]
    if not states or not {*keys, cursor} <= set(present.get(endpoint.name, ())):
        return
    listed = ", ".join(f'"{key}"' for key in keys)
    aside = f"ecom_newer_{endpoint.name}"
    with connection.temporary_table(_STATES, pa.concat_tables(states)):
        connection.execute(
            f"create temporary table {aside} as select {listed} from ("
            f'select {listed}, max("{cursor}") as read from {_STATES} group by {listed}'
            f') as came join "{shop.name}"."{endpoint.name}" as stored using ({listed}) '
            f'where stored."{cursor}" > came.read'
        )
    count = connection.fetch_value(f"select count(*) from {aside}")
    if not count:
        return
    on_progress(f"{endpoint.name}: the warehouse has a newer state of {count} records, which stays")
    for metrics in load_metrics:
        table = metrics.resource.name
        columns = {key: key for key in keys} if table == endpoint.name else root_key(shop, metrics.resource)
        same = " and ".join(f'newer."{key}" = rows."{column}"' for column, key in columns.items())
        yield _Kept(
            table,
            f"exists (select 1 from {aside} as newer where {same})",
            f"ecom_kept_{table}",
            present.get(table, ()),
        )
