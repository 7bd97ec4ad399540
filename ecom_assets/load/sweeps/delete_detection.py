"""Delete detection: rows whose records are gone from the API get `deleted_at`, and lose it when the records are back.

It reads all primary keys of a collection (see `ecom_assets.extract.source_keys`) and compares them with the table.
A resource has it when it declares `deletes: sweep`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
from dlt.common.storages.load_package import create_load_id

from ecom_assets.client.api_connection import open_api
from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.contract.new_fields import evolved_column
from ecom_assets.declaration.column_types import types_by_arrow_type
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.declaration.table.deletes import DELETED_AT, deletions_name
from ecom_assets.extract.chosen_records import key_texts
from ecom_assets.extract.source_keys import source_keys
from ecom_assets.foundation.errors import DeclarationError, IngestError, NotPublished, WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.dlt_pipeline import quiet_dlt_log
from ecom_assets.load.ledger.ledger import insert_ledger_row
from ecom_assets.load.ledger.rejected_rows import delete_unfiltered_rejections
from ecom_assets.load.report import WindowReport
from ecom_assets.load.sweeps.confirmed_end import require_confirmed_end
from ecom_assets.load.sweeps.swept_table import EXAMPLES, SweptTable
from ecom_assets.load.sweeps.unfiltered_load import load_unfiltered
from ecom_assets.load.sweeps.unfiltered_records import LoadedBefore, UnfilteredRecords, loaded_before
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.errors import one_line
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeleteDetectionReport:
    """What a delete detection found and did.

    `instant` (UTC) is when reading was complete; it is what `deleted_at` and the ledger say. `live_before` are the
    table's rows without `deleted_at` before the first request, `at_source` the distinct keys of the API, `source_total`
    what the API said it had, None where it does not say. `seconds` is the wall time of reading. `unfiltered` are the
    records that no loaded window brought, although it should have, `unfiltered_keys` the first of their keys.
    With `unfiltered: load`, `unfiltered_loaded` are the rows that the sweep has loaded of them, and of those of earlier
    sweeps that may have changed; `unfiltered_rejected` are the records among them that break the contract.
    `unpublished` tells why the copy for readers is an older one, though all of this was committed.
    """

    resource: str
    table: str
    instant: datetime
    live_before: int
    at_source: int
    newly_deleted: int
    returned: int
    source_total: int | None
    requests: int
    retries: int
    restarts: int
    seconds: float
    unfiltered: int = 0
    unfiltered_keys: tuple[str, ...] = ()
    unfiltered_loaded: int = 0
    unfiltered_rejected: int = 0
    unpublished: NotPublished | None = None


def detect_deletes(
    shop: Shop,
    resource: str,
    *,
    secrets: Mapping[str, str] | None = None,
    warehouse: Warehouse | None = None,
    progress: OnProgress | None = None,
) -> DeleteDetectionReport:
    """Read all keys of a resource with `deletes`, and mark its table in one transaction, or leave it as it was.

    A row is marked if it was in the table before the first request, is not at the source, and has not changed since.

    Args:
        shop: The declared shop.
        resource: The resource's name.
        secrets: The shop's secrets by field; those that are missing come from dlt's secret providers.
        warehouse: Where the table is, by default the warehouse that the environment names.
        progress: Takes lines about progress for a person, by default the log.

    Raises:
        DeclarationError: The resource has no `deletes`.
        MissingSecret: A secret is nowhere to be found.
        ApiError: The keys could not be read completely.
        IngestError: More than `max_deleted` of the live rows are gone at once.
        WarehouseError: The warehouse cannot be read or written, or the table has not been loaded yet.
    """
    declared = shop.resource(resource)
    if declared.deletes is None or declared.deletes.by is None:
        allowed = ", ".join(entry.name for entry in shop.resources_with_deletes()) or "none is declared"
        raise DeclarationError(
            shop.declared_in,
            "resources",
            f"{resource}, which has no deletes",
            f"one with deletes: {allowed}",
        )
    warehouse = warehouse or warehouse_from_environment()
    on_progress = progress or _log.info
    table = SweptTable(shop, declared)
    began = datetime.now(timezone.utc)
    with open_api(shop, secrets) as connection, quiet_dlt_log():
        # before the first request: a row that comes later may be of a record whose page was read before
        before, loaded = _read_known_rows(warehouse, table)
        declared = declared.with_types(_stored_types(declared, before.schema))
        held: list[Any] = []
        keys, statistics = source_keys(connection, declared, on_progress, held)
        require_confirmed_end(connection, warehouse, table, before, keys, statistics)
        unfiltered = UnfilteredRecords(table, declared, loaded, before, keys, held, began)
        missed = unfiltered.missed()
        sweep = _Sweep(table, before, keys, statistics, unfiltered.texts(missed))
        chosen = [*missed, *unfiltered.outdated()] if declared.loads_unfiltered else []
        if chosen:
            chosen_keys = key_texts(declared, chosen)
            loaded_records = load_unfiltered(
                connection, warehouse, shop, declared, chosen_keys, sweep.mark, on_progress
            )
            report = replace(
                sweep.report,
                unfiltered_loaded=loaded_records.kept,
                unfiltered_rejected=loaded_records.rejected,
                unpublished=loaded_records.unpublished,
            )
        else:
            unpublished = _mark_table(warehouse, sweep, on_progress, shop.name)
            report = replace(sweep.report, unpublished=unpublished)
    _tell(report, unfiltered.cursor_path, on_progress, loads=declared.loads_unfiltered)
    return report


def _read_known_rows(warehouse: Warehouse, table: SweptTable) -> tuple[pa.Table, LoadedBefore]:
    """Return the key, `__version` and `__deleted_at` of each record, and what windows have brought.

    Raises:
        WarehouseError: The table cannot be swept.
    """
    name, resource = table.name, table.resource.name
    with warehouse.read(table.shop.name) as transaction:
        columns = transaction.columns_of(table.shop.name).get(resource)
        if not columns:
            raise WarehouseError(f"the table {name} does not exist: load {resource} before it is swept")
        for column in (table.version, table.deleted_at):
            if column not in columns:
                part = f"a window of {resource}" if table.resource.windowed else resource
                raise WarehouseError(
                    f"the table {name} has no column {column} yet: load {part} before it is swept"
                )
        found = columns[table.deleted_at]
        instant = transaction.type_of(DELETED_AT)
        if found != instant:
            raise WarehouseError(
                f"the column {table.deleted_at} of {name} is {found}, which a field of the API made it; "
                f"a sweep needs {instant}: load {resource} into a new warehouse"
            )
        return transaction.fetch_arrow(f"select * from {table.known_rows}"), loaded_before(transaction, table)


def _stored_types(resource: Resource, schema: pa.Schema) -> dict[str, Column]:
    """Return the types that undeclared columns of the primary key have in the table."""
    names = types_by_arrow_type()
    return {
        name: evolved_column(name, {"data_type": names.get(schema.field(name).type, "text")})
        for name in resource.primary_key
    }


class _Sweep:
    """The keys that were read of a table, and what marking its rows by them found.

    Attributes:
        instant: When reading was complete, in UTC.
        report: What the last call of `mark` did.
    """

    report: DeleteDetectionReport

    def __init__(
        self,
        table: SweptTable,
        before: pa.Table,
        keys: pa.Table,
        statistics: SliceStatistics,
        unfiltered_keys: Sequence[str],
    ) -> None:
        """Take the table, its rows before the sweep, the keys, and the keys of the unfiltered records."""
        self.instant = datetime.now(timezone.utc)
        self._table, self._before, self._keys, self._statistics = table, before, keys, statistics
        self._unfiltered_keys = unfiltered_keys

    def mark(self, transaction: Transaction) -> None:
        """Set and unset `deleted_at`, or end and begin states, and add a row to the ledger."""
        table, statistics = self._table, self._statistics
        live = self._before.column("__deleted_at").null_count
        with (
            transaction.temporary_table("ecom_before", self._before, table.known_rows),
            transaction.temporary_table("ecom_source", self._keys, table.known_rows),
        ):
            at_source = (
                f"exists (select 1 from ecom_source where {table.same_key('ecom_source', 'ecom_before')})"
            )
            gone = f"from ecom_before where __deleted_at is null and not {at_source}"
            returned = f"from ecom_before where __deleted_at is not null and {at_source}"
            _refuse_too_many(table, transaction, gone, live)
            self.report = DeleteDetectionReport(
                resource=table.resource.name,
                table=table.name,
                instant=self.instant,
                live_before=live,
                at_source=statistics.fetched,
                newly_deleted=table.mark_gone(transaction, gone, self.instant),
                returned=table.mark_back(transaction, returned, self.instant),
                source_total=statistics.source_total,
                requests=statistics.requests,
                retries=statistics.retries,
                restarts=statistics.restarts,
                seconds=statistics.seconds,
                unfiltered=len(self._unfiltered_keys),
                unfiltered_keys=() if table.has_personal_key else tuple(self._unfiltered_keys[:EXAMPLES]),
            )
        window = _window_report(self.report)
        insert_ledger_row(transaction, table.shop, create_load_id(), window, self.instant)
        if table.resource.loads_unfiltered:
            # those that are still wrong come again
            delete_unfiltered_rejections(transaction, table.shop, table.resource)


def _mark_table(
    warehouse: Warehouse, sweep: _Sweep, on_progress: OnProgress, name: str
) -> NotPublished | None:
    """Mark the rows of a table in a transaction of its own. Return why the copy for readers is an older one."""
    try:
        warehouse.write(name, sweep.mark, on_progress)
    except NotPublished as problem:
        return problem
    except warehouse.driver_errors as error:
        raise WarehouseError(f"the warehouse {warehouse} was left as it was: {one_line(error)}") from None
    return None


def _tell(report: DeleteDetectionReport, cursor_path: str, on_progress: OnProgress, *, loads: bool) -> None:
    """Tell a person what a sweep found."""
    on_progress(
        f"{report.resource}: {report.live_before} live rows, {report.at_source} records at the source, "
        f"{report.newly_deleted} newly deleted, {report.returned} returned"
    )
    if report.unfiltered:
        examples = f", such as {'; '.join(report.unfiltered_keys)}" if report.unfiltered_keys else ""
        missing = (
            ""
            if loads
            else "They are not in the table. To load them, declare unfiltered: load for the resource. "
        )
        on_progress(
            f"{report.resource}: {report.unfiltered} records at the source are in no loaded window{examples}. The "
            f"filter of the API does not return them, most often because {cursor_path} is null. {missing}"
            "If another field tells their window, declare it in incremental.fallbacks"
        )


def _refuse_too_many(table: SweptTable, transaction: Transaction, found: str, live: int) -> None:
    """Raise IngestError when so many rows are gone that the API is more likely wrong than right.

    The message names rows to look for, not a share to allow: most often the list is cut off, and the rows are there.

    Args:
        table: The swept table.
        transaction: The open transaction.
        found: The SQL after `select`, which finds the rows that are gone.
        live: How many rows of the table are live.
    """
    name, limit = table.resource.name, table.resource.max_deleted
    gone = transaction.fetch_value(f"select count(*) {found}")
    if not live or gone / live <= limit:
        return
    examples = "" if table.has_personal_key else f", such as {table.examples(transaction, found)}"
    raise IngestError(
        f"{name}: {gone} of {live} live rows are gone from the API at once, a share of {gone / live:.4g}; "
        f"max_deleted is {limit:g}; nothing was marked. Look some of the rows up in the API{examples}. If they are "
        "there, the list is not complete: check the paginator and deletes.params. Only if they were deleted, raise "
        f"max_deleted of {name} in {table.shop.file.name or table.shop.declared_in} for one sweep"
    )


def _window_report(report: DeleteDetectionReport) -> WindowReport:
    """Return the report as the ledger has it: without a window, under a name of its own."""
    return WindowReport(
        resource=deletions_name(report.resource),
        partition_key=None,
        window_start=None,
        window_end=None,
        source_total=report.source_total,
        fetched=report.at_source,
        kept=report.at_source,
        rejected=0,
        requests=report.requests,
        retries=report.retries,
        restarts=report.restarts,
        seconds=report.seconds,
    )
