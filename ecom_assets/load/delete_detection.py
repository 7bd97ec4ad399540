"""A sweep: rows whose records are gone from the API get `deleted_at`, rows whose records are back lose it.

Which keys the API has is `source_keys`'s; which resources are swept the declaration's.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import pyarrow as pa
from dlt.common.storages.load_package import create_load_id

from ecom_assets.client.api_connection import open_api
from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.declaration.deletes import DELETED_AT, deletions_name
from ecom_assets.declaration.reading import Resource, Shop, shown_path
from ecom_assets.extract.load_metrics import WindowReport
from ecom_assets.extract.source_keys import source_keys
from ecom_assets.foundation.errors import DeclarationError, IngestError, NotPublished, WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.dlt_log import quiet_dlt_log
from ecom_assets.load.ledger import insert_ledger_row
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.errors import one_line
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepReport:
    """What a sweep found and did.

    `instant` (UTC) is when the reading was proved complete, and what stands in `deleted_at` and in the ledger.
    `live_before` are the table's rows without `deleted_at` before the first request, `at_source` the distinct
    keys of the API, `source_total` what it said it had, None where it does not say. `seconds` is the wall time
    of the reading.
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
    unpublished: NotPublished | None = None
    """Why the copy for readers is an older one, though all of this was kept."""


def run_sweep(
    shop: Shop,
    resource: str,
    *,
    secrets: Mapping[str, str] | None = None,
    warehouse: Warehouse | None = None,
    progress: OnProgress | None = None,
) -> SweepReport:
    """Read all keys of a resource with `deletes`, and mark its table in one transaction, or leave it as it was.

    A row is marked that was in the table before the first request, is not at the source, and has not changed
    since. Raises DeclarationError for a resource without `deletes`; MissingSecret; ApiError when the reading
    cannot be proved complete; IngestError when more than `max_deleted` of the live rows are gone at once;
    WarehouseError, also when the table has not been loaded yet.
    """
    swept = shop.resource(resource)
    if swept.deletes is None:
        allowed = ", ".join(entry.name for entry in shop.swept_resources()) or "none is declared"
        raise DeclarationError(
            shown_path(shop.file),
            "resources",
            f"{resource}, which has no deletes",
            f"one with deletes: {allowed}",
        )
    on_progress = progress or _log.info
    sweep = _Sweep(shop, swept, warehouse or warehouse_from_environment(), on_progress)
    with open_api(shop, secrets) as connection, quiet_dlt_log():
        before = sweep.rows()
        keys, reading = source_keys(connection, swept, on_progress)
    return sweep.mark(before, keys, reading)


