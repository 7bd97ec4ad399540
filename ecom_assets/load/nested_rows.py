"""Records that changed while a run read them, from one window into a later one: their nested rows are the last ones.

Of the record itself dlt keeps the last state, by its cursor; the rows of a nested list, or of a child, know no cursor.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.window_assignment import root_key
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.transaction import Transaction


def reconcile_nested_rows(
    connection: Transaction,
    shop: Shop,
    load_metrics: Sequence[LoadMetrics],
    on_progress: OnProgress,
) -> None:
    """Replace, after a load, the nested rows of records that it read in several states by those of the last."""
    for metrics in load_metrics:
        resource = metrics.resource
        root = shop.root_of(resource)
        if not metrics.open or root.cursor is None:
            continue
        keys = ", ".join(f'"{name}"' for name in root.primary_key)
        cursor = root.cursor.name
        moved = f"ecom_moved_{resource.name}"
        with connection.temporary_table("ecom_states", pa.concat_tables(metrics.states)):
            connection.execute(
                f"create temporary table {moved} as select {keys} from ecom_states "
                f'group by {keys} having count(distinct "{cursor}") > 1'
            )
        count = connection.fetch_value(f"select count(*) from {moved}")
        if not count:
            continue
        on_progress(
            f"{resource.name}: {count} records of {root.name} changed while they were read: the last state stays"
        )
        same = " and ".join(
            f'moved."{key}" = rows."{column}"' for column, key in root_key(shop, resource).items()
        )
        concerned = f"exists (select 1 from {moved} as moved join ecom_states using ({keys}) where {same})"
        table = f'"{shop.name}"."{resource.name}"'
        own = ", ".join(f'"{name}"' for name in resource.primary_key)
        # the later the window, the later the state
        for _, states, rows in sorted(metrics.open, key=lambda entry: entry[0]):
            names = ", ".join(f'"{name}"' for name in rows.column_names)
            with (
                connection.temporary_table("ecom_states", states),
                connection.temporary_table("ecom_rows", rows, table),
            ):
                connection.execute(f"delete from {table} as rows where {concerned}")
                connection.execute(
                    f"insert into {table} ({names}) select {names} from ("
                    f"select *, row_number() over (partition by {own}) as ecom_copy "
                    f"from ecom_rows as rows where {concerned}) as numbered where ecom_copy = 1"
                )
