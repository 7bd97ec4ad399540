"""The cursors of open-ended resources in the ledger: from where a load reads, and which rejected rows it replaces.

Each load of an open-ended table writes into its row of the ledger from which cursor it read, and from which one the
next load reads on. Both are written in the transaction of the rows. The cursor of a table is the greatest one that was
committed, so loads at once cannot move it back. Rejected rows of a load have no lesser cursor than the one that this
load wrote: as long as they are in `rejected_rows`, the next load reads from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ecom_assets.contract.cursor_values import comparable, cursor_text, cursor_value, moved_back
from ecom_assets.contract.inference import infer_cursor
from ecom_assets.contract.new_fields import evolved_column
from ecom_assets.declaration.cursor_meaning import tells_change
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.foundation.errors import ContractBroken, IngestError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.column_types import typed_shop
from ecom_assets.load.own_tables import CURSOR_COLUMNS, LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.load.plan import EndpointPlan, LoadPlan
from ecom_assets.warehouse.transaction import Transaction


@dataclass(frozen=True)
class TableCursors:
    """The cursors of one table in the ledger, as the API writes them.

    Attributes:
        ends: The cursors at which loads ended.
        held: The cursor of each load of which there are rejected rows, by its load id.
    """

    ends: frozenset[str] = frozenset()
    held: Mapping[str, str] = field(default_factory=dict)


def read_cursors(
    transaction: Transaction, shop: Shop, resources: Iterable[Resource]
) -> dict[str, TableCursors]:
    """Return the cursors of open-ended tables, by name.

    A cursor of another field than the declared `cursor_path` does not count.
    """
    open_ended = [resource for resource in resources if resource.open_ended]
    if not open_ended:
        return {}
    stored = transaction.columns_of(shop.name)
    if not {*CURSOR_COLUMNS} <= stored.get(LEDGER_TABLE, {}).keys():
        return {}
    found = {}
    for resource in open_ended:
        parameters = [resource.name, shop.incremental_of(resource.name).cursor_path]
        entries = f'from "{shop.name}"."{LEDGER_TABLE}" as entries where resource = ? and cursor_path = ? '
        ends = transaction.execute(
            f"select distinct cursor_to {entries} and cursor_to is not null", parameters
        ).fetchall()
        held: list[tuple[str, str]] = []
        if REJECTED_ROWS_TABLE in stored:
            rejected = (
                f'exists (select 1 from "{shop.name}"."{REJECTED_ROWS_TABLE}" as rows '
                "where rows.load_id = entries.load_id and rows.resource = entries.resource)"
            )
            held = transaction.execute(
                f"select load_id, cursor_to {entries} and cursor_to is not null and {rejected}", parameters
            ).fetchall()
        found[resource.name] = TableCursors(frozenset(end for (end,) in ends), dict(held))
    return found


def plan_from_cursors(
    plan: LoadPlan,
    cursors: Mapping[str, TableCursors],
    since: str | None,
    on_progress: OnProgress,
) -> tuple[LoadPlan, dict[str, IngestError]]:
    """Return a plan whose open-ended endpoints are read from their cursors.

    An endpoint is read from the least cursor of its tables.

    Args:
        plan: The plan, with the types of cursors.
        cursors: The cursors in the ledger, by table.
        since: A cursor that a user names, to read from there if it is before the cursor in the ledger.
        on_progress: Gets a line for each endpoint.

    Returns:
        The plan without the endpoints that failed, and the error of each table of these.
    """
    endpoints: list[EndpointPlan] = []
    failures: dict[str, IngestError] = {}
    for endpoint in plan.endpoints:
        root = endpoint.endpoint
        if not root.open_ended:
            endpoints.append(endpoint)
            continue
        try:
            start = _start(plan.shop, endpoint, cursors, since)
        except IngestError as error:
            for table in endpoint.tables:
                on_progress(f"{table.name} failed: {error}")
                failures[table.name] = error
            continue
        on_progress(f"{root.name}: reading from {root.cursor and root.cursor.name} {cursor_text(start)} on")
        slices = tuple(replace(part, cursor=start) for part in endpoint.slices)
        endpoints.append(replace(endpoint, slices=slices))
    return replace(plan, endpoints=tuple(endpoints)), failures


def current_cursor(shop: Shop, resource: Resource, cursors: TableCursors | None) -> Any:
    """Return the cursor of an open-ended table as the API writes it, `initial_value` before its first load.

    Args:
        shop: The shop, with the types of cursors.
        resource: The table.
        cursors: The cursors in the ledger, None if there are none.
    """
    root = shop.root_of(resource)
    column, zone = root.cursor, shop.timezone_of(root)
    if column is None:
        raise LookupError(f"{resource.name} has no cursor")
    initial = cursor_value(shop.incremental_of(resource.name).initial_value, column)
    if cursors is None:
        return initial
    reached = _extreme([cursor_value(end, column) for end in cursors.ends], column, zone, max)
    held = _extreme([cursor_value(end, column) for end in cursors.held.values()], column, zone, min)
    if reached is None:
        return initial
    return _extreme([reached, *([] if held is None else [held])], column, zone, min)


def typed_by_cursors(shop: Shop, resource: Resource, cursors: TableCursors | None) -> Shop:
    """Return a shop in which an undeclared cursor of a table has the type that the ledger's cursors show."""
    root = shop.root_of(resource)
    if cursors is None or root.cursor is None or not root.cursor.inferred:
        return shop
    number = root.cursor.with_type(evolved_column(root.cursor.name, {"data_type": "double"}))
    values = [cursor_value(end, number) for end in cursors.ends]
    start = shop.incremental_of(root.name).initial_value
    return typed_shop(
        shop, {root.name: {root.cursor.name: infer_cursor(root.cursor, values, initial_value=start)}}
    )