class _Sweep:
    """The table's side of a sweep."""

    def __init__(self, shop: Shop, resource: Resource, warehouse: Warehouse, on_progress: OnProgress) -> None:
        self.shop = shop
        self.resource = resource
        self.warehouse = warehouse
        self.on_progress = on_progress
        self.table = f'"{shop.name}"."{resource.name}"'
        self.keys = ", ".join(f'"{name}"' for name in resource.primary_key)
        self.cursor = resource.cursor.name if resource.cursor else ""  # a swept resource is windowed

    def rows(self) -> pa.Table:
        """Return of each row its key, `__cursor` and `__deleted_at`, which no declared column can be called."""
        with self.warehouse.read(self.shop.name) as connection:
            columns = connection.columns_of(self.shop.name).get(self.resource.name)
            name = f"{self.shop.name}.{self.resource.name}"
            if not columns:
                raise WarehouseError(
                    f"the table {name} does not exist: load {self.resource.name} before it is swept"
                )
            found = columns.get(DELETED_AT.name)
            if found is None:
                raise WarehouseError(
                    f"the table {name} has no column {DELETED_AT.name} yet: load a window of "
                    f"{self.resource.name} before it is swept"
                )
            instant = connection.type_of(DELETED_AT)
            if found != instant:
                raise WarehouseError(
                    f"the column {DELETED_AT.name} of {name} is {found}, which a field of the API made it; "
                    f"a sweep needs {instant}: load {self.resource.name} into a new warehouse"
                )
            return connection.fetch_arrow(f"select * from {self._known}")

    @property
    def _known(self) -> str:
        """Return what `rows` reads, as SQL names a table."""
        return (
            f'(select {self.keys}, "{self.cursor}" as __cursor, {DELETED_AT.name} as __deleted_at '
            f"from {self.table}) as known"
        )

    def mark(self, before: pa.Table, keys: pa.Table, reading: SliceStatistics) -> SweepReport:
        """Mark and un-mark rows, and add the sweep to the ledger, in one transaction."""
        instant = datetime.now(timezone.utc)
        live = before.column("__deleted_at").null_count
        unpublished = None
        try:
            with (
                self.warehouse.transaction(self.shop.name, self.on_progress) as connection,
                connection.temporary_table("ecom_before", before, self._known),
                connection.temporary_table("ecom_source", keys, self._known),
            ):
                same = " and ".join(
                    f'ecom_source."{name}" = ecom_before."{name}"' for name in self.resource.primary_key
                )
                there = f"exists (select 1 from ecom_source where {same})"
                gone = f"from ecom_before where __deleted_at is null and not {there}"
                back = f"from ecom_before where __deleted_at is not null and {there}"
                self._refuse_too_many(connection.fetch_value(f"select count(*) {gone}"), live)
                report = SweepReport(
                    resource=self.resource.name,
                    table=f"{self.shop.name}.{self.resource.name}",
                    instant=instant,
                    live_before=live,
                    at_source=reading.fetched,
                    newly_deleted=self._write(connection, gone, instant),
                    returned=self._write(connection, back, None),
                    source_total=reading.source_total,
                    requests=reading.requests,
                    retries=reading.retries,
                    restarts=reading.restarts,
                    seconds=reading.seconds,
                )
                insert_ledger_row(connection, self.shop, create_load_id(), _entry(report), instant)
        except NotPublished as problem:
            unpublished = problem
        except self.warehouse.driver_errors as error:
            raise WarehouseError(
                f"the warehouse {self.warehouse} was left as it was: {one_line(error)}"
            ) from None
        self.on_progress(
            f"{report.resource}: {live} live rows, {report.at_source} records at the source, "
            f"{report.newly_deleted} newly deleted, {report.returned} returned"
        )
        return replace(report, unpublished=unpublished)

    def _write(self, connection: Transaction, found: str, value: datetime | None) -> int:
        """Set `deleted_at` of the rows found, but of none that a load or another sweep wrote meanwhile."""
        same = " and ".join(f'rows."{name}" = found."{name}"' for name in self.resource.primary_key)
        return connection.execute_update(
            f"update {self.table} as rows set {DELETED_AT.name} = ? from (select ecom_before.* {found}) as found\n"
            f'where {same} and rows."{self.cursor}" is not distinct from found.__cursor\n'
            f"and rows.{DELETED_AT.name} is not distinct from found.__deleted_at",
            [value],
        )

    def _refuse_too_many(self, gone: int, live: int) -> None:
        """Raise IngestError when so many rows are gone that it is rather the API that is wrong."""
        name, limit = self.resource.name, self.resource.max_deleted
        if live and gone / live > limit:
            # rounded up, so that what the message says is enough
            needed = math.ceil(gone / live * 100) / 100
            raise IngestError(
                f"{name}: {gone} of {live} live rows are gone from the API at once, a share of {gone / live:.4g}; "
                f"max_deleted is {limit:g}; nothing was marked. If they were deleted, set max_deleted of {name} to "
                f"{needed:g} in {self.shop.file.name} for one sweep"
            )


def _entry(report: SweepReport) -> WindowReport:
    """Return the sweep as the ledger has it: without a window, under a name of its own."""
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
