"""Is the list of keys that a sweep read the whole collection? Rows that it lacks are marked only then.

`ecom_assets.extract.paging.end_of_list` says what the pages themselves confirm. This module then asks the API for some
of the missing rows: an API may list only recent records by default, or those of one status, and report the total of
just these. Where the pages confirm nothing, it asks the ledger as well, and one of them has to confirm the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.contract.contract import Contract
from ecom_assets.contract.conversion import instants_of_cursor
from ecom_assets.declaration.table.deletes import deletions_name
from ecom_assets.extract.paging.last_page import END, TOTAL
from ecom_assets.extract.probe import probe_of
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.window_request import window_request
from ecom_assets.foundation.cadence import window_end
from ecom_assets.foundation.errors import ApiError, IncompleteSlice
from ecom_assets.load.own_tables import LEDGER_TABLE
from ecom_assets.load.sweeps.swept_table import SweptTable, row_keys
from ecom_assets.warehouse.warehouse import Warehouse

_NEXT = timedelta(seconds=1)
_SMALLEST_PAGE = 10
"""So many records may be a full page."""


def require_confirmed_end(
    connection: ApiConnection,
    warehouse: Warehouse,
    table: SweptTable,
    before: pa.Table,
    keys: pa.Table,
    statistics: SliceStatistics,
) -> None:
    """Raise IncompleteSlice if live rows are missing in a list whose end nothing confirms, or which lacks live records.

    Args:
        connection: The open API.
        warehouse: Where the table is.
        table: The swept table.
        before: The rows of the table before the sweep.
        keys: The keys that the sweep read.
        statistics: The figures of the reading.

    Raises:
        IncompleteSlice: Nothing confirms the end, or the API still returns a missing row.
        ApiError: The API cannot be asked for the missing rows.
    """
    deletes = table.resource.deletes
    if deletes and deletes.single_page:
        return
    is_confirmed = statistics.confirmed_by in (TOTAL, END)
    names = table.resource.primary_key
    at_source = set(row_keys(keys, names))
    live = [row is None for row in before.column("__deleted_at").to_pylist()]
    known = row_keys(before, names)
    missing = [
        row
        for row, (key, is_live) in enumerate(zip(known, live, strict=True))
        if is_live and key not in at_source
    ]
    if not missing or (not is_confirmed and _has_read_a_longer_page(warehouse, table, statistics)):
        return
    try:
        if _api_lacks(connection, table, before, missing) or is_confirmed:
            return
    except IncompleteSlice:
        raise
    except ApiError:
        if is_confirmed:  # an API may refuse windows that are long past
            return
        raise
    shown = "" if table.has_personal_key else f", such as {', '.join(min(known[row] for row in missing))}"
    raise IncompleteSlice(
        f"{table.resource.name}: {len(missing)} live rows are not among the {statistics.fetched} records that the API "
        f"returned{shown}, and nothing confirms that the list ends there; nothing was marked. The API may return one "
        "page only. Declare the paginator, total_path or total_header, or in deletes.params a page size above the "
        "number of records. If the API returns everything on one page, declare deletes: {by: sweep, single_page: true}"
    )


def _has_read_a_longer_page(warehouse: Warehouse, table: SweptTable, statistics: SliceStatistics) -> bool:
    """Tell whether a load or a sweep got more records on one page, so that this one page was not cut off."""
    if statistics.requests - statistics.retries - statistics.restarts > 1:
        return False
    with warehouse.read(table.shop.name) as transaction:
        longest = transaction.fetch_value(
            f'select max(fetched) from "{table.shop.name}"."{LEDGER_TABLE}" '
            "where resource in (?, ?) and requests - retries = 1",
            [table.resource.name, deletions_name(table.resource.name)],
        )
    return longest is not None and bool(longest > statistics.fetched)


def _api_lacks(
    connection: ApiConnection, table: SweptTable, before: pa.Table, missing: Sequence[int]
) -> bool:
    """Ask the API for the windows of some missing rows. Return False if that shows nothing.

    Raises:
        IncompleteSlice: The API returns one of the rows.
    """
    resource, shop = table.resource, connection.shop
    if resource.cursor is None or resource.history or not shop.incremental_of(resource.name).sends_start:
        return False
    incremental = shop.incremental_of(resource.name)
    versions = before.column("__version").combine_chunks()
    instants = instants_of_cursor(versions, resource.cursor, incremental.timezone).to_pylist()
    found = sorted((instants[row], row) for row in missing if instants[row] is not None)
    if not found:
        return False
    # a list that is cut off lacks the oldest or the newest records
    asked = {found[0], found[len(found) // 2], found[-1]}
    contract = Contract(resource, timezone=shop.timezone_of(resource))
    known = row_keys(before, resource.primary_key)
    for instant, row in sorted(asked):
        end = instant + _NEXT
        if incremental.cursor == "window" and shop.partitions:
            end = window_end(instant, shop.partitions.every)
        bounds: tuple[datetime, datetime] = (instant, end)
        records: list[Any] = probe_of(connection).page(resource, bounds).records
        request = window_request(Slice("", (), *bounds), incremental)
        for moment in cursor_instants_of(shop, resource, records).to_pylist():
            if moment and not (request.low or moment) <= moment <= (request.high or moment):
                return False  # the API ignores the parameters of a window
        if known[row] in row_keys(contract.columns_of(records, resource.primary_key), resource.primary_key):
            shown = "one of them" if table.has_personal_key else ", ".join(known[row])
            raise IncompleteSlice(
                f"{resource.name}: {len(missing)} live rows are not in the list of keys, but the API still returns "
                f"{shown} for its window: the list is cut off, or has other records than the windows; nothing was "
                "marked. Check the paginator, and the parameters of the endpoint and of deletes.params"
            )
        if len(records) >= _SMALLEST_PAGE:
            return False  # the row may be on another page
    return True
