"""The rows of nested lists and children in a load: replaced with their record, and those of its last state kept.

A nested list and a child belong to a record of the root endpoint, such as the lines of an order. A merge looks at each
table alone, by primary key. It does not know that these rows go with a record of another table, and they have no cursor
of their own. So this module does by SQL what the merge cannot do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.root_key import root_key_columns
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.transaction import Transaction


def delete_replaced_nested_rows(
    transaction: Transaction, shop: Shop, load_metrics: Sequence[LoadMetrics], stored_tables: Collection[str]
) -> None:
    """Delete, before a load, all nested rows of the records that it brings.

    The load then inserts the lists as they are now. Without this deletion, the merge would update and add elements
    only: an element that is gone at the source would stay in the table, also the last one of a list.

    Args:
        transaction: The transaction of the load.
        shop: The shop.
        load_metrics: The metrics of the tables that are loaded.
        stored_tables: The names of the tables that exist.
    """
    for metrics in load_metrics:
        table = metrics.resource.name
        # a table that is replaced is replaced as a whole
        if table in stored_tables and metrics.root_keys and metrics.resource.write_disposition == "merge":
            keys = pa.concat_tables(metrics.root_keys)
            same_root = " and ".join(f'rows."{column}" = parents."{column}"' for column in keys.column_names)
            with transaction.temporary_table("ecom_parents", keys):
                transaction.execute(
                    f'delete from "{shop.name}"."{table}" as rows using ecom_parents as parents where {same_root}'
                )


def reconcile_nested_rows(
    transaction: Transaction, shop: Shop, load_metrics: Sequence[LoadMetrics], on_progress: OnProgress
) -> None:
    """Keep, after a load, only the nested rows of the last state of records that it read in several states.

    A record that changes while a run reads moves from an earlier window into an open one, and the run reads it in
    both. Of the record itself the merge keeps the last state, by its cursor. Of its nested rows the load has those
    of both states: an order that shrank from three lines to two would have the third line still.

    So for each record that came with more than one cursor value, the rows that are loaded are deleted, and those that
    each open window brought are inserted, window by window in the order of time. The later the window, the later the
    state, so the last one stays.

    Args:
        transaction: The transaction of the load, after the rows were written.
        shop: The shop.
        load_metrics: The metrics of the tables that are loaded.
        on_progress: Is told how many records changed during the reading.
    """
    for metrics in load_metrics:
        resource = metrics.resource
        root = shop.root_of(resource)
        if not metrics.open_windows or root.cursor is None:
            continue
        keys = ", ".join(f'"{name}"' for name in root.primary_key)
        changed = _keys_with_several_states(metrics, root)
        if not changed.num_rows:
            continue
        on_progress(
            f"{resource.name}: {changed.num_rows} records of {root.name} changed while they were read: the last state "
            "stays"
        )
        same_root = " and ".join(
            f'moved."{key}" = rows."{column}"' for column, key in root_key_columns(shop, resource).items()
        )
        # rows of records that changed, and that this window brought
        condition = (
            f"exists (select 1 from ecom_moved as moved join ecom_states using ({keys}) where {same_root})"
        )
        table = f'"{shop.name}"."{resource.name}"'
        own_key = ", ".join(f'"{name}"' for name in resource.primary_key)
        with transaction.temporary_table("ecom_moved", changed):
            for window in sorted(metrics.open_windows, key=lambda entry: entry.start):
                names = ", ".join(f'"{name}"' for name in window.rows.column_names)
                with (
                    transaction.temporary_table("ecom_states", window.root_states),
                    transaction.temporary_table("ecom_rows", window.rows, table),
                ):
                    transaction.execute(f"delete from {table} as rows where {condition}")
                    # one row of each primary key, as in the merge
                    transaction.execute(
                        f"insert into {table} ({names}) select {names} from ("
                        f"select *, row_number() over (partition by {own_key}) as ecom_copy "
                        f"from ecom_rows as rows where {condition}) as numbered where ecom_copy = 1"
                    )


def _keys_with_several_states(metrics: LoadMetrics, root: Resource) -> pa.Table:
    """Return the primary keys of the root records that a run read with more than one value of the cursor."""
    assert root.cursor is not None
    keys, cursor = list(root.primary_key), root.cursor.name
    states = pa.concat_tables(metrics.root_states).group_by(keys).aggregate([(cursor, "count_distinct")])
    return states.filter(pc.greater(states[f"{cursor}_count_distinct"], 1)).select(keys)
