"""Protection from stale writes: rows that another run loaded while this one read are kept if they are newer.

Runs read at the same time, and the one that read first may commit last. The merge would then replace newer rows by
older ones. Nothing would repair that before the windows are loaded again.

What is newer is decided in four ways:

- A record of a windowed or open-ended endpoint: by its cursor. Its nested rows, and those of its children, go with it.
- A snapshot that is replaced: by when its reading ended, as the ledger says.
- A record that is merged without a cursor: by when the reading of the load that brought it ended. Its nested rows go
  with it.
- The rejected rows of a window: by when its reading ended, too. Those of open-ended resources all stay until they are
  read again.

The load works in this order: set the newer rows aside in temporary tables, merge, delete what the merge
brought for them, put the newer rows back. All of it happens in the transaction of the load.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.root_key import root_key_columns
from ecom_assets.declaration.table.write_disposition import LOAD_ID
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.intervals import Intervals
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.load.read import TableReading
from ecom_assets.warehouse.transaction import Transaction

_OVERTAKEN = "ecom_overtaken"
"""A temporary table: load, resource and partition key of the rejected rows that other loads brought meanwhile, and of
those that this load brings for the same time."""
_INPUT = "ecom_states"
"""The name of the Arrow table that a statement sees."""


@dataclass(frozen=True)
class NewerRows:
    """Rows of one table that are newer than what the load brings.

    `condition` is the SQL that finds them among the table's `rows`, before and after the load. `aside` is the temporary
    table with a copy of them, and `columns` are its columns; none where the table did not exist before the load.
    """

    table: str
    condition: str
    aside: str
    columns: Collection[str]


def set_newer_rows_aside(
    transaction: Transaction,
    shop: Shop,
    tables: Sequence[TableReading],
    began: datetime,
    overtaking: Collection[str],
    on_progress: OnProgress,
) -> list[NewerRows]:
    """Copy the rows that are newer than what this load brings into temporary tables, before the load.

    Usually nothing is newer, and this costs one join for each endpoint.

    Args:
        transaction: The transaction of the load.
        shop: The shop.
        tables: The tables that are loaded, whose metrics have the states of the records that were read.
        began: When this run began to read, in UTC.
        overtaking: The ids of the loads that were committed since, and whose reading ended later than this run's.
        on_progress: Is told what is newer.

    Returns:
        What `restore_newer_rows` needs after the load.

    Raises:
        WarehouseError: Nobody can tell which rows of a child or a nested list are newer.
    """
    columns = transaction.columns_of(shop.name)
    load_metrics = [table.metrics for table in tables]
    newer_rows: list[NewerRows] = []
    if overtaking:
        for metrics in load_metrics:
            if metrics.resource.write_disposition == "merge" and metrics.resource.parent:
                _refuse_rows_without_root(transaction, shop, metrics.resource, began, overtaking)
        newer_rows += _rows_by_reading(transaction, shop, tables, overtaking, columns, on_progress)
    windowed = [metrics for metrics in load_metrics if metrics.resource.is_incremental]
    for name in dict.fromkeys(shop.root_of(metrics.resource).name for metrics in windowed):
        group = [metrics for metrics in windowed if shop.root_of(metrics.resource).name == name]
        newer_rows += _rows_by_cursor(transaction, shop, shop.resource(name), group, columns, on_progress)
    for name in dict.fromkeys(shop.root_of(metrics.resource).name for metrics in load_metrics):
        if overtaking and shop.resource(name).has_load_id:
            group = [metrics for metrics in load_metrics if shop.root_of(metrics.resource).name == name]
            newer_rows += _rows_by_load(
                transaction, shop, shop.resource(name), group, columns, overtaking, on_progress
            )
    for entry in newer_rows:
        if entry.columns:
            transaction.execute(
                f'create temporary table {entry.aside} as select * from "{shop.name}"."{entry.table}" as rows '
                f"where {entry.condition}"
            )
    return newer_rows


def restore_newer_rows(transaction: Transaction, shop: Shop, newer_rows: Iterable[NewerRows]) -> None:
    """Put the newer rows back after the load, in place of the older ones that it brought.

    Columns that the load added are null in the rows that come back.
    """
    for entry in newer_rows:
        table = f'"{shop.name}"."{entry.table}"'
        transaction.execute(f"delete from {table} as rows where {entry.condition}")
        if entry.columns:
            names = ", ".join(f'"{column}"' for column in entry.columns)
            transaction.execute(f"insert into {table} ({names}) select {names} from {entry.aside}")


def _refuse_rows_without_root(
    transaction: Transaction,
    shop: Shop,
    resource: Resource,
    began: datetime,
    overtaking: Collection[str],
) -> None:
    """Raise WarehouseError when an overtaking load brought rows of a child or a list without their root records.

    The root records' cursors tell which rows are newer. If the other load did not load the root's table, these cursors
    are not in the warehouse. Only windows that end after this run began matter: what changed since then is in them.
    """
    ledger, root = f'"{shop.name}"."{LEDGER_TABLE}"', shop.root_of(resource).name
    with transaction.temporary_table(_INPUT, pa.table({"load_id": list(overtaking)})):
        found = transaction.fetch_value(
            f"select count(*) from {ledger} as list join {_INPUT} using (load_id) "
            "where list.resource = ? and (list.window_end is null or list.window_end > ?) "
            f"and not exists (select 1 from {ledger} as parent where "
            "parent.load_id = list.load_id and parent.resource = ?)",
            [resource.name, began, root],
        )
    if found:
        raise WarehouseError(
            f"{resource.name}: while this run read, another load wrote newer rows of it without loading {root}, "
            "so nobody can tell which rows are newer: nothing was loaded, run it again"
        )


def _rows_by_reading(
    transaction: Transaction,
    shop: Shop,
    tables: Sequence[TableReading],
    overtaking: Collection[str],
    stored_columns: Mapping[str, Collection[str]],
    on_progress: OnProgress,
) -> Iterator[NewerRows]:
    """Yield the snapshots, and the rejected rows of windows, whose reading ended later than this run's.

    Rejected rows are those of the newest reading: an older one may have seen records that the source has corrected
    since, and may have missed others that have gone wrong. The other load's windows may have other bounds.
    """
    with transaction.temporary_table(_INPUT, pa.table({"load_id": list(overtaking)})):
        found = transaction.execute(
            "select load_id, resource, partition_key, window_start, window_end "
            f'from "{shop.name}"."{LEDGER_TABLE}" join {_INPUT} using (load_id)'
        ).fetchall()
    open_ended = {table.metrics.resource.name for table in tables if table.metrics.resource.open_ended}
    found = [row for row in found if row[1] not in open_ended]
    overtaken = [(load_id, resource, key) for load_id, resource, key, _, _ in found]
    snapshots = {resource for _, resource, _, start, _ in found if start is None}
    for table in tables:
        resource = table.metrics.resource
        if resource.open_ended:
            continue
        newer = Intervals(bounds for _, name, _, *bounds in found if name == resource.name and bounds[0])
        covered = [entry for entry in table.metrics.windows if newer.covers(entry.start, entry.end)]
        overtaken += [(table.load_id, resource.name, entry.partition_key) for entry in covered]
        if not resource.windowed and resource.name in snapshots:
            overtaken.append((table.load_id, resource.name, None))
            if resource.write_disposition == "replace":
                on_progress(f"{resource.name}: the warehouse has a newer snapshot, which stays")
                rows = stored_columns.get(resource.name, ())
                yield NewerRows(resource.name, "true", f"ecom_kept_{resource.name}", rows)
    if not overtaken:
        return
    columns = dict(zip(("load_id", "resource", "partition_key"), zip(*overtaken, strict=True), strict=True))
    pairs = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    with transaction.temporary_table(_INPUT, pairs):
        transaction.execute(f"create temporary table {_OVERTAKEN} as select distinct * from {_INPUT}")
    same = (
        "pairs.load_id = rows.load_id and pairs.resource = rows.resource "
        "and pairs.partition_key is not distinct from rows.partition_key"
    )
    yield NewerRows(
        REJECTED_ROWS_TABLE,
        f"exists (select 1 from {_OVERTAKEN} as pairs where {same})",
        f"ecom_kept_{REJECTED_ROWS_TABLE}",
        stored_columns.get(REJECTED_ROWS_TABLE, ()),
    )


def _rows_by_cursor(
    transaction: Transaction,
    shop: Shop,
    root: Resource,
    load_metrics: Sequence[LoadMetrics],
    stored_columns: Mapping[str, Collection[str]],
    on_progress: OnProgress,
) -> Iterator[NewerRows]:
    """Yield the records of a root endpoint whose stored cursor is later than the one read, with their other rows.

    An equal cursor is not newer: the record that was read replaces the stored one. Any cursor is later than none.
    """
    # a history keeps all states, and appended rows are never replaced by older ones
    load_metrics = [metrics for metrics in load_metrics if not metrics.resource.history]
    if root.cursor is None or root.write_disposition == "append":
        return
    cursor, keys = root.cursor.name, root.primary_key
    states = [table for metrics in load_metrics for table in metrics.root_states]
    if not states or not {*keys, cursor} <= set(stored_columns.get(root.name, ())):
        return
    key_list = ", ".join(f'"{key}"' for key in keys)
    newer = f"ecom_newer_{root.name}"
    with transaction.temporary_table(_INPUT, pa.concat_tables(states)):
        transaction.execute(
            f"create temporary table {newer} as select distinct {key_list} from ("
            f'select {key_list}, max("{cursor}") as read from {_INPUT} group by {key_list}'
            f') as came join "{shop.name}"."{root.name}" as stored using ({key_list}) '
            f'where stored."{cursor}" > came.read or (came.read is null and stored."{cursor}" is not null)'
        )
    yield from _rows_of_records(transaction, shop, root, load_metrics, stored_columns, on_progress)


def _rows_by_load(
    transaction: Transaction,
    shop: Shop,
    root: Resource,
    load_metrics: Sequence[LoadMetrics],
    stored_columns: Mapping[str, Collection[str]],
    overtaking: Collection[str],
    on_progress: OnProgress,
) -> Iterator[NewerRows]:
    """Yield the records of a root endpoint that an overtaking load brought, with their other rows."""
    keys = root.primary_key
    states = [table for metrics in load_metrics for table in metrics.root_states]
    if not states or not {*keys, LOAD_ID.name} <= set(stored_columns.get(root.name, ())):
        return
    key_list = ", ".join(f'"{key}"' for key in keys)
    with (
        transaction.temporary_table(_INPUT, pa.concat_tables(states)),
        transaction.temporary_table("ecom_loads", pa.table({"load_id": list(overtaking)})),
    ):
        transaction.execute(
            f"create temporary table ecom_newer_{root.name} as select distinct {key_list} from {_INPUT} "
            f'join "{shop.name}"."{root.name}" as stored using ({key_list}) '
            f'join ecom_loads as loads on loads.load_id = stored."{LOAD_ID.name}"'
        )
    yield from _rows_of_records(transaction, shop, root, load_metrics, stored_columns, on_progress)


def _rows_of_records(
    transaction: Transaction,
    shop: Shop,
    root: Resource,
    load_metrics: Sequence[LoadMetrics],
    stored_columns: Mapping[str, Collection[str]],
    on_progress: OnProgress,
) -> Iterator[NewerRows]:
    """Yield the rows, in each table, of the root records whose keys are in a temporary table."""
    newer, keys = f"ecom_newer_{root.name}", root.primary_key
    count = transaction.fetch_value(f"select count(*) from {newer}")
    if not count:
        return
    on_progress(f"{root.name}: the warehouse has a newer state of {count} records, which stays")
    for metrics in load_metrics:
        table = metrics.resource.name
        columns = (
            {key: key for key in keys} if table == root.name else root_key_columns(shop, metrics.resource)
        )
        same_root = " and ".join(f'newer."{key}" = rows."{column}"' for column, key in columns.items())
        yield NewerRows(
            table,
            f"exists (select 1 from {newer} as newer where {same_root})",
            f"ecom_kept_{table}",
            stored_columns.get(table, ()),
        )