def loads_read_again(
    load_metrics: Iterable[LoadMetrics], cursors: Mapping[str, TableCursors]
) -> dict[str, list[str]]:
    """Return, for each open-ended table of a load, the ids of the loads whose rejected rows it has read again."""
    found: dict[str, list[str]] = {}
    for metrics in load_metrics:
        progress, name = metrics.cursor, metrics.resource.name
        if progress is None:
            continue
        held = cursors[name].held if name in cursors else {}
        values = [progress.start, *(cursor_value(value, progress.column) for value in held.values())]
        start, *others = comparable(values, progress.column, progress.zone)
        found[name] = [
            load_id
            for load_id, value in zip(held, others, strict=True)
            if start is None or value is None or value >= start
        ]
    return found


def _start(shop: Shop, endpoint: EndpointPlan, cursors: Mapping[str, TableCursors], since: str | None) -> Any:
    """Return the cursor from which an endpoint is read.

    Raises:
        ContractBroken: `since` is no value of the cursor, or the cursor tells no history.
    """
    root = endpoint.endpoint
    incremental, column, zone = shop.incremental_of(root.name), root.cursor, shop.timezone_of(root)
    if column is None:
        raise LookupError(f"{root.name} has no cursor")
    if root.history and not tells_change(root):
        raise ContractBroken(
            f"{root.name}: strategy scd2 needs a cursor that is an instant, and {column.name} is {column.data_type}. "
            "Declare the column, with format: unix or unix_ms if its numbers are instants, or use another strategy"
        )
    initial = cursor_value(incremental.initial_value, column)
    current = [current_cursor(shop, table, cursors.get(table.name)) for table in endpoint.tables]
    start = _extreme([initial if value is None else value for value in current], column, zone, min)
    if start is None:
        raise ContractBroken(
            f"{root.name}: initial_value {incremental.initial_value!r} is no value of the cursor {column.name}, which "
            f"is {column.data_type}: declare one of that type"
        )
    back = moved_back(start, column, zone, lag=incremental.lag or 0, lookback=shop.policy.lookback)
    # as in dlt, the lag does not go back beyond the first cursor
    start = _extreme([back, _extreme([initial, start], column, zone, min)], column, zone, max)
    if since is None:
        return start
    wanted = cursor_value(since, column)
    if comparable([wanted], column, zone)[0] is None:
        raise ContractBroken(
            f"{root.name}: --since: found {since!r}; allowed: a value of the cursor {column.name}, which is "
            f"{column.data_type}, such as {cursor_text(start)}"
        )
    return _extreme([wanted, start], column, zone, min)


def _extreme(values: Iterable[Any], column: Any, zone: str, choose: Any) -> Any:
    """Return the greatest or the least value, as the API writes it; None if none converts."""
    values = list(values)
    pairs = [
        pair for pair in zip(comparable(values, column, zone), values, strict=True) if pair[0] is not None
    ]
    return choose(pairs, key=lambda pair: pair[0])[1] if pairs else None
