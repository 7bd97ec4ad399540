"""What a materialization reports: metadata for each table and for each of its windows.

All figures come from the report of `ecom_assets.load.run`, except for the row counts of whole tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dagster import MetadataValue

from ecom_assets.contract.result import shown_counts
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.dispositions.history_table import is_open
from ecom_assets.load.run import ResourceReport, RunReport, WindowReport
from ecom_assets.orchestration.markdown import markdown_table
from ecom_assets.orchestration.translator import loaded_table_schema
from ecom_assets.warehouse.warehouse import Warehouse


def table_metadata(
    run: RunReport,
    resource: ResourceReport,
    warehouse: Warehouse,
    rows: int | None,
    declared: Resource | None = None,
) -> dict[str, Any]:
    """Return the metadata of one table that belongs to the whole run, whatever its windows.

    Args:
        run: The report of the run. Its phases are wall time in seconds.
        resource: The report of the table's resource.
        warehouse: The warehouse that has the table.
        rows: Rows in the table after the load, None when they could not be counted.
        declared: The resource, whose keys and references the table's schema shows.
    """
    metadata: dict[str, Any] = {} if rows is None else {"dagster/row_count": rows}
    metadata |= {
        "dagster/table_name": resource.table,
        "dagster/uri": warehouse.uri,
        "load_id": resource.load_id,
        **{f"run_seconds/{phase}": round(seconds, 2) for phase, seconds in run.phases.items()},
    }
    if run.bytes_read is not None:
        metadata["run_bytes_read"] = run.bytes_read
    if resource.preview and not any(resource.previews):
        metadata["preview"] = MetadataValue.md(markdown_table(resource.preview))
    if declared is not None and resource.columns:
        metadata["dagster/column_schema"] = loaded_table_schema(declared, resource.columns)
    if resource.widened:
        metadata["widened_columns"] = dict(resource.widened)
    if resource.schema_changes:
        metadata["schema_changes"] = dict(resource.schema_changes)
    if resource.nested_lists:
        entries = "\n".join(resource.nested_lists.values())
        metadata["lists_without_a_table"] = MetadataValue.md(
            f"{', '.join(resource.nested_lists)}: stored as JSON. To make tables, add to `resources`:"
            f"\n\n```yaml\n{entries}\n```"
        )
    if resource.discarded:
        metadata["discarded_fields"] = shown_counts(resource.discarded)
    return metadata


def common_figures(windows: Sequence[WindowReport]) -> dict[str, Any]:
    """Return the figures that each window has, as those of one window: what they are is for the partitions to say."""
    figures = [window_metadata(window) for window in windows]
    return (
        {name: figures[0][name] for name in figures[0] if all(name in of for of in figures)}
        if figures
        else {}
    )


def window_metadata(window: WindowReport, resource: ResourceReport | None = None) -> dict[str, Any]:
    """Return the figures of one window, or of a table without windows. A total is null where the API reports none.

    `ignored_answers`, `masked_values` and `answers_with_errors` are only there if they are not 0, and the cursors of
    open-ended resources only. The preview of a window is in the report of its resource.
    """
    rows = resource.previews.get(window.partition_key) if resource and window.partition_key else None
    preview = {"preview": MetadataValue.md(markdown_table(rows.to_pylist()))} if rows else {}
    cursors: dict[str, Any] = {}
    if window.cursor_to is not None:
        cursors = {"cursor_from": window.cursor_from, "cursor_to": window.cursor_to}
        if window.cursor_held_by:
            cursors["cursor_held_by_rejected"] = window.cursor_held_by
    return {
        "dagster/partition_row_count": window.kept,
        "rejected": window.rejected,
        "fetched": window.fetched,
        "source_total": MetadataValue.null() if window.source_total is None else window.source_total,
        **cursors,
        "requests": window.requests,
        "retries": window.retries,
        "restarts": window.restarts,
        "seconds": round(window.seconds, 2),
        **({"ignored_answers": window.ignored} if window.ignored else {}),
        **({"confirmed_by": window.confirmed_by} if window.confirmed_by else {}),
        **({"masked_values": window.masked} if window.masked else {}),
        **({"answers_with_errors": window.with_errors} if window.with_errors else {}),
        **preview,
    }


def row_counts(shop: Shop, warehouse: Warehouse, tables: Iterable[str]) -> dict[str, int]:
    """Return how many rows each table has, by its name.

    Empty when the warehouse cannot be read: the load has committed by then, so the run does not fail for it.
    """
    try:
        with warehouse.read(shop.name) as transaction:
            return {
                table: transaction.fetch_value(f'select count(*) from "{shop.name}"."{table}"')
                for table in tables
            }
    except WarehouseError:
        return {}


def valid_row_counts(shop: Shop, warehouse: Warehouse, tables: Iterable[str]) -> dict[str, int]:
    """Return how many rows are valid now in each table with history, by its name.

    Empty when the warehouse cannot be read, as for `row_counts`.
    """
    histories = {name: shop.resource(name).history for name in tables}
    with_history = {name: history for name, history in histories.items() if history}
    if not with_history:
        return {}
    try:
        with warehouse.read(shop.name) as transaction:
            return {
                name: transaction.fetch_value(
                    f'select count(*) from "{shop.name}"."{name}" as rows where {is_open(history, "rows")}'
                )
                for name, history in with_history.items()
            }
    except WarehouseError:
        return {}
