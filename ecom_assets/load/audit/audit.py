"""The audit of a shop: reads closed windows again as a load does, and says what the tables lack or have too much.

It is the second observation of what no reading can confirm while it happens: records with an earlier cursor that come
late, changes that do not move the cursor, and deletions. It writes no table but that of the audits. With `repair`, it
loads the windows with drift again.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ecom_assets.client.api_connection import open_api
from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.audit import Audit
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.foundation.errors import DeclarationError, IngestError, NotPublished, WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.audit.endpoint_audit import audit_endpoint
from ecom_assets.load.audit.report import (
    NOT_AUDITED,
    WHOLE_LIST,
    WINDOWS,
    AuditReport,
    TableAudit,
    WindowAudit,
)
from ecom_assets.load.audit.selection import Selection, select_windows
from ecom_assets.load.dlt_pipeline import open_pipeline
from ecom_assets.load.ledger.audits import DRIFT, newest_audits, record_audits
from ecom_assets.load.ledger.coverage import LoadedTable, loaded_table
from ecom_assets.load.run import run_load
from ecom_assets.load.run_context import PhaseTimer, RunContext
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

__all__ = ["AuditReport", "audit"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Request:
    """What an audit was asked for, and how it reads and tells."""

    shop: Shop
    warehouse: Warehouse
    secrets: Mapping[str, str] | None
    on_progress: OnProgress
    now: datetime


def audit(
    shop: Shop,
    tables: Collection[str] = (),
    *,
    windows: int | None = None,
    repair: bool = False,
    secrets: Mapping[str, str] | None = None,
    warehouse: Warehouse | None = None,
    progress: OnProgress | None = None,
    rng: random.Random | None = None,
) -> AuditReport:
    """Read random closed windows again, compare them with the tables, and record the result.

    Args:
        shop: The declared shop.
        tables: The tables, by default all.
        windows: How many windows of each endpoint are read; unless given, what the shop declares, else 5.
        repair: Whether windows with drift are loaded again, and then compared once more.
        secrets: The shop's secrets by field; those that are missing come from dlt's secret providers.
        warehouse: Where the tables are, by default the warehouse that the environment names.
        progress: Takes lines about progress for a person, by default the log.
        rng: Chooses the windows.

    Raises:
        DeclarationError: A table is not declared.
        MissingSecret: A secret is nowhere to be found.
        WarehouseError: The warehouse cannot be read, or the audit cannot be recorded.
    """
    request = _Request(
        shop,
        warehouse or warehouse_from_environment(),
        secrets,
        progress or _log.info,
        datetime.now(timezone.utc),
    )
    request.warehouse.check(shop)
    if windows is None:
        windows = (shop.audit or Audit()).windows
    chosen = _chosen_tables(shop, tables)
    loaded, selections = _select(request, chosen, windows, rng or random.Random())
    found = _audit(request, selections)
    errors: list[IngestError] = []
    if repair and (again := list(_with_drift(selections, found))):
        errors = _load_again(request, again)
        repaired = {(entry.resource, entry.window_start): entry for entry in _audit(request, again)}
        found = [
            replace(repaired[entry.resource, entry.window_start], repaired=True)
            if (entry.resource, entry.window_start) in repaired
            else entry
            for entry in found
        ]
    return AuditReport(
        shop.name, tuple(_table_audit(shop, table, loaded, found) for table in chosen), tuple(errors)
    )


def _chosen_tables(shop: Shop, names: Collection[str]) -> list[Resource]:
    """Return the tables to audit in the order of the declaration."""
    for name in names:
        if not shop.resource(name).selected:
            allowed = ", ".join(entry.name for entry in shop.tables)
            raise DeclarationError(
                shop.declared_in, "resources", f"{name}, which has no table (selected: false)", allowed
            )
    return [entry for entry in shop.tables if not names or entry.name in names]


def _select(
    request: _Request, chosen: Sequence[Resource], count: int, rng: random.Random
) -> tuple[dict[str, LoadedTable], list[Selection]]:
    """Return what the ledger has of each table that can be audited, and what to read of each endpoint."""
    shop = request.shop
    if not request.warehouse.exists():
        raise WarehouseError(
            f"the warehouse {request.warehouse} does not exist: load {shop.name} before it is audited"
        )
    with request.warehouse.read(shop.name, request.on_progress) as transaction:
        present = transaction.columns_of(shop.name)
        audits = newest_audits(transaction, shop, present)
        loaded = {
            entry.name: found
            for entry in chosen
            if not entry.open_ended
            and entry.name in present
            and (found := loaded_table(transaction, shop, entry, present, request.now)).windows
        }
    selections = []
    for root in dict.fromkeys(shop.root_of(entry.resource).name for entry in loaded.values()):
        group = [entry for entry in loaded.values() if shop.root_of(entry.resource).name == root]
        windows = select_windows(group, audits, count, rng)
        selections.append(Selection(tuple(entry.resource for entry in group), windows))
    return loaded, selections


def _audit(request: _Request, selections: Iterable[Selection]) -> list[WindowAudit]:
    """Read and compare what is selected, and record the result."""
    shop, found = request.shop, list[WindowAudit]()
    with open_api(shop, request.secrets) as connection:
        redactor = connection.redactor
        for selection in selections:
            with open_pipeline(shop, request.warehouse) as pipeline:
                context = RunContext(
                    connection, request.warehouse, pipeline, PhaseTimer(), request.on_progress
                )
                found += audit_endpoint(context, shop, selection, request.now)
    if found:
        _record(request, found, redactor)
    return found


def _record(request: _Request, found: Sequence[WindowAudit], redactor: Redactor) -> None:
    """Add the audits to the table of audits."""

    def record(transaction: Transaction) -> None:
        at = transaction.server_time() or datetime.now(timezone.utc)
        record_audits(transaction, request.shop, [entry.entry(at) for entry in found])

    try:
        with as_warehouse_error(request.warehouse, redactor):
            request.warehouse.write(request.shop.name, record, request.on_progress)
    except NotPublished as error:
        request.on_progress(str(error))


def _with_drift(selections: Iterable[Selection], found: Sequence[WindowAudit]) -> Iterable[Selection]:
    """Yield the windows with drift, with all tables of their endpoint that were audited."""
    for selection in selections:
        names = {resource.name for resource in selection.tables}
        drifted = {
            entry.window_start for entry in found if entry.resource in names and entry.outcome == DRIFT
        }
        if drifted:
            yield replace(
                selection, windows=tuple(window for window in selection.windows if window.start in drifted)
            )


def _load_again(request: _Request, selections: Iterable[Selection]) -> list[IngestError]:
    """Load windows, or whole tables, again, and return what failed."""
    errors: list[IngestError] = []
    for selection in selections:
        names = [resource.name for resource in selection.tables]
        keys = ", ".join(window.partition_key for window in selection.windows) or WHOLE_LIST
        request.on_progress(f"{', '.join(names)}: loading {keys} again, because of drift")
        try:
            report = run_load(
                request.shop,
                names,
                selection.windows,
                secrets=request.secrets,
                warehouse=request.warehouse,
                progress=request.on_progress,
            )
        except IngestError as error:
            errors.append(error)
        else:
            errors += report.errors.values()
    return errors


def _table_audit(
    shop: Shop, table: Resource, loaded: Mapping[str, LoadedTable], found: Sequence[WindowAudit]
) -> TableAudit:
    """Return the report of one table."""
    name = table.name
    if table.open_ended:
        reason = (
            "it is open-ended, so no part of it is closed: each load reads on from the cursor of the last one"
        )
        return TableAudit(name, NOT_AUDITED, reason=reason)
    if name not in loaded:
        missing = "no closed window of it is loaded" if table.windowed else "it is not loaded"
        return TableAudit(name, NOT_AUDITED, reason=missing)
    own = tuple(entry for entry in found if entry.resource == name)
    return TableAudit(name, WINDOWS if table.windowed else WHOLE_LIST, len(loaded[name].windows), own)
